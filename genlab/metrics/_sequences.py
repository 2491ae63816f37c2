"""What the metrics of sequences share: which steps are scored, given what, and by what their nats are divided.

All that score the same steps share one pass over the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from torch import Tensor

from genlab.data.lengths import writes
from genlab.data.spaces import Frames, Tokens, Waveform, is_text
from genlab.errors import ConfigError
from genlab.evaluation import stepwise
from genlab.evaluation.contexts import Given, is_stream, overlapping
from genlab.evaluation.rates import of_counts, unit_of
from genlab.evaluation.record import Record
from genlab.metrics._likelihood import scored
from genlab.metrics.subject import Subject
from genlab.models.capabilities import Sequential
from genlab.signatures.ranges import NonNegative

Context = NonNegative | Literal["half"]
"""Symbols before each one that is scored, at least; "half": half as many as an example has, where there are some."""

Written = Literal["characters", "bytes", "tokens"]


def per_symbol(subject: Subject, context: int | str, of: Written, name: str, unit: str, *, bits: bool) -> Record:
    """The likelihood of tokens per character or byte that they write, or per token."""
    space = subject.data.spec.space
    assert isinstance(space, Tokens)
    before = context_of(subject, context, name)
    given = windows(subject, before)
    counts = stepwise.weighed(space, given, None if of == "tokens" else writes(space, of))
    if before:
        record, nats = _in_context(subject, before), nats_of(subject, given, before)
    else:
        record, nats = scored(subject)
    rate = of_counts(nats, counts, unit, bits=bits)
    method = "; ".join(part for part in (record.method, told(before)) if part)
    return replace(record, rate=rate, n=len(nats), method=method).rated(name)


def rates(subject: Subject, num_particles: int | None) -> Iterator[Record]:
    """The likelihood of a sequence in nats per token, sample or frame, and of text in bits per character."""
    space = subject.data.spec.space
    if unit_of(space) is None:
        return
    step = {Tokens: "token", Waveform: "sample", Frames: "frame"}[type(space)]
    record, nats = scored(subject, num_particles)
    alone = Given.steps(subject.split, 0)
    each = of_counts(nats, stepwise.weighed(space, alone), f"nats/{step}", bits=False)
    yield replace(record, rate=each).rated(f"nll_per_{step}")
    if is_text(space):
        counts = stepwise.weighed(space, alone, writes(space, "characters"))
        each = of_counts(nats, counts, "bits/character", bits=True)
        yield replace(record, rate=each).rated("nll_per_character")


def context_of(subject: Subject, context: int | str, name: str) -> int:
    """The context as a number; 0 where examples do not follow one another.

    Raises:
        ConfigError: a number was asked for where none but 0 can be.
    """
    model, space = subject.model, subject.data.spec.space
    lacks = None
    if not isinstance(model, Sequential):
        lacks = f"{type(model).__name__} does not read step by step"
    elif model.given is not None:
        lacks = f"each example has a {model.given.kind} of its own"
    elif not is_stream(space):
        lacks = "the examples are not windows of one text"
    if isinstance(context, str):
        return 0 if lacks is not None else space.shape[0] // 2
    if context and lacks is not None:
        raise ConfigError(f"metric.{name}.context={context}: {lacks}; give 0")
    if context and context >= space.shape[0]:
        raise ConfigError(f"metric.{name}.context={context}: examples have {space.shape[0]} tokens; give less")
    return context


def windows(subject: Subject, context: int) -> Given:
    """What is scored of the split."""
    if not context:
        return Given.steps(subject.split, 0)
    return subject.once(("windows", context), lambda: overlapping(subject.split, context))


def nats_of(subject: Subject, given: Given, key: object) -> Tensor:
    """The nats of each example's scored steps, ``(N,) float64``, computed once for a ``key`` that tells the steps."""
    model = subject.model
    assert isinstance(model, Sequential)
    options = {"batch_size": subject.config["batch_size"], "progress": subject.bar("steps")}
    return subject.once(("steps", key), lambda: stepwise.nats(model, given, **options))


def told(context: int) -> str:
    """What was done, for a record."""
    if context:
        return f"the split as one text, each token given at least {context} before it (but for the first {context})"
    return "each example by itself, given nothing before it"


def _in_context(subject: Subject, context: int) -> Record:
    """What all records of one pass with a context have in common."""
    nats = nats_of(subject, windows(subject, context), context)
    return Record(
        metric="nll",
        value=nats.mean().item(),
        unit="nats",
        kind="exact",
        n=len(nats),
        standard_error=None,
        split=subject.split_name,
        seed=subject.seed,
    )

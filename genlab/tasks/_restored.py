"""What the tasks on inverse problems share: examples are measured, and a model says what they may have been."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from genlab.errors import ConfigError
from genlab.evaluation.artefacts.restorations import sheet
from genlab.inverse.held_chains import paths
from genlab.inverse.linear import LinearOperator
from genlab.inverse.method import Method
from genlab.inverse.observation import Observation, observe, to_unit, typed
from genlab.inverse.posterior import choose
from genlab.models.capabilities import SamplesByChain
from genlab.models.conditions import rows
from genlab.tasks import _larger as larger
from genlab.tasks._inputs import pictures
from genlab.tasks._problem import DRAWS, Asked, Make, Problem
from genlab.tasks._scored import Scored, scored
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import BLOCK, Work

TOGETHER = 8
"""Examples that are observed and restored at once, with all draws of each."""

COLUMNS = 12
"""Of the sheet, at most."""

SHOWN = 3
"""Draws of each example that are shown."""

CHAIN = "chain"
"""The method whose path may be kept."""


@dataclass
class _Told:
    """What a sampler tells of its draws, by name."""

    values: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, name: str, values: Tensor) -> None:
        self.values[name] = values


def restored(work: Work, make: Make, asked: Asked) -> Drawn:
    """Observations, draws of the posterior of each, and how good they are; of larger pictures, what `larger` says.

    Raises:
        ConfigError: no method fits.
        DataError: there is nothing to observe.
    """
    if asked.input is not None and (photographs := larger.given(work, asked)):
        return larger.restored(work, make, asked, photographs)
    samples = DRAWS if asked.samples == "auto" else asked.samples
    problem, spec = make(work.spec.event_shape), work.spec
    operator = problem.operator
    probe = Observation(operator, torch.zeros(1, operator.count, device=work.device), asked.noise)
    method = choose(work.model, probe, asked.method)
    examples = _examples(work, operator, asked)
    u, y, c = examples.u, examples.y, examples.c
    n = len(examples)
    at_once = BLOCK if method.exactness_for(work.model, probe) == "exact" else TOGETHER
    bar = _ticks(work, n, at_once)
    began = time.monotonic()

    def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        next(bar, None)
        index = index.clamp_max(n - 1)  # to fill the last block
        if y is not None:
            seen = Observation(operator, y[index], asked.noise)
        else:
            assert u is not None
            seen = observe(operator, u[index], asked.noise, generator=generator)
        own, told = rows(c, index), _Told()
        found: dict[str, Tensor] = {}
        if method.name == CHAIN and asked.steps:
            assert isinstance(work.model, SamplesByChain)  # as the method says
            path = paths(work.model, seen, samples=samples, frames=asked.steps, c=own, generator=generator)
            found["path"] = path[:, :, 0].transpose(0, 1)
            draws = to_unit(path[-1], spec)
        else:
            draws = method.run(work.model, seen, samples=samples, c=own, generator=generator, report=told)
        found |= {"y": seen.y, "samples": draws.float()}
        return found | {f"told {name}": values for name, values in told.values.items()}

    parted = range(0, n + at_once, at_once) if at_once < BLOCK else ()
    found = work.in_blocks(n, draw, parted=parted)
    seconds = time.monotonic() - began
    seen = Observation(operator, found["y"], asked.noise)
    truth = None if u is None else u.cpu()
    given = scored(
        seen,
        found["samples"],
        to_unit(typed(found["samples"], spec), spec),
        truth,
        problem.baselines(seen, truth),
        {name.removeprefix("told "): values for name, values in found.items() if name.startswith("told ")},
    )
    return _drawn(work, problem, asked, _Result(method, seen, truth, found, given, seconds))


@dataclass(frozen=True)
class _Examples:
    """``u (n, *event)`` on the unit scale where the truth is known, else ``y (n, M)``; and what the model is given."""

    u: Tensor | None
    y: Tensor | None
    c: Tensor | None

    def __len__(self) -> int:
        return len(self.u if self.u is not None else self.y)  # type: ignore[arg-type]


def _examples(work: Work, operator: LinearOperator, asked: Asked) -> _Examples:
    spec = work.spec
    if asked.input is None:
        if asked.measured:
            raise ConfigError("measured=true: is of the pictures of input=...; give a picture or a folder of pictures")
        x, c = work.held_out(work.n)
        return _Examples(to_unit(x, spec), None, c)
    if work.model.given is not None and work.label is None:
        kind = work.model.given.kind
        more = "say which class they show, label=..." if kind == "label" else "leave input out"
        raise ConfigError(f"input={asked.input}: the model is given a {kind} of each picture, these have none; {more}")
    whole = spec.event_shape if operator.count == operator.dim or not asked.measured else operator.seen
    if len(whole) != 3:
        whole = spec.event_shape
    u = pictures(asked.input, spec, shape=whole, n=work.n).to(work.device)
    c = work.conditions(len(u))
    if not asked.measured:
        return _Examples(to_unit(typed(u, spec), spec), None, c)
    return _Examples(None, operator.forward(u) if whole == spec.event_shape else u.flatten(1), c)


def _ticks(work: Work, n: int, at_once: int) -> Iterator[int]:
    """Is asked for the next one at every block, and shows a bar."""
    blocks = -(-n // at_once)
    return chain(work.bar("posterior")(range(blocks), blocks))


@dataclass(frozen=True)
class _Result:
    method: Method
    seen: Observation
    truth: Tensor | None
    found: Mapping[str, Tensor]
    scored: Scored
    seconds: float


def _drawn(work: Work, problem: Problem, asked: Asked, result: _Result) -> Drawn:
    spec, operator, found = work.spec, problem.operator, result.found
    top = 1 if spec.levels is None else max(1, spec.levels - 1)
    draws, n = found["samples"], len(result.seen)
    given = result.scored
    arrays = {
        "observed": found["y"].view(n, *operator.seen) * top,
        "samples": typed(draws, spec),
        "mean": given.mean * top,
        "std": given.std * top,
    }
    if result.truth is not None:
        arrays = {"truth": typed(result.truth, spec)} | arrays
    arrays |= {name: value * top for name, value in given.baselines.items()}
    if "path" in found:
        arrays["path"] = found["path"].transpose(0, 1)
        if problem.earlier is not None and result.truth is not None:
            first, start, end = problem.earlier
            arrays |= {first: arrays["truth"], start: arrays["path"][0], end: arrays["path"][-1]}
    shown = min(n, COLUMNS, work.fitting(n, each=6 + SHOWN))
    exactness = result.method.exactness_for(work.model, result.seen)
    noise = f"noise {asked.noise:g}" if asked.noise else "no noise"
    note = (
        f"{operator.name}, {noise}; {draws.shape[1]} draws for each of {n} by {result.method.name}, {exactness}, "
        f"in {result.seconds:.1f} s"
    )
    numbers = {
        "method": result.method.name,
        "exactness": exactness,
        "operator": operator.name,
        "noise": asked.noise,
        "draws": draws.shape[1],
        "n": n,
        "seconds": round(result.seconds, 2),
        **given.numbers,
    }
    return Drawn(
        partial(_sheet, problem, result, shown),
        {name.replace(" ", "_").replace("(", "").replace(")", ""): array.numpy() for name, array in arrays.items()},
        note,
        numbers=numbers,
        lines=given.lines,
    )


def _sheet(problem: Problem, result: _Result, shown: int) -> np.ndarray:
    """Truth, what was seen, what needs no model, and the posterior."""
    given, draws = result.scored, result.found["samples"][:shown]
    part = Observation(result.seen.operator, result.seen.y[:shown], result.seen.noise)
    look = {} if result.truth is None else {"truth": result.truth[:shown]}
    look["observed"] = problem.looks(part).clamp(0, 1)
    for name, value in given.baselines.items():
        if not torch.equal(value[:shown].clamp(0, 1), look["observed"]):
            look[name.replace(" (", "\n(")] = value[:shown]
    std, most = given.std[:shown], max(1e-6, given.std[:shown].max().item())
    look |= {"mean": given.mean[:shown], f"std\n(white: {most:.2f})": std / most}
    look |= {f"draw {k + 1}": draws[:, k] for k in range(min(SHOWN, draws.shape[1]))}
    return sheet(look)

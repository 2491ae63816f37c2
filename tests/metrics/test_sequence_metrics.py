"""What sequences are measured by, on models whose numbers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from genlab.data.lengths import within
from genlab.data.spaces import Dataset, DataSpec, Frames, Image, Space, Split, Tokens, Waveform
from genlab.distributions.symbols import for_symbols
from genlab.errors import ConfigError
from genlab.metrics import METRICS, Subject
from genlab.models.sequence.base import Reader, SequenceModel
from genlab.models.sequence.rnn import RNN
from genlab.restore import Loaded

LETTERS = tuple("abcdefgh")
STREAM = Tokens(12, 8, coding="characters", symbols=LETTERS)
LINES = Tokens(9, 8, coding="characters", symbols=LETTERS, ragged=True)
BYTES = Tokens(12, 256, coding="bytes", symbols=tuple(map(chr, range(256))))
PIECES = Tokens(8, 5, coding="bpe", symbols=("a", "the ", "\xc3", "\xa4", "\xc3\xa4b"))
SOUND = Waveform(10, levels=16)
RECORDINGS = Waveform(10, levels=16, ragged=True)
ROLL = Frames(7, 3, 2)


class Known(SequenceModel):
    """Says of each step the same that it says of the step's number and of the one before: a table of logits.

    Args:
        spec: the data's type.
        table: ``(V, num_outputs)``, by the value before; of frames one row for all.
        order: 0: the value before is not looked at.
    """

    def __init__(self, spec: DataSpec, table: Tensor, *, order: int = 0) -> None:
        super().__init__(spec)
        self.output = for_symbols(spec.space, kind="categorical", num_mixtures=1)
        self.table, self.order = nn.Parameter(table), order

    def outputs(self, x: Tensor, c: Tensor | None) -> Tensor:
        if not self.order:
            return self.table[:1].expand(*x.shape[:2], -1)
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        return self.table[before.long()]

    def terms(self, x: Tensor, c: Tensor | None) -> Tensor:
        return self.output.log_prob(x, self.outputs(x, c))

    def reader(self, n: int, c: Tensor | None) -> Reader:
        raise AssertionError("scoring needs no reader")


def uniform(spec: DataSpec) -> Known:
    return Known(spec, torch.zeros(1, for_symbols(spec.space, kind="categorical", num_mixtures=1).num_outputs).double())


def split(space: Space, n: int, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(space.levels, (n, *space.shape), generator=generator, dtype=torch.uint8)
    if not space.ragged:
        return Split(x)
    lengths = torch.randint(1, space.length + 1, (n,), generator=generator)
    return Split(x * within(space, x, lengths), lengths=lengths)


Of = Callable[..., Subject]


@pytest.fixture
def of(tmp_path: Path) -> Of:
    def make(space: Space, build: Callable[[DataSpec], SequenceModel], n: int = 11, **more: Any) -> Subject:
        spec = DataSpec(space=space)
        test = more.get("test", split(space, n))
        data = Dataset("any", spec, split(space, 20, seed=1), test, test)
        model = build(spec).eval()
        config = {"split": "test", "seed": 0, "batch_size": more.get("batch_size", 4), "metric": {}}
        loaded = Loaded(tmp_path, {}, spec, 0, model)
        return Subject(loaded, model, data, config, Console(quiet=True), tmp_path)

    return make


def found(subject: Subject, name: str, **options: Any) -> Any:
    assert METRICS[name].lacks(subject.loaded) is None
    with torch.no_grad():
        return next(iter(METRICS[name](**options).compute(subject)))


def random_network(spec: DataSpec) -> RNN:
    torch.manual_seed(0)
    return RNN(spec, width=6, layers=1).double()


@pytest.mark.parametrize(
    ("metric", "space", "value", "unit"),
    [
        ("bits_per_character", STREAM, 3, "bits/character"),
        ("bits_per_character", LINES, 3, "bits/character"),
        ("bits_per_byte", STREAM, 3, "bits/byte"),
        ("bits_per_byte", BYTES, 8, "bits/byte"),
        ("bits_per_sample", SOUND, 4, "bits/sample"),
        ("bits_per_sample", RECORDINGS, 4, "bits/sample"),
        ("nats_per_frame", ROLL, 3 * math.log(2), "nats/frame"),
        ("perplexity", LINES, 8, "tokens"),
        ("perplexity", STREAM, 8, "tokens"),
        ("bpd", LINES, 3, "bits/character"),
        ("bpd", ROLL, 3 * math.log(2), "nats/frame"),
        ("bpd", Tokens(5, 4, ragged=True), 2, "bits/token"),
    ],
)
def test_a_uniform_model_has_the_bits_of_its_levels(metric: str, space: Space, value: float, unit: str, of: Of) -> None:
    record = found(of(space, uniform), metric)
    assert record.value == pytest.approx(value, abs=1e-6)
    assert record.standard_error == pytest.approx(0, abs=1e-6)
    assert (record.unit, record.kind, record.metric) == (unit, "exact", metric)


@pytest.mark.parametrize("space", [LINES, RECORDINGS, ROLL, PIECES])
def test_a_rate_is_the_sum_over_examples_by_the_sum_of_their_units(space: Space, of: Of) -> None:
    subject = of(space, random_network)
    nats, units = 0.0, 0.0
    for i, x in enumerate(subject.split.x):
        lengths = subject.split.lengths
        long = space.length if lengths is None else int(lengths[i])
        part = x[:, :long] if isinstance(space, Waveform) else x[:long]
        nats -= subject.model.log_prob(part[None]).item()
        units += long if space is not PIECES else sum([1, 4, 1, 0, 2][token] for token in x.tolist())
    expected = nats / units / (1 if space is ROLL else math.log(2))
    assert found(subject, "bpd").value == pytest.approx(expected, rel=1e-6)
    record = found(subject, "nll")
    assert record.value == pytest.approx(nats / len(subject.split), rel=1e-6)
    assert record.rate.value == pytest.approx(expected, rel=1e-6)
    assert record.rated("x").terms["model"] == pytest.approx(expected, rel=1e-6)
    assert str(record).count(record.rate.unit) == 1


def test_pieces_are_told_by_the_characters_and_by_the_bytes_that_they_write(of: Of) -> None:
    subject = of(PIECES, uniform)
    times = torch.bincount(subject.split.x.flatten().long(), minlength=5).tolist()
    bits = sum(times) * math.log2(5)
    by_character = found(subject, "bits_per_character", context=0).value
    assert by_character == pytest.approx(bits / sum(a * b for a, b in zip(times, [1, 4, 1, 0, 2], strict=True)))
    by_byte = found(subject, "bits_per_byte", context=0).value
    assert by_byte == pytest.approx(bits / sum(a * b for a, b in zip(times, [1, 4, 1, 1, 3], strict=True)))
    umlauts = Tokens(4, 2, coding="characters", symbols=("ä", "a"))
    subject = of(umlauts, uniform, test=Split(torch.tensor([[0, 0, 1, 1]], dtype=torch.uint8)))
    assert found(subject, "bits_per_byte").value == pytest.approx(4 / 6)
    latin = Split(torch.tensor([[0xC3, 0xA4] * 6], dtype=torch.uint8))
    assert found(of(BYTES, uniform, test=latin), "bits_per_character").value == pytest.approx(16)


@pytest.mark.parametrize("context", [1, 5, 6, 7, 11, "half"])
def test_every_symbol_is_scored_once_with_its_context_before_it(context: int | str, of: Of) -> None:
    subject = of(STREAM, random_network, n=7)
    before = 6 if context == "half" else int(context)
    stream = subject.split.x.flatten()
    starts = [*range(0, len(stream) - 11, 12 - before)]
    nats, scored = 0.0, 0
    for start in [*starts, len(stream) - 12]:
        terms = subject.model.log_prob_per_dim(stream[None, start : start + 12])[0]
        nats -= terms[scored - start :].sum().item()
        scored = start + 12
    assert scored == len(stream)
    record = found(subject, "bits_per_character", context=context)
    assert record.value == pytest.approx(nats / len(stream) / math.log(2), rel=1e-9)
    assert f"at least {before} before" in record.method
    same = found(of(STREAM, random_network, n=7, batch_size=100), "bits_per_character", context=context)
    assert same.value == pytest.approx(record.value, rel=1e-12)


def test_context_changes_nothing_of_a_model_that_does_not_look_at_it(of: Of) -> None:
    build = lambda spec: Known(spec, torch.randn(1, 8, generator=torch.Generator().manual_seed(0)).double())  # noqa: E731
    values = {found(of(STREAM, build), "bits_per_character", context=c).value for c in (0, 1, 6, 11)}
    assert max(values) == pytest.approx(min(values), rel=1e-12)


def test_without_context_the_number_is_that_of_the_likelihood(of: Of) -> None:
    subject = of(STREAM, random_network)
    plain = found(subject, "nll")
    alone = found(subject, "bits_per_character", context=0)
    assert alone.value == pytest.approx(plain.rate.value, rel=1e-12)
    assert alone.standard_error == pytest.approx(plain.rate.standard_error, rel=1e-9)
    assert "by itself" in alone.method
    lines = of(LINES, random_network)
    assert found(lines, "bits_per_character").value == pytest.approx(found(lines, "nll").rate.value, rel=1e-12)


def test_perplexity_is_exp_of_the_nats_per_token(of: Of) -> None:
    for space in (LINES, STREAM, PIECES):
        subject = of(space, random_network)
        _, per_token, per_character = METRICS["nll"]().compute(subject)
        assert (per_token.metric, per_token.unit) == ("nll_per_token", "nats/token")
        alone = found(subject, "bits_per_character", context=0)
        assert (per_character.value, per_character.unit) == (pytest.approx(alone.value), "bits/character")
        record = found(subject, "perplexity", context=0)
        assert record.value == pytest.approx(math.exp(per_token.value), rel=1e-9)
        assert record.standard_error == pytest.approx(record.value * per_token.standard_error, rel=1e-9)


def test_one_pass_serves_all_that_ask_for_the_same_steps(of: Of, monkeypatch: pytest.MonkeyPatch) -> None:
    from genlab.evaluation import likelihood, stepwise

    subject, passes = of(STREAM, random_network), []
    for module, name in ((stepwise, "over"), (likelihood, "per_example")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, real=real, **k: passes.append(1) or real(*a, **k))
    for name in ("bits_per_character", "bits_per_byte", "perplexity"):
        found(subject, name)
    assert len(passes) == 1
    for name in ("nll", "bpd", "bits_per_character", "perplexity"):
        found(subject, name, **({} if name in {"nll", "bpd"} else {"context": 0}))
    assert len(passes) == 2


def test_frames_that_are_given_are_not_scored(of: Of) -> None:
    subject = of(ROLL, random_network)
    nats, frames = 0.0, 0
    for x, long in zip(subject.split.x, subject.split.lengths.tolist(), strict=True):
        nats -= subject.model.log_prob_per_dim(x[None, :long])[0, 2:].sum().item()
        frames += max(0, long - 2)
    record = found(subject, "nats_per_frame", given=2)
    assert record.value == pytest.approx(nats / frames, rel=1e-9)
    assert "first 2 of each example given" in record.method
    with pytest.raises(ConfigError, match="given=7: no example has more frames"):
        found(subject, "nats_per_frame", given=7)


def test_a_model_that_knows_the_sequence_foresees_all_of_it(of: Of) -> None:
    alphabet = Split((torch.arange(36) % 8).to(torch.uint8).view(3, 12))
    follow = lambda spec: Known(spec, 9 * torch.eye(8).roll(1, 1), order=1)  # noqa: E731
    record = found(of(STREAM, follow, test=alphabet), "next_symbol_accuracy", context=4)
    assert record.value == pytest.approx(35 / 36)  # the very first is a guess
    never = lambda spec: Known(spec, -9 * torch.eye(8).roll(1, 1), order=1)  # noqa: E731
    assert found(of(STREAM, never, test=alphabet), "next_symbol_accuracy", context=4).value == pytest.approx(1 / 36)


def test_of_notes_the_silent_keys_count_for_nothing(of: Of) -> None:
    roll = torch.tensor([[[1, 0, 0], [1, 1, 0], [0, 0, 0]] + 4 * [[1, 1, 1]]], dtype=torch.uint8)
    silent = lambda spec: Known(spec, torch.tensor([[5.0, -5.0, -5.0]]))  # noqa: E731
    subject = of(ROLL, silent, test=Split(roll, lengths=torch.tensor([3])))
    assert found(subject, "next_symbol_accuracy").value == pytest.approx(2 / 4)  # 2 right, 1 missed, 1 too many


@pytest.mark.parametrize(
    ("metric", "space", "message"),
    [
        ("bits_per_character", SOUND, "text"),
        ("bits_per_byte", Tokens(4, 5), "text"),
        ("bits_per_sample", STREAM, "sound of integer levels"),
        ("bits_per_sample", Waveform(4), "sound of integer levels"),
        ("nats_per_frame", SOUND, "frames"),
        ("perplexity", ROLL, "tokens"),
        ("next_symbol_accuracy", Image(1, 3, 3, 2), "a model of tokens or frames"),
    ],
)
def test_what_is_of_other_data_is_refused_in_one_sentence(metric: str, space: Space, message: str) -> None:
    loaded = Loaded(Path(), {}, DataSpec(space=space), 0, nn.Identity())
    assert METRICS[metric].lacks(loaded).startswith(message)


def test_what_is_strange_to_a_text_is_its_symbols_in_another_order(of: Of) -> None:
    name, strange = METRICS["ood"]().strange(of(STREAM, uniform))
    assert name.startswith("shuffled")
    assert strange.x.sort(1).values.tolist() == of(STREAM, uniform).split.x.sort(1).values.tolist()
    assert METRICS["ood"].lacks(of(LINES, uniform).loaded) == "examples of one size"


@pytest.mark.parametrize(
    ("space", "context", "message"),
    [
        (STREAM, 12, "context=12: examples have 12 tokens; give less"),
        (LINES, 3, "context=3: the examples are not windows of one text; give 0"),
    ],
)
def test_a_context_that_cannot_be_is_refused(space: Space, context: int, message: str, of: Of) -> None:
    with pytest.raises(ConfigError, match=message):
        found(of(space, uniform), "bits_per_character", context=context)

"""``metric=memorisation`` of text and rolls: who copies, who writes anew, and who knows frequencies alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from genlab.data.lengths import within
from genlab.data.sources.text import text
from genlab.data.spaces import Dataset, DataSpec, Frames, Split, Tokens, Waveform
from genlab.evaluation.record import Record
from genlab.metrics import METRICS, Subject
from genlab.models.capabilities import GenerativeModel
from genlab.restore import Loaded


class Drawing(GenerativeModel):
    """Draws examples that it was given, one after the other."""

    def __init__(self, spec: DataSpec, examples: Tensor) -> None:
        super().__init__()
        self.spec, self.examples = spec, examples
        self.nothing = nn.Parameter(torch.zeros(()))

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return self.examples[torch.arange(n) % len(self.examples)]


def records(data: Dataset, examples: Tensor, n: int) -> dict[str, Record]:
    model = Drawing(data.spec, examples)
    loaded = Loaded(Path(), {}, data.spec, 0, model)
    config = {"split": "test", "seed": 0, "batch_size": 100, "metric": {}}
    subject = Subject(loaded, model, data, config, Console(quiet=True), Path())
    assert METRICS["memorisation"].lacks(loaded) is None
    return {record.metric: record for record in METRICS["memorisation"](n=n).compute(subject)}


@pytest.fixture(scope="module", params=["bytes", "characters"])
def novel(request: pytest.FixtureRequest) -> Dataset:
    return text(length=120, coding=request.param)


def test_a_copier_is_far_above_what_was_held_out(novel: Dataset) -> None:
    found = records(novel, novel.train.x[::700], 100)
    assert found["memorisation"].value == pytest.approx(1, abs=0.001)
    assert found["near_copies"].value == 1
    assert found["median_copy"].value >= 118  # a piece of a character at an end is none
    assert found["longest_held_out"].value < 60
    assert 10 < found["median_held_out"].value < 25
    shown = found["longest_copy"].method
    assert shown.startswith("longest_copy: ")
    assert len(shown) < 100


def test_who_writes_anew_is_like_what_was_held_out(novel: Dataset) -> None:
    found = records(novel, novel.val.x, 150)
    assert found["memorisation"].value == pytest.approx(0.5, abs=3 * found["memorisation"].standard_error + 0.02)
    assert found["near_copies"].value < 0.15
    assert found["median_copy"].value == pytest.approx(found["median_held_out"].value, abs=3)
    assert {found[name].unit for name in ("median_copy", "longest_copy", "longest_held_out")} == {"characters"}


def test_who_knows_only_frequencies_is_far_below(novel: Dataset) -> None:
    letters = novel.train.x.flatten()
    generator = torch.Generator().manual_seed(0)
    mixed = letters[torch.randint(len(letters), (100, 120), generator=generator)]
    found = records(novel, mixed, 100)
    assert found["memorisation"].value < 0.02
    assert found["longest_copy"].value < found["median_held_out"].value


def test_one_copier_among_many_is_seen_in_the_longest(novel: Dataset) -> None:
    few = torch.cat([novel.train.x[:1], novel.val.x[:99]])
    found = records(novel, few, 100)
    assert found["longest_copy"].value >= 118
    assert found["memorisation"].value < 0.7


def test_pieces_of_unequal_examples_are_compared_at_equal_length() -> None:
    """Rolls that are drawn as long as the longest example are cut to the length of the one that they stand beside."""
    space = Frames(30, 4, 2)
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        x = torch.randint(2, (n, 30, 4), generator=generator, dtype=torch.uint8)
        lengths = torch.randint(5, 31, (n,), generator=generator)
        return Split(x * within(space, x, lengths), lengths=lengths)

    data = Dataset("rolls", DataSpec(space=space), split(200), split(50), split(50))
    new = torch.randint(2, (50, 30, 4), generator=generator, dtype=torch.uint8)
    found = records(data, new, 50)
    assert found["memorisation"].value == pytest.approx(0.5, abs=0.12)
    assert found["longest_copy"].unit == "frames"
    long = data.train.x[data.train.lengths > 28]
    copied = records(data, long, 50)
    assert copied["median_copy"].value == pytest.approx(data.test.lengths.double().median().item(), abs=1)


def test_a_run_does_not_go_on_from_one_training_example_into_the_next() -> None:
    space = Tokens(10, 1000)
    x = torch.arange(900).view(90, 10).to(torch.int16)
    data = Dataset("numbers", DataSpec(space=space), Split(x), Split(x[:30]), Split(x[:30] + 90))
    across = torch.arange(5, 305).view(30, 10).to(torch.int16)
    found = records(data, across, 30)
    assert found["longest_copy"].value == 5
    assert found["longest_copy"].unit == "tokens"
    assert found["longest_copy"].method == "longest_copy: sample 1, tokens 6 to 10"


@pytest.mark.parametrize("space", [Waveform(5, levels=4), Frames(3, 2, None)])
def test_sound_and_real_frames_are_refused(space: Waveform | Frames) -> None:
    loaded = Loaded(Path(), {}, DataSpec(space=space), 0, Drawing(DataSpec(space=space), torch.zeros(1)))
    assert "told to be alike" in METRICS["memorisation"].lacks(loaded)
    tokens = DataSpec(space=Tokens(3, 4))
    loaded = Loaded(Path(), {}, tokens, 0, Drawing(tokens, torch.zeros(1)))
    assert "tokens are names" in METRICS["diversity"].lacks(loaded)

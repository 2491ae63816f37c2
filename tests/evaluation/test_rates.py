"""Numbers per unit: ratios of sums, their errors, and how they are kept."""

from __future__ import annotations

import json
import math

import pytest
import torch

from genlab.data.spaces import Frames, Image, Split, Table, Tokens, Waveform
from genlab.evaluation.rates import of_counts, rate, unit_of
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import influence, ratio


def test_a_ratio_is_as_uncertain_as_it_is_when_it_is_measured_again() -> None:
    g = torch.Generator().manual_seed(0)
    units = torch.randint(1, 60, (4000, 50), generator=g).double()
    nats = 2 * units + 5 * torch.randn(units.shape, generator=g).double()
    found = [ratio(a, b) for a, b in zip(nats, units, strict=True)]
    values = torch.tensor([value for value, _, _ in found])
    errors = torch.tensor([error for _, error, _ in found])
    assert values.mean().item() == pytest.approx(2, abs=0.01)
    assert errors.mean().item() == pytest.approx(values.std().item(), rel=0.05)
    assert found[0][2].square().sum().sqrt().item() == pytest.approx(found[0][1], rel=0.02)


def test_of_equal_counts_a_ratio_is_a_mean() -> None:
    nats = torch.randn(30, dtype=torch.float64)
    value, error, each = ratio(nats, torch.full((30,), 4.0))
    assert value == pytest.approx(nats.mean().item() / 4)
    assert error == pytest.approx(nats.std().item() / math.sqrt(30) / 4)
    assert each.tolist() == pytest.approx([x / 4 for x in influence(nats)], rel=1e-4)
    assert ratio(nats[:1], torch.ones(1))[1] is None


def test_examples_of_one_size_keep_the_number_to_the_last_bit() -> None:
    space, nats = Tokens(7, 9, coding="bytes"), torch.rand(12, dtype=torch.float64)
    found = rate(space, Split(torch.zeros(12, 7, dtype=torch.uint8)), nats)
    assert found is not None
    assert found.value == nats.mean().item() * space.unit.scale
    assert found.influence == tuple(value * space.unit.scale for value in influence(nats))


def test_only_sequences_have_a_rate_and_only_where_there_are_bits() -> None:
    spaces = [Tokens(3, 4), Waveform(3, levels=4), Frames(3, 2, 2), Frames(3, 2, None)]
    assert [unit_of(space) for space in spaces] == ["bits/token", "bits/sample", "nats/frame", "nats/frame"]
    assert [unit_of(space) for space in (Waveform(3), Image(1, 2, 2, 4), Table(("a",), (3,)))] == [None] * 3


def test_a_record_keeps_its_rate_and_shows_it() -> None:
    rated = of_counts(torch.tensor([4.0, 8.0]), torch.tensor([2.0, 4.0]), "bits/character", bits=True)
    record = Record("nll", 6.0, "nats per example", "exact", 2, 2.0, "test", 0, terms={"model": 6.0}, rate=rated)
    assert Record.from_dict(json.loads(json.dumps(record.to_dict(influence=True)))).rate.value == rated.value
    assert record.to_dict()["rate"] == {
        "value": pytest.approx(2 / math.log(2)),
        "unit": "bits/character",
        "scale": pytest.approx(1 / 3 / math.log(2)),
        "standard_error": pytest.approx(0, abs=1e-12),
    }
    assert str(record) == "nll = 6.0000 ± 2.0000 nats per example, 2.8854 ± 0.0000 bits/character (exact, n=2)"
    assert record.scalars("val")["val/nll_bits_per_character"] == pytest.approx(2 / math.log(2))
    alone = record.rated("bits_per_character")
    assert (alone.metric, alone.unit, alone.rate) == ("bits_per_character", "bits/character", None)
    assert alone.terms["model"] == pytest.approx(2 / math.log(2))
    old = {key: value for key, value in record.to_dict().items() if key != "rate"}
    assert Record.from_dict(old).rate is None
    with pytest.raises(ValueError, match="no unit"):
        Record.from_dict(old).rated("x")

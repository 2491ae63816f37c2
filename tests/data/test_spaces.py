"""Spaces: what an example is, what its likelihood is divided by, and how a checkpoint holds it."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from genlab.data.batches import BatchLoader, ordered
from genlab.data.dataset import DataSpec, Split
from genlab.data.spaces import Frames, Image, Label, Table, Tokens, Vector, Video, Waveform, of_levels
from genlab.errors import ConfigError
from genlab.evaluation.likelihood import bpd
from genlab.evaluation.record import Record
from genlab.models import EBM
from genlab.training.feed import Resident, Streamed

SPACES = [
    Image(3, 8, 6, 256),
    Vector(10),
    Vector(4, 1000),
    Table(("age", "sex"), (None, 2)),
    Tokens(12, 299),
    Tokens(12, 50_000, ragged=True, characters=4.5),
    Waveform(64, levels=256, rate=8000),
    Frames(16, 88, 2),
    Video(4, 1, 8, 8, 256),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.kind}-{space.levels}")
def test_a_checkpoint_holds_a_space_as_plain_types(space):
    spec = DataSpec(space=space, num_classes=3, condition=Vector(2))
    assert DataSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_shape_is_a_shorthand_of_an_image_or_a_vector():
    spec = DataSpec((1, 8, 8), 17, 10)
    assert spec == DataSpec(space=Image(1, 8, 8, 17), num_classes=10)
    assert DataSpec((2,), None).space == Vector(2)
    assert (spec.event_shape, spec.levels, spec.dim, spec.dtype) == ((1, 8, 8), 17, 64, torch.uint8)
    assert spec.labels == Label(10)
    assert DataSpec((2,), None).labels is None
    assert dataclasses.replace(spec, levels=2).space == Image(1, 8, 8, 2)
    assert dataclasses.replace(spec, event_shape=(3, 4, 4), levels=256).space == Image(3, 4, 4, 256)
    assert dataclasses.replace(spec, num_classes=None).space == spec.space
    with pytest.raises(ConfigError, match="one number is a vector, three are an image"):
        DataSpec((4, 5), None)


def test_old_checkpoints_say_no_space():
    old = {"event_shape": [1, 8, 8], "levels": 17, "num_classes": 10}
    assert DataSpec.from_dict(old) == DataSpec((1, 8, 8), 17, 10)
    assert "space" not in DataSpec((1, 8, 8), 17, 10).to_dict()


def test_a_space_of_tomorrow_is_refused():
    with pytest.raises(ConfigError, match="no space that this version"):
        DataSpec.from_dict({**DataSpec(space=Tokens(3, 9)).to_dict(), "space": {"kind": "graph", "nodes": 3}})


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (Tokens(3, 256), torch.uint8),
        (Tokens(3, 299), torch.int16),
        (Tokens(3, 50_000), torch.int32),
        (Vector(3), torch.float32),
        (Waveform(3, levels=65536), torch.int32),
        (Label(3), torch.int64),
    ],
)
def test_integers_are_as_small_as_their_levels_allow(space, dtype):
    assert space.dtype == dtype
    assert space.levels is None or torch.iinfo(dtype).max >= space.levels - 1


def test_a_uniform_model_scores_the_bits_of_its_levels():
    for space, bits in [(Image(3, 4, 4, 256), 8), (Waveform(50, 2, levels=1024), 10), (Tokens(7, 64), 6)]:
        assert space.dim * math.log(space.levels) * space.unit.scale == pytest.approx(bits)
    assert Tokens(10, 256, characters=4.0).unit.scale * 10 * math.log(256) == pytest.approx(2)
    assert Frames(16, 88, 2).unit.scale * 16 * 88 * math.log(2) == pytest.approx(88 * math.log(2))


def test_other_differences_are_named():
    one, other = (DataSpec(space=Waveform(8, rate=rate)) for rate in (8000, 16000))
    assert one.difference(other) == "rate was 8000 and is 16000"
    assert one.difference(one) == ""
    assert of_levels(Waveform(8), 4).levels == 4


def test_a_difference_is_short_and_names_no_more_than_what_differs():
    text = Tokens(64, 65, coding="characters", symbols=tuple(map(chr, range(65))))
    ours = DataSpec(space=text, num_classes=2, condition=Vector(2))
    others = {
        "length was 64 and is 8": DataSpec(
            space=dataclasses.replace(text, length=8), num_classes=2, condition=Vector(2)
        ),
        "2 of 65 symbols are others, num_classes was 2 and is None, condition was vector and is None": DataSpec(
            space=dataclasses.replace(text, symbols=("é", "è", *text.symbols[2:]))
        ),
        "vocabulary was 65 and is 66, symbols was 65 values and is 66 values": DataSpec(
            space=dataclasses.replace(text, vocabulary=66, symbols=(*text.symbols, "é")),
            num_classes=2,
            condition=Vector(2),
        ),
        "space was tokens and is image, condition's dimensions was 2 and is 3": DataSpec(
            (1, 8, 8), 17, 2, condition=Vector(3)
        ),
    }
    for said, other in others.items():
        assert ours.difference(other) == said
    assert DataSpec((1, 8, 8), 17).difference(DataSpec((1, 8, 9), 17)) == "width was 8 and is 9"


def test_conditions_and_lengths_come_with_their_examples():
    x = torch.arange(12 * 5 * 2).view(12, 5, 2).to(torch.uint8)
    split = Split(x, y=torch.arange(12), c=torch.arange(12.0)[:, None], lengths=torch.arange(12) % 5 + 1)
    loader = BatchLoader(split, batch_size=4, seed=0, num_steps=3)
    batches = [*loader, *(batch for _, batch in ordered(split, batch_size=4))]
    for kind in (Resident, Streamed):
        feed = kind(loader, torch.device("cpu"))
        feed.fill(0)
        batches.append(feed.batch())
    for batch in batches:
        assert torch.equal(batch.x, x[batch.y])
        assert torch.equal(batch.c[:, 0].long(), batch.y)
        assert torch.equal(batch.lengths, batch.y % 5 + 1)
        again = batch.to(torch.device("cpu"))
        assert torch.equal(again.lengths, batch.lengths)


def test_a_likelihood_is_told_in_the_unit_of_its_space():
    class OfBytes(torch.nn.Module):
        spec = DataSpec(space=Waveform(50, 2, 256))

    uniform = Record(
        "nll", 100 * math.log(256), "nats per example", "exact", n=1, standard_error=0.0, split="test", seed=0
    )
    told = bpd(uniform, OfBytes())
    assert (told.unit, told.value) == ("bits/sample", pytest.approx(8))


def test_an_energy_of_sound_is_one_number_an_example():
    model = EBM(DataSpec(space=Waveform(16, 2)), hidden=[4])
    u = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(0))
    energy = model.energy_of_chain(u)
    assert energy.shape == (3,)
    assert torch.allclose(energy - model.network(u)[:, 0], 0.5 * u.square().sum((1, 2)))

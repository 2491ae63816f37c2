from __future__ import annotations

import math
import zlib

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.data.subset import subset, training_subset
from genlab.errors import ConfigError
from genlab.evaluation.strangeness import (
    compressed_bits,
    energy_scores,
    likelihood_scores,
    negative_log_likelihoods,
    own_strange,
    same_kind,
)
from genlab.models import histogram
from genlab.models.capabilities import UnnormalisedDensity

GREY = DataSpec((1, 6, 5), 17, 3)
PLANE = DataSpec((2,), None)


def pictures(n: int = 40, levels: int = 17, channels: int = 1) -> Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randint(levels, (n, channels, 6, 5), generator=g, dtype=torch.uint8)


def test_a_picture_costs_no_more_than_zlib_and_less_where_png_sees_more() -> None:
    ramp = torch.arange(0, 256, 2, dtype=torch.uint8).expand(1, 1, 64, 128)  # a filter of PNG makes it constant
    noise = torch.randint(256, (1, 1, 64, 128), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for x in (ramp, noise, torch.zeros_like(noise)):
        assert compressed_bits(x).item() <= 8 * len(zlib.compress(x.numpy().tobytes(), 9))
    blank, smooth, rough = (compressed_bits(x).item() for x in (torch.zeros_like(noise), ramp, noise))
    assert blank < smooth < rough
    assert rough == pytest.approx(8 * noise.numel(), rel=0.02)
    two = torch.cat([noise, noise], 1)  # no PNG has two channels
    assert compressed_bits(two).item() == 8 * len(zlib.compress(two.numpy().tobytes(), 9))


def test_strange_sets_of_the_data_themselves() -> None:
    split = Split(pictures(channels=3))
    spec = DataSpec((3, 6, 5), 17)
    found = {name: own_strange(name, split, spec, seed=0).x for name in ("inverted", "dimmed", "shuffled", "noise")}
    for x in found.values():
        assert (x.shape, x.dtype) == (split.x.shape, torch.uint8)
        assert x.max() < 17
    assert torch.equal(found["inverted"].int() + split.x.int(), torch.full_like(split.x, 16).int())
    assert torch.equal(found["dimmed"], split.x // 2)
    # a pixel keeps its three channels together, pictures have orders of their own
    colours = [
        (x.flatten(2) * torch.tensor([1, 20, 400])[:, None]).sum(1).sort(1).values for x in (split.x, found["shuffled"])
    ]
    assert torch.equal(*colours)
    ramp = torch.arange(30, dtype=torch.uint8).view(1, 1, 6, 5).expand(2, 1, 6, 5)
    one, other = own_strange("shuffled", Split(ramp), DataSpec((1, 6, 5), 256), seed=0).x
    assert not torch.equal(one, other)
    assert torch.equal(own_strange("noise", split, spec, seed=0).x, found["noise"])
    assert not torch.equal(own_strange("noise", split, spec, seed=1).x, found["noise"])


def test_of_vectors_only_noise_is_known_to_be_strange() -> None:
    split = Split(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)))
    noise = own_strange("noise", split, PLANE, seed=0).x
    assert (noise >= split.x.amin(0)).all()
    assert (noise <= split.x.amax(0)).all()
    with pytest.raises(ConfigError, match=r"metric.ood.data=inverted is made of levels.*metric.ood.data=noise"):
        own_strange("inverted", split, PLANE, seed=0)


def test_dimmed_black_and_white_is_refused() -> None:
    split, spec = Split(pictures(levels=2)), DataSpec((1, 6, 5), 2)
    assert len(own_strange("inverted", split, spec, seed=0).x.unique()) == 2
    with pytest.raises(ConfigError, match=r"leaves black pictures only; use metric.ood.data=inverted"):
        own_strange("dimmed", split, spec, seed=0)


def test_the_scores_are_their_formulas() -> None:
    x, nll = pictures(), torch.linspace(50, 90, 40, dtype=torch.float64)
    found = likelihood_scores(nll, typical=70.0, x=x)
    assert torch.equal(found["likelihood"], nll)
    assert torch.allclose(found["typicality"], (nll - 70).abs())
    assert torch.allclose(found["complexity"], nll / math.log(2) - compressed_bits(x))
    assert set(likelihood_scores(nll, typical=70.0, x=None)) == {"likelihood", "typicality"}


def test_likelihoods_are_those_of_the_model_for_any_batch_size() -> None:
    model, split = histogram(GREY), Split(pictures())
    model.fit(split, split, generator=torch.Generator().manual_seed(0))
    for size in (7, 40):
        found = negative_log_likelihoods(
            model, split, log_prior=None, num_particles=1, split_name="x", batch_size=size, seed=0
        )
        assert torch.allclose(found, -model.log_prob(split.x).double())


class Distance(UnnormalisedDensity):
    def __init__(self) -> None:
        super().__init__()
        self.spec = PLANE
        self.scale = nn.Parameter(torch.ones(()))

    def energy(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return self.scale * x.norm(dim=1)


def test_energies_are_those_of_the_model() -> None:
    split = Split(torch.randn(23, 2))
    assert torch.allclose(energy_scores(Distance(), split, batch_size=5), split.x.norm(dim=1).double())


def data(spec: DataSpec, **rest: object) -> Dataset:
    split = Split(torch.zeros(1, *spec.event_shape))
    return Dataset("data", spec, split, split, split, **rest)


def test_data_fit_whatever_their_classes_but_for_their_shape_levels_and_domains() -> None:
    assert same_kind(data(DataSpec((1, 6, 5), 17)), GREY)
    for other in (DataSpec((1, 6, 6), 17), DataSpec((1, 6, 5), 256), DataSpec((1, 6, 5), None), PLANE):
        assert not same_kind(data(other), GREY)
    assert not same_kind(data(DataSpec((1, 6, 5), 17, 3, "paired")), GREY)


def test_a_subset_is_drawn_by_its_seed_and_keeps_the_order() -> None:
    split = Split(torch.arange(100)[:, None], torch.arange(100))
    found = subset(split, 30, seed=0)
    assert len(found) == 30
    assert torch.equal(found.x[:, 0], found.y)
    assert (found.y.diff() > 0).all()
    assert torch.equal(found.y, subset(split, 30, seed=0).y)
    assert not torch.equal(found.y, subset(split, 30, seed=1).y)
    assert len(subset(split, 100, seed=0)) == len(subset(split, 1000, seed=0)) == 100


def test_training_examples_are_those_that_training_sees() -> None:
    grey = Split(torch.full((60, 1), 128, dtype=torch.uint8))

    def transform(x: Tensor, generator: torch.Generator) -> Tensor:
        return (torch.rand(x.shape, generator=generator) < x / 255).to(torch.uint8)

    dynamic = Dataset("data", DataSpec((1,), 2), grey, grey, grey, train_transform=transform)
    found = training_subset(dynamic, 50, seed=0)
    assert set(found.x.unique().tolist()) == {0, 1}
    assert torch.equal(found.x, training_subset(dynamic, 50, seed=0).x)
    plain = Dataset("data", DataSpec((1,), 256), grey, grey, grey)
    assert torch.equal(training_subset(plain, 50, seed=0).x, grey.x[:50])

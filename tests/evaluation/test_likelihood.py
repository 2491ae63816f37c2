from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError
from genlab.evaluation import likelihood
from genlab.evaluation.statistics import detect, estimate
from genlab.models import VAE
from genlab.models.capabilities import ExactLikelihood, GenerativeModel

SPEC = DataSpec((1, 4, 4), 256, 3)


def split(n: int = 37) -> Split:
    g = torch.Generator().manual_seed(0)
    return Split(torch.randint(256, (n, 1, 4, 4), generator=g, dtype=torch.uint8))


class Uniform(ExactLikelihood):
    """Every 8-bit picture is equally likely."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = SPEC
        self.unused = nn.Parameter(torch.zeros(()))

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return torch.full((len(x),), -SPEC.dim * math.log(256))


class OnlySamples(GenerativeModel):
    def __init__(self) -> None:
        super().__init__()
        self.spec = SPEC
        self.weight = nn.Parameter(torch.zeros(()))


def settings(batch_size: int = 10) -> dict:
    return {"split_name": "test", "batch_size": batch_size, "seed": 0}


def test_a_uniform_model_scores_exactly_8_bits_per_dimension() -> None:
    record = likelihood.bpd(likelihood.nll(Uniform(), split(), num_particles=3, **settings()), Uniform())
    assert record.value == pytest.approx(8.0, abs=1e-6)
    assert (record.kind, record.unit, record.num_particles, record.n) == ("exact", "bits/dim", None, 37)
    assert record.standard_error == pytest.approx(0.0, abs=1e-6)


def test_the_value_depends_on_neither_batch_size_nor_training_mode() -> None:
    torch.manual_seed(0)
    model = VAE(SPEC, latent_dim=3, hidden=[16]).train()
    reference = likelihood.nll(model, split(), num_particles=5, **settings(1))
    for batch_size in (7, 10, 64):
        record = likelihood.nll(model, split(), num_particles=5, **settings(batch_size))
        assert record.value == pytest.approx(reference.value, rel=1e-6)
        assert record.standard_error == pytest.approx(reference.standard_error, rel=1e-5)
        assert record.n == 37
    assert model.training
    other = likelihood.nll(model, split(), num_particles=5, split_name="test", batch_size=7, seed=1)
    assert other.value != pytest.approx(reference.value, rel=1e-6)


def test_standard_error_is_that_of_the_mean() -> None:
    values = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
    mean, error = likelihood.mean_and_error(values)
    assert mean == 4.0
    assert error == pytest.approx(values.numpy().std(ddof=1) / 2)


def test_elbo_has_its_terms() -> None:
    torch.manual_seed(0)
    record = likelihood.elbo(VAE(SPEC, latent_dim=3, hidden=[16]), split(), **settings())
    assert record.value == pytest.approx(sum(record.terms.values()), rel=1e-6)
    assert record.kind == "lower bound"
    assert record.terms["kl"] < 0


def test_what_a_model_cannot_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a likelihood; OnlySamples has none"):
        likelihood.nll(OnlySamples(), split(), num_particles=3, **settings())
    with pytest.raises(ConfigError, match="Uniform has none"):
        likelihood.elbo(Uniform(), split(), **settings())
    plane = VAE(DataSpec((2,), None), latent_dim=2, hidden=[4])
    record = likelihood.nll(plane, Split(torch.randn(5, 2)), num_particles=3, **settings())
    with pytest.raises(ConfigError, match="needs integer data"):
        likelihood.bpd(record, plane)


def test_the_influences_of_two_scores_give_the_error_of_their_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    a = torch.randn(900, generator=g, dtype=torch.float64) * 20
    b = a + torch.randn(900, generator=g, dtype=torch.float64)
    for most, tolerance in ((10_000, 0.001), (100, 0.2)):
        monkeypatch.setattr(estimate, "MOST_INFLUENCES", most)
        of_a, of_b = estimate.influence(a), estimate.influence(b)
        assert len(of_a) == min(900, most)
        assert math.hypot(*of_a) == pytest.approx(estimate.mean(a).standard_error, rel=tolerance)
        assert math.dist(of_a, of_b) == pytest.approx(estimate.mean(a - b).standard_error, rel=tolerance)


def test_the_influence_on_an_auroc_gives_its_error() -> None:
    inside, outside = (torch.randn(n, generator=torch.Generator().manual_seed(n)) + n / 900 for n in (300, 900))
    found = estimate.influence(*detect.placements(inside, outside))
    assert math.hypot(*found) == pytest.approx(detect.auroc(inside, outside).standard_error, rel=0.005)


def test_a_kept_score_has_the_influence_of_each_example_and_a_summary_has_not() -> None:
    model, x = VAE(SPEC, latent_dim=2, hidden=[4]), split()
    record = likelihood.nll(model, x, split_name="test", num_particles=2, batch_size=9, seed=0)
    assert "influence" not in record.to_dict()
    kept = record.to_dict(influence=True)["influence"]
    assert len(kept) == len(x)
    assert math.hypot(*kept) == pytest.approx(record.standard_error, rel=0.02)
    assert likelihood.bpd(record, model).influence[3] == pytest.approx(kept[3] / (16 * math.log(2)))

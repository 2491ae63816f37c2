"""Posteriors of models that denoise, where denoiser and posterior are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.inverse.along_path import coordinates
from genlab.inverse.ddrm import ddrm
from genlab.inverse.dps import dps
from genlab.inverse.guided import moment_matched, pigdm
from genlab.inverse.observation import Observation, observe, to_unit
from genlab.models.diffusion.diffusion import Diffusion
from genlab.models.diffusion.flow_matching import flow_matching
from tests.inverse.calibration import (
    EVENT,
    NOISE,
    OPERATORS,
    SAMPLES,
    Calibration,
    Normal,
    assert_calibrated,
    calibrated,
    truths,
)
from tests.inverse.denoisers import PATHS, KnownDenoiser, even_prior, smooth_prior

VARIANCE = 0.09

EXACT = {"sampler": "dpm_solver", "steps": 50}
"""What an exact denoiser goes best with."""


def denoiser(prior: Normal, path: str, scale: float | Tensor = 0.5) -> KnownDenoiser:
    return KnownDenoiser([prior], [1.0], PATHS[path], scale=scale).eval()


@pytest.mark.parametrize(("path", "operator"), [("cosine", "mask"), ("straight", "gaussian"), ("linear", "bicubic")])
def test_a_denoiser_that_is_told_draws_from_a_normal_posterior(path: str, operator: str) -> None:
    prior = smooth_prior()
    model = denoiser(prior, path)

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return moment_matched(model, observation, samples=SAMPLES, generator=generator, **EXACT, iterations=5)

    assert_calibrated(calibrated(prior, OPERATORS[operator], draw, n=60))


@pytest.mark.parametrize(("path", "operator"), [("linear", "mask"), ("straight", "gaussian")])
def test_given_the_variance_independent_values_are_drawn_from_their_posterior(path: str, operator: str) -> None:
    prior = even_prior(VARIANCE)
    model = denoiser(prior, path)

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return pigdm(model, observation, samples=SAMPLES, generator=generator, **EXACT, variance=VARIANCE / 0.5**2)

    assert_calibrated(calibrated(prior, OPERATORS[operator], draw, n=60))


def test_values_with_scales_of_their_own_are_drawn_as_others_are() -> None:
    prior = smooth_prior()
    scale = torch.linspace(0.2, 0.6, 16).view(EVENT)

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return moment_matched(
            denoiser(prior, "cosine", scale), observation, samples=SAMPLES, generator=generator, **EXACT, iterations=3
        )

    assert_calibrated(calibrated(prior, OPERATORS["box"], draw, n=60))


def test_intervals_of_a_mixture_are_near_to_calibrated() -> None:
    """Not exact: the data given ``x_t`` are no normal ones. Measured: 0.47 of 0.5 and 0.87 of 0.9."""
    one = smooth_prior(0.7)
    two = Normal(one.mean + 0.6 * torch.linspace(-1, 1, 16, dtype=torch.float64), one.covariance)
    model = KnownDenoiser([one, two], [0.5, 0.5], PATHS["cosine"], scale=0.5).eval()
    u = torch.cat([one.draw(40), two.draw(40, seed=9)])
    observation = observe(OPERATORS["mask"], u, NOISE, generator=torch.Generator().manual_seed(1))
    drawn = moment_matched(
        model, observation, samples=SAMPLES, generator=torch.Generator().manual_seed(2), **EXACT, iterations=3
    )
    found = Calibration(drawn.flatten(2), u.flatten(1), one.given(observation))
    print(found.coverage(0.5), found.coverage(0.9))
    assert 0.4 < found.coverage(0.5) < 0.6
    assert 0.8 < found.coverage(0.9) < 0.96


@pytest.mark.parametrize("sampler", [moment_matched, pigdm])
def test_what_is_for_networks_is_near_to_calibrated(sampler) -> None:
    """The defaults, on normal data that are not independent."""
    prior = smooth_prior()

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return sampler(denoiser(prior, "cosine"), observation, samples=SAMPLES, generator=generator)

    found = calibrated(prior, OPERATORS["mask"], draw, n=60)
    assert 0.4 < found.coverage(0.5) < 0.6
    assert 0.8 < found.coverage(0.9) < 0.96


@pytest.mark.parametrize("sampler", [dps, ddrm])
def test_approximate_samplers_agree_with_what_was_measured_and_are_not_calibrated(sampler) -> None:
    """Samples are nearer to y than the prior's are by far, and means nearer to the posterior's than to the prior's."""
    prior = smooth_prior()
    model = denoiser(prior, "cosine")

    def draw(observation: Observation, generator: torch.Generator) -> Tensor:
        return sampler(model, observation, samples=SAMPLES, generator=generator)

    found = calibrated(prior, OPERATORS["mask"], draw, n=60)
    _, observation = truths(prior, OPERATORS["mask"], n=60)
    drawn = found.drawn.float().view(60 * SAMPLES, *EVENT)
    residual = observation.repeated(SAMPLES).residual(drawn).square().mean().sqrt().item()
    assert residual < 2 * NOISE
    away = found.drawn.mean(1) - found.posterior.mean
    assert away.square().mean() < 0.1 * (prior.mean - found.posterior.mean).square().mean()
    assert found.error() > 1.2, "or it has become exact: say so"
    assert found.coverage(0.9) < 0.87, "or it has become calibrated: say so"


@pytest.mark.parametrize("levels", [2, 17, 256, None])
@pytest.mark.parametrize("family", [Diffusion, flow_matching])
def test_the_unit_scale_by_the_models_coordinates(family, levels: int | None) -> None:
    spec = DataSpec((1, 8, 8), levels)
    model = family(spec, width=8, blocks=1)
    if levels is None:
        model.anchor(torch.rand(10, *spec.event_shape))
    x = torch.rand(3, *spec.event_shape) if levels is None else torch.randint(levels, (3, *spec.event_shape))
    affine = coordinates(model, like=torch.zeros(()))
    assert torch.allclose(affine.to_unit(model.from_data(x)), to_unit(x, spec), atol=1e-5)


@pytest.mark.parametrize("sampler", [moment_matched, pigdm, dps, ddrm])
@pytest.mark.parametrize("family", [Diffusion, flow_matching])
def test_networks_are_guided_with_conditions_and_a_seed_gives_the_same(family, sampler) -> None:
    spec = DataSpec((1, 8, 8), 17, 3)
    torch.manual_seed(0)
    model = family(spec, width=8, blocks=1, condition="label").eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    operator = OPERATORS["mask"].__class__((1, 8, 8), torch.arange(64).view(8, 8) % 2 == 0)
    observation = Observation(operator, torch.rand(2, 32, generator=torch.Generator().manual_seed(1)), NOISE)

    def draw(c: Tensor) -> Tensor:
        return sampler(model, observation, samples=2, c=c, generator=torch.Generator().manual_seed(0), steps=4)

    found = draw(torch.tensor([0, 1]))
    assert found.shape == (2, 2, 1, 8, 8)
    assert found.isfinite().all()
    assert torch.equal(found, draw(torch.tensor([0, 1])))
    other = draw(torch.tensor([2, 1]))
    assert not torch.equal(found[0], other[0])
    assert torch.allclose(found[1], other[1], atol=1e-3)

"""Laws of priors of patches: of one patch they say what the model says, and every pixel is said once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.inverse import closed_form, patches
from genlab.inverse.observation import Observation, observe
from genlab.inverse.operators import Downsample, Gaussian, Grey, Identity, Mask
from genlab.inverse.patches import PatchPrior, averaged, begins, epll, patch_means
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import GMM
from genlab.models.classical.ppca import DequantisedPPCA
from tests.inverse.priors import fill, mixture, pictures, principal_pictures

NOISE = 0.05


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photograph(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=generator(seed), dtype=torch.float64)


def white(mean: float = 0.4, std: float = 0.1, shape: tuple[int, ...] = (1, 4, 4)) -> DequantisedFit:
    """Pictures of independent pixels."""
    model = pictures(shape)
    assert isinstance(model.density, GMM)
    dim = model.spec.dim
    eye = 255 * std * torch.eye(dim)
    fill(model.density, torch.full((2, dim), 255 * mean + 0.5), torch.stack([eye, eye]), torch.tensor([0.5, 0.5]))
    return model


@pytest.mark.parametrize("make", [pictures, principal_pictures])
def test_of_a_picture_of_the_model_s_size_the_patch_is_the_closed_form(make) -> None:
    model = make()
    truth = model.sample(20, generator=generator()).double() / 255
    seen = observe(Identity((1, 4, 4)), truth, NOISE, generator=generator(1))
    torch.testing.assert_close(patch_means(model, seen), closed_form.moments(model, seen).mean, atol=1e-5, rtol=0)


def test_of_independent_pixels_a_picture_of_any_size_is_in_closed_form() -> None:
    y = photograph(2, 1, 11, 7)
    found = patch_means(white(), Observation(Identity((1, 11, 7)), y.flatten(1), NOISE))
    torch.testing.assert_close(found, 0.4 + (y - 0.4) * 0.1**2 / (0.1**2 + NOISE**2), atol=1e-5, rtol=0)


OPERATORS = {
    "noise": Identity((1, 4, 4)),
    "part": Mask((1, 4, 4), torch.arange(16).view(4, 4) % 3 > 0),
    "small": Downsample((1, 4, 4), 2),
    "bicubic": Downsample((1, 4, 4), 2, "bicubic"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_at_one_distance_the_splitting_ends_at_the_posterior_of_a_gaussian(name: str) -> None:
    model, t = principal_pictures(), 0.03
    seen = observe(OPERATORS[name], model.sample(5, generator=generator()).double() / 255, NOISE, generator=generator())
    found = epll(model, seen, stds=[t] * 400)
    # |z - u| of distance t is noise of the prior's: N(m, S + t^2)
    wide = principal_pictures()
    assert isinstance(wide, DequantisedPPCA)
    wide.density.fill("variances", wide.density.variances + (255 * t) ** 2)
    wide.density.fill("noise_variance", wide.density.noise_variance + (255 * t) ** 2)
    torch.testing.assert_close(found, closed_form.moments(wide, seen).mean, atol=1e-4, rtol=0)


def test_of_colours_too() -> None:
    model = principal_pictures((3, 2, 2))
    seen = observe(Grey((3, 2, 2)), model.sample(3, generator=generator()).double() / 255, NOISE)
    wide, t = principal_pictures((3, 2, 2)), 0.03
    wide.density.fill("variances", wide.density.variances + (255 * t) ** 2)
    wide.density.fill("noise_variance", wide.density.noise_variance + (255 * t) ** 2)
    found = epll(model, seen, stds=[t] * 400)
    torch.testing.assert_close(found, closed_form.moments(wide, seen).mean, atol=1e-4, rtol=0)


@pytest.mark.parametrize("operator", [Downsample((1, 12, 8), 4, "bicubic"), Mask((1, 12, 8), torch.rand(12, 8) > 0.5)])
def test_what_was_measured_exactly_is_met(operator) -> None:
    seen = observe(operator, photograph(2, 1, 12, 8), 0.0)
    assert seen.residual(epll(pictures(), seen)).abs().max() < 1e-6


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize("size", [(8, 8), (9, 23), (31, 10)])
def test_every_pixel_is_said_by_patches_whose_weights_sum_to_one(turn: int, size: tuple[int, int]) -> None:
    prior = PatchPrior.of(pictures((2, 8, 8)), torch.zeros(1))
    u = photograph(2, *size)
    torch.testing.assert_close(averaged(u, prior, lambda x: x, turn=turn), u)
    for n in size:
        places = begins(n, 8, turn=turn)
        assert places.tolist() == sorted(set(places.tolist()))
        assert (places[0], places[-1]) == (0, n - 8)
        assert places.diff().max() <= 2 if n > 8 else len(places) == 1


def test_a_patch_is_read_and_put_back_in_one_order() -> None:
    prior = PatchPrior.of(pictures((2, 3, 4)), torch.zeros(1))
    u, change = photograph(2, 3, 4), photograph(2, 3, 4, seed=1)
    torch.testing.assert_close(averaged(u, prior, lambda x: x + change.flatten()), u + change)


def test_memory_is_bounded_and_says_nothing_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model, most = pictures(), []
    seen = observe(Identity((1, 40, 9)), photograph(1, 1, 40, 9), NOISE, generator=generator())
    whole = epll(model, seen)
    monkeypatch.setattr(patches, "AT_ONCE", 6 * 16 * 3)  # three rows of six patches
    inner = PatchPrior.likeliest

    def watched(self: PatchPrior, x: Tensor, std: float) -> Tensor:
        most.append(x.numel())
        return inner(self, x, std)

    monkeypatch.setattr(PatchPrior, "likeliest", watched)
    torch.testing.assert_close(epll(model, seen), whole)
    assert max(most) <= patches.AT_ONCE


def test_a_picture_does_not_depend_on_others() -> None:
    seen = observe(Downsample((1, 12, 8), 2), photograph(3, 1, 12, 8), NOISE, generator=generator())
    each = torch.cat([epll(pictures(), seen.rows(torch.tensor([i]))) for i in (2, 0, 1)])
    torch.testing.assert_close(epll(pictures(), seen)[[2, 0, 1]], each)


def test_what_a_patch_says_does_not_depend_on_where_it_lies() -> None:
    u, model = photograph(1, 1, 24, 24), pictures()
    whole, part = (
        patch_means(model, Observation(Identity(y.shape[1:]), y.flatten(1), NOISE)) for y in (u, u[..., 5:, 2:])
    )
    torch.testing.assert_close(whole[..., 8:, 5:], part[..., 3:, 3:])


def test_the_likeliest_component_answers_alone_and_the_mean_weighs_all() -> None:
    model = pictures()
    prior = PatchPrior.of(model, torch.zeros(1, dtype=torch.float64))
    x = photograph(50, 16, seed=2) * 0.3 + 0.35
    p = prior.log_evidence(x, 0.3).softmax(1)
    assert ((p > 0.1) & (p < 0.9)).any()
    each = torch.stack([prior._of_component(k, x, 0.3) for k in range(2)], 1)
    torch.testing.assert_close(prior.mean(x, 0.3), (p[..., None] * each).sum(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(prior.likeliest(x, 0.3), each[torch.arange(50), p.argmax(1)])
    seen = Observation(Identity((1, 4, 4)), x, 0.3)
    expected = closed_form.responsibilities(closed_form.components(model), seen)
    torch.testing.assert_close(p, expected, atol=1e-6, rtol=0)


def test_it_is_for_mixtures_of_patches_of_the_same_channels() -> None:
    def seen(operator) -> Observation:
        return Observation(operator, torch.zeros(1, operator.count), NOISE)

    model = pictures()
    assert patches.smaller(model, seen(Identity((1, 4, 9))))
    assert not patches.smaller(model, seen(Identity((1, 3, 9))))
    assert not patches.smaller(model, seen(Identity((3, 9, 9))))
    assert not patches.smaller(model, seen(Gaussian((1, 9, 9), 4)))
    assert not patches.smaller(mixture(4), seen(Identity((1, 9, 9))))
    assert patches.noise_alone(model, seen(Identity((1, 9, 9))))
    assert not patches.noise_alone(model, seen(Downsample((1, 8, 8), 2)))

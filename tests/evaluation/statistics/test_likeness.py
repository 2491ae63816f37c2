"""PSNR and SSIM of images of which they are known."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.evaluation.statistics.likeness import WINDOW, psnr, ratios, ssim


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_psnr_is_the_mean_of_each_image_s_own() -> None:
    truth = torch.full((40, 1, 8, 8), 0.5)
    size = 0.01 + 0.01 * torch.arange(40).remainder(2).reshape(-1, 1, 1, 1)  # squared: 1e-4 and 4e-4
    found = psnr(truth + size, truth)
    assert found is not None
    assert found.value == pytest.approx(40 - 10 * math.log10(4) / 2, rel=1e-5)
    assert found.standard_error == pytest.approx(10 * math.log10(4) / 2 / math.sqrt(39), rel=1e-4)


def test_psnr_is_that_of_torchmetrics_for_each_image() -> None:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    x, truth = noise(5, 3, 8, 9), noise(5, 3, 8, 9).flip(0)
    truth = truth * torch.linspace(0.2, 1, 5)[:, None, None, None]
    each = torch.stack([peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in zip(x, truth, strict=True)])
    torch.testing.assert_close(ratios(x, truth).float(), each)


def test_an_image_that_is_met_counts_as_rounded_to_levels() -> None:
    truth = noise(2, 1, 400, 400)
    x = truth.clone()
    x[1] += 0.1
    rounded = (truth[:1] * 255).round() / 255
    assert ratios(x, truth)[0].item() == pytest.approx(ratios(rounded, truth[:1]).item(), abs=0.05)
    found = psnr(x, truth)
    assert found is not None
    assert found.value == pytest.approx((58.92 + 20) / 2, abs=0.01)


def test_equal_images_have_no_psnr_and_an_ssim_of_1() -> None:
    x = noise(4, 3, 16, 16)
    assert psnr(x, x) is None
    found = ssim(x, x)
    assert found is not None
    assert found.value == pytest.approx(1)


def test_ssim_of_constant_images_is_that_of_their_brightness() -> None:
    a, b, c1 = 0.2, 0.6, 0.01**2
    found = ssim(torch.full((3, 1, 12, 20), a), torch.full((3, 1, 12, 20), b))
    assert found is not None
    assert found.value == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1), rel=1e-3)


def test_ssim_does_not_depend_on_how_many_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = noise(9, 1, 16, 16), noise(9, 1, 16, 16).flip(0)
    whole = ssim(x, y)
    monkeypatch.setattr("genlab.evaluation.statistics.likeness.AT_ONCE", 4)
    parts = ssim(x, y)
    assert whole is not None
    assert parts == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("side", [WINDOW - 1, WINDOW])
def test_images_smaller_than_a_window_have_no_ssim(side: int) -> None:
    x = noise(2, 1, side, 20)
    assert (ssim(x, x) is None) == (side < WINDOW)

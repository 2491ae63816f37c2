"""PSNR and SSIM of images of which they are known."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.evaluation.statistics.likeness import WINDOW, psnr, ssim


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_psnr_of_a_known_error() -> None:
    truth = torch.full((40, 1, 8, 8), 0.5)
    size = 0.01 + 0.01 * torch.arange(40).remainder(2).reshape(-1, 1, 1, 1)  # squared: 1e-4 and 4e-4
    found = psnr(truth + size, truth)
    assert found is not None
    assert found.value == pytest.approx(-10 * math.log10(2.5e-4), rel=1e-5)
    error = math.sqrt(1.5e-4**2 * 40 / 39 / 40)
    assert found.standard_error == pytest.approx(10 / math.log(10) * error / 2.5e-4, rel=1e-4)


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

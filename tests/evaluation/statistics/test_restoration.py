"""Laws of the scores of draws: positions are uniform where draws and truth are alike, whatever the values are."""

import pytest
import torch

from genlab.evaluation.statistics.restoration import coverage, diversity, likeness, misfit, positions


@pytest.mark.parametrize("samples", [1, 2, 8, 39])
@pytest.mark.parametrize("levels", [None, 2, 17])
def test_the_truth_among_draws_of_its_own_kind_is_anywhere(samples: int, levels: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(400, samples + 1, 50, generator=generator)
    values = values if levels is None else (values**2 * levels).floor()
    p = positions(values[:, 1:], values[:, 0])
    assert p.min() >= 0
    assert p.max() <= 1
    for low in torch.linspace(0, 0.9, 10):
        assert abs(((p >= low) & (p < low + 0.1)).double().mean() - 0.1) < 0.01
    found = coverage(values[:, 1:], values[:, 0], torch.ones(50, dtype=torch.bool))
    for share, estimate in found.items():
        assert abs(estimate.value - share) < 5 * estimate.standard_error


def test_draws_that_are_too_narrow_or_wide_are_told() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, draws = torch.randn(300, 40, generator=generator), torch.randn(300, 20, 40, generator=generator)
    everywhere = torch.ones(40, dtype=torch.bool)
    assert coverage(0.5 * draws, truth, everywhere)[0.9].value < 0.7
    assert coverage(2 * draws, truth, everywhere)[0.5].value > 0.7


def test_values_that_were_measured_exactly_do_not_count() -> None:
    truth = torch.zeros(30, 2)
    draws = torch.stack([torch.zeros(30, 9), torch.ones(30, 9)], 2)
    only = torch.tensor([False, True])
    assert coverage(draws, truth, only)[0.5].value == 0  # they miss, which the others would have hidden


def test_diversity_is_that_of_the_draws() -> None:
    draws = torch.randn(50, 30, 40, generator=torch.Generator().manual_seed(0)) * 0.3
    found = diversity(draws)
    assert abs(found["pixel_std"] - 0.3) < 0.01
    assert abs(found["distance"] - 0.3 * 2**0.5) < 0.01
    assert diversity(draws[:, :1]) == {"pixel_std": 0.0, "distance": 0.0}
    assert diversity(draws[:, :1].expand(-1, 5, -1))["distance"] < 1e-6


def test_likeness_of_one_picture_and_of_equal_ones() -> None:
    truth = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    found = likeness((truth + 0.1).clamp(0, 1), truth)
    error = ((truth + 0.1).clamp(0, 1) - truth).double().square().mean()
    assert found["psnr"] == pytest.approx(-10 * torch.log10(error).item(), abs=1e-4)
    assert found["psnr_standard_error"] is None
    assert found["ssim"] is not None
    assert 0 < found["ssim"] < 1
    assert likeness(truth, truth)["psnr"] is None
    assert likeness(truth[..., :8, :8], truth[..., :8, :8])["ssim"] is None


def test_misfit_is_the_root_mean_square() -> None:
    assert misfit(torch.tensor([[3.0, 4.0]])) == pytest.approx(12.5**0.5)

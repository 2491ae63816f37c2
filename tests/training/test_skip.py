"""Updates that are left out: outliers are, and nothing stalls."""

from __future__ import annotations

import torch

from genlab.training.skip import Skip


def used(skip: Skip, size: float) -> bool:
    """Whether a gradient of this norm is used."""
    gradients = [torch.full((4,), size / 2), torch.zeros(3)]
    skip(gradients)
    assert gradients[0].isfinite().all()
    return bool(gradients[0].any())


def test_an_outlier_is_left_out_and_leaves_the_average_nearly_as_it_was() -> None:
    skip = Skip(10.0)
    assert all(used(skip, 1.0) for _ in range(50))
    for outlier in (1e6, float("inf"), float("nan")):
        before = skip.typical.item()
        assert not used(skip, outlier)
        assert skip.typical < 1.2 * before
    assert used(skip, 2.0)
    assert skip.skipped == 3


def test_gradients_that_have_grown_for_good_are_soon_used_again() -> None:
    skip = Skip(10.0)
    for _ in range(50):
        used(skip, 1.0)
    results = [used(skip, 1e5) for _ in range(300)]
    assert not any(results[:10])
    assert all(results[150:]), "stalled"


def test_a_run_that_begins_with_a_gradient_that_is_not_finite_goes_on() -> None:
    skip = Skip(10.0)
    assert not used(skip, float("nan"))
    assert used(skip, 1.0)
    assert used(skip, 3.0)

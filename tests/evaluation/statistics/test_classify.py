from __future__ import annotations

import math

import pytest
import torch

from genlab.evaluation.statistics.classify import (
    Labelled,
    Linear,
    accuracy,
    calibration,
    calibration_error,
    nearest_neighbours,
)


def test_accuracy_is_a_share_with_its_binomial_error() -> None:
    y = torch.tensor([0, 1, 2, 0] * 100)
    share, error = accuracy(torch.tensor([0, 1, 2, 1] * 100), y)
    assert share == 0.75
    assert error == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=2e-3)


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [
        ([0.8] * 10, [True] * 8 + [False] * 2, 0.0),  # as often right as it says
        ([0.8] * 10, [True] * 10, 0.2),
        ([1.0] * 10, [True] * 4 + [False] * 6, 0.6),
        # two bins, of the weights 4/10 and 6/10: |3/4 - 0.6| and |3/6 - 0.9|; they do not cancel
        ([0.6] * 4 + [0.9] * 6, [True] * 3 + [False] + [True] * 3 + [False] * 3, 0.4 * 0.15 + 0.6 * 0.4),
        # in one bin, (0.6, 0.667], errors of both signs cancel
        ([0.62, 0.64], [True, False], abs(0.5 - 0.63)),
        # the borders belong to the bin below
        ([2 / 3, 0.68], [True, False], (1 / 3 + 0.68) / 2),
    ],
)
def test_the_calibration_error_of_cases_made_by_hand(confidence, right, expected) -> None:
    likely = torch.tensor(confidence, dtype=torch.float64)
    probabilities = torch.stack([likely, 1 - likely], 1)
    y = torch.tensor([0 if is_right else 1 for is_right in right])
    assert calibration_error(probabilities, y) == pytest.approx(expected)


def test_a_calibrated_posterior_has_no_more_error_than_its_sample_and_a_tempered_one_has() -> None:
    g = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 4, generator=g, dtype=torch.float64)
    y = torch.multinomial(logits.softmax(1), 1, generator=g)[:, 0]
    right, error = calibration(logits.softmax(1), y, seed=0)
    assert right < 0.012
    assert 0.001 < error < 0.005
    assert calibration((3 * logits).softmax(1), y, seed=0).value > 0.1
    assert calibration(logits.softmax(1), y, seed=0) == (right, error)


def blobs(n: int, seed: int) -> Labelled:
    """Three classes that a line tells apart, at scales that differ by a thousand; class 1 is not there."""
    g = torch.Generator().manual_seed(seed)
    y = torch.tensor([0, 2, 3])[torch.randint(3, (n,), generator=g)]
    centres = torch.tensor([[0.0, 0.0], [9.0, 9.0], [0.0, 1e4], [1e1, 0.0]], dtype=torch.float64)
    spread = torch.tensor([1.0, 1e3], dtype=torch.float64)
    return Labelled(centres[y] + spread * torch.randn(n, 2, generator=g, dtype=torch.float64), y)


def test_a_linear_probe_tells_separable_classes_apart_whatever_their_scale() -> None:
    model, test = Linear(blobs(300, seed=0)), blobs(300, seed=1)
    assert model.converged
    assert accuracy(model.predict(test.features), test.y).value > 0.99
    probabilities = model.probabilities(test.features, 5)
    assert probabilities.shape == (300, 5)
    assert torch.allclose(probabilities.sum(1), torch.ones(300, dtype=torch.float64))
    assert (probabilities[:, [1, 4]] == 0).all()
    assert torch.equal(probabilities.argmax(1), model.predict(test.features))
    factor = torch.tensor([1e-3, 1e2], dtype=torch.float64)
    scaled = Linear(Labelled(factor * blobs(300, seed=0).features, blobs(300, seed=0).y))
    assert torch.allclose(scaled.probabilities(factor * test.features, 5), probabilities, atol=1e-4)


def test_many_features_that_say_nothing_want_a_stronger_penalty_than_one_that_says_all() -> None:
    g = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 2
    telling = (2.0 * y + 0.3 * torch.randn(120, generator=g))[:, None]
    noisy = torch.cat([telling + torch.randn(120, 1, generator=g), torch.randn(120, 200, generator=g)], 1)
    strengths = [Linear(Labelled(features.double(), y)).model[-1].C for features in (telling, noisy)]
    assert strengths == [1.0, 0.01]


def test_a_probe_of_features_that_say_nothing_is_chance() -> None:
    g = torch.Generator().manual_seed(0)
    train, test = (Labelled(torch.randn(600, 3, generator=g), torch.randint(4, (600,), generator=g)) for _ in range(2))
    assert abs(accuracy(Linear(train).predict(test.features), test.y).value - 0.25) < 0.08


def test_neighbours_vote() -> None:
    train = Labelled(torch.tensor([[0.0], [0.2], [0.3], [5.0], [5.1]]), torch.tensor([1, 0, 0, 2, 2]))
    at = torch.tensor([[0.01], [5.2]])
    assert nearest_neighbours(train, at, k=1).tolist() == [1, 2]
    assert nearest_neighbours(train, at, k=3).tolist() == [0, 2]
    assert nearest_neighbours(train, at, k=5).tolist() == [0, 0], "all of them; the lowest class wins the tie"
    with pytest.raises(ValueError, match="at least 99 training examples, got 5"):
        nearest_neighbours(train, at, k=99)

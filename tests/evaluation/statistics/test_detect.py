from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from genlab.evaluation.statistics.detect import auroc, average_precision, detection, false_positive_rate


def scores(n: int, m: int, seed: int, *, ties: bool) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    inside, outside = torch.randn(n, generator=g), 0.7 + 1.5 * torch.randn(m, generator=g)
    return ((2 * inside).round(), (2 * outside).round()) if ties else (inside, outside)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "m", "seed"), [(400, 300, 0), (35, 160, 1)])
def test_auroc_average_precision_and_fpr_are_those_of_scikit_learn(n: int, m: int, seed: int, ties: bool) -> None:
    inside, outside = scores(n, m, seed, ties=ties)
    label, value = np.r_[np.zeros(n), np.ones(m)], torch.cat([inside, outside]).numpy()
    assert auroc(inside, outside).value == pytest.approx(roc_auc_score(label, value))
    assert average_precision(inside, outside) == pytest.approx(average_precision_score(label, value))
    # with the data as positives and low scores first: the false positives where 95% of the data have passed
    false, true, _ = roc_curve(1 - label, -value, drop_intermediate=False)
    assert false_positive_rate(inside, outside) == pytest.approx(false[np.argmax(true >= 0.95)])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "m"), [(400, 40), (40, 400)])
def test_the_error_of_auroc_is_its_spread_over_repetitions(n: int, m: int, ties: bool) -> None:
    found = [auroc(*scores(n, m, seed, ties=ties)) for seed in range(300)]
    spread = np.std([value for value, _ in found], ddof=1)
    assert np.mean([error for _, error in found]) == pytest.approx(spread, rel=0.15)


def test_what_is_perfect_and_what_is_chance() -> None:
    low, high = torch.arange(100.0), torch.arange(100.0) + 100
    assert {name: value for name, (value, _) in detection(low, high, seed=0).items()} == pytest.approx(
        {"auroc": 1.0, "aupr": 1.0, "fpr95": 0.0}
    )
    assert auroc(high, low).value == 0
    assert false_positive_rate(high, low) == 1
    same = torch.ones(50)
    assert auroc(same, same).value == 0.5
    assert average_precision(same, same) == 0.5
    g = torch.Generator().manual_seed(0)
    chance = detection(torch.rand(3000, generator=g), torch.rand(1000, generator=g), seed=0)
    for name, expected in (("auroc", 0.5), ("aupr", 0.25), ("fpr95", 0.95)):
        value, error = chance[name]
        assert 0.002 < error < 0.03
        assert abs(value - expected) < 4 * error


def test_infinite_scores_are_ranked_too() -> None:
    inside, outside = torch.tensor([0.0, 1.0, torch.inf]), torch.tensor([torch.inf, torch.inf, 2.0, 0.5])
    assert auroc(inside, outside).value == pytest.approx((2.5 + 2.5 + 2 + 1) / 12)
    finite = auroc(inside.nan_to_num(posinf=9), outside.nan_to_num(posinf=9))
    assert auroc(inside, outside) == finite

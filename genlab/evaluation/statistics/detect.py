"""How well a score tells strange examples from those of the data: higher scores are stranger.

- AUROC: the probability that a strange example has a higher score than one of the data (half of it for a tie), with
  the standard error of DeLong et al. (1988), which follows from the placements of each example in the other sample.
- AUPR: average precision of finding the strange ones; by chance it is their share of all examples.
- FPR at 95% TPR (Liang et al., 2018): the share of strange examples that pass where 95% of the data's pass; by chance
  it is 0.95.

"Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves", E. DeLong, D. DeLong,
D. Clarke-Pearson, 1988, https://doi.org/10.2307/2531595
"Enhancing the Reliability of Out-of-distribution Image Detection in Neural Networks", S. Liang, Y. Li, R. Srikant,
2018, https://arxiv.org/abs/1706.02690
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, resampled

RESAMPLES = 200
"""Of the bootstrap of AUPR and FPR."""

RECALL = 0.95


def _placements(values: Tensor, others: Tensor) -> Tensor:
    """``P(other < v) + P(other = v) / 2`` of each value v among the others, ``(n,)`` float64."""
    ordered = others.sort().values
    below, up_to = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    return (below + up_to).double() / (2 * len(others))


def placements(inside: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
    """Of either sample in the other, ``(m,), (n,)``: both have the AUROC as their mean."""
    return _placements(outside, inside), 1 - _placements(inside, outside)


def auroc(inside: Tensor, outside: Tensor) -> Estimate:
    """``P(outside > inside) + P(outside = inside) / 2`` of scores ``(n,), (m,)``."""
    of_outside, of_inside = placements(inside, outside)
    variance = of_outside.var() / len(outside) + of_inside.var() / len(inside)
    return Estimate(of_outside.mean().item(), math.sqrt(variance.item()))


def average_precision(inside: Tensor, outside: Tensor) -> float:
    """``sum_t (recall_t - recall_(t-1)) precision_t`` over the thresholds t from high to low; outside is positive."""
    scores = torch.cat([inside, outside])
    positive = torch.cat([torch.zeros(len(inside)), torch.ones(len(outside))]).double()
    scores, order = scores.sort(descending=True)
    hits = positive[order].cumsum(0)
    # ties are one threshold: only the last of each counts
    last = torch.cat([scores[1:] != scores[:-1], torch.ones(1, dtype=torch.bool)])
    found, flagged = hits[last], (torch.arange(len(scores)) + 1).double()[last]
    return (found.diff(prepend=found.new_zeros(1)) * found / flagged).sum().item() / len(outside)


def false_positive_rate(inside: Tensor, outside: Tensor, *, recall: float = RECALL) -> float:
    """The share of ``outside`` at or below the least threshold with a share ``recall`` of ``inside`` at or below it."""
    threshold = inside.sort().values[math.ceil(recall * len(inside)) - 1]
    return (outside <= threshold).double().mean().item()


def detection(inside: Tensor, outside: Tensor, *, seed: int) -> dict[str, Estimate]:
    """``auroc``, ``aupr`` and ``fpr95`` of scores ``(n,), (m,)``; the errors of the last two by the bootstrap."""

    def again(statistic: object) -> Estimate:
        def weighted(times: Tensor, others: Tensor) -> float:
            return statistic(  # type: ignore[operator]
                inside.repeat_interleave(times.long()), outside.repeat_interleave(others.long())
            )

        return resampled(weighted, (len(inside), len(outside)), resamples=RESAMPLES, seed=seed)

    return {"auroc": auroc(inside, outside), "aupr": again(average_precision), "fpr95": again(false_positive_rate)}

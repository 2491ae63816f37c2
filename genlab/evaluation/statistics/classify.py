"""How well labels are told from features, and how well probabilities of labels are calibrated.

The expected calibration error sorts predictions by the probability c of the predicted class into bins of equal width,

    ECE = sum_b |B_b| / n * |accuracy(B_b) - mean confidence(B_b)|.

"Understanding intermediate layers using linear classifier probes", G. Alain, Y. Bengio, 2016,
https://arxiv.org/abs/1610.01644
"On Calibration of Modern Neural Networks", C. Guo, G. Pleiss, Y. Sun, K. Weinberger, 2017,
https://arxiv.org/abs/1706.04599 (section 2)
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, mean, resampled

BINS = 15
"""Of the calibration error, as in the paper."""

MAX_ITER = 1000

STRENGTHS = (1.0, 0.1, 0.01)
"""Of logistic regression: the inverse of the ridge penalty, scikit-learn's C."""

RESAMPLES = 200
"""Of the bootstrap."""


class Labelled(NamedTuple):
    """Features ``(n, d)`` and classes ``(n,) int64``."""

    features: Tensor
    y: Tensor


def accuracy(predicted: Tensor, y: Tensor) -> Estimate:
    """The share of ``predicted == y``, with its binomial standard error."""
    return mean(predicted == y)


def calibration_error(probabilities: Tensor, y: Tensor, *, bins: int = BINS) -> float:
    """ECE of ``probabilities: (n, C)`` for the classes ``y: (n,)``; bin b is ``((b - 1) / bins, b / bins]``."""
    confidence, predicted = probabilities.double().max(1)
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = (predicted == y).double() - confidence
    return (torch.zeros(bins, dtype=torch.float64).index_add_(0, place, gap).abs().sum() / len(y)).item()


def calibration(probabilities: Tensor, y: Tensor, *, seed: int) -> Estimate:
    """`calibration_error` with its bootstrap standard error."""

    def statistic(times: Tensor, _: Tensor) -> float:
        drawn = torch.arange(len(y)).repeat_interleave(times.long())
        return calibration_error(probabilities[drawn], y[drawn])

    return resampled(statistic, (len(y), 1), resamples=RESAMPLES, seed=seed)  # there is but one sample


class Linear:
    """Multinomial logistic regression on standardised features, with a ridge penalty.

    The penalty is chosen among `STRENGTHS` by the likelihood of every fifth training example, which is then learned
    from too: many raw pixels want another one than a few codes, and neither is to lose by it.

    Args:
        train: features and classes; a class that is missing here is never predicted.

    Attributes:
        converged: whether the fit ended before `MAX_ITER` iterations.
    """

    def __init__(self, train: Labelled) -> None:
        held = torch.arange(len(train.y)) % 5 == 4
        kept, asked = (Labelled(train.features[part], train.y[part]) for part in (~held, held))
        strength = STRENGTHS[0]
        if len(kept.y.unique()) > 1 and len(asked.y):
            strength = max(STRENGTHS, key=lambda each: self._fit(kept, each)._log_likelihood(asked))
        self._fit(train, strength)

    def _fit(self, train: Labelled, strength: float) -> Linear:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=MAX_ITER))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said by `converged` in place of it
            self.model.fit(train.features.numpy(), train.y.numpy())
        self.converged = int(np.max(self.model[-1].n_iter_)) < MAX_ITER
        return self

    def _log_likelihood(self, asked: Labelled) -> float:
        of_true = self.probabilities(asked.features, int(asked.y.max()) + 1).gather(1, asked.y[:, None])
        return of_true.clamp_min(1e-12).log().mean().item()

    def probabilities(self, features: Tensor, num_classes: int) -> Tensor:
        """``P(y | features)``, ``(n, num_classes)`` float64."""
        classes = torch.from_numpy(self.model[-1].classes_).long()
        found = torch.zeros(len(features), max(num_classes, int(classes.max()) + 1), dtype=torch.float64)
        found[:, classes] = torch.from_numpy(self.model.predict_proba(features.numpy())).double()
        return found

    def predict(self, features: Tensor) -> Tensor:
        """The likeliest class, ``(n,) int64``."""
        return torch.from_numpy(self.model.predict(features.numpy())).long()


def nearest_neighbours(train: Labelled, features: Tensor, *, k: int) -> Tensor:
    """The majority of the classes of the k nearest training examples, ``(n,) int64``; the lowest class wins a tie.

    Raises:
        ValueError: fewer than k of them.
    """
    if k > len(train.y):
        raise ValueError(f"{k} nearest neighbours need at least {k} training examples, got {len(train.y)}")
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(n_neighbors=k, algorithm="brute")
    model.fit(train.features.numpy(), train.y.numpy())
    return torch.from_numpy(model.predict(features.numpy())).long()

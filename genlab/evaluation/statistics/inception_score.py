"""The Inception score: confident and varied guesses of a classifier.

    IS = exp(E_x KL(p(y | x) || p(y))),   p(y) = E_x p(y | x);   between 1 and the number of classes

"Improved Techniques for Training GANs", T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen, 2016,
https://arxiv.org/abs/1606.03498
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.evaluation.statistics import estimate
from genlab.evaluation.statistics.estimate import Estimate

SPLITS = 10
"""The score is the mean over as many parts of the samples, as it is always reported; it grows with their size."""


def inception_score(logits: Tensor, *, splits: int = SPLITS) -> Estimate:
    """Of logits ``(n, classes)``, the mean over parts; its standard error is that of this mean.

    Raises:
        ValueError: fewer than one sample for each part, or one part.
    """
    if splits < 2 or len(logits) < splits:
        raise ValueError(f"{len(logits)} samples cannot be cut into {splits} parts, of which there must be two")
    scores = []
    for part in logits.double().tensor_split(splits):
        log_p = part.log_softmax(1)
        log_mean = log_p.logsumexp(0) - torch.tensor(float(len(part))).log()
        scores.append((log_p.exp() * (log_p - log_mean)).sum(1).mean().exp())
    return estimate.mean(torch.stack(scores))

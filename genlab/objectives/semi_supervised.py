"""A bound on the likelihood of many examples without labels and of few with them, and a classifier's loss on these.

"Semi-supervised Learning with Deep Generative Models", D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling, 2014,
https://arxiv.org/abs/1406.5298
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.batches import Batch
from genlab.data.dataset import Dataset
from genlab.data.labelled import labelled_examples
from genlab.models.classifying import ClassBound
from genlab.objectives.base import Loss, Objective, Step
from genlab.signatures.ranges import NonNegativeFloat, Positive, Seed


class SemiSupervised(Objective):
    """``loss = -U(x) - ELBO(x_l, y_l) + weight * CE(y_l, q(y | x_l))``, averaged, nats per example.

    U is the bound of examples whose class is summed over: the labels of a batch are not looked at. ``x_l, y_l`` are
    labelled examples, as many in a step as there are in the batch, drawn with replacement.

    Args:
        labelled: how many labels there are, as many of each class, chosen by ``seed``; null: all, those of the batch.
        weight: of the classifier's cross-entropy.
        seed: of the choice.
    """

    needs = (ClassBound,)
    x_labelled: Tensor
    y_labelled: Tensor

    def __init__(self, *, labelled: Positive | None = 100, weight: NonNegativeFloat = 5.0, seed: Seed = 0) -> None:
        super().__init__()
        self.labelled = labelled
        self.weight = weight
        self.seed = seed
        self.transform: Callable[..., Tensor] | None = None
        self.register_buffer("x_labelled", torch.empty(0))
        self.register_buffer("y_labelled", torch.empty(0, dtype=torch.int64))

    def see(self, data: Dataset) -> None:
        """Keep the labelled examples."""
        if self.labelled is None:
            return
        chosen = labelled_examples(data.train, data.spec, self.labelled, seed=self.seed)
        assert data.train.y is not None
        self.x_labelled, self.y_labelled = data.train.x[chosen].clone(), data.train.y[chosen].clone()
        self.transform = data.train_transform

    def _labelled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if not len(self.x_labelled):
            assert batch.y is not None
            return batch.x, batch.y
        index = torch.randint(len(self.x_labelled), (len(batch.x),), device=batch.x.device)
        x = self.x_labelled[index]
        return (x if self.transform is None else self.transform(x, None)), self.y_labelled[index]

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss with its terms ``labelled``, ``unlabelled`` (negative bounds) and ``cross_entropy``."""
        assert isinstance(model, ClassBound)
        x, y = self._labelled(batch)
        log_q = model.class_log_probs(x)
        prior = -math.log(log_q.shape[1])
        labelled, cross_entropy = -(model.elbo(x, y) + prior).mean(), F.nll_loss(log_q, y)
        value = labelled + self.weight * cross_entropy
        terms = {"labelled": labelled, "cross_entropy": cross_entropy}
        if len(self.x_labelled):
            log_q = model.class_log_probs(batch.x)
            terms["unlabelled"] = -(log_q.exp() * (model.class_bounds(batch.x) + prior - log_q)).sum(1).mean()
            value = value + terms["unlabelled"]
        return Loss(value, {name: term.detach() for name, term in terms.items()})

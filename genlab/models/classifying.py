"""The capabilities of models that tell the class of an example."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from genlab.models.capabilities import GenerativeModel, LikelihoodBound


class Classifies(GenerativeModel):
    """Says how probable each class of an example is."""

    @abstractmethod
    def class_log_probs(self, x: Tensor) -> Tensor:
        """``log q(y | x)``, ``(B, C)`` nats."""

    @abstractmethod
    def new_classifier(self) -> nn.Module:
        """A network ``x -> (B, C)`` logits as `class_log_probs` has one, with first weights: the baseline beside it."""


class ClassBound(LikelihoodBound, Classifies):
    """Also bounds the likelihood of an example in each class: it learns from examples without labels."""

    @abstractmethod
    def class_bounds(self, x: Tensor) -> Tensor:
        """``ELBO(x | y)`` of every class, ``(B, C)`` nats, with random numbers of PyTorch's own state."""

"""Likelihoods computed by quadrature, by an ODE, or from draws that are averaged: what there is to say of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from genlab.models.capabilities import GenerativeModel, ItemisedBound


class Numerical(GenerativeModel):
    """Has a likelihood, or a bound on it, whose computation is a matter of choice."""

    @property
    @abstractmethod
    def method(self) -> str:
        """How it is computed, in a few words."""


class AveragedBound(ItemisedBound):
    """A bound of which draws are averaged: more of them make it less noisy, and no tighter.

    An average of probabilities would be tighter, but where the logarithm of each is itself an estimate it would be too
    large, and no bound.

    Attributes:
        most: draws that are taken at most, however many are asked for.
    """

    most: ClassVar[int] = 4

    def draws(self, num_particles: int) -> int:
        """How many draws ``log_prob_bound(x, num_particles)`` averages."""
        return min(num_particles, self.most)


class LikelihoodEstimate(AveragedBound):
    """Of which the bound is tight: the expectation of what it says is the log-likelihood itself."""

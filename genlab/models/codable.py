"""What a codec needs of a model: the distribution of each value given those before it, at once or value by value.

    p(x) = prod_i p(x_i | x_<i)

Who writes knows all values and asks for all distributions at once (`Codable.distributions`); who reads finds them out
one after the other (`Codable.unfold`). Both are the same distributions but for rounding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator

from torch import Tensor

from genlab.models.capabilities import ExactLikelihood

Unfolding = Generator[Tensor, Tensor, Tensor]
"""Yields what is said of the next values, is sent these values, and at last returns the examples."""


class Codable(ExactLikelihood):
    """Says the distribution of each value given those before it.

    Distributions are nats but for a constant of each value: ``(B, w, levels)`` says what each level of the next ``w``
    values has, which are independent of each other given those before them.
    """

    @abstractmethod
    def values(self, x: Tensor) -> Tensor:
        """``(B, *event_shape)`` in the order in which values are written, ``(B, D)``."""

    @abstractmethod
    def distributions(self, x: Tensor, c: Tensor | None = None) -> Iterator[Tensor]:
        """Of the values of examples ``x``, piece by piece, each ``(B, w, levels)`` of the next w of them."""

    @abstractmethod
    def unfold(self, n: int, c: Tensor | None = None, *, length: int | None = None) -> Unfolding:
        """Of n examples that are found out as they are read: see `Unfolding`; ``(n, w)`` values are sent.

        Args:
            n: how many.
            c: the condition of each.
            length: steps of each, of data in time; None: as many as the data's examples have.
        """

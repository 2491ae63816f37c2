"""The capability of models that map an example to integers, one to one, whose distribution is known part by part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from genlab.distributions.integer_logistics import IntegerLogistics
from genlab.models.capabilities import ExactLikelihood


class IntegerParts(ExactLikelihood):
    """``x <-> (z_1, ..., z_N)``, integers, and ``P(x) = prod_i P(z_i | z_<i)``; within a part they are independent.

    What is drawn first is the first part. A code of all parts in this order, each by the distribution that those before
    it give, is a code of the example, without loss, of ``-log P(x)`` nats.
    """

    @property
    @abstractmethod
    def part_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each part of an example, in order."""

    @abstractmethod
    def to_integers(self, x: Tensor, c: Tensor | None = None) -> list[Tensor]:
        """``(B, *event_shape)`` typed examples to their parts, ``(B, *shape) int64`` each."""

    @abstractmethod
    def from_integers(self, parts: Sequence[Tensor], c: Tensor | None = None) -> Tensor:
        """The examples that have these parts: the inverse of `to_integers`, exactly.

        Integers that no example has give values outside the data's range, which are clamped to it.
        """

    @abstractmethod
    def next_part(self, known: Sequence[Tensor], n: int, c: Tensor | None = None) -> IntegerLogistics:
        """Distribution of the part that follows the ``known`` ones, of ``n`` examples: ``(n, *shape)`` integers."""

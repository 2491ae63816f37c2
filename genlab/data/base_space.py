"""What all spaces have: a shape, a number of levels, and the unit that a likelihood is divided by."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Unit:
    """What a likelihood is divided by and called.

    Attributes:
        name: of the quotient, "bits/dim".
        count: how many of them an example has; of a ragged space the longest example.
        nats: whether the quotient stays in nats: its natural size where values are real, or a step has many values.
    """

    name: str
    count: float
    nats: bool = False

    @property
    def scale(self) -> float:
        """What nats of an example are multiplied by."""
        return 1.0 / (self.count * (1.0 if self.nats else math.log(2)))


class AnySpace(ABC):
    """What all spaces have."""

    kind: ClassVar[str]
    values: ClassVar[str] = "numbers"

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one example; of the longest one where the space is ragged."""

    @property
    def dim(self) -> int:
        """Number of values of an example."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """What examples and samples consist of: float32, or the smallest integers that hold all levels."""
        import torch

        levels: int | None = getattr(self, "levels", None)
        if levels is None:
            return torch.float32
        return next(
            kind for top, kind in ((256, torch.uint8), (2**15, torch.int16), (2**31, torch.int32)) if levels <= top
        )

    @property
    def unit(self) -> Unit:
        """What a likelihood is divided by."""
        return Unit("bits/dim", self.dim)


class Fixed(AnySpace):
    """A space whose examples are all of one size."""

    ragged: ClassVar[bool] = False

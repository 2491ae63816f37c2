"""The contract of a bijector."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class Transformed(NamedTuple):
    """What a bijector makes of a batch.

    Attributes:
        value: ``(B, ...)``, the image of each example.
        log_det: ``(B,)``, ``log |det J|`` of the map that was applied, at each example, in nats.
    """

    value: Tensor
    log_det: Tensor


class Bijector(nn.Module):
    """``z = f(x)``, invertible. Exact both ways: ``inverse_and_log_det(f(x)) = (x, -log |det df/dx|)`` to rounding.

    It may depend on a context ``c: (B, K)``, real numbers that go with each example: both ways are then of ``f(.; c)``.
    """

    @abstractmethod
    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """``f(x)`` and ``log |det df/dx|``."""

    @abstractmethod
    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """``f^-1(z)`` and ``log |det df^-1/dz|``."""


def members(modules: nn.ModuleList) -> list[Bijector]:
    """A list of bijectors, by its right type."""
    return list(modules)  # type: ignore[arg-type]

"""Linear maps of examples, their transposes, and their singular value decompositions.

Examples are on the *unit scale*: levels divided by ``levels - 1``, so that black is 0 and white is 1; real data are as
they are. A measurement is a row ``(M,)``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import torch
from torch import Tensor

RANK = 1e-6
"""Singular values below this part of the largest count as 0."""


@dataclass(frozen=True)
class Singular:
    """``A = U diag(s) V^T`` with a coordinate for every value of an example, also for those that A does not see.

    Attributes:
        values: s, ``(D,) float64`` on the CPU, 0 in the coordinates that A does not see.
        forward: ``V^T u``, ``(B, *event) -> (B, D)``.
        backward: ``V t``, ``(B, D) -> (B, *event)``.
        measured: ``U^T y``, ``(B, M) -> (B, D)``, 0 where s is: ``measured(A u) = s * forward(u)``.
    """

    values: Tensor
    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]
    measured: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class LinearOperator(ABC):
    """A linear map ``A`` of examples on the unit scale, of any real dtype and device.

    Attributes:
        event: shape of an example.
    """

    event: tuple[int, ...]

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, in a few words."""

    @property
    @abstractmethod
    def seen(self) -> tuple[int, ...]:
        """The shape that a measurement looks best in; ``(M,)`` where it is no picture."""

    @property
    def count(self) -> int:
        """``M``, the number of measurements."""
        return math.prod(self.seen)

    @property
    def dim(self) -> int:
        """``D``, the number of values of an example."""
        return math.prod(self.event)

    @abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """``A u``, ``(B, *event) -> (B, M)``."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """``A^T y``, ``(B, M) -> (B, *event)``."""

    @abstractmethod
    def singular(self) -> Singular:
        """The decomposition."""

    def matrix(self) -> Tensor:
        """``A`` as ``(M, D) float64``; of D columns each, so for small cases."""
        return self.forward(torch.eye(self.dim, dtype=torch.float64).view(self.dim, *self.event)).T.contiguous()

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """``A^+ y``, ``(B, M) -> (B, *event)``: the shortest example that explains the measurements best."""
        parts = self.singular()
        s = parts.values.to(y)
        return parts.backward(torch.where(s > 0, parts.measured(y) / s.clamp_min(1e-30), 0.0))


@dataclass(frozen=True, eq=False)
class AxisWise(LinearOperator):
    """``A = A_1 (x) A_2 (x) ...``: a matrix for each axis of an example, such as channels, rows, columns."""

    @property
    @abstractmethod
    def factors(self) -> tuple[Tensor | None, ...]:
        """``(m_i, n_i) float64`` of each axis; None: as it is."""

    @property
    def seen(self) -> tuple[int, ...]:
        """``(m_1, m_2, ...)``."""
        return tuple(n if a is None else len(a) for n, a in zip(self.event, self.factors, strict=True))

    def forward(self, u: Tensor) -> Tensor:
        """One axis after the other."""
        return _along(u, self.factors).flatten(1)

    def adjoint(self, y: Tensor) -> Tensor:
        """The transposed matrices."""
        return _along(y.view(len(y), *self.seen), [None if a is None else a.T for a in self.factors])

    @cached_property
    def _parts(self) -> list[tuple[Tensor | None, Tensor, Tensor | None]]:
        """``U^T`` padded to ``(n, m)``, s padded to ``(n,)``, and V of each axis."""
        parts: list[tuple[Tensor | None, Tensor, Tensor | None]] = []
        for n, a in zip(self.event, self.factors, strict=True):
            if a is None:
                parts.append((None, torch.ones(n, dtype=torch.float64), None))
                continue
            u, s, vh = torch.linalg.svd(a)
            rank = int((s > RANK * s[0]).sum())
            values = torch.zeros(n, dtype=torch.float64)
            values[:rank] = s[:rank]
            across = torch.zeros(n, len(a), dtype=torch.float64)
            across[:rank] = u[:, :rank].T
            parts.append((across, values, vh.T))
        return parts

    def singular(self) -> Singular:
        """Products of those of the axes."""
        across, values, axes = zip(*self._parts, strict=True)
        s = reduce(lambda left, right: (left[:, None] * right).flatten(), values)
        turned = [None if v is None else v.T for v in axes]
        return Singular(
            s,
            lambda u: _along(u, turned).flatten(1),
            lambda t: _along(t.view(len(t), *self.event), axes),
            lambda y: _along(y.view(len(y), *self.seen), across).flatten(1),
        )


def _along(u: Tensor, matrices: Sequence[Tensor | None]) -> Tensor:
    """Each axis of ``u (B, ...)`` but the first multiplied by its matrix."""
    for axis, a in enumerate(matrices, 1):
        if a is not None:
            u = torch.tensordot(u, a.to(u), dims=([axis], [1])).movedim(-1, axis)
    return u

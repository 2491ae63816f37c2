"""The coordinates in which a network sees the data: the box ``[-1, 1]^D`` for levels, standardised vectors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.data.spaces import DataSpec
from genlab.models.capabilities import GenerativeModel


class Scaled(GenerativeModel):
    """A model in coordinates ``u``: of levels ``u = 2 x / (L - 1) - 1``, of real vectors ``u = (x - m) / d``.

    ``m`` and ``d``, mean and standard deviation of each dimension, are buffers that the first batch sets.
    """

    location: Tensor
    spread: Tensor
    anchored: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("location", torch.zeros(spec.event_shape))
        self.register_buffer("spread", torch.ones(spec.event_shape))
        self.register_buffer("anchored", torch.tensor(spec.levels is not None))
        self._anchored: bool | None = None

    def _load_from_state_dict(self, *args: Any) -> None:
        self._anchored = None
        super()._load_from_state_dict(*args)

    @property
    def is_anchored(self) -> bool:
        """Whether ``m`` and ``d`` are set: ``anchored``, without a look at an accelerator's memory each time."""
        if not self._anchored:
            self._anchored = bool(self.anchored)
        return self._anchored

    @torch.no_grad()
    def anchor(self, x: Tensor) -> None:
        """Set ``m`` and ``d`` to the mean and standard deviation of real ``x: (B, D)``; later calls change nothing.

        A coordinate without spread (a single point) keeps ``d = 1``.
        """
        if not self.is_anchored:
            self.location.copy_(x.mean(0))
            spread = x.std(0, correction=0)
            self.spread.copy_(torch.where(spread > 1e-6, spread, 1.0))
            self.anchored.fill_(value=True)

    def to_network(self, x: Tensor) -> Tensor:
        """Typed data -> ``u``, float32: levels ``0 ... L - 1`` to ``[-1, 1]``, vectors standardised."""
        if self.spec.levels is None:
            return (x - self.location) / self.spread
        return x.float() * (2 / (self.spec.levels - 1)) - 1

    def on_scale(self, u: Tensor) -> Tensor:
        """``u`` -> the data's own scale, float32: reals between the levels, which none is rounded to."""
        if self.spec.levels is None:
            return self.location + self.spread * u
        top = self.spec.levels - 1
        return ((u + 1) * (top / 2)).clamp(0, top)

    def to_data(self, u: Tensor) -> Tensor:
        """``u`` -> typed data: the nearest level; real vectors, float32."""
        x = self.on_scale(u)
        return x if self.spec.levels is None else x.round().to(self.spec.dtype)

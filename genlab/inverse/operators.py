"""What is seen of an example: linear maps ``y = A u`` of what a picture was.

Every one has a singular value decomposition that costs little, ``A = U diag(s) V^T``, because it keeps coordinates
(`Mask`), acts on channels, rows and columns apart (`Downsample`, `Grey`), or is a small matrix (`Gaussian`).

"Denoising Diffusion Restoration Models", B. Kawar, M. Elad, S. Ermon, J. Song, 2022, https://arxiv.org/abs/2201.11793
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from genlab.errors import ConfigError
from genlab.inverse.linear import AxisWise, LinearOperator, Singular


@dataclass(frozen=True, eq=False)
class Mask(LinearOperator):
    """Some of the values, the others are not seen.

    Attributes:
        keep: bool, of the example's shape or broadcast to it: ``(H, W)`` of a picture.
    """

    keep: Tensor

    @property
    def name(self) -> str:
        """The share that is kept."""
        return f"{self.count} of {self.dim} values kept"

    @cached_property
    def kept(self) -> Tensor:
        """Numbers of the values that are kept, ``(M,) int64``."""
        return self.keep.cpu().expand(self.event).flatten().nonzero()[:, 0]

    @property
    def seen(self) -> tuple[int, ...]:
        """``(M,)``."""
        return (len(self.kept),)

    def forward(self, u: Tensor) -> Tensor:
        """The values that are kept."""
        return u.flatten(1)[:, self.kept.to(u.device)]

    def adjoint(self, y: Tensor) -> Tensor:
        """The values in their places, 0 in the others."""
        return self._spread(y).view(len(y), *self.event)

    def _spread(self, y: Tensor) -> Tensor:
        return y.new_zeros(len(y), self.dim).index_copy_(1, self.kept.to(y.device), y)

    def singular(self) -> Singular:
        """All is diagonal."""
        values = torch.zeros(self.dim, dtype=torch.float64).index_fill_(0, self.kept, 1.0)
        return Singular(values, lambda u: u.flatten(1), lambda t: t.view(len(t), *self.event), self._spread)


@dataclass(frozen=True, eq=False)
class Identity(AxisWise):
    """All values: what is to be undone is the noise alone."""

    @property
    def name(self) -> str:
        """That all is seen."""
        return "all values seen"

    @property
    def factors(self) -> tuple[Tensor | None, ...]:
        """All as they are."""
        return (None,) * len(self.event)


@dataclass(frozen=True, eq=False)
class Downsample(AxisWise):
    """Fewer rows and columns of pictures ``(C, H, W)``.

    Attributes:
        factor: of how many rows and columns one is made.
        kernel: "box", their mean, or "bicubic", the cubic kernel (a = -1/2) stretched by the factor against aliasing.

    Raises:
        ConfigError: the factor does not divide height and width.
    """

    factor: int
    kernel: Literal["box", "bicubic"] = "box"

    def __post_init__(self) -> None:
        height, width = self.event[-2:]
        if self.factor < 2 or height % self.factor or width % self.factor:
            common = math.gcd(height, width)
            fits = [str(f) for f in range(2, common + 1) if common % f == 0]
            raise ConfigError(
                f"factor={self.factor}: does not divide {height}x{width} pixels; "
                f"give {', '.join(fits) or 'another size'}"
            )

    @property
    def name(self) -> str:
        """Kernel and factor."""
        return f"x{self.factor} downsampling by {self.kernel}"

    @cached_property
    def factors(self) -> tuple[Tensor | None, ...]:
        """Rows and columns."""
        make = box_matrix if self.kernel == "box" else bicubic_matrix
        return (None,) * (len(self.event) - 2) + tuple(make(n, n // self.factor) for n in self.event[-2:])


@dataclass(frozen=True, eq=False)
class Grey(AxisWise):
    """Luminance of pictures ``(3, H, W)``: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""

    @property
    def name(self) -> str:
        """That it is grey."""
        return "grey"

    @cached_property
    def factors(self) -> tuple[Tensor | None, ...]:
        """One channel of three."""
        return (torch.tensor([[0.299, 0.587, 0.114]], dtype=torch.float64), None, None)


@dataclass(frozen=True, eq=False)
class Gaussian(LinearOperator):
    """``m`` random measurements: entries ``N(0, 1/m)``, the same for the same seed.

    "Compressed Sensing using Generative Models", A. Bora, A. Jalal, E. Price, A. Dimakis, 2017,
    https://arxiv.org/abs/1703.03208

    Attributes:
        m: how many.
        seed: of the entries.
    """

    m: int
    seed: int = 0

    @property
    def name(self) -> str:
        """How many of how many."""
        return f"{self.m} Gaussian measurements of {self.dim} values"

    @property
    def seen(self) -> tuple[int, ...]:
        """``(m,)``."""
        return (self.m,)

    @cached_property
    def a(self) -> Tensor:
        """``(m, D) float64`` on the CPU."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(self.m, self.dim, dtype=torch.float64, generator=generator) / math.sqrt(self.m)

    def forward(self, u: Tensor) -> Tensor:
        """A product of matrices."""
        return u.flatten(1) @ self.a.to(u).T

    def adjoint(self, y: Tensor) -> Tensor:
        """A product of matrices."""
        return (y @ self.a.to(y)).view(len(y), *self.event)

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        u, s, vh = torch.linalg.svd(self.a)
        rank = min(self.m, self.dim)
        values = torch.zeros(self.dim, dtype=torch.float64)
        values[:rank] = s
        across = torch.zeros(self.dim, self.m, dtype=torch.float64)
        across[:rank] = u[:, :rank].T
        return across, values, vh

    def singular(self) -> Singular:
        """Of a dense matrix: ``O(D^3)`` once."""
        across, values, vh = self._parts
        return Singular(
            values,
            lambda u: u.flatten(1) @ vh.to(u).T,
            lambda t: (t @ vh.to(t)).view(len(t), *self.event),
            lambda y: y @ across.to(y).T,
        )


def box_matrix(n: int, m: int) -> Tensor:
    """Means of ``n / m`` neighbours, ``(m, n) float64``."""
    return torch.eye(m, dtype=torch.float64).repeat_interleave(n // m, 1) / (n // m)


def bicubic_matrix(n: int, m: int) -> Tensor:
    """Resampling of ``n`` values to ``m``, ``(m, n) float64``: rows sum to 1, none reaches beyond the border.

    Pillow's "bicubic": Keys' kernel with a = -1/2, stretched by ``n / m`` where there are fewer values than before.

    "Cubic Convolution Interpolation for Digital Image Processing", R. Keys, 1981,
    https://doi.org/10.1109/TASSP.1981.1163711
    """
    scale = n / m
    stretch = max(1.0, scale)
    centre = (torch.arange(m, dtype=torch.float64) + 0.5) * scale
    t = ((torch.arange(n, dtype=torch.float64) + 0.5)[None] - centre[:, None]).abs() / stretch
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = torch.where(t < 1, near, torch.where(t < 2, far, 0.0))
    return weights / weights.sum(1, keepdim=True)

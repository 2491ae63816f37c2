"""What the classical models share: they are fitted in one pass, by counting or by EM, not by gradient descent.

Their learned tensors are parameters without gradients, whose sizes the data decide: a kernel density keeps as many
points as it was given. An unfitted tensor has size 0 where the fit decides, and loading a state dict lets exactly
those dimensions grow, so a checkpoint is read and verified like that of any other model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genlab.data.batches import beside
from genlab.data.mapped import gather
from genlab.data.spaces import DataSpec, Split, Vector
from genlab.models.capabilities import ExactLikelihood, GenerativeModel
from genlab.ops.bars import Progress, no_bar


class Fit(NamedTuple):
    """What a fit tells.

    Attributes:
        chosen: what was not given but estimated: ``{"bandwidth": 0.08}``.
        notes: sentences that the user should read, such as examples left out.
    """

    chosen: dict[str, float]
    notes: tuple[str, ...] = ()


class Fitted(GenerativeModel):
    """Fitted to a whole training split at once; until then it has neither samples nor scores."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[str, tuple[int, ...]] = {}

    @abstractmethod
    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Estimate everything from ``train``, and by the likelihood of ``val`` what a likelihood of ``train`` cannot.

        Args:
            train: examples of the model's own spec, on the CPU.
            val: further ones, which choose.
            generator: of all random choices; the same state gives the same fit.
            progress: draws a bar where the fit takes long.
        """

    def learned(self, name: str, *sizes: int, dtype: torch.dtype = torch.float32) -> None:
        """Register a tensor ``name``, real or of counts, that the fit fills in; size 0 is for the fit to decide."""
        self._sizes[name] = sizes
        self.register_parameter(name, nn.Parameter(torch.zeros(sizes, dtype=dtype), requires_grad=False))

    def fill(self, name: str, value: Tensor) -> None:
        """Fill in a learned tensor; real ones become float32."""
        held = getattr(self, name)
        kind = torch.float32 if held.is_floating_point() else held.dtype
        self.register_parameter(name, nn.Parameter(value.to(kind).contiguous(), requires_grad=False))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name, sizes in self._sizes.items():
            held = state_dict.get(prefix + name)
            shape = tuple(held.shape) if isinstance(held, Tensor) else ()
            if len(shape) == len(sizes) and all(own in {0, size} for own, size in zip(sizes, shape, strict=True)):
                self.fill(name, getattr(self, name).new_zeros(shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class RealDensity(Fitted, ExactLikelihood):
    """A normalised density on ``R^D``, fitted to points; on integers it needs `Dequantised`.

    Attributes:
        name: as in ``model=NAME``.
        max_points: how many training points the fit looks at, at most.
    """

    name: str
    max_points: int

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """See `Fitted.fit`."""
        train, notes = thinned(train, self.max_points, name=self.name, generator=generator)
        chosen = self.fit_points(train.x, val.x, generator=generator, progress=progress)
        return Fit(chosen, notes)

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log p(x)``, ``(B,)`` nats per example, in float32 and outside autocast."""
        with torch.autocast(x.device.type, enabled=False):
            return self._log_prob(x.float())

    @abstractmethod
    def _log_prob(self, x: Tensor) -> Tensor:
        """The density's own formula, ``(B, D) float32 -> (B,)``."""

    @abstractmethod
    def fit_points(self, x: Tensor, held_out: Tensor, *, generator: torch.Generator, progress: Progress) -> dict:
        """Fit to points ``x: (n, D) float32``, choosing by ``held_out: (m, D)``; returns `Fit.chosen`."""


def thinned(split: Split, limit: int, *, name: str, generator: torch.Generator) -> tuple[Split, tuple[str, ...]]:
    """At most ``limit`` examples of a split, drawn without replacement, and the sentence that says so."""
    if len(split) <= limit:
        return split, ()
    index = torch.randperm(len(split), generator=generator)[:limit].sort().values
    kept = Split(gather(split.x, index), **beside(split, index))
    return kept, (f"{name} keeps {limit:,} of {len(split):,} training examples (model.max_points)",)


KEPT, KEPT_NUMBERS = 10_000, 2**23
"""``max_points=auto`` of models that keep their training points: 10,000 MNIST pictures, 30 MiB."""

READ_NUMBERS = 2**26
"""``max_points=auto`` of models that only read them, in float64: 85,598 MNIST pictures, 0.5 GiB."""


def kept_points(max_points: int | str, *, dim: int) -> int:
    """How many training points a model keeps at most."""
    return max_points if isinstance(max_points, int) else min(KEPT, max(1, KEPT_NUMBERS // dim))


def read_points(max_points: int | str, *, dim: int) -> int:
    """How many training points a model reads at most."""
    return max_points if isinstance(max_points, int) else max(1, READ_NUMBERS // dim)


def pick(weights: Tensor, n: int, *, generator: torch.Generator | None) -> Tensor:
    """``n`` indices drawn in proportion to ``weights: (m,)``, ``(n,) int64`` on the device of ``weights``."""
    total = weights.double().cumsum(0)
    device = weights.device if generator is None else generator.device
    u = torch.rand(n, generator=generator, device=device, dtype=torch.float64).to(weights.device)
    return torch.searchsorted(total, u * total[-1], right=True).clamp_max_(len(weights) - 1)


def sklearn_seed(generator: torch.Generator) -> int:
    """A seed for scikit-learn's ``random_state``."""
    return int(torch.randint(2**31, (), generator=generator))


def flat(spec: DataSpec) -> DataSpec:
    """The spec of an example as one real vector."""
    return replace(spec, space=Vector(spec.dim))

"""Pictures larger than a model's: what the model says of all their patches, which overlap.

With ``P_i u`` the patches of a picture, each pixel in d of them, and p a mixture of Gaussians, the expected patch log
likelihood and the noise of the measurements ``y = A u + s eps`` are at their best together:

    max_u  sum_i log p(P_i u) - d |y - A u|^2 / (2 s^2)

by half-quadratic splitting, with a distance t that falls,

    z_i = argmax_z log p(z) - |z - P_i u|^2 / (2 t^2)        of the component that is likeliest: a Wiener filter
    u   = argmin_u |y - A u|^2 / s^2 + |u - mean z|^2 / t^2   a pixel's mean is over the patches that it is in

That is a point and no mean of a posterior: what patches say together is no density that could be drawn from here.

"From Learning Models of Natural Image Patches to Whole Image Restoration", D. Zoran, Y. Weiss, 2011,
https://doi.org/10.1109/ICCV.2011.6126278
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.inverse import closed_form
from genlab.inverse.baselines import bicubic, harmonic
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Downsample, Grey, Identity, Mask
from genlab.models.capabilities import GenerativeModel
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import GMM
from genlab.models.classical.ppca import PPCA

AT_ONCE = 1 << 19
"""Numbers of the patches that are looked at together."""

MOST_VALUES = 4096
"""Of a patch: its covariances are matrices."""

FALLING = (1.0, 4.0, 8.0, 16.0, 32.0)
"""``s^2 / t^2`` where the noise is what is to be undone, as published."""

STDS = tuple(0.3 * 0.05 ** (step / 11) for step in range(12))
"""t where other things are to be undone, on the unit scale: from 0.3 to 0.015."""

LEAST = 1e-4
"""Responsibility of a component below which it says nothing of a patch."""


@dataclass(frozen=True)
class PatchPrior:
    """A mixture of Gaussians on the unit scale, with axes along which their values are independent.

    Attributes:
        shape: of a patch, ``(C, h, w)``.
        log_weights: ``(K,)``.
        means: ``(K, D)``.
        axes: ``(K, D, D)``, a column for each.
        variances: along them, ``(K, D)``.
    """

    shape: tuple[int, ...]
    log_weights: Tensor
    means: Tensor
    axes: Tensor
    variances: Tensor

    @classmethod
    def of(cls, model: GenerativeModel, like: Tensor) -> PatchPrior:
        """What a mixture or pPCA says of patches, with the dtype and on the device of ``like``."""
        parts = closed_form.components(model)
        eye = torch.eye(len(parts[0].mean), dtype=torch.float64, device=parts[0].mean.device)
        covariances = torch.stack([each.times(eye) for each in parts])
        variances, axes = torch.linalg.eigh((covariances + covariances.mT) / 2)
        found = (
            torch.stack([each.log_weight for each in parts]).log_softmax(0),
            torch.stack([each.mean for each in parts]),
            axes,
            variances.clamp_min(0),
        )
        return cls(model.spec.event_shape, *(each.to(like) for each in found))

    def log_evidence(self, x: Tensor, std: float) -> Tensor:
        """``log w_k N(x; m_k, S_k + std^2 I)`` up to a constant, ``(n, K)`` of patches ``(n, D)``."""
        total = self.variances + std**2
        whitening = self.axes * total.rsqrt()[:, None, :]
        squares = [((x - m) @ w).square().sum(1) for m, w in zip(self.means, whitening, strict=True)]
        return self.log_weights - 0.5 * (torch.stack(squares, 1) + total.log().sum(1))

    def likeliest(self, x: Tensor, std: float) -> Tensor:
        """Of patches ``(n, D)`` seen with noise: the posterior mean of the component that is likeliest."""
        found, chosen = torch.empty_like(x), self.log_evidence(x, std).argmax(1)
        for k in chosen.unique().tolist():
            own = (chosen == k).nonzero()[:, 0]
            found[own] = self._of_component(k, x[own], std)
        return found

    def mean(self, x: Tensor, std: float) -> Tensor:
        """Of patches ``(n, D)`` seen with noise: the posterior mean."""
        found, p = torch.zeros_like(x), self.log_evidence(x, std).softmax(1)
        p = torch.where(p < LEAST, 0.0, p)
        p /= p.sum(1, keepdim=True)
        for k in p.any(0).nonzero()[:, 0].tolist():
            own = p[:, k].nonzero()[:, 0]
            found[own] += p[own, k, None] * self._of_component(k, x[own], std)
        return found

    def _of_component(self, k: int, x: Tensor, std: float) -> Tensor:
        kept = self.variances[k] / (self.variances[k] + std**2)
        return self.means[k] + (x - self.means[k]) @ (self.axes[k] * kept) @ self.axes[k].T


def smaller(model: GenerativeModel, observation: Observation) -> bool:
    """Whether the model is a mixture or pPCA of patches of the pictures that were seen."""
    density = model.density if isinstance(model, DequantisedFit) else model
    event, patch = observation.operator.event, model.spec.event_shape
    fitting = len(event) == len(patch) == 3 and event[0] == patch[0] and event[1] >= patch[1] and event[2] >= patch[2]
    able = isinstance(observation.operator, Identity | Mask | Downsample | Grey)
    return able and fitting and isinstance(density, GMM | PPCA) and model.spec.dim <= MOST_VALUES


def noise_alone(model: GenerativeModel, observation: Observation) -> bool:
    """The same, and all values were seen, with noise."""
    return smaller(model, observation) and isinstance(observation.operator, Identity) and observation.noise > 0


@torch.no_grad()
def patch_means(model: GenerativeModel, observation: Observation) -> Tensor:
    """The posterior mean of each patch by itself, averaged where patches overlap: ``(B, *event)``."""
    prior = PatchPrior.of(model, observation.y)
    noisy = observation.operator.adjoint(observation.y)
    return torch.stack([averaged(each, prior, lambda x: prior.mean(x, observation.noise)) for each in noisy])


@torch.no_grad()
def epll(model: GenerativeModel, observation: Observation, *, stds: Sequence[float] | None = None) -> Tensor:
    """The picture that is likeliest by its patches, near what was seen: ``(B, *event)``.

    Args:
        model: of patches.
        observation: of B pictures.
        stds: t of each step; None: by what is to be undone.
    """
    prior, parts = PatchPrior.of(model, observation.y), observation.operator.singular()
    s, seen = parts.values.to(observation.y), parts.measured(observation.y)
    u = start(observation)
    for number, t in enumerate(falling(observation) if stds is None else stds):

        def likeliest(x: Tensor, t: float = t) -> Tensor:
            return prior.likeliest(x, t)

        mean = torch.stack([averaged(each, prior, likeliest, turn=number) for each in u])
        gain = torch.where(s > 0, s / (s.square() + (observation.noise / t) ** 2).clamp_min(1e-30), 0.0)
        u = mean + parts.backward(gain * (seen - s * parts.forward(mean)))
    return u


def falling(observation: Observation) -> list[float]:
    """The distances t, which end below the noise."""
    if isinstance(observation.operator, Identity):
        return [observation.noise / beta**0.5 for beta in FALLING]
    return list(STDS)


def start(observation: Observation) -> Tensor:
    """A picture to begin at, ``(B, *event)``: what needs no model."""
    operator = observation.operator
    if isinstance(operator, Downsample):
        return bicubic(observation)
    if isinstance(operator, Mask):
        return harmonic(observation)
    if isinstance(operator, Grey):
        return observation.y.view(-1, *operator.seen).expand(-1, *operator.event)
    return operator.adjoint(observation.y)


def averaged(u: Tensor, prior: PatchPrior, restore: Callable[[Tensor], Tensor], *, turn: int = 0) -> Tensor:
    """``(C, H, W)``: all patches restored, and each pixel's values averaged.

    Patches are a quarter of their side apart; where they begin is another place at each turn, which does nearly what
    all of them would do. Some rows of patches are held at once.
    """
    _, height, width = prior.shape
    rows, columns = begins(u.shape[1], height, turn=turn), begins(u.shape[2], width, turn=3 * turn)
    total, count = torch.zeros_like(u), torch.zeros_like(u[0])
    views = u.unfold(1, height, 1).unfold(2, width, 1)
    for some in rows.split(max(1, AT_ONCE // (len(columns) * len(prior.means[0])))):
        patches = views[:, some][:, :, columns].movedim(0, 2)  # (rows, columns, C, h, w)
        z = restore(patches.flatten(0, 1).flatten(1)).view(patches.shape)
        for i in range(height):
            for j in range(width):
                place = (some + i)[:, None], columns + j
                total[:, *place] += z[..., i, j].movedim(2, 0)
                count[place] += 1
    return total / count


def begins(n: int, side: int, *, turn: int = 0) -> Tensor:
    """Where patches of a side begin along n pixels: a quarter of it apart, shifted by the turn; and at both ends."""
    stride = max(1, side // 4)
    return torch.tensor(sorted({0, n - side, *range(turn % stride, n - side + 1, stride)}))

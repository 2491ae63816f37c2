"""Losses of a discriminator and a generator, as functions of the discriminator's logits.

With logits ``v = V(x)`` of data and ``v' = V(G(z))`` of samples, ``D = sigmoid(V)``:

    minimax         L_D = -E log D - E log(1 - D')         L_G = E log(1 - D')              Goodfellow et al., 2014
    non_saturating  L_D as above                           L_G = -E log D'                  Goodfellow et al., 2014
    least_squares   L_D = E (v - 1)^2 / 2 + E v'^2 / 2     L_G = E (v' - 1)^2 / 2           Mao et al., 2017
    hinge           L_D = E max(0, 1 - v) + E max(0, 1 + v')   L_G = -E v'                  Lim & Ye, 2017
    wasserstein_gp  L_D = E v' - E v                       L_G = -E v'                      Gulrajani et al., 2017
    f_gan           L_D = -E g(v) + E f*(g(v'))            L_G = -E g(v')                   Nowozin et al., 2016

Every L_D is the sum of a function of data's logits and one of samples'. The penalties on gradients are apart, in
`genlab.objectives.penalties`.

"Generative Adversarial Nets", I. J. Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661
"Least Squares Generative Adversarial Networks", X. Mao et al., 2017, https://arxiv.org/abs/1611.04076
"Geometric GAN", J. H. Lim, J. C. Ye, 2017, https://arxiv.org/abs/1705.02894
"Improved Training of Wasserstein GANs", I. Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028
"f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization", S. Nowozin, B. Cseke,
R. Tomioka, 2016, https://arxiv.org/abs/1606.00709
"Improved Techniques for Training GANs", T. Salimans et al., 2016, https://arxiv.org/abs/1606.03498
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Pointwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TwoPlayer:
    """A pair of losses; each function maps logits to one number per example, whose mean counts.

    Attributes:
        real, fake: the discriminator's loss on data and on samples.
        generator: the generator's loss on samples.
        smoothed: ``(v, s)``: the discriminator's loss on data with the label ``1 - s``; None: it knows no labels.
        threshold: a logit beyond it says "data"; what the best discriminator says where both are equally likely.
    """

    real: Pointwise
    fake: Pointwise
    generator: Pointwise
    smoothed: Callable[[Tensor, float], Tensor] | None = None
    threshold: float = 0.0

    def discriminator(self, real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
        """``L_D``, scalar, of logits ``(B,)`` each; one-sided ``smoothing`` of data's label (Salimans et al., 2016)."""
        if smoothing and self.smoothed is None:
            raise ValueError("this loss has no labels to smooth")
        of_data = self.smoothed(real, smoothing) if smoothing and self.smoothed is not None else self.real(real)
        return of_data.mean() + self.fake(fake).mean()


def _cross_entropy(v: Tensor, s: float) -> Tensor:
    return (1 - s) * softplus(-v) + s * softplus(v)


LOSSES: dict[str, TwoPlayer] = {
    "minimax": TwoPlayer(lambda v: softplus(-v), softplus, lambda v: -softplus(v), _cross_entropy),
    "non_saturating": TwoPlayer(lambda v: softplus(-v), softplus, lambda v: softplus(-v), _cross_entropy),
    "least_squares": TwoPlayer(
        lambda v: (v - 1).square() / 2,
        lambda v: v.square() / 2,
        lambda v: (v - 1).square() / 2,
        lambda v, s: (v - (1 - s)).square() / 2,
        threshold=0.5,
    ),
    "hinge": TwoPlayer(lambda v: relu(1 - v), lambda v: relu(1 + v), lambda v: -v),
    "wasserstein_gp": TwoPlayer(lambda v: -v, lambda v: v, lambda v: -v),
}
"""By the name in the config; ``f_gan`` is one for each of `DIVERGENCES`."""


@dataclass(frozen=True)
class Divergence:
    """``D_f(P || Q) = E_Q f(p / q) = sup_T E_P T - E_Q f*(T)``, with ``T = g(v)`` for an unbounded logit v.

    Attributes:
        f: convex, ``f(1) = 0``.
        conjugate: ``f*(t) = sup_u u t - f(u)``.
        activation: g, increasing and onto the domain of f*.
        composed: ``f*(g(v))``, in a form that neither overflows nor cancels.
        threshold: where ``g(v) = f'(1)``, the best T at ``p = q``.
    """

    f: Pointwise
    conjugate: Pointwise
    activation: Pointwise
    composed: Pointwise
    threshold: float = 0.0

    def losses(self) -> TwoPlayer:
        """The generator climbs ``E g(v')`` (section 3.2 of the paper) and not ``E f*(g(v'))``, whose slope vanishes."""
        return TwoPlayer(
            lambda v: -self.activation(v), self.composed, lambda v: -self.activation(v), threshold=self.threshold
        )


DIVERGENCES: dict[str, Divergence] = {
    "kl": Divergence(
        f=lambda u: u * u.log(),
        conjugate=lambda t: (t - 1).exp(),
        activation=lambda v: v,
        composed=lambda v: (v - 1).exp(),
        threshold=1.0,
    ),
    "reverse_kl": Divergence(
        f=lambda u: -u.log(),
        conjugate=lambda t: -1 - (-t).log(),
        activation=lambda v: -(-v).exp(),
        composed=lambda v: v - 1,
    ),
    "js": Divergence(
        f=lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        conjugate=lambda t: -(2 - t.exp()).log(),
        activation=lambda v: math.log(2) - softplus(-v),
        composed=lambda v: softplus(v) - math.log(2),
    ),
    "total_variation": Divergence(
        f=lambda u: (u - 1).abs() / 2,
        conjugate=lambda t: t,
        activation=lambda v: torch.tanh(v) / 2,
        composed=lambda v: torch.tanh(v) / 2,
    ),
    "pearson": Divergence(
        f=lambda u: (u - 1).square(),
        conjugate=lambda t: t.square() / 4 + t,
        activation=lambda v: v,
        composed=lambda v: v.square() / 4 + v,
    ),
    "hellinger": Divergence(
        f=lambda u: (u.sqrt() - 1).square(),
        conjugate=lambda t: t / (1 - t),
        activation=lambda v: 1 - (-v).exp(),
        composed=lambda v: torch.expm1(v),
    ),
}
"""By the name in the config: the f-divergences of Nowozin et al. (2016, tables 1, 2 and 6)."""

"""Penalties on the discriminator's slope, the gradient ``grad V(x)`` of its logit by its input.

    gradient penalty  E (|grad V(x^)| - 1)^2, x^ = e x + (1 - e) x', e ~ U(0, 1)     Gulrajani et al., 2017
    R1                E |grad V(x)|^2 / 2, x data                                    Mescheder et al., 2018

In float32 also under autocast: the squares and second derivatives of half-precision numbers overflow. Uncompiled also
where the discriminator is compiled: what ``torch.compile`` makes has no second derivative. Where one example's logit
depends on others, as through batch normalisation, these are not the slopes at the examples.

"Improved Training of Wasserstein GANs", I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, 2017,
https://arxiv.org/abs/1704.00028
"Which Training Methods for GANs do actually Converge?", L. Mescheder, A. Geiger, S. Nowozin, 2018,
https://arxiv.org/abs/1801.04406
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Logit = Callable[[Tensor], Tensor]


def slopes(logit: Logit, x: Tensor) -> Tensor:
    """``grad V`` at each example, ``(B, D)`` float32, with its own graph."""
    x = x.detach().float().requires_grad_()
    with torch.compiler.set_stance("force_eager"), torch.autocast(x.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(logit(x).sum(), x, create_graph=True)
    return gradient.flatten(1)


def gradient_penalty(logit: Logit, real: Tensor, fake: Tensor) -> Tensor:
    """``E (|grad V(x^)| - 1)^2`` at random points between data and samples, ``(B, ...)`` each; scalar."""
    share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    between = share * real.detach().float() + (1 - share) * fake.detach().float()
    return (torch.linalg.vector_norm(slopes(logit, between), dim=1) - 1).square().mean()


def r1(logit: Logit, real: Tensor) -> Tensor:
    """``E |grad V(x)|^2 / 2`` at data ``(B, ...)``; scalar."""
    return slopes(logit, real).square().sum(1).mean() / 2

"""What needs no model: bicubic and harmonic interpolation, total variation, sparse recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genlab.inverse.measured import conjugate_gradients
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Downsample, Mask, bicubic_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5)
"""Of total variation, in units of the noise."""

DIRECT = 150_000
"""Unknown pixels up to which a harmonic picture is solved for by factors, whose memory grows faster than a picture."""

HARMONIC_STEPS = 2000
"""Of conjugate gradients in their place; a step reaches one pixel further."""

TV_STEPS = 100
STEP = 0.248
"""Of the dual; below 1/4 it converges."""

ALPHAS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""Penalties of the Lasso."""


def bicubic(observation: Observation) -> Tensor:
    """Small pictures made large by Keys' cubic kernel, ``(B, C, H, W)`` on the unit scale."""
    operator = observation.operator
    assert isinstance(operator, Downsample)
    small = observation.y.view(-1, *operator.seen)
    height, width = operator.event[-2:]
    up, across = (bicubic_matrix(n // operator.factor, n).to(small) for n in (height, width))
    return (up @ small @ across.T).clamp(0, 1)


def harmonic(observation: Observation) -> Tensor:
    """What is kept, and between it the smoothest: each other pixel is the mean of its neighbours."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import splu

    operator = observation.operator
    assert isinstance(operator, Mask)
    given = operator.adjoint(observation.y)
    found = given.clone().flatten(2)
    for channel, keep in enumerate(operator.keep.cpu().expand(operator.event).flatten(1)):
        if not keep.any():
            found[:, channel] = observation.y.mean(1)[:, None]
            continue
        laplacian = _laplacian(*operator.event[-2:])
        unknown = (~keep).numpy()
        right = -laplacian[unknown][:, ~unknown] @ found[:, channel, keep].cpu().double().numpy().T
        inside = laplacian[unknown][:, unknown]
        if len(right) <= DIRECT:
            solved = torch.from_numpy(splu((inside + diags([1e-12], [0], inside.shape)).tocsc()).solve(right).T.copy())
        else:
            solved = conjugate_gradients(
                lambda p, a=inside: torch.from_numpy((a @ p.numpy().T).T.copy()),  # type: ignore[misc]
                torch.from_numpy(right.T.copy()),
                iterations=HARMONIC_STEPS,
            )
        found[:, channel, ~keep] = solved.to(found)
    return found.view_as(given).clamp(0, 1)


def _laplacian(height: int, width: int) -> csr_matrix:
    """Neighbours counted, minus neighbours: ``(H W, H W)``."""
    from scipy.sparse import diags, identity, kron

    def path(n: int) -> csr_matrix:
        ends = [1.0 if n > 1 else 0.0]
        degree = ends + [2.0] * (n - 2) + ends if n > 1 else ends
        return diags([degree, [-1.0] * (n - 1), [-1.0] * (n - 1)], [0, 1, -1])

    return (kron(path(height), identity(width)) + kron(identity(height), path(width))).tocsr()


def total_variation(noisy: Tensor, weight: float, *, steps: int = TV_STEPS) -> Tensor:
    """``argmin_u weight * TV(u) + |u - noisy|^2 / 2`` of pictures ``(B, C, H, W)``, each channel by itself.

    "An Algorithm for Total Variation Minimization and Applications", A. Chambolle, 2004,
    https://doi.org/10.1023/B:JMIV.0000011325.36760.1e
    """
    if weight <= 0:
        return noisy
    p = noisy.new_zeros(2, *noisy.shape)
    for _ in range(steps):
        slope = _gradient(_divergence(p) - noisy / weight)
        p = (p + STEP * slope) / (1 + STEP * slope.square().sum(0).sqrt())
    return noisy - weight * _divergence(p)


def _gradient(u: Tensor) -> Tensor:
    """Forward differences along rows and columns, 0 at the border: ``(2, ...)``."""
    found = u.new_zeros(2, *u.shape)
    found[0, ..., :-1, :] = u[..., 1:, :] - u[..., :-1, :]
    found[1, ..., :-1] = u[..., 1:] - u[..., :-1]
    return found


def _divergence(p: Tensor) -> Tensor:
    """Minus the transpose of `_gradient`."""
    found = torch.zeros_like(p[0])
    found[..., :-1, :] += p[0, ..., :-1, :]
    found[..., 1:, :] -= p[0, ..., :-1, :]
    found[..., :-1] += p[1, ..., :-1]
    found[..., 1:] -= p[1, ..., :-1]
    return found


def denoised(observation: Observation, truth: Tensor | None) -> Tensor:
    """Total variation; of `WEIGHTS` the one that is nearest to each truth, where that is known, else the middle one."""
    noisy = observation.operator.adjoint(observation.y)
    found = [total_variation(noisy, weight * observation.noise).clamp(0, 1) for weight in WEIGHTS]
    return _nearest(torch.stack(found), truth)


def _nearest(found: Tensor, truth: Tensor | None) -> Tensor:
    """Of each example's candidates ``(K, B, *event)`` the one nearest to the truth; without one the middle one."""
    if truth is None:
        return found[len(found) // 2]
    best = (found - truth).square().flatten(2).mean(2).argmin(0)
    return found[best, torch.arange(found.shape[1])]


def sparse(observation: Observation, truth: Tensor | None) -> dict[str, Tensor]:
    """The Lasso, ``min_w |y - A B w|^2 / (2 M) + alpha |w|_1``, ``u = B w``, in bases B of pixels, cosines, wavelets.

    Of `ALPHAS` the one that is nearest to the truth of each example, where that is known, else the middle one.
    """
    from sklearn.linear_model import lasso_path

    operator = observation.operator
    a, event = operator.matrix().cpu().numpy(), operator.event
    found = {}
    for name, basis in bases(event).items():
        seen = a @ basis.numpy().T
        each = []
        for y in observation.y.cpu().double().numpy():
            _, w, _ = lasso_path(seen, y, alphas=sorted(ALPHAS, reverse=True), precompute=True, max_iter=2000, tol=1e-3)
            each.append(torch.from_numpy(w.T.copy()) @ basis)
        pictures = torch.stack(each, 1).view(len(ALPHAS), -1, *event).clamp(0, 1).to(observation.y)
        found[f"lasso ({name})"] = _nearest(pictures, truth)
    return found


def bases(event: tuple[int, ...]) -> dict[str, Tensor]:
    """Orthonormal bases of pictures, ``(D, D) float64``, a basis picture in each row."""
    channels, height, width = event
    eye = torch.eye(channels, dtype=torch.float64)
    return {
        "pixels": torch.eye(channels * height * width, dtype=torch.float64),
        "cosines": torch.kron(eye, torch.kron(cosines(height), cosines(width))),
        "wavelets": torch.kron(eye, torch.kron(haar(height), haar(width))),
    }


def cosines(n: int) -> Tensor:
    """The discrete cosine transform (DCT-II), ``(n, n) float64``, orthonormal rows."""
    k, i = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)[None]
    rows = torch.cos(torch.pi * k * (2 * i + 1) / (2 * n))
    return rows / rows.norm(dim=1, keepdim=True)


def haar(n: int) -> Tensor:
    """Haar wavelets down to an odd number of means, ``(n, n) float64``, orthonormal rows."""
    if n % 2:
        return torch.eye(n, dtype=torch.float64)
    pairs = torch.eye(n // 2, dtype=torch.float64)
    means = torch.kron(pairs, torch.tensor([[1.0, 1.0]], dtype=torch.float64)) / 2**0.5
    differences = torch.kron(pairs, torch.tensor([[1.0, -1.0]], dtype=torch.float64)) / 2**0.5
    return torch.cat([haar(n // 2) @ means, differences])

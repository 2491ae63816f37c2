"""Probabilistic principal component analysis, in closed form.

    z ~ N(0, I_q),   x | z ~ N(W z + m, s^2 I)     hence     x ~ N(m, C),   C = W W^T + s^2 I

The likelihood has its maximum at the eigenvectors U and eigenvalues l_1 >= ... >= l_D of the training covariance:

    W = U_q (L_q - s^2 I)^{1/2},   s^2 = 1 / (D - q) sum_{j > q} l_j

"Probabilistic Principal Component Analysis", M. Tipping, C. Bishop, 1999, https://doi.org/10.1111/1467-9868.00196
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import expected_level
from genlab.errors import ConfigError
from genlab.models.capabilities import DecodesLatents, EncodesLatents
from genlab.models.classical.base import RealDensity, flat, read_points, sklearn_seed
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.ops.bars import Progress
from genlab.signatures.ranges import Positive

needs = ("one set", "image | vector | waveform | video", "vector | integers", "two dimensions or more")


EXACT_DIM = 4096
"""Up to this many dimensions all eigenvectors are computed; beyond, the leading `LEADING` by a randomised method."""

LEADING = 512

FLOOR = 1e-6
"""Least variance, as a fraction of the average one: points on a line have a density all the same."""


class PPCA(RealDensity, EncodesLatents, DecodesLatents):
    """Probabilistic PCA.

    Args:
        spec: real vectors.
        latent_dim: q < D, or "auto": by the likelihood of held-out points, known for all q at once.
        max_points: training points looked at; "auto" is at most 67 million numbers.

    Raises:
        ConfigError: ``latent_dim`` is not below D.
    """

    name = "ppca"
    mean: Tensor
    axes: Tensor
    variances: Tensor
    noise_variance: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: int | Literal["auto"] = "auto",
        max_points: int | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()
        self.spec = spec
        if isinstance(latent_dim, int) and latent_dim >= spec.dim:
            raise ConfigError(f"model.latent_dim={latent_dim}: this data has {spec.dim} dimensions; give fewer")
        self.asked = latent_dim
        self.max_points = read_points(max_points, dim=spec.dim)
        self.learned("mean", spec.dim)
        self.learned("axes", spec.dim, 0)
        self.learned("variances", 0)
        self.learned("noise_variance")

    def fit_points(self, x: Tensor, held_out: Tensor, *, generator: torch.Generator, progress: Progress) -> dict:
        """The maximum of the likelihood; q by that of the held-out points."""
        dim, mean = x.shape[1], x.double().mean(0)
        x = x.double() - mean
        total = x.square().sum().item() / len(x)
        values, axes = _eigen(x, generator)
        most = max(1, min(len(values), dim - 1, len(x) - 1))
        floor = max(FLOOR * total / dim, 1e-12)
        values = values[:most].clamp_min(floor)
        left = dim - torch.arange(1, most + 1)
        noise = ((total - values.cumsum(0)) / left).clamp_min(floor)  # s^2 of q = 1, 2, ...
        if self.asked != "auto":
            q = min(self.asked, most)
        else:
            centred = held_out.double() - mean
            energy = (centred @ axes[:, :most]).square().mean(0)
            rest = centred.square().sum(1).mean() - energy.cumsum(0)
            nll = (values.log() + energy / values).cumsum(0) + left * noise.log() + rest / noise
            q = int(nll.argmin()) + 1
        self.fill("mean", mean)
        self.fill("axes", axes[:, :q])
        self.fill("variances", torch.maximum(values[:q], noise[q - 1]))
        self.fill("noise_variance", noise[q - 1])
        return {"latent_dim": q, "noise_std": math.sqrt(noise[q - 1].item())}

    @property
    def loadings(self) -> Tensor:
        """``W = U_q (L_q - s^2 I)^{1/2}``, ``(D, q)``."""
        return self.axes * (self.variances - self.noise_variance).clamp_min(0).sqrt()

    def _log_prob(self, x: Tensor) -> Tensor:
        """``log N(x; m, C)``: along U the variances are l, across it s^2."""
        centred = x - self.mean
        along = centred @ self.axes
        across = centred - along @ self.axes.T  # in place of |x|^2 - |along|^2, which cancels digits
        dim, q = self.axes.shape
        log_det = self.variances.log().sum() + (dim - q) * self.noise_variance.log()
        mahalanobis = (along.square() / self.variances).sum(1) + across.square().sum(1) / self.noise_variance
        return -0.5 * (mahalanobis + log_det + dim * math.log(2 * math.pi))

    @property
    def latent_dim(self) -> int:
        """Number q of latent dimensions."""
        return len(self.variances)

    def sample_latents(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``z ~ N(0, I_q)``, ``(n, q)``."""
        device = self.mean.device if generator is None else generator.device
        return torch.randn(n, self.latent_dim, generator=generator, device=device).to(self.mean)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Posterior mean ``E[z | x] = (W^T W + s^2 I)^{-1} W^T (x - m) = L_q^{-1} W^T (x - m)``, ``(B, q)``."""
        return (x.float() - self.mean) @ self.loadings / self.variances

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``E[x | z] = W z + m``, ``(B, D)``."""
        return z @ self.loadings.T + self.mean

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``x ~ N(W z + m, s^2 I)`` with ``z ~ N(0, I)``; ``(n, D) float32``."""
        x = self.decode(self.sample_latents(n, generator=generator))
        device = x.device if generator is None else generator.device
        return x + self.noise_variance.sqrt() * torch.randn(x.shape, generator=generator, device=device).to(x)


class DequantisedPPCA(DequantisedFit, EncodesLatents, DecodesLatents):
    """Probabilistic PCA of dequantised pictures.

    Args:
        spec: the data's type, integers.
        density: of ``x + u``.
    """

    density: PPCA

    @property
    def latent_dim(self) -> int:
        """Number q of latent dimensions."""
        return self.density.latent_dim

    def sample_latents(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``z ~ N(0, I_q)``, ``(n, q)``."""
        return self.density.sample_latents(n, generator=generator)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Posterior mean at ``E[x + u] = x + 1/2``, ``(B, q)``."""
        return self.density.encode(x.flatten(1) + 0.5)

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``E[x | z]``, ``(B, C, H, W) float``, of what is drawn: ``x = floor(y)`` in the levels' range, y normal."""
        scale = self.density.noise_variance.sqrt()
        first = (self.density.decode(z) - 1) / scale
        x = expected_level(torch.special.ndtr, first, 1 / scale, levels=self.levels)
        return x.view(-1, *self.spec.event_shape)


def _eigen(centred: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Eigenvalues, descending, and eigenvectors ``(D, Q)`` of the covariance of ``centred: (n, D) float64``."""
    n, dim = centred.shape
    if dim <= EXACT_DIM:
        values, vectors = torch.linalg.eigh(centred.T @ centred / n)
        return values.flip(0), vectors.flip(1)
    from sklearn.utils.extmath import randomized_svd

    _, singular, axes = randomized_svd(centred.numpy(), min(LEADING, n), random_state=sklearn_seed(generator))
    return torch.from_numpy(singular.copy()).square() / n, torch.from_numpy(axes.T.copy())


def ppca(
    spec: DataSpec,
    *,
    latent_dim: Positive | Literal["auto"] = "auto",
    max_points: Positive | Literal["auto"] = "auto",
) -> PPCA | DequantisedPPCA:
    """`PPCA`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    require(ppca, spec)
    density = PPCA(flat(spec), latent_dim=latent_dim, max_points=max_points)
    return density if spec.levels is None else DequantisedPPCA(spec, density)

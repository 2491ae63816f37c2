"""Denoisers of normal distributions and of mixtures of them, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.paths import Cosine, GaussianPath, LinearLogSNR, Straight, spread_over
from tests.inverse.calibration import EVENT, Normal

PATHS: dict[str, GaussianPath] = {
    "straight": Straight(),
    "linear": LinearLogSNR(most=10.0, least=-10.0),
    "cosine": Cosine(most=10.0, least=-10.0),
}


class KnownDenoiser(SamplesAlongPath):
    """Of a mixture of normals, ``u = shift + scale x``."""

    steps = 100
    sampler = "ancestral"

    def __init__(self, parts: list[Normal], weights: list[float], path: GaussianPath, *, scale: float | Tensor) -> None:
        super().__init__()
        self.spec = DataSpec(EVENT, None)
        self.path = path
        self.shift = 0.3
        self.scale = torch.as_tensor(scale).expand(EVENT)
        self.weights = torch.tensor(weights).log()
        self.anything = nn.Parameter(torch.zeros(()))
        flat = self.scale.flatten().double()
        self.means = [((p.mean - self.shift) / flat).float() for p in parts]
        self.eigen = [torch.linalg.eigh(p.covariance / (flat[:, None] * flat)) for p in parts]

    def from_data(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def to_data(self, u: Tensor) -> Tensor:
        return self.shift + self.scale * u

    def sample(self, n, c=None, *, steps=None, sampler=None, guidance=1.0, generator=None):
        raise AssertionError("not asked for here")

    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        flat = x.flatten(1)
        alpha, sigma = spread_over(self.path.alpha(t), flat), spread_over(self.path.sigma(t), flat)
        found, log_weights = [], []
        for mean, (values, vectors) in zip(self.means, self.eigen, strict=True):
            values, vectors = values.to(x), vectors.to(x)
            away = (flat - alpha * mean) @ vectors
            total = alpha.square() * values + sigma.square()
            found.append(mean + (alpha * values / total * away) @ vectors.T)
            log_weights.append(-0.5 * (away.square() / total + total.log()).sum(1))
        weights = (torch.stack(log_weights, 1) + self.weights).softmax(1)
        return (weights[:, :, None] * torch.stack(found, 1)).sum(1).view(x.shape)


def smooth_prior(scale: float = 1.0) -> Normal:
    """Neighbours that are alike, as in pictures."""
    places = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    covariance = 0.09 * scale**2 * torch.exp(-torch.cdist(places, places) / 2)
    return Normal(torch.full((16,), 0.5, dtype=torch.float64), covariance)


def even_prior(variance: float = 0.09) -> Normal:
    """Independent values of one variance."""
    mean = torch.linspace(0.2, 0.8, 16, dtype=torch.float64)
    return Normal(mean, variance * torch.eye(16, dtype=torch.float64))

"""Models whose posterior is known, with parameters that are set rather than fitted."""

import torch

from genlab.data.spaces import DataSpec
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import GMM, gmm
from genlab.models.classical.ppca import PPCA, DequantisedPPCA, ppca


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(dim: int = 2, components: int = 3, *, full: bool = True, seed: int = 0) -> GMM:
    """A Gaussian mixture on R^dim."""
    model = gmm(DataSpec((dim,), None), components=components, covariance="full" if full else "diag")
    assert isinstance(model, GMM)
    g = _generator(seed)
    fill(model, torch.randn(components, dim, generator=g), _roots(components, dim, full, g), _weights(components, g))
    return model.eval()


def fill(model: GMM, means: torch.Tensor, roots: torch.Tensor, weights: torch.Tensor) -> None:
    """Set a mixture's parameters; ``roots`` are of the covariances ``R R^T``, or standard deviations."""
    if model.full:
        covariance = (roots @ roots.mT).double()
        # precision = P P^T with P upper triangular, as scikit-learn has it
        factors = torch.linalg.inv(torch.linalg.cholesky(covariance)).mT
    else:
        factors = 1 / roots
    model.fill("weights", weights)
    model.fill("means", means)
    model.fill("factors", factors)


def _roots(k: int, dim: int, full: bool, g: torch.Generator) -> torch.Tensor:
    if not full:
        return 0.2 + torch.rand(k, dim, generator=g)
    return 0.4 * torch.randn(k, dim, dim, generator=g) + 0.3 * torch.eye(dim)


def _weights(k: int, g: torch.Generator) -> torch.Tensor:
    return (0.5 + torch.rand(k, generator=g)).div(2).softmax(0)


def principal(dim: int = 4, latent: int = 2, *, seed: int = 0, noise: float = 0.2) -> PPCA:
    """Probabilistic PCA on R^dim."""
    model = ppca(DataSpec((dim,), None), latent_dim=latent)
    assert isinstance(model, PPCA)
    g = _generator(seed)
    axes, _ = torch.linalg.qr(torch.randn(dim, latent, generator=g))
    model.fill("mean", torch.randn(dim, generator=g))
    model.fill("axes", axes)
    model.fill("variances", torch.linspace(1.5, 0.5, latent))
    model.fill("noise_variance", torch.tensor(noise**2))
    return model.eval()


def pictures(shape: tuple[int, ...] = (1, 4, 4), levels: int = 256, *, seed: int = 0) -> DequantisedFit:
    """A mixture of two Gaussians behind dequantised pictures, well inside the levels."""
    model = gmm(DataSpec(shape, levels), components=2, covariance="full")
    assert isinstance(model, DequantisedFit)
    density, dim, g = model.density, model.spec.dim, _generator(seed)
    assert isinstance(density, GMM)
    top = levels - 1
    means = top * (0.35 + 0.3 * torch.rand(2, dim, generator=g))
    roots = top * 0.03 * (torch.randn(2, dim, dim, generator=g) + torch.eye(dim))
    fill(density, means, roots, torch.tensor([0.4, 0.6]))
    return model.eval()


def principal_pictures(shape: tuple[int, ...] = (1, 4, 4), levels: int = 256) -> DequantisedPPCA:
    """Probabilistic PCA behind dequantised pictures."""
    model = ppca(DataSpec(shape, levels), latent_dim=3)
    assert isinstance(model, DequantisedPPCA)
    own, top = principal(model.spec.dim, 3), levels - 1
    model.density.fill("mean", top * (0.5 + 0.05 * own.mean))
    model.density.fill("axes", own.axes)
    model.density.fill("variances", (0.1 * top) ** 2 * own.variances)
    model.density.fill("noise_variance", (0.1 * top) ** 2 * own.noise_variance)
    return model.eval()

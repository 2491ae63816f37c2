"""Gaussian mixture by expectation maximisation (scikit-learn's `GaussianMixture`).

    p(x) = sum_k w_k N(x; m_k, S_k)

EM alternates the responsibilities ``r_ik = w_k N(x_i; m_k, S_k) / p(x_i)`` and the weighted means and covariances; no
step lowers the training likelihood. Covariances are held as precision factors ``P_k``, ``S_k^{-1} = P_k P_k^T``.

"Maximum Likelihood from Incomplete Data via the EM Algorithm", A. Dempster, N. Laird, D. Rubin, 1977,
https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
"""

from __future__ import annotations

import math
import warnings
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.errors import TrainingError
from genlab.models.classical.base import RealDensity, flat, pick, read_points, sklearn_seed
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.ops.bars import Progress
from genlab.signatures.ranges import NonNegativeFloat, Positive

needs = ("one set", "image | vector | waveform | video", "vector | integers")


ITERATIONS_AT_ONCE = 10
"""EM steps between two redraws of the bar."""


class GMM(RealDensity):
    """Gaussian mixture.

    Args:
        spec: real vectors.
        components: K.
        covariance: "full", "diag", or "auto": full up to 16 dimensions, diag beyond.
        reg_covar: added to every variance, on the data's own scale squared.
        max_iter: EM steps at most; it ends earlier when a step gains less than 0.001 nats per example.
        max_points: training points looked at; "auto" is at most 67 million numbers.
    """

    name = "gmm"
    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        components: int = 50,
        covariance: str = "auto",
        reg_covar: float = 1e-6,
        max_iter: int = 200,
        max_points: int | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()
        self.spec = spec
        self.components = components
        self.full = covariance == "full" or (covariance == "auto" and spec.dim <= 16)
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.max_points = read_points(max_points, dim=spec.dim)
        self.learned("weights", 0)
        self.learned("means", 0, spec.dim)
        self.learned("factors", 0, spec.dim, *([spec.dim] if self.full else []))

    def fit_points(self, x: Tensor, held_out: Tensor, *, generator: torch.Generator, progress: Progress) -> dict:
        """EM from a k-means start.

        Raises:
            TrainingError: a component has collapsed onto too few points.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            min(self.components, len(x)),
            covariance_type="full" if self.full else "diag",
            reg_covar=self.reg_covar,
            max_iter=ITERATIONS_AT_ONCE,
            random_state=sklearn_seed(generator),
            warm_start=True,
        )
        points, taken = x.double().numpy(), 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of each ten steps
            for _ in progress(range(0, self.max_iter, ITERATIONS_AT_ONCE), -(-self.max_iter // ITERATIONS_AT_ONCE)):
                mixture.max_iter = min(ITERATIONS_AT_ONCE, self.max_iter - taken)
                try:
                    mixture.fit(points)
                except ValueError as error:  # scikit-learn's word for a covariance that is not positive definite
                    raise TrainingError(
                        f"a component of the mixture has collapsed (model.components={self.components}, "
                        f"model.reg_covar={self.reg_covar:g}); give a larger reg_covar or fewer components"
                    ) from error
                taken += mixture.n_iter_
                if mixture.converged_:
                    break
        for name, value in (
            ("weights", mixture.weights_),
            ("means", mixture.means_),
            ("factors", mixture.precisions_cholesky_),
        ):
            self.fill(name, torch.from_numpy(value))
        return {"em_steps": taken} | ({"components": len(self.weights)} if len(x) < self.components else {})

    def _log_prob(self, x: Tensor) -> Tensor:
        """``O(K D)`` for each example, ``O(K D^2)`` with full covariances."""
        terms = []
        for log_weight, mean, factor in zip(self.weights.log(), self.means, self.factors, strict=True):
            z = (x - mean) @ factor if self.full else (x - mean) * factor
            log_det = (factor.diagonal() if self.full else factor).log().sum()
            terms.append(log_weight + log_det - 0.5 * z.square().sum(1))
        return torch.stack(terms).logsumexp(0) - 0.5 * self.spec.dim * math.log(2 * math.pi)

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """A component each, ``x = m_k + P_k^{-T} eps``; ``(n, D) float32``."""
        k = pick(self.weights, n, generator=generator)
        device = k.device if generator is None else generator.device
        noise = torch.randn(n, self.spec.dim, generator=generator, device=device).to(self.means)
        if not self.full:
            return self.means[k] + noise / self.factors[k]
        # P is upper triangular, so P^T u = eps is solved forwards
        return self.means[k] + torch.linalg.solve_triangular(self.factors[k].mT, noise[..., None], upper=False)[..., 0]


def gmm(
    spec: DataSpec,
    *,
    components: Positive = 50,
    covariance: Literal["auto", "full", "diag"] = "auto",
    reg_covar: NonNegativeFloat = 1e-6,
    max_iter: Positive = 200,
    max_points: Positive | Literal["auto"] = "auto",
) -> GMM | DequantisedFit:
    """`GMM`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    require(gmm, spec)
    density = GMM(
        flat(spec),
        components=components,
        covariance=covariance,
        reg_covar=reg_covar,
        max_iter=max_iter,
        max_points=max_points,
    )
    return density if spec.levels is None else DequantisedFit(spec, density)

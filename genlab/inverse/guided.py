"""Posteriors of models that denoise: the denoiser is told of the measurements, and any of its samplers follows it.

Given ``x_t``, the data are taken for normal, ``x_0 ~ N(D, V)``. So what was measured has

    y | x_t ~ N(A u(D), S),   S = A V A^T + noise^2 I         (in the coordinates of `genlab.inverse.along_path`)

and Tweedie's formula, with the gradient of ``log p(y | x_t)`` taken through D alone, tells the data given both:

    D_y = D + (sigma^2 / alpha) J^T A^T S^-1 (y - A u(D)),    J = dD / dx.

- `moment_matched`: ``V = (sigma^2 / alpha) J``, which is the covariance of ``x_0`` given ``x_t`` whatever the data are
  (Rozet et al., 2024); ``S^-1`` by a few conjugate gradients, a product with ``J^T`` each.
- `pigdm`: ``V = r^2 I``, ``r^2 = v sigma^2 / (v alpha^2 + sigma^2)`` with the data's variance v (Song et al., 2023).

Both are exact, but for the sampler's steps, where the data are normal (`pigdm`: independent, of variance v): there V
does not depend on ``x_t``. Of other data they are approximate: of a mixture of two normals, intervals of 50% and 90%
held 48% and 90% of truths (`tests/inverse/test_guided.py`).

With a denoiser that is exact, ``sampler="dpm_solver"`` and some iterations need the fewest steps. One that is learned
is wrong here and there, and its J not quite symmetric: noise anew in each step forgets errors, and one iteration makes
fewer (digits, half of a picture seen: 16.1 against 13.3 dB). So these are the defaults.

"Pseudoinverse-Guided Diffusion Models for Inverse Problems", J. Song, A. Vahdat, M. Mardani, J. Kautz, 2023,
https://openreview.net/forum?id=9_gsMA8MRKQ
"Learning Diffusion Priors from Observations by Expectation Maximization", F. Rozet, G. Andry, F. Lanusse, G. Louppe,
2024, https://arxiv.org/abs/2405.13712
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from genlab.inverse.along_path import Task, task_of
from genlab.inverse.measured import LEAST_NOISE, conjugate_gradients
from genlab.inverse.observation import Observation
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.paths import GaussianPath, spread_over
from genlab.ops.eval_mode import evaluating
from genlab.samplers import ALONG_PATH, Process
from genlab.samplers.process import Field

Told = Literal["ancestral", "ddim", "dpm_solver"]
"""Samplers that ask for nothing but D."""

Covariance = Callable[[Tensor, Tensor, Callable[[Tensor], Tensor]], Tensor]
"""``(w: (B, *event), t: (B,), w -> J^T w) -> V w``, in the model's coordinates."""


def moment_matched(
    model: SamplesAlongPath,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    steps: int = 100,
    sampler: Told = "ancestral",
    iterations: int = 1,
) -> Tensor:
    """Guided by the denoiser's own covariance; see `genlab.inverse.method.PosteriorSampler`.

    Args:
        model: that denoises.
        observation: of B examples.
        samples: draws for each.
        c: conditions.
        generator: of all random numbers.
        steps: of the sampler.
        sampler: its name; see above.
        iterations: of conjugate gradients; more are more exact where the denoiser is.
    """

    def covariance(w: Tensor, t: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        return _ratio(model.path, t, w) * product(w)

    return _drawn(model, observation, samples, c, generator, steps, sampler, covariance, iterations)


def pigdm(
    model: SamplesAlongPath,
    observation: Observation,
    *,
    samples: int,
    c: Tensor | None = None,
    generator: torch.Generator | None = None,
    steps: int = 100,
    sampler: Told = "ancestral",
    variance: float = 1.0,
    iterations: int = 30,
) -> Tensor:
    """Guided as if all values were independent; see `genlab.inverse.method.PosteriorSampler`.

    Args:
        model: that denoises.
        observation: of B examples.
        samples: draws for each.
        c: conditions.
        generator: of all random numbers.
        steps: of the sampler.
        sampler: its name.
        variance: v of the data, in the model's coordinates.
        iterations: of conjugate gradients, which cost no evaluation of the model here.
    """

    def covariance(w: Tensor, t: Tensor, product: Callable[[Tensor], Tensor]) -> Tensor:
        alpha, sigma = spread_over(model.path.alpha(t), w), spread_over(model.path.sigma(t), w)
        return variance * sigma.square() / (variance * alpha.square() + sigma.square()) * w

    return _drawn(model, observation, samples, c, generator, steps, sampler, covariance, iterations)


def _ratio(path: GaussianPath, t: Tensor, x: Tensor) -> Tensor:
    """``sigma^2 / alpha``."""
    return spread_over(path.sigma(t).square() / path.alpha(t), x)


def _drawn(
    model: SamplesAlongPath,
    observation: Observation,
    samples: int,
    c: Tensor | None,
    generator: torch.Generator | None,
    steps: int,
    sampler: Told,
    covariance: Covariance,
    iterations: int,
) -> Tensor:
    task = task_of(model, observation.at_least(LEAST_NOISE), samples=samples, c=c)
    denoise = told(task, covariance, iterations=iterations)
    process = Process(task.path, denoise, model.velocity)  # which none of these samplers asks for
    with evaluating(model), torch.no_grad():
        times = task.times(steps)
        return task.finished(ALONG_PATH[sampler].run(process, task.start(times, generator), times, generator=generator))


def told(task: Task, covariance: Covariance, *, iterations: int) -> Field:
    """``D_y``, in the model's coordinates."""
    operator, scale, noise = task.operator, task.affine.scale, task.observation.noise

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            clean = task.denoise(x, t)

        def product(w: Tensor) -> Tensor:
            return torch.autograd.grad(clean, x, w, retain_graph=True)[0]

        def back(w: Tensor) -> Tensor:  # diag(scale) A^T
            return scale * operator.adjoint(w)

        def apply(w: Tensor) -> Tensor:
            return operator.forward(scale * covariance(back(w), t, product)) + noise**2 * w

        known = clean.detach()
        r = task.observation.residual(task.affine.to_unit(known))
        w = conjugate_gradients(apply, r, iterations=iterations)
        return task.inside(known + _ratio(task.path, t, x) * product(back(w))).detach()

    return denoise

"""What a denoiser can do: tell the data behind noise, and with that the way from noise to data.

    D(x, t) = E[x_0 | x_t = x]                             the denoiser, of a path x_t = alpha x_0 + sigma eps
    score(x, t) = (alpha D - x) / sigma^2                  = grad log p_t(x)              (Tweedie; Vincent, 2011)
    velocity(x, t) = alpha' D + sigma' (x - alpha D) / sigma      dx/dt of the flow that has the same p_t at every t

Given a condition c that is left out of a part of training (the null condition), a guidance ``g`` mixes both answers,
``D_g = D(null) + g (D(c) - D(null))``: 0 is the unconditional model, 1 the conditional one, more exaggerates.

"A Connection Between Score Matching and Denoising Autoencoders", P. Vincent, 2011, https://doi.org/10.1162/NECO_a_00142
"Score-Based Generative Modeling through Stochastic Differential Equations", Y. Song, J. Sohl-Dickstein, D. P. Kingma,
A. Kumar, S. Ermon, B. Poole, 2021, https://arxiv.org/abs/2011.13456
"Classifier-Free Diffusion Guidance", J. Ho, T. Salimans, 2022, https://arxiv.org/abs/2207.12598
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from genlab.data.spaces import Space
from genlab.errors import ConfigError
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import check_condition, context, width
from genlab.models.paths import GaussianPath, spread_over
from genlab.ops.random import uniform


def nullable_context(
    given: Space | None, c: Tensor | None, *, like: Tensor, hidden: Tensor | None = None
) -> Tensor | None:
    """A condition, or the null condition, as a network reads it: ``(B, width + 1)``, of which null is all zeros.

    Args:
        given: what c is; None: nothing, and so is the result.
        c: of each example, which has a 1 beside it; None: the null condition.
        like: ``(B, ...)``, of the device and the dtype.
        hidden: ``(B,) bool``, whose condition is hidden behind the null condition; None: nobody's.
    """
    if given is None:
        return None
    if c is None:
        return like.new_zeros(len(like), width(given) + 1)
    read = context(given, c)
    assert read is not None
    whole = torch.cat([read, read.new_ones(len(read), 1)], 1).to(like.dtype)
    return whole if hidden is None else whole.masked_fill(hidden[:, None], 0.0)


class Denoiser(GenerativeModel):
    """Knows the expected data behind noise, at any level of a path.

    ``x``, ``D`` and all that follows from it are in the model's own real coordinates, ``(B, *event_shape)`` floats;
    times ``t`` are ``(B,)`` between 0 (data) and 1 (noise).

    Attributes:
        path: how data become noise.
        null_dropout: how often training hides the condition; 0: the model knows no null condition.
    """

    path: GaussianPath
    null_dropout: float = 0.0

    @abstractmethod
    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        """``E[x_0 | x_t = x, c]``; of a model with a condition, None is the null condition.

        Args:
            x: ``(B, *event_shape)`` noisy examples.
            t: ``(B,)`` times.
            c: the condition of each.
            hidden: ``(B,) bool``, whose condition is hidden behind the null condition, in training; None: nobody's.
        """

    @abstractmethod
    def from_data(self, x: Tensor) -> Tensor:
        """Typed examples in the model's coordinates."""

    @abstractmethod
    def to_data(self, u: Tensor) -> Tensor:
        """The typed examples next to ``u``, which is in the model's coordinates."""

    def hides(self, n: int, *, like: Tensor) -> Tensor | None:
        """``(n,) bool``, whose condition a training step hides, by PyTorch's random state; None: nobody's."""
        if self.given is None or not self.null_dropout:
            return None
        return uniform(n, like=like, generator=None) < self.null_dropout

    def guided(self, answer: Callable[[Tensor | None], Tensor], c: Tensor | None, guidance: float) -> Tensor:
        """``answer(null) + guidance (answer(c) - answer(null))``, each computed only where it counts.

        Args:
            answer: of a condition; affine in D, as are noise, score and velocity.
            c: the condition; None of a model that has none, which has no use for a guidance.
            guidance: 1 is ``answer(c)``.

        Raises:
            ConfigError: the model cannot do without its condition.
        """
        check_condition(self.given, c)
        if self.given is None or guidance == 1:
            return answer(c)
        if not self.null_dropout:
            raise ConfigError(f"guidance={guidance:g} needs a model trained with model.null_dropout above 0")
        null = answer(None)
        return null if guidance == 0 else null + guidance * (answer(c) - null)

    def denoise(self, x: Tensor, t: Tensor, c: Tensor | None = None, *, guidance: float = 1.0) -> Tensor:
        """``D(x, t)``, guided."""
        return self.guided(lambda given: self.expected(x, t, given), c, guidance)

    def noise(self, x: Tensor, t: Tensor, c: Tensor | None = None, *, guidance: float = 1.0) -> Tensor:
        """``E[eps | x_t = x] = (x - alpha D) / sigma``, of ``t > 0``."""
        clean = self.denoise(x, t, c, guidance=guidance)
        return (x - spread_over(self.path.alpha(t), x) * clean) / spread_over(self.path.sigma(t), x)

    def score(self, x: Tensor, t: Tensor, c: Tensor | None = None, *, guidance: float = 1.0) -> Tensor:
        """``grad log p_t(x) = -E[eps | x_t = x] / sigma``, of ``t > 0``."""
        return -self.noise(x, t, c, guidance=guidance) / spread_over(self.path.sigma(t), x)

    def velocity(self, x: Tensor, t: Tensor, c: Tensor | None = None, *, guidance: float = 1.0) -> Tensor:
        """``dx/dt`` of the probability-flow ODE, of ``t > 0``."""
        alpha, sigma = spread_over(self.path.alpha(t), x), spread_over(self.path.sigma(t), x)
        alpha_rate, sigma_rate = spread_over(self.path.alpha_rate(t), x), spread_over(self.path.sigma_rate(t), x)
        clean = self.denoise(x, t, c, guidance=guidance)
        return alpha_rate * clean + sigma_rate * (x - alpha * clean) / sigma

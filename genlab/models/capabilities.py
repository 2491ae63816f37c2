"""What a model can do is its type: no capability flags, no method that a model cannot honour.

Evaluation asks `isinstance` and refuses what the type cannot give. Capability changes by wrapping, never by a flag:
a density read at integer pixels is not a likelihood of the picture.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec, Space
from genlab.ops.bars import Progress
from genlab.ops.random import Generators


class GenerativeModel(nn.Module):
    """Promises samples, and only samples.

    Every method that takes examples, latents or a number of draws also takes the condition ``c`` of each, as `given`
    says; a model of ``p(x)``, whose ``given`` is None, has no use for one.

    Attributes:
        spec: the type of the data that it models.
        given: what ``c`` is: None (nothing), a `Label` (``(B,) int64``) or a `Vector` (``(B, D) float``).
    """

    spec: DataSpec
    given: Space | None = None

    @abstractmethod
    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws, of ``p(x | c)``, typed like the data: ``(n, C, H, W) uint8`` or ``(n, D) float32``."""


class ExactLikelihood(GenerativeModel):
    """Knows its log-likelihood exactly."""

    @abstractmethod
    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example, at integers for integer data and at reals for real data."""


class ItemisedLikelihood(ExactLikelihood):
    """Says what each dimension of an example adds to its likelihood."""

    @abstractmethod
    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Terms in nats, ``(B, *event_shape)``; `log_prob` is their sum."""


class Autoregressive(ItemisedLikelihood):
    """Factorises ``p(x) = prod_i p(x_i | x_<i)`` over pixels and channels in a fixed order, and draws in that order.

    What a dimension adds to the likelihood is ``log p(x_i | x_<i)``.
    """

    @abstractmethod
    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``n`` draws, one value after the other; ``progress`` shows a bar."""

    @abstractmethod
    def complete(
        self,
        x: Tensor,
        keep: Tensor,
        c: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``x (B, C, H, W)`` with all pixels but those of ``keep (H, W) or (B, H, W) bool`` drawn anew.

        Each value is drawn given all values before it, drawn or kept. If the kept pixels come first in the order, this
        is a draw from their exact conditional; otherwise it is the usual approximation, in which a pixel does not know
        the kept pixels that come after it.
        """


class Sequential(Autoregressive):
    """Factorises over the steps of a sequence, ``p(x) = prod_t p(x_t | x_<t)``, and goes on from a beginning.

    A step is a token, a sample of sound, a frame, a pixel's channel. Of ragged data ``lengths`` says where each example
    ends; a length is given, and not modelled, unless a token of its own ends an example (`Tokens.end`).
    """

    @abstractmethod
    def log_prob(self, x: Tensor, c: Tensor | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example; ``lengths (B,) int64``: what comes after them is padding."""

    @abstractmethod
    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """Terms in nats, ``(B, *event_shape)``, 0 in the padding; `log_prob` is their sum."""

    @abstractmethod
    def complete(
        self,
        x: Tensor,
        keep: Tensor,
        c: Tensor | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``x`` with all but the kept steps drawn anew, each as `draw` draws it."""

    @abstractmethod
    def draw(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        length: int | None = None,
        prompt: Tensor | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
        heard: Callable[[Tensor], None] | None = None,
    ) -> Tensor:
        """``n`` draws step by step, ``(n, *event_shape)`` but for ``length`` steps in place of the data's.

        Args:
            n: how many.
            c: the condition of each.
            length: steps of the whole, the prompt's included; None: as many as the data's examples have.
            prompt: ``(P, ...)`` or ``(n, P, ...)`` typed steps that all of them begin with.
            temperature: logits are divided by it: 1 is the model itself.
            top_k: only the k likeliest values of a step are drawn.
            top_p: only the likeliest values are drawn that together have at least this probability.
            generator: of the random numbers; an example's do not depend on the others.
            progress: shows a bar.
            heard: is given the values ``(n, ...)`` of each step as it is drawn, the prompt's first.
        """


class LikelihoodBound(GenerativeModel):
    """Knows a lower bound on its log-likelihood."""

    @abstractmethod
    def elbo(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> Tensor:
        """One-sample evidence lower bound, ``(B,)`` nats per example."""

    @abstractmethod
    def log_prob_bound(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> Tensor:
        """Importance-weighted bound, ``(B,)`` nats per example; tightens as ``num_particles`` grows."""


class ELBOTerms(NamedTuple):
    """The two terms of the ELBO, ``(B,)`` nats each: ``elbo = reconstruction - kl``."""

    reconstruction: Tensor
    kl: Tensor


class LatentBound(LikelihoodBound):
    """Knows its evidence lower bound by its two parts, as a model with latents does."""

    @abstractmethod
    def elbo_terms(self, x: Tensor, c: Tensor | None = None, *, generator: Generators = None) -> ELBOTerms:
        """The parts, ``(B,)`` nats each; `elbo` is their difference."""


class ItemisedBound(LikelihoodBound):
    """Says what its bound is made of."""

    @abstractmethod
    def log_prob_bound_terms(
        self, x: Tensor, num_particles: int, c: Tensor | None = None, *, generator: Generators = None
    ) -> dict[str, Tensor]:
        """Named parts, ``(B,)`` nats each, that add up to ``log_prob_bound`` with the same random numbers."""


class Tempered(GenerativeModel):
    """Samples sharper or broader than it has learned."""

    @abstractmethod
    def sample(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``n`` draws at a temperature: 1 is the model itself, less is closer to what is most typical."""


class Truncated(GenerativeModel):
    """Samples from the middle of its latents' distribution: less variety for more of what is typical."""

    @abstractmethod
    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        truncation: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``n`` draws whose latents are between ``-truncation`` and ``truncation``; None: of all latents."""


class UnnormalisedDensity(GenerativeModel):
    """Ranks examples by an energy; without its normaliser it never scores."""

    @abstractmethod
    def energy(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)``: ``-log p(x)`` up to an unknown constant."""


class SamplesByChain(GenerativeModel):
    """Samples by a Markov chain, which can be watched, started at an example, and held at parts of it."""

    @abstractmethod
    def path(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        frames: int,
        start: Tensor | None = None,
        keep: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The chains at ``frames`` equally spaced times, the first and the last included: ``(frames, n, *event)``.

        Args:
            n: number of chains; without ``start`` and ``keep``, the last frame is ``sample(n, c)`` of one generator.
            c: the condition of each.
            frames: how many times, at least 2.
            start: ``(n, *event_shape)`` typed examples to start from; None: from noise.
            keep: bool, broadcast to the examples: there the chain stays at ``start``, elsewhere it begins at noise.
            generator: of the initial noise and the chain's.
        """


class DecodesLatents(GenerativeModel):
    """Maps latents to data."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Number of latent dimensions."""

    @abstractmethod
    def sample_latents(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``(n, latent_dim)`` draws from the prior."""

    @abstractmethod
    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, latent_dim) -> (B, *event_shape) float``: the expected example on the data's own scale."""


class EncodesLatents(GenerativeModel):
    """Maps data to latents."""

    @abstractmethod
    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, latent_dim)``: the representation of each example (the mean of its posterior)."""


class ApproximatePosterior(EncodesLatents):
    """Encodes by a posterior ``q(z | x)`` that is learned beside the model, and can fall back on the prior."""

    @abstractmethod
    def posterior_moments(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and variance of each unit of ``q(z | x)`` where the prior has 0 and 1: ``(B, latent_dim)`` each."""

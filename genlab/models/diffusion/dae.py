"""The denoising autoencoder: one noise level, and a chain that adds noise and takes it away.

    corruption   C(x~ | x) = N(u(x), sigma^2 I)             in the model's coordinates u
    denoiser     P(x | x~), learned by  -log P(x | x~)      with mean D(x~) = E[u | x~]
    chain        x~_k ~ C(x~ | x_k),   x_{k+1} ~ P(x | x~_k)

With the true ``P(x | x~)`` the chain's draws tend to those of the data (Bengio et al., 2013), and ``(D(x~) - x~) /
sigma^2`` is the score of the data smoothed by the noise (Vincent, 2011). The denoiser here tells each number by itself
given x~, so the chain is right as far as little noise leaves little to be told.

"Extracting and Composing Robust Features with Denoising Autoencoders", P. Vincent, H. Larochelle, Y. Bengio,
P.-A. Manzagol, 2008, https://doi.org/10.1145/1390156.1390294
"A Connection Between Score Matching and Denoising Autoencoders", P. Vincent, 2011, https://doi.org/10.1162/NECO_a_00142
"Generalized Denoising Auto-Encoders as Generative Models", Y. Bengio, L. Yao, G. Alain, P. Vincent, 2013,
https://arxiv.org/abs/1305.6663
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import for_spec
from genlab.models.capabilities import SamplesByChain
from genlab.models.conditions import check_condition, context, given_by, width
from genlab.models.scaled import Scaled
from genlab.nn.networks import mlp
from genlab.ops.eval_mode import evaluating
from genlab.ops.random import normal
from genlab.signatures.ranges import Positive, PositiveFloat


class Restores(SamplesByChain):
    """Knows how likely an example is behind a noisy one, and draws it."""

    @abstractmethod
    def corrupt(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``x~ ~ C(x~ | x)`` of typed ``x: (B, *event)``, in the model's coordinates."""

    @abstractmethod
    def log_prob_behind(self, x: Tensor, noisy: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P(x | x~)``, ``(B,)`` nats."""

    @abstractmethod
    def restore(self, noisy: Tensor, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``x ~ P(x | x~)``, typed."""


class DAE(Scaled, Restores):
    """Denoising autoencoder.

    Args:
        spec: the data's type; decides ``P(x | x~)``.
        noise: sigma, of levels between -1 and 1 or of standardised reals; "auto": 0.8 of binary values, 0.5 of other
            levels, 0.3 of reals.
        hidden: widths of the perceptron's hidden layers; "auto": two of 1000 for levels, three of 128 for reals.
        chain_steps: length of a chain from noise to a sample.
        condition: what the denoiser is given: "label", "vector", or None.

    Raises:
        ConfigError: condition and data do not fit each other.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        noise: PositiveFloat | Literal["auto"] = "auto",
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        chain_steps: Positive = 100,
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__(spec)
        require(DAE, spec, condition=condition)
        self.given = given_by(condition, spec)
        usual = 0.3 if spec.levels is None else 0.8 if spec.levels == 2 else 0.5
        self.noise = usual if noise == "auto" else noise
        if hidden == "auto":
            hidden = (128, 128, 128) if spec.levels is None else (1000, 1000)
        self.likelihood = for_spec(spec, kind="auto", variance="shared")
        outputs = self.likelihood.num_params * spec.dim
        self.network = mlp(spec.dim + width(self.given), hidden, outputs, activation=torch.nn.SiLU)
        self.chain_steps = chain_steps

    def params(self, noisy: Tensor, c: Tensor | None) -> Tensor:
        """Of ``P(x | x~)``, ``(B, P, *event)``; of reals in the model's coordinates, and as a change of x~."""
        known = context(self.given, c)
        flat = noisy.flatten(1)
        told = self.network(flat if known is None else torch.cat([flat, known.to(flat.dtype)], 1))
        told = told.view(-1, self.likelihood.num_params, *self.spec.event_shape)
        return told if self.spec.levels is not None else told + noisy[:, None]

    def expected(self, noisy: Tensor, c: Tensor | None = None) -> Tensor:
        """``D(x~) = E[u | x~]``, in the model's coordinates."""
        mean = self.likelihood.mean(self.params(noisy, c))
        return mean if self.spec.levels is None else self.to_network(mean)

    def score(self, noisy: Tensor, c: Tensor | None = None) -> Tensor:
        """``(D(x~) - x~) / sigma^2``: the score of the data with noise on them, in the model's coordinates."""
        return (self.expected(noisy, c) - noisy) / self.noise**2

    def corrupt(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """``u(x) + sigma eps``."""
        u = self.to_network(x)
        return u + self.noise * normal(len(u), *u.shape[1:], like=u, generator=generator)

    def log_prob_behind(self, x: Tensor, noisy: Tensor, c: Tensor | None = None) -> Tensor:
        """``log P(x | x~)``, ``(B,)`` nats; of reals in the model's coordinates."""
        check_condition(self.given, c)
        target = self.to_network(x) if self.spec.levels is None else x
        return self.likelihood.log_prob(target, self.params(noisy, c))

    def restore(self, noisy: Tensor, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """``x ~ P(x | x~)``, typed."""
        drawn = self.likelihood.sample(self.params(noisy, c), generator=generator)
        return self.to_data(drawn) if self.spec.levels is None else drawn

    def last(self, noisy: Tensor, c: Tensor | None) -> Tensor:
        """The typed example nearest to ``D(x~)``: how a chain ends, without the noise of its last draw."""
        return self.to_data(self.expected(noisy, c))

    @torch.no_grad()
    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Ends of ``chain_steps`` steps from noise: what the last noise hides, as expected."""
        return self.path(n, c, frames=2, generator=generator)[-1]

    @torch.no_grad()
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
        """The chains on their way; see `SamplesByChain.path`."""
        check_condition(self.given, c)
        x = self.to_data(normal(n, *self.spec.event_shape, like=self.location, generator=generator))
        if start is not None:
            x = start if keep is None else torch.where(keep, start, x)
        times = torch.linspace(0, self.chain_steps, frames).round().int().tolist()
        kept = [x] * times.count(0)
        with evaluating(self):
            for k in range(1, self.chain_steps + 1):
                noisy = self.corrupt(x, generator=generator)
                ends = k == self.chain_steps
                x = self.last(noisy, c) if ends else self.restore(noisy, c, generator=generator)
                if keep is not None and start is not None:
                    x = torch.where(keep, start, x)
                kept.extend([x] * times.count(k))
        return torch.stack(kept)

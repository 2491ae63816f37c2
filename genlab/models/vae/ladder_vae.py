"""The ladder variational autoencoder: levels of latents, inferred on the way up and on the way down.

    q(z_L | x) = N(mu_L(d_L), s_L^2(d_L)),
    q(z_i | z_>i, x) ~ N(mu_i(d_i, h_i), s_i^2(d_i, h_i)) p(z_i | z_>i),     i < L,

where d_i is what goes up from the example and h_i what comes down from the levels above: the posterior corrects the
prior by what the example says, each weighed by its precision. The state h passes the latents by.

"Ladder Variational Autoencoders", C. K. Sonderby, T. Raiko, L. Maaloe, S. K. Sonderby, O. Winther, 2016,
https://arxiv.org/abs/1602.02282
"Improved Variational Inference with Inverse Autoregressive Flow" (what of h reaches the posterior; free bits), D. P.
Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever, M. Welling, 2016, https://arxiv.org/abs/1606.04934
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Image, Vector
from genlab.distributions.likelihoods import for_spec
from genlab.errors import ConfigError
from genlab.models.conditions import given_by, width
from genlab.models.vae.ladder_networks import LadderConv, LadderMLP, LadderNetwork
from genlab.models.vae.topdown import TopDown, bounded, merged, normal_of, standard
from genlab.models.vae.vae import MLP_MAX_DIM, DiagonalNormal
from genlab.signatures.ranges import Positive, Unit


class LadderVAE(TopDown):
    """Ladder variational autoencoder of any number of levels; of one, it is the `VAE`.

    Args:
        spec: the data's type; decides likelihood and network.
        latents: of each level, the lowest first: dimensions of a perceptron's, maps of a convolutional one's, whose
            height and width are half of those below. "auto": 32, 16, 8 for pictures (convolutional: 4, 4, 8), twice D
            for D-dimensional vectors.
        hidden: of each level, the width of its perceptrons; "auto": 512 and half of it at each further level, at least
            64, for pictures, 128 for vectors.
        depth: hidden layers of a level on the way up and on the way down; of convolutions, residual blocks.
        network: "mlp", "conv", or "auto": "conv" for pictures in colour or of more than 1024 numbers.
        channels: width of the convolutional network.
        dropout: share of a level's features that training leaves out.
        likelihood: "bernoulli", "discretised_logistic", "gaussian", or "auto" (what fits the data).
        variance: of the Gaussian likelihood, "network" or "shared".
        condition: what the highest prior, encoder and decoder are given: "label", "vector", or None.

    Raises:
        ConfigError: likelihood, network, condition and data do not fit each other; no level, or other widths than
            levels.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {
        "network=conv": ("image",),
        "likelihood=bernoulli": ("binary",),
        "likelihood=discretised_logistic": ("integers",),
        "likelihood=gaussian": ("reals",),
        "condition=label": ("labels",),
        "condition=vector": ("vector condition",),
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        latents: Sequence[Positive] | Literal["auto"] = "auto",
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        depth: Positive = 2,
        network: Literal["auto", "mlp", "conv"] = "auto",
        channels: Positive = 32,
        dropout: Unit = 0.0,
        likelihood: Literal["auto", "bernoulli", "discretised_logistic", "gaussian"] = "auto",
        variance: Literal["network", "shared"] = "shared",
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__()
        require(LadderVAE, spec, network=network, likelihood=likelihood, condition=condition)
        self.spec = spec
        self.given = given_by(condition, spec)
        self.likelihood = for_spec(spec, kind=likelihood, variance=variance)
        self.scale = 1.0 if spec.levels is None else 1.0 / (spec.levels - 1)
        large = isinstance(spec.space, Image) and (spec.dim > MLP_MAX_DIM or spec.event_shape[0] > 1)
        params, context = self.likelihood.num_params, width(self.given)
        self.net: LadderNetwork
        if network == "conv" or (network == "auto" and large):
            maps = _latents(latents, auto=(4, 4, 8))
            if hidden != "auto":
                raise ConfigError("model.hidden: is of network=mlp; the width of network=conv is model.channels")
            self.net = LadderConv(
                spec.event_shape,
                params * spec.event_shape[0],
                latents=maps,
                channels=channels,
                depth=depth,
                dropout=dropout,
                context=context,
            )
        else:
            dims = _latents(latents, auto=(spec.dim,) * 2 if isinstance(spec.space, Vector) else (32, 16, 8))
            self.net = LadderMLP(
                spec.dim,
                params * spec.dim,
                latents=dims,
                hidden=_hidden(hidden, spec, len(dims)),
                depth=depth,
                dropout=dropout,
                context=context,
            )
        self.shapes = self.net.shapes
        self.highest: nn.Linear | None = None
        if self.given is not None:
            self.highest = nn.Linear(context, 2 * self.shapes[-1][0], bias=False)
            nn.init.zeros_(self.highest.weight)

    def bottom_up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """See `TopDown`."""
        return self.net.up(x if self.scale == 1.0 else x * self.scale, context)

    def top(self, n: int, context: Tensor | None) -> Tensor | None:
        """The condition."""
        return context

    def prior(self, level: int, h: Tensor | None, n: int) -> tuple[DiagonalNormal, Tensor | None]:
        """Standard normal at the highest level unless a condition decides it."""
        shape = self.shapes[level]
        if level < len(self.shapes) - 1:
            return bounded(normal_of(self.net.prior[level](h))), h
        if self.highest is None:
            return standard(n, shape, like=next(self.parameters())), h
        raw = self.highest(h).view(n, 2 * shape[0], *[1] * (len(shape) - 1))
        return normal_of(raw.expand(n, 2 * shape[0], *shape[1:])), h

    def posterior(self, level: int, said: Tensor, h: Tensor | None, p: DiagonalNormal) -> DiagonalNormal:
        """What the example says, below the highest level merged with the prior."""
        if level == len(self.shapes) - 1:
            return normal_of(said)
        return merged(normal_of(said + self.net.hear[level](h)), p)

    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """See `TopDown`."""
        return self.net.down(level, h, z)

    def params(self, h: Tensor) -> Tensor:
        """See `TopDown`."""
        return self.net.out(h).view(-1, self.likelihood.num_params, *self.spec.event_shape)


def _latents(asked: Sequence[int] | Literal["auto"], *, auto: tuple[int, ...]) -> tuple[int, ...]:
    if asked == "auto":
        return auto
    if not len(asked):
        raise ConfigError("model.latents: is empty; give a number for each level, such as [32,16,8]")
    return tuple(asked)


def _hidden(asked: Sequence[int] | Literal["auto"], spec: DataSpec, levels: int) -> tuple[int, ...]:
    if asked == "auto":
        wide = 128 if isinstance(spec.space, Vector) else 512
        return tuple(wide if isinstance(spec.space, Vector) else max(64, wide >> level) for level in range(levels))
    if len(asked) != levels:
        raise ConfigError(f"model.hidden: has {len(asked)} widths for {levels} levels; give one for each of them")
    return tuple(asked)

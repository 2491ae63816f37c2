"""The very deep variational autoencoder: a latent in every residual block of a decoder that grows a picture.

From a learned start at 1x1 on, block by block and at each size anew,

    p(z_i | z_>i) = N(mu, s^2)(h),    q(z_i | z_>i, x) = N(mu, s^2)(h, d),    h <- block(h + p's features + W z_i),

where d is what an encoder says of the picture at the block's size. Levels are numbered from the last block, which is
next to the pixels, up to the first.

"Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images", R. Child, 2021,
https://arxiv.org/abs/2011.10650
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import for_spec
from genlab.errors import ConfigError
from genlab.models.conditions import given_by, width
from genlab.models.vae.topdown import TopDown, bounded, normal_of
from genlab.models.vae.vae import DiagonalNormal
from genlab.signatures.ranges import NonNegative, Positive


def sizes_to_one(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width at each resolution, the finest first: halves, rounded up, until a picture is a point."""
    sizes = [(height, width)]
    while sizes[-1] != (1, 1):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class Bottleneck(nn.Module):
    """``(B, inputs, H, W) -> (B, outputs, H, W)``: 1x1, 3x3, 3x3, 1x1, each after a GELU; maps of a point need no 3x3.

    Args:
        inputs, inner, outputs: channels.
        side: of the maps: 3x3 convolutions are for those of 3 and more.
        scale: of the last convolution's first weights; 0: it begins as nothing.
        residual: add it to its input.
    """

    def __init__(
        self, inputs: int, inner: int, outputs: int, *, side: int, scale: float = 1.0, residual: bool = False
    ) -> None:
        super().__init__()
        kernel = 3 if side > 2 else 1
        self.residual = residual
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(inputs, inner, 1),
                nn.Conv2d(inner, inner, kernel, padding=kernel // 2),
                nn.Conv2d(inner, inner, kernel, padding=kernel // 2),
                nn.Conv2d(inner, outputs, 1),
            ]
        )
        with torch.no_grad():
            self.layers[-1].weight.mul_(scale)  # type: ignore[operator]
            self.layers[-1].bias.zero_()  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        """The block, with its input if it is residual."""
        h = x
        for layer in self.layers:
            h = layer(F.gelu(h))
        return x + h if self.residual else h


class TopDownBlock(nn.Module):
    """One level: prior, posterior, and how the latent joins the state.

    Args:
        channels, inner: width of the state, and of the bottlenecks.
        latents: maps of the latent.
        side: of its maps.
        scale: of what the residual branch and the latent begin with, ``1 / sqrt(levels)``.
    """

    def __init__(self, channels: int, inner: int, latents: int, *, side: int, scale: float) -> None:
        super().__init__()
        self.latents = latents
        self.prior = Bottleneck(channels, inner, 2 * latents + channels, side=side, scale=0.0)
        self.posterior = Bottleneck(2 * channels, inner, 2 * latents, side=side)
        self.enter = nn.Conv2d(latents, channels, 1)
        self.block = Bottleneck(channels, inner, channels, side=side, scale=scale, residual=True)
        with torch.no_grad():
            self.enter.weight.mul_(scale)
            self.enter.bias.zero_()  # type: ignore[union-attr]


class VDVAE(TopDown):
    """Very deep variational autoencoder of pictures of any size.

    Args:
        spec: the data's type; decides the likelihood.
        blocks: latents at each size, the finest first, each size half of the one before down to 1x1; "auto": 1 at the
            finest and at 1x1, 2 at the others.
        latents: maps of each latent.
        channels: width of the state.
        likelihood: "bernoulli", "discretised_logistic", or "auto" (what fits the data).
        condition: what the encoder and the start are given: "label", "vector", or None.

    Raises:
        ConfigError: likelihood, condition and data do not fit each other; no block, or another number of sizes.
    """

    needs = ("one set", "image", "integers")
    needs_with = {
        "likelihood=bernoulli": ("binary",),
        "condition=label": ("labels",),
        "condition=vector": ("vector condition",),
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        blocks: Sequence[NonNegative] | Literal["auto"] = "auto",
        latents: Positive = 8,
        channels: Positive = 48,
        likelihood: Literal["auto", "bernoulli", "discretised_logistic"] = "auto",
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__()
        require(VDVAE, spec, likelihood=likelihood, condition=condition)
        self.spec = spec
        self.given = given_by(condition, spec)
        self.likelihood = for_spec(spec, kind=likelihood)
        self.scale = 2.0 / ((spec.levels or 2) - 1)
        depth, self.sizes = spec.event_shape[0], sizes_to_one(*spec.event_shape[1:])
        numbers = _numbers(blocks, len(self.sizes))
        self.sizes = self.sizes[: len(numbers)]
        self.resolution = [r for r, number in enumerate(numbers) for _ in range(number)]
        self.shapes = tuple((latents, *self.sizes[r]) for r in self.resolution)
        inner, scale, given = max(1, channels // 2), sum(numbers) ** -0.5, width(self.given)
        sides = [max(size) for size in self.sizes]
        self.first = nn.Conv2d(depth + given, channels, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                *(
                    Bottleneck(channels, inner, channels, side=side, scale=scale, residual=True)
                    for _ in range(max(1, number))
                )
            )
            for number, side in zip(numbers, sides, strict=True)
        )
        self.levels = nn.ModuleList(
            TopDownBlock(channels, inner, latents, side=sides[r], scale=scale) for r in self.resolution
        )
        self.start = nn.Parameter(torch.zeros(channels, 1, 1))
        self.begin = nn.Linear(given, channels, bias=False) if given else None
        self.last = nn.Conv2d(channels, self.likelihood.num_params * depth, 3, padding=1)

    def bottom_up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """The encoder's maps at the size of each level."""
        d = x * self.scale - 1
        if context is not None:
            d = torch.cat([d, context[:, :, None, None].expand(-1, -1, *d.shape[2:])], 1)
        d, maps = self.first(d), []
        for r, encoder in enumerate(self.encoder):
            d = encoder(d if r == 0 else F.avg_pool2d(d, 2, ceil_mode=True, count_include_pad=False))
            maps.append(d)
        return [maps[r] for r in self.resolution]

    def top(self, n: int, context: Tensor | None) -> Tensor:
        """The learned start, at the size of the first block."""
        h = self.start.expand(n, -1, 1, 1)
        h = h if self.begin is None else h + self.begin(context)[:, :, None, None]
        return h.expand(-1, -1, *self.sizes[self.resolution[-1]])

    def _at(self, level: int) -> TopDownBlock:
        return self.levels[level]  # type: ignore[return-value]

    def prior(self, level: int, h: Tensor | None, n: int) -> tuple[DiagonalNormal, Tensor | None]:
        """See `TopDown`."""
        assert h is not None
        block = self._at(level)
        raw, features = block.prior(h).split([2 * block.latents, h.shape[1]], 1)
        return bounded(normal_of(raw)), h + features

    def posterior(self, level: int, said: Tensor, h: Tensor | None, p: DiagonalNormal) -> DiagonalNormal:
        """See `TopDown`."""
        assert h is not None
        return bounded(normal_of(self._at(level).posterior(torch.cat([h, said], 1))))

    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """The state after a block, at the size of the next."""
        assert h is not None
        block = self._at(level)
        h = block.block(h + block.enter(z))
        size = self.sizes[self.resolution[level - 1] if level else 0]
        return h if h.shape[2:] == size else F.interpolate(h, size=size)

    def params(self, h: Tensor) -> Tensor:
        """See `TopDown`."""
        return self.last(h).view(-1, self.likelihood.num_params, *self.spec.event_shape)


def _numbers(asked: Sequence[int] | Literal["auto"], sizes: int) -> list[int]:
    """How many levels each size has."""
    if asked == "auto":
        return [1 if r in (0, sizes - 1) else 2 for r in range(sizes)]
    if len(asked) > sizes:
        raise ConfigError(f"model.blocks: has {len(asked)} sizes, a picture of this data is halved to {sizes} at most")
    if not sum(asked):
        raise ConfigError("model.blocks: has no block; give a number for each size, such as [1,2,2]")
    return list(asked[: max(r for r, number in enumerate(asked) if number) + 1])  # what is coarser is not needed

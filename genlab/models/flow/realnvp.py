"""Real NVP: affine couplings, on vectors and on pictures at several scales.

"Density Estimation using Real NVP", L. Dinh, J. Sohl-Dickstein, S. Bengio, 2017, https://arxiv.org/abs/1605.08803
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from genlab.bijectors import (
    ActNorm,
    AffineCoupling,
    BatchNorm,
    Bijector,
    Chain,
    Checkerboard,
    Flatten,
    Halves,
    MultiScale,
    Squeeze,
)
from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Image, Vector, of_levels
from genlab.distributions.priors import StandardNormal
from genlab.errors import ConfigError
from genlab.models.conditions import given_by, width
from genlab.models.flow.dequantised import Dequantised
from genlab.models.flow.flow import Flow
from genlab.nn.networks import mlp
from genlab.nn.resnet import ResidualNetwork
from genlab.signatures.ranges import NonNegative, Positive

needs = ("one set", "image | vector | waveform | video", "two dimensions or more")
needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}
gives = {"reals": Flow, "integers": Dequantised}


Norm = Literal["actnorm", "batchnorm", "none"]

COARSEST = 4
"""``scales=auto`` squeezes while both sides are even and at least this long afterwards."""


def realnvp(
    spec: DataSpec,
    *,
    couplings: Positive | Literal["auto"] = "auto",
    hidden: Sequence[Positive] = (64, 64),
    channels: Positive = 32,
    blocks: NonNegative = 2,
    scales: NonNegative | Literal["auto"] = "auto",
    norm: Norm = "actnorm",
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05,
    condition: Literal["label", "vector"] | None = None,
) -> Flow | Dequantised:
    """Real NVP for the data: a `Flow` on reals, exact; a `Dequantised` flow on integers, a bound.

    Vectors: couplings whose halves take turns, networks s and t in one MLP. Pictures (section 3.6): at each scale
    couplings with checkerboard masks, a squeeze, couplings with channel masks, and half of the channels leave; at the
    last scale checkerboards alone, one more of them. Feature maps double at each squeeze.

    Args:
        spec: the data's type; decides between the two.
        couplings: vectors: their number, "auto": 8; pictures: how many of each mask at each scale, "auto": 3.
        hidden: vectors: widths of the hidden layers.
        channels: pictures: feature maps at full resolution.
        blocks: pictures: residual blocks in each network.
        scales: pictures: how often to squeeze; "auto": see `COARSEST`.
        norm: before every coupling.
        alpha: integers: of the logit.
        condition: what every coupling's network is given: "label", "vector", or None.

    Raises:
        ConfigError: data that a coupling cannot split or that lacks the condition, or more scales than the picture has.
    """
    require(realnvp, spec, condition=condition)
    given = given_by(condition, spec)
    real = replace(spec, space=of_levels(spec.space, None))
    if isinstance(spec.space, Image):
        depth = halvings(spec) if scales == "auto" else scales
        if depth > halvings(spec, coarsest=1):
            raise ConfigError(
                f"model.scales={depth}: {spec.event_shape[1]}x{spec.event_shape[2]} pictures can be halved "
                f"{halvings(spec, coarsest=1)} times"
            )
        count = 3 if couplings == "auto" else couplings
        bijector: Bijector = _multi_scale(spec.event_shape, depth, count, channels, blocks, norm, extra=width(given))
        flow = Flow(real, bijector=bijector, prior=StandardNormal(), given=given)
        return flow if spec.levels is None else Dequantised(spec, flow=flow, alpha=alpha)
    parts: list[Bijector] = [] if isinstance(spec.space, Vector) else [Flatten(spec.event_shape)]
    for i in range(8 if couplings == "auto" else couplings):
        partition = Halves(spec.dim, keep=i % 2)
        net = mlp(partition.inputs + width(given), hidden, 2 * partition.moved)
        parts += [*_norm(norm, spec.dim), AffineCoupling(partition, starting_at_zero(net, net[-1]))]
    flow = Flow(real, bijector=Chain(parts), prior=StandardNormal(), given=given)
    return flow if spec.levels is None else Dequantised(spec, flow=flow, alpha=alpha)


def halvings(spec: DataSpec, *, coarsest: int = COARSEST) -> int:
    """How often both sides can be halved without falling below ``coarsest``: 28 -> 14 -> 7 is twice."""
    height, width = spec.event_shape[-2:]
    count = 0
    while height % 2 == width % 2 == 0 and min(height, width) // 2 >= coarsest:
        height, width, count = height // 2, width // 2, count + 1
    return count


def starting_at_zero(net: nn.Module, last: nn.Module) -> nn.Module:
    """``net`` with its last layer set to zero: a coupling that is the identity until trained (as in Glow, 2018)."""
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return net


def _norm(kind: Norm, features: int) -> list[Bijector]:
    if kind == "none":
        return []
    return [ActNorm(features) if kind == "actnorm" else BatchNorm(features)]


def _multi_scale(
    shape: tuple[int, ...], depth: int, count: int, channels: int, blocks: int, norm: Norm, *, extra: int
) -> MultiScale:
    """``depth`` scales that squeeze and the last one; ``count`` couplings of each kind, given ``extra`` numbers."""

    def coupling(partition: Checkerboard | Halves, features: int) -> list[Bijector]:
        net = ResidualNetwork(partition.inputs + extra, channels=channels, outputs=2 * partition.moved, blocks=blocks)
        return [*_norm(norm, features), AffineCoupling(partition, starting_at_zero(net, net.head))]

    def checkerboards(shape: tuple[int, ...], n: int) -> list[Bijector]:
        return [part for i in range(n) for part in coupling(Checkerboard(shape, keep=i % 2), shape[0])]

    chains, full = [], shape
    for _ in range(depth):
        parts = [*checkerboards(shape, count), Squeeze()]
        channels, features = 2 * channels, 4 * shape[0]
        parts += [part for i in range(count) for part in coupling(Halves(features, keep=i % 2), features)]
        chains.append(Chain(parts))
        shape = (2 * shape[0], shape[1] // 2, shape[2] // 2)
    return MultiScale([*chains, Chain(checkerboards(shape, count + 1))], shape=full)

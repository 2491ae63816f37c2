"""The integer discrete flow: a bijection of integers with a distribution on integers behind it.

    P(x) = P_Z(f(x)),     f: Z^D -> Z^D one to one

No volume changes, for there is none: the likelihood of integer data is exact, without noise added to it. Couplings
shift by whole numbers, ``z_B = x_B + round(t(x_A))``; the gradient passes the rounding as if it were not there. At each
scale part of the integers leaves, with a distribution that depends on what goes on:

    P_Z(z) = P(z_L) prod_{l<L} P(z_l | h_l)        h_l: what went on at scale l, known from z_{l+1}, ..., z_L

all of them mixtures of logistics integrated over unit intervals.

"Integer Discrete Flows and Lossless Compression", E. Hoogeboom, J. W. T. Peters, R. van den Berg, M. Welling, 2019,
https://arxiv.org/abs/1905.07376
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from genlab.bijectors import (
    AdditiveCoupling,
    Bijector,
    Chain,
    Checkerboard,
    Chosen,
    Flatten,
    Partition,
    RoundedShift,
    Squeeze,
)
from genlab.bijectors.base import members
from genlab.bijectors.coupling import beside
from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Image
from genlab.distributions.integer_logistics import IntegerLogistics
from genlab.errors import ConfigError
from genlab.models.capabilities import DecodesLatents, EncodesLatents, Tempered
from genlab.models.conditions import context, given_by, width
from genlab.models.flow.realnvp import starting_at_zero
from genlab.models.integer_parts import IntegerParts
from genlab.nn.networks import mlp
from genlab.nn.resnet import ResidualNetwork
from genlab.signatures.ranges import NonNegative, Positive

COARSEST = 2
"""Scales squeeze while sides are at least this long afterwards: normalisation inside networks needs places."""

MOST = 4
"""``scales=auto``: no more, and no more than have two channels to part."""

PARTS = 4
"""Of a coupling's features one in so many moves, and the others decide how: 3/4 and 1/4 in the paper."""

PLACE = 16
"""What the distributions have of their own at each place learns so many times as fast as a network: a background is to
be certain before shifts begin."""

STEP = 1 / 32
"""What a shift's network gives is in so small a part of the data's range: its first steps are not to scatter data whose
distribution is not learned yet."""


@dataclass(frozen=True)
class _Networks:
    """How the networks of a flow are made: they read integers over ``unit`` and ``extra`` numbers of a context."""

    picture: bool
    channels: int
    blocks: int
    hidden: tuple[int, ...]
    extra: int

    def __call__(self, inputs: int, outputs: int) -> nn.Module:
        """``(B, inputs + extra, ...) -> (B, outputs, ...)``, zero until trained."""
        if self.picture:
            residual = ResidualNetwork(inputs + self.extra, channels=self.channels, outputs=outputs, blocks=self.blocks)
            return starting_at_zero(residual, residual.head)
        net = mlp(inputs + self.extra, self.hidden, outputs)
        return starting_at_zero(net, net[-1])


class IDF(IntegerParts, EncodesLatents, DecodesLatents, Tempered):
    """Integer discrete flow: exact likelihood of integer data, and a lossless code of the same length.

    Pictures are squeezed at each scale whose sides are even, and half of the channels leave, as in the paper; this goes
    on where sides are odd or short. Of four channels each coupling moves another one, given the three others (in the
    paper always the last quarter, after a fixed permutation); with fewer it has a checkerboard. Other data has one
    scale, and an MLP of all values. The distributions have parameters of their own at each place beside a network's,
    and networks are residual where the paper's are dense.

    Mass on integers outside the data's range is lost, as it belongs to no example; draws there are clamped to it.

    Args:
        spec: the data's type: integers.
        couplings: at each scale; the paper has 8, on pictures in colour.
        channels: pictures: feature maps of each network.
        blocks: pictures: residual blocks of each network.
        hidden: other data: widths of each network's hidden layers.
        scales: pictures: their number; "auto": at most `MOST`.
        mixtures: logistics of each integer's distribution.
        condition: what every network is given: "label", "vector", or None.

    Raises:
        ConfigError: data of reals, or that lacks the condition, or more scales than the picture has channels for.
    """

    needs = ("one set", "image | vector | waveform | video", "integers", "two dimensions or more")
    needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        couplings: Positive = 4,
        channels: Positive = 32,
        blocks: NonNegative = 1,
        hidden: Sequence[Positive] = (256, 256),
        scales: Positive | Literal["auto"] = "auto",
        mixtures: Positive = 5,
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__()
        require(IDF, spec, condition=condition)
        assert spec.levels is not None
        self.spec = spec
        self.given = given_by(condition, spec)
        self.levels, self.centre, self.unit = spec.levels, spec.levels // 2, spec.levels / 2
        picture = isinstance(spec.space, Image)
        network = _Networks(picture, channels, blocks, tuple(hidden), width(self.given))
        chains: list[Bijector] = []
        steps = _shapes(spec.event_shape, scales) if picture else [(spec.dim,)]
        for scale, shape in enumerate(steps):
            first: list[Bijector] = [] if picture else [Flatten(spec.event_shape)]
            if picture and shape[1:] != (steps[scale - 1] if scale else spec.event_shape)[1:]:
                first = [Squeeze()]
            chains.append(Chain([*first, *_couplings(shape, couplings, network, self.unit)]))
        self.chains = nn.ModuleList(chains)
        self.shapes = [*((each[0] // 2, *each[1:]) for each in steps[:-1]), steps[-1]]
        """Of what leaves at each scale, the finest first."""
        outputs = 3 * mixtures
        self.priors = nn.ModuleList(network(each[0] - each[0] // 2, outputs * (each[0] // 2)) for each in steps[:-1])
        self.places = nn.ParameterList(nn.Parameter(torch.zeros(outputs, *each)) for each in self.shapes)
        self.top_given: nn.Linear | None = None
        if self.given is not None:
            self.top_given = nn.Linear(width(self.given), outputs * math.prod(steps[-1]), bias=False)
            nn.init.zeros_(self.top_given.weight)

    def _integers(self, x: Tensor) -> Tensor:
        """Typed examples as integers around 0, in floating point."""
        dtype = torch.promote_types(self.places[0].dtype, torch.float32)
        return x.to(dtype) - self.centre

    def _forward(self, x: Tensor, context: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
        """What leaves at each scale, and what goes on: the finest first; nothing goes on from the last."""
        h, found = self._integers(x), []
        *chains, last = members(self.chains)
        for chain in chains:
            h = chain.forward_and_log_det(h, context).value
            z, h = h.tensor_split([h.shape[1] // 2], 1)
            found.append((z, h))
        return [*found, (last.forward_and_log_det(h, context).value, None)]

    def _back(self, scale: int, z: Tensor, h: Tensor | None, context: Tensor | None) -> Tensor:
        """What went into a scale, from what left there and what went on."""
        whole = z if h is None else torch.cat((z, h), 1)
        return members(self.chains)[scale].inverse_and_log_det(whole, context).value

    def _prior(self, scale: int, h: Tensor | None, n: int, context: Tensor | None) -> IntegerLogistics:
        """Of what leaves at a scale, given what goes on."""
        place = self.places[scale]
        raw = PLACE * place.expand(n, *place.shape)
        with torch.autocast(raw.device.type, enabled=False):  # what depends on rounding has one precision
            if h is not None:
                raw = raw + self.priors[scale](beside(h / self.unit, context).to(raw.dtype)).view_as(raw)
            elif self.top_given is not None and context is not None:
                raw = raw + self.top_given(context.to(raw.dtype)).view_as(raw)
        return IntegerLogistics.of(raw, levels=self.levels)

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B,)`` nats per example, exact."""
        given = context(self.given, c)
        terms = [
            self._prior(scale, h, len(x), given).log_prob(z).flatten(1).sum(1)
            for scale, (z, h) in enumerate(self._forward(x, given))
        ]
        return torch.stack(terms).sum(0)

    @property
    def part_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The coarsest scale first."""
        return tuple(reversed(self.shapes))

    def to_integers(self, x: Tensor, c: Tensor | None = None) -> list[Tensor]:
        """``z_L, ..., z_1``, the coarsest scale first."""
        return [z.long() for z, _ in reversed(self._forward(x, context(self.given, c)))]

    def _up(self, known: Sequence[Tensor], context: Tensor | None) -> Tensor | None:
        """What goes into the finest scale of those known; None where none is."""
        h = None
        for scale, z in zip(reversed(range(len(self.shapes))), known, strict=False):
            h = self._back(scale, self._integers(z) + self.centre, h, context)
        return h

    def from_integers(self, parts: Sequence[Tensor], c: Tensor | None = None) -> Tensor:
        """The examples of these parts, clamped to the data's range."""
        h = self._up(parts, context(self.given, c))
        assert h is not None
        return self._typed(h)

    def _typed(self, h: Tensor) -> Tensor:
        assert self.spec.levels is not None
        x = (h + self.centre).clamp(0, self.spec.levels - 1).to(self.spec.dtype)
        return x.view(-1, *self.spec.event_shape)

    def next_part(self, known: Sequence[Tensor], n: int, c: Tensor | None = None) -> IntegerLogistics:
        """Distribution of the next part of ``n`` examples; the scales known are inverted for it."""
        given = context(self.given, c)
        return self._prior(len(self.shapes) - 1 - len(known), self._up(known, given), n, given)

    @property
    def latent_dim(self) -> int:
        """As many as the data has."""
        return self.spec.dim

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``z = f(x)``, ``(B, D)`` integers in floating point, the coarsest scale first."""
        return torch.cat([z.flatten(1) for z, _ in reversed(self._forward(x, context(self.given, c)))], 1)

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``(B, *event_shape)`` in floating point: ``f^-1`` of the nearest integers, clamped to the data's range."""
        pieces = z.round().split([math.prod(shape) for shape in self.part_shapes], 1)
        parts = [piece.view(-1, *shape) for piece, shape in zip(pieces, self.part_shapes, strict=True)]
        return self.from_integers(parts, c).to(torch.promote_types(z.dtype, torch.float32))

    def _draw(
        self, n: int, c: Tensor | None, temperature: float, generator: torch.Generator | None
    ) -> tuple[list[Tensor], Tensor]:
        """Parts drawn one given the others, and what they are on the way back to data."""
        given, h, parts = context(self.given, c), None, []
        for scale in reversed(range(len(self.shapes))):
            z = self._prior(scale, h, n, given).sample(generator=generator, temperature=temperature)
            parts.append(z)
            h = self._back(scale, z, h, given)
        assert h is not None
        return parts, h

    def sample_latents(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, D)`` integers; the temperature multiplies the scales of their logistics."""
        parts, _ = self._draw(n, c, temperature, generator)
        return torch.cat([z.flatten(1) for z in parts], 1)

    def sample(
        self, n: int, c: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """``(n, *event_shape)`` integer levels, clamped to the data's range."""
        return self._typed(self._draw(n, c, temperature, generator)[1])


def _shapes(shape: tuple[int, ...], scales: int | Literal["auto"]) -> list[tuple[int, ...]]:
    """Of what each scale's couplings see, of pictures ``(C, H, W)``, squeezed while both sides are even."""
    found: list[tuple[int, ...]] = []
    channels, height, width = shape
    for scale in range(MOST if scales == "auto" else scales):
        if height % 2 == width % 2 == 0 and min(height, width) // 2 >= COARSEST:
            channels, height, width = 4 * channels, height // 2, width // 2
        found.append((channels, height, width))
        channels -= channels // 2
        if found[-1][0] < 2 and scales != "auto" and scale < scales - 1:
            raise ConfigError(f"model.scales={scales}: {shape[1]}x{shape[2]} pictures have {scale + 1} at most")
        if found[-1][0] < 2:
            break
    return found


def _couplings(shape: tuple[int, ...], count: int, network: _Networks, unit: float) -> list[Bijector]:
    """Couplings of ``(C, H, W)`` or ``(D,)`` integers whose parts that move take turns."""
    found: list[Bijector] = []
    for i in range(count):
        partition: Partition
        if len(shape) > 1 and shape[0] < PARTS:
            partition = Checkerboard(shape, keep=i % 2)
        else:
            parts = min(PARTS, shape[0])
            partition = Chosen(shape[0], moved=range(i % parts, shape[0], parts))
        net = network(partition.inputs, partition.moved)
        integers = shape[0] if isinstance(partition, Checkerboard) else partition.inputs
        found.append(AdditiveCoupling(partition, RoundedShift(net, integers=integers, unit=unit, step=STEP * unit)))
    return found

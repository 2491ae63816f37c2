"""The networks of a ladder VAE: perceptrons for vectors, convolutions for pictures.

Up: ``d_1 = f_1(x)``, ``d_i = f_i(d_i-1)``. Down, from the highest level: ``h_i-1 = g_i(z_i, h_i)``, a deterministic way
past the latents. What the example says to level i is ``a_i(d_i) + b_i(h_i)``, its prior ``c_i(h_i)``; both linear.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nn.layers import Linear
from genlab.nn.networks import ResidualBlock


class LadderNetwork(nn.Module):
    """Base: what goes up, and what comes down.

    Attributes:
        shapes: of the latent of each level, the lowest first.
        say: of each level, from ``d`` to what the example says.
        hear: of each level but the highest, from ``h`` to what the state adds to it.
        prior: of each level but the highest, from ``h`` to its prior.
    """

    shapes: tuple[tuple[int, ...], ...]
    say: nn.ModuleList
    hear: nn.ModuleList
    prior: nn.ModuleList

    def up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """What the example says to each level, the lowest first, ``(B, 2 D, ...)``."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """The state below a level."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def out(self, h: Tensor) -> Tensor:
        """Parameters of x, of the state below the lowest level."""
        raise TypeError(f"{type(self).__name__} is abstract")


def _layers(inputs: int, width: int, depth: int, dropout: float) -> nn.Sequential:
    """``depth`` hidden layers of one width."""
    parts: list[nn.Module] = []
    for _ in range(depth):
        parts += [Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*parts, *([nn.Dropout(dropout)] if dropout else []))


class LadderMLP(LadderNetwork):
    """Perceptrons; one level is the VAE's networks.

    Args:
        inputs, outputs: numbers of an example, and of the parameters of its distribution.
        latents, hidden: of each level, the lowest first: its dimensions, and the width of its layers.
        depth: hidden layers of a level, up and down.
        dropout: after the layers of each level.
        context: numbers of the condition.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        latents: Sequence[int],
        hidden: Sequence[int],
        depth: int,
        dropout: float,
        context: int,
    ) -> None:
        super().__init__()
        self.shapes = tuple((latent,) for latent in latents)
        below = [inputs + context, *hidden[:-1]]
        above = [*hidden[1:], context]  # width of the state that reaches a level
        self.rise = nn.ModuleList(_layers(n, width, depth, dropout) for n, width in zip(below, hidden, strict=True))
        self.fall = nn.ModuleList(
            _layers(z + h, width, depth, dropout) for z, h, width in zip(latents, above, hidden, strict=True)
        )
        self.say = nn.ModuleList(Linear(width, 2 * z) for width, z in zip(hidden, latents, strict=True))
        inner = list(zip(above, latents, strict=True))[:-1]
        self.hear = nn.ModuleList(Linear(h, 2 * z, bias=False) for h, z in inner)
        self.prior = nn.ModuleList(Linear(h, 2 * z) for h, z in inner)
        self.last = Linear(hidden[0], outputs)

    def up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """See `LadderNetwork`."""
        d, said = x.flatten(1), []
        d = d if context is None else torch.cat([d, context], 1)
        for rise, say in zip(self.rise, self.say, strict=True):
            d = rise(d)
            said.append(say(d))
        return said

    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """See `LadderNetwork`."""
        return self.fall[level](z if h is None else torch.cat([z, h], 1))

    def out(self, h: Tensor) -> Tensor:
        """See `LadderNetwork`."""
        return self.last(h)


def level_sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Height and width of the maps of each level, the lowest first: each half of what is below, down to 4 or less."""
    sizes = [(height, width)]
    for _ in range(levels):
        sizes.append(tuple(side if side <= 4 else (side + 1) // 2 for side in sizes[-1]))  # type: ignore[arg-type]
    return sizes[1:]


class LadderConv(LadderNetwork):
    """Residual blocks; the latents of a level are maps, of half the height and width of those below.

    Args:
        shape: ``(C, H, W)`` of an example.
        outputs: channels of the parameters of its distribution.
        latents: maps of each level, the lowest first.
        channels: width of all blocks but those at the size of the example, which have half of it.
        depth: residual blocks of a level, up and down.
        dropout: of the blocks.
        context: numbers of the condition.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        *,
        latents: Sequence[int],
        channels: int,
        depth: int,
        dropout: float,
        context: int,
    ) -> None:
        super().__init__()
        self.sizes = [(shape[1], shape[2]), *level_sizes(shape[1], shape[2], len(latents))]
        self.shapes = tuple((z, *size) for z, size in zip(latents, self.sizes[1:], strict=True))

        def blocks() -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(channels, dropout=dropout) for _ in range(depth)))

        steps = [self._stride(*pair) for pair in itertools.pairwise(self.sizes)]
        inputs = [shape[0] + context, *[channels] * (len(latents) - 1)]
        self.shrink = nn.ModuleList(
            nn.Conv2d(n, channels, 5 if level == 0 else 3, stride=step, padding=2 if level == 0 else 1)
            for level, (n, step) in enumerate(zip(inputs, steps, strict=True))
        )
        self.rise = nn.ModuleList(blocks() for _ in latents)
        self.say = nn.ModuleList(nn.Conv2d(channels, 2 * z, 3, padding=1) for z in latents)
        self.hear = nn.ModuleList(nn.Conv2d(channels, 2 * z, 3, padding=1, bias=False) for z in latents[:-1])
        self.prior = nn.ModuleList(nn.Conv2d(channels, 2 * z, 3, padding=1) for z in latents[:-1])
        self.enter = nn.ModuleList(nn.Conv2d(z, channels, 3, padding=1) for z in latents)
        self.fall = nn.ModuleList(blocks() for _ in latents)
        outer = max(1, channels // 2)
        widths = [outer, *[channels] * (len(latents) - 1)]
        self.grow = nn.ModuleList(nn.Conv2d(channels, width, 3, padding=1) for width in widths)
        self.begin = Linear(context, channels) if context else None
        self.last = nn.Sequential(ResidualBlock(outer), nn.SiLU(), nn.Conv2d(outer, outputs, 3, padding=1))

    @staticmethod
    def _stride(size: tuple[int, int], smaller: tuple[int, int]) -> tuple[int, int]:
        return 1 if size[0] == smaller[0] else 2, 1 if size[1] == smaller[1] else 2

    def up(self, x: Tensor, context: Tensor | None) -> list[Tensor]:
        """See `LadderNetwork`."""
        d, said = x, []
        if context is not None:
            d = torch.cat([d, context[:, :, None, None].expand(-1, -1, *d.shape[2:])], 1)
        for shrink, rise, say in zip(self.shrink, self.rise, self.say, strict=True):
            d = rise(shrink(d))
            said.append(say(F.silu(d)))
        return said

    def down(self, level: int, h: Tensor | None, z: Tensor) -> Tensor:
        """See `LadderNetwork`."""
        entered = self.enter[level](z)
        if h is not None and h.ndim == 2:  # the condition, above all levels
            assert self.begin is not None
            h = self.begin(h)[:, :, None, None]
        state = self.fall[level](entered if h is None else entered + h)
        return self.grow[level](F.interpolate(state, size=self.sizes[level]))

    def out(self, h: Tensor) -> Tensor:
        """See `LadderNetwork`."""
        return self.last(h)

"""ConvLSTM: the frames to come as one forecast, by recurrent cells whose states are pictures.

    i, f, o, g = W * [x_t, h_(t-1)]                                       one convolution
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g),   h_t = sigmoid(o) tanh(c_t)

A stack of cells reads the past frames; a second stack starts from its states and, reading nothing more, unfolds the
future; a convolution of all its ``h`` gives each frame. As in the paper a frame is cut into patches whose pixels become
channels, and the loss is the cross-entropy of brightness, which here is the exact likelihood of a binomial distribution
of each pixel. The paper's peepholes, which tie a cell to one size of picture, are left out.

"Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting", X. Shi, Z. Chen, H. Wang,
D.-Y. Yeung, W. Wong, W. Woo, 2015, https://arxiv.org/abs/1506.04214
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Video
from genlab.distributions.likelihoods import Binomial, Gaussian, Likelihood
from genlab.errors import ConfigError
from genlab.models.capabilities import ExactLikelihood
from genlab.models.conditions import given_by, needed, pictures
from genlab.models.forecaster import Forecaster
from genlab.signatures.ranges import Kernel, Positive

State = tuple[Tensor, Tensor]
"""``h`` and ``c`` of a cell, ``(B, width, H, W)`` each."""

PATCHES = 8
"""``patch=auto``: 4 or 2 if that leaves so many patches a side, else 1."""


class Cell(nn.Module):
    """One ConvLSTM cell: ``x (B, inputs, H, W)`` (or nothing) and its state to its next state.

    Args:
        inputs: channels of x; 0: it reads nothing.
        width: of its state.
        kernel_size: of the convolution.
    """

    def __init__(self, inputs: int, width: int, kernel_size: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(inputs + width, 4 * width, kernel_size, padding=kernel_size // 2)
        with torch.no_grad():
            assert self.gates.bias is not None
            self.gates.bias[width : 2 * width] = 1.0  # remember at first (Jozefowicz et al., 2015)

    def forward(self, x: Tensor | None, state: State) -> State:
        """``(h_t, c_t)``."""
        h, c = state
        i, f, o, g = self.gates(h if x is None else torch.cat([x, h], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class ConvLSTM(ExactLikelihood, Forecaster):
    """A ConvLSTM encoder and forecaster: ``p(future | past)`` of pixels that are independent given the past.

    Args:
        spec: the data's type: videos, given past frames.
        layers: cells of each stack.
        width: channels of their states.
        kernel_size: of their convolutions.
        patch: side of the patches whose pixels become channels; "auto": 4, or less for small pictures.
        condition: "past": there is no other.

    Raises:
        ConfigError: the data are no videos with past frames, or the patches do not fit into the pictures.
    """

    needs = ("one set", "video", "video condition")

    def __init__(
        self,
        spec: DataSpec,
        *,
        layers: Positive = 2,
        width: Positive = 64,
        kernel_size: Kernel = 3,
        patch: Positive | Literal["auto"] = "auto",
        condition: Literal["past"] = "past",
    ) -> None:
        super().__init__()
        require(ConvLSTM, spec)
        self.spec = spec
        given = given_by(condition, spec)
        assert isinstance(given, Video)
        assert isinstance(spec.space, Video)
        self.given: Video = given
        space = spec.space
        self.patch = _patch(patch, space)
        depth = space.channels * self.patch**2
        self.likelihood: Likelihood = Gaussian(spec, variance="shared") if spec.levels is None else Binomial(spec)
        self.reader = _stack(given.channels * self.patch**2, layers, width, kernel_size)
        self.teller = _stack(0, layers, width, kernel_size)
        self.head = nn.Conv2d(layers * width, depth, 1)

    def params(self, c: Tensor | None) -> Tensor:
        """Parameters ``(B, 1, F, C, H, W)`` of the pixels' distribution."""
        c = needed(self.given, c)
        space = self.spec.space
        assert isinstance(space, Video)
        frames = F.pixel_unshuffle(pictures(self.given, c).view(-1, *c.shape[2:]), self.patch)
        frames = frames.view(*c.shape[:2], *frames.shape[1:])
        n, width = len(c), self.head.in_channels // len(self.reader)
        empty = frames.new_zeros(n, width, *frames.shape[-2:])
        states: list[State] = [(empty, empty) for _ in self.reader]
        for t in range(frames.shape[1]):
            states = _step(self.reader, frames[:, t], states)
        told = []
        for _ in range(space.frames):
            states = _step(self.teller, None, states)
            told.append(self.head(torch.cat([h for h, _ in states], 1)))
        shown = F.pixel_shuffle(torch.stack(told, 1).flatten(0, 1), self.patch)
        return shown.view(n, 1, *self.spec.event_shape)

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``log p(x | c)``, ``(B,)`` nats."""
        return self.likelihood.log_prob(x, self.params(c))

    @torch.no_grad()
    def forecast(self, c: Tensor) -> Tensor:
        """The expected frames."""
        return self.likelihood.mean(self.params(c))

    @torch.no_grad()
    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Frames with the noise of each pixel by itself: what the likelihood says, and no ensemble worth the name."""
        return self.likelihood.sample(self.params(c), generator=generator)


def _stack(inputs: int, layers: int, width: int, kernel_size: int) -> nn.ModuleList:
    return nn.ModuleList(Cell(inputs if i == 0 else width, width, kernel_size) for i in range(layers))


def _step(cells: nn.ModuleList, x: Tensor | None, states: list[State]) -> list[State]:
    """All cells of a stack, each reading the one below it."""
    found: list[State] = []
    for cell, state in zip(cells, states, strict=True):
        found.append(cell(x, state))
        x = found[-1][0]
    return found


def _patch(patch: int | Literal["auto"], space: Video) -> int:
    sides = (space.height, space.width)
    if patch == "auto":
        fitting = (each for each in (4, 2) if not any(side % each or side // each < PATCHES for side in sides))
        return next(fitting, 1)
    if any(side % patch for side in sides):
        raise ConfigError(f"model.patch={patch}: pictures of {sides[0]}x{sides[1]} cannot be cut into such patches")
    return patch

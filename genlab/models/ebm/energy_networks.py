"""Smooth networks with one output per example, or one for each class: energies whose gradient a chain can follow."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from genlab.nn.networks import mlp


class ConvEnergy(nn.Module):
    """``(B, C, H, W) float -> (B, outputs)``: 3x3 convolutions with SiLU, pools by 2 down to 2x2, a perceptron.

    No normalisation layer (an energy must not depend on the batch) and no kink: the chain follows the gradient. On the
    CPU that gradient is the time of training. For it 2x2 patches first become channels, and pools halve in place of
    strides: the backward pass of a strided convolution, and of any on one channel, is several times dearer.

    Args:
        shape: ``(C, H, W)``, any size.
        channels: width of the first convolution; doubled at each halving, at most four times.
        hidden: widths of the perceptron's hidden layers.
        outputs: energies of each picture, one for each class.
    """

    def __init__(self, shape: tuple[int, ...], *, channels: int, hidden: Sequence[int], outputs: int = 1) -> None:
        super().__init__()
        depth, height, across = shape
        self.padding = (0, across % 2, 0, height % 2)
        sides = [(height + 1) // 2, (across + 1) // 2]
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(4 * depth, channels, 3, padding=1), nn.SiLU()]
        width = channels
        while max(sides) > 2:
            deeper = min(2 * width, 4 * channels)
            layers += [nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(width, deeper, 3, padding=1), nn.SiLU()]
            width, sides = deeper, [(side + 1) // 2 for side in sides]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = mlp(width * sides[0] * sides[1], hidden, outputs, activation=nn.SiLU)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Energies of each picture."""
        x = F.pad(x, self.padding).contiguous(memory_format=torch.channels_last)
        return self.head(self.body(x))


class VectorEnergy(nn.Module):
    """``(B, D) float -> (B, outputs)``: a perceptron with SiLU.

    Args:
        inputs: D.
        hidden: widths of the hidden layers.
        gain: of the first layer's initial weights and biases. At 1 the first functions vary over several units, and
            descent is slow to find detail: a ring for what is eight modes on it.
        outputs: energies of each vector, one for each class.
    """

    def __init__(self, inputs: int, *, hidden: Sequence[int], gain: float = 1.0, outputs: int = 1) -> None:
        super().__init__()
        self.body = mlp(inputs, hidden, outputs, activation=nn.SiLU)
        with torch.no_grad():
            for parameter in self.body[0].parameters():
                parameter.mul_(gain)

    def forward(self, x: Tensor) -> Tensor:
        """Energies of each vector; pictures are read as vectors."""
        return self.body(x.flatten(1))


def spectrally_normalised(network: nn.Module) -> nn.Module:
    """The same network with the largest singular value of every weight at 1, by one power iteration per training step.

    Bounds how steep the network can be. "Spectral Normalization for Generative Adversarial Networks", T. Miyato,
    T. Kataoka, M. Koyama, Y. Yoshida, 2018, https://arxiv.org/abs/1802.05957
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(module)
    return network

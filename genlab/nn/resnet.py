"""A residual network that keeps the picture's size."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nn.networks import ResidualBlock


class ResidualNetwork(nn.Module):
    """``(B, inputs, H, W) -> (B, outputs, H, W)``: a 3x3 convolution, residual blocks, a 3x3 convolution.

    Args:
        inputs: channels of the input.
        channels: feature maps inside.
        outputs: channels of the result.
        blocks: number of residual blocks.
    """

    def __init__(self, inputs: int, *, channels: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.head = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each pixel and its surroundings."""
        return self.head(F.silu(self.blocks(self.stem(x))))

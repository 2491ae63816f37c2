"""Random crops and mirror images, for a whole batch at once.

The jitter of pix2pix (section 6.2 of the paper) and CycleGAN, which resize pictures of 256 pixels to 286, cut out 256
at random and mirror every second one. Other sizes grow by the same factor.

P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
https://arxiv.org/abs/1611.07004.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional as F

GROWTH = 286 / 256


def jitter_of(resample: str) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
    """The `jitter` of pictures that are resized in this way: none that makes new values of those of masks."""
    return partial(jitter, mode="nearest-exact") if resample == "nearest" else jitter


def jitter(x: torch.Tensor, generator: torch.Generator, *, mode: str = "bicubic") -> torch.Tensor:
    """Each picture enlarged, cropped to its old size at a place of its own, and mirrored or not.

    The same state of the generator makes the same cuts, whatever the pictures show: those of a pair stay aligned.

    Args:
        x: ``(B, C, H, W)`` uint8, on the device of `generator`.
        generator: of the places and the mirrors.
        mode: of `torch.nn.functional.interpolate`, by which they are enlarged.

    Returns:
        ``(B, C, H, W)`` uint8.
    """
    n, _, height, width = x.shape
    tall, wide = round(GROWTH * height), round(GROWTH * width)
    if x.device.type == "cpu":
        large = F.interpolate(x, (tall, wide), mode=mode)  # in integers: twenty times as fast as in float
    else:
        large = F.interpolate(x.float(), (tall, wide), mode=mode).round_().clamp_(0, 255).to(x.dtype)
    top = torch.randint(tall - height + 1, (n, 1), generator=generator, device=x.device)
    left = torch.randint(wide - width + 1, (n, 1), generator=generator, device=x.device)
    mirrored = torch.rand(n, 1, generator=generator, device=x.device) < 0.5
    down, along, each = (torch.arange(size, device=x.device) for size in (height, width, n))
    rows, columns = top + down, left + along
    columns = torch.where(mirrored, columns.flip(1), columns)
    cut = large[each[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return cut.permute(0, 3, 1, 2).contiguous()

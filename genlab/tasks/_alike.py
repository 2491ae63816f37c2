"""How near pictures of different sizes are to the truth: each by itself, and the mean over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from genlab.evaluation.statistics.likeness import WINDOW, ratios

STRIP = 1 << 18
"""Values whose windows are held at once: each takes as many numbers as a window has."""

LISTED = 12
"""Pictures that have a line of their own, at most."""


def of_picture(found: Mapping[str, Tensor], truth: Tensor, *, border: int) -> dict[str, dict[str, float]]:
    """PSNR and SSIM of what may be a picture, by name; of colours also the PSNR of their luminance.

    Args:
        found: ``(C, H, W)`` each, white - black = 1.
        truth: ``(C, H, W)``.
        border: pixels on each side that do not count.
    """
    cut = {name: _within(x, border) for name, x in found.items()}
    truth = _within(truth, border)
    numbers = {"psnr": {name: ratios(x[None], truth[None]).item() for name, x in cut.items()}}
    if len(truth) == 3:
        y = luminance(truth)[None]
        numbers["psnr_y"] = {name: ratios(luminance(x)[None], y).item() for name, x in cut.items()}
    if min(truth.shape[1:]) >= WINDOW:
        numbers["ssim"] = {name: similarity(x, truth) for name, x in cut.items()}
    return numbers


def similarity(x: Tensor, truth: Tensor) -> float:
    """SSIM of ``(C, H, W)``, as of whole pictures: a strip of windows is looked at at once."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    rows, reach = x.shape[1], WINDOW // 2
    height = max(WINDOW, STRIP // x[:, 0].numel())
    total = 0.0
    for top in range(0, rows, height):
        first, last = max(0, top - reach), min(rows, top + height + reach)
        first = max(0, min(first, last - WINDOW))  # the rest may be lower than a window
        part, other = (each[None, :, first:last].float() for each in (x, truth))
        _, each = structural_similarity_index_measure(part, other, data_range=1.0, return_full_image=True)
        total += each[..., top - first : top - first + height, :].double().mean((0, 1, 3)).sum().item()
    return total / rows


def luminance(x: Tensor) -> Tensor:
    """Y of RGB ``(3, H, W)`` as video has it, from 16 to 235 of 255 (ITU-R BT.601): ``(1, H, W)``; grey as it is."""
    if len(x) == 1:
        return x
    return (16 + (x * x.new_tensor([65.481, 128.553, 24.966])[:, None, None]).sum(0, keepdim=True)) / 255


def _within(x: Tensor, border: int) -> Tensor:
    return x if border == 0 else x[:, border:-border, border:-border]


def means(each: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The mean over pictures of the numbers that all of them have."""
    found = {}
    for key in ("psnr", "psnr_y", "ssim"):
        if all(key in numbers for numbers in each):
            found[key] = {name: sum(one[key][name] for one in each) / len(each) for name in each[0][key]}
    return found


def lines(numbers: Mapping[str, Any], *, border: int) -> tuple[str, ...]:
    """The means, and each picture of a few, to be read."""
    cut = f", without {border} pixels at the border" if border else ""
    said = []
    for key, label in (("psnr", "psnr    "), ("psnr_y", "psnr y  "), ("ssim", "ssim    ")):
        if key in numbers:
            said.append(f"{label} {_named(numbers[key], key)} (means over pictures{cut})")
            cut = ""
    each = numbers["pictures"]
    best = "psnr_y" if all("psnr_y" in one for one in each) else "psnr"
    if 1 < len(each) <= LISTED and best in numbers:
        said += [f"  {best.replace('_', ' '):7s}{one['name']}: {_named(one[best], best)}" for one in each]
    noise = numbers["noise"]
    residual = f"{numbers['residual'] / noise:.2f} noise" if noise else f"{numbers['residual']:.4f}"
    said.append(f"residual |y - A restored| {residual}, root mean square")
    return tuple(said)


def _named(values: Mapping[str, float], key: str) -> str:
    ssim = key == "ssim"
    return ", ".join(f"{name} {value:.3f}" if ssim else f"{name} {value:.2f} dB" for name, value in values.items())

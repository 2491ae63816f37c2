"""How good draws of a posterior are, as numbers and as lines to read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genlab.evaluation.statistics.restoration import coverage, diversity, likeness, misfit
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Mask


class Scored(NamedTuple):
    """Draws and what is said of them.

    Attributes:
        mean, std: of the draws between black and white, ``(n, *event)`` on the unit scale.
        baselines: what needs no model.
        numbers: for the summary.
        lines: to be read.
    """

    mean: Tensor
    std: Tensor
    baselines: dict[str, Tensor]
    numbers: dict[str, Any]
    lines: tuple[str, ...]


def scored(
    seen: Observation,
    draws: Tensor,
    rounded: Tensor,
    truth: Tensor | None,
    baselines: dict[str, Tensor],
    told: Mapping[str, Tensor],
) -> Scored:
    """Compare the draws with the truth, where it is known, and with what was measured.

    Args:
        seen: the observation of n pictures, on the CPU.
        draws: ``(n, S, *event)`` on the unit scale, as the model says them.
        rounded: the same, at the data's levels.
        truth: ``(n, *event)`` on the unit scale.
        baselines: pictures ``(n, *event)`` that need no model.
        told: numbers ``(n,)`` that the sampler tells of itself.
    """
    # what a model says beyond black and white is no picture, but its own, and is measured as it is
    fit = misfit(seen.residual(draws.mean(1)))
    each = misfit(seen.repeated(draws.shape[1]).residual(draws.flatten(0, 1)))
    draws = draws.clamp(0, 1)
    mean = draws.mean(1)
    std = draws.std(1) if draws.shape[1] > 1 else torch.zeros_like(mean)
    numbers: dict[str, Any] = {"residual": fit, "residual_of_draws": each, "diversity": diversity(draws)}
    lines = []
    if truth is not None:
        liked = {"mean": likeness(mean, truth), "one draw": likeness(draws[:, 0], truth)}
        liked |= {name: likeness(value, truth) for name, value in baselines.items()}
        numbers["likeness"] = liked
        lines += _likenesses(liked)
        where = _unknown(seen)
        if draws.shape[1] > 1 and bool(where.any()):
            covered = coverage(rounded, truth, where)
            numbers["coverage"] = {f"{share:g}": found.value for share, found in covered.items()}
            said = ", ".join(
                f"{share:.0%} intervals {found.value:.1%}{_error(100 * found.standard_error, '%')}"
                for share, found in covered.items()
            )
            lines.append(f"coverage {said} of the values not measured exactly")
    noise = seen.noise
    relative = f"{fit / noise:.2f} noise (one draw {each / noise:.2f})" if noise else f"{fit:.4f} (one draw {each:.4f})"
    varied = numbers["diversity"]
    lines.append(f"residual |y - A mean| {relative}, root mean square")
    lines.append(f"variety  pixel std {varied['pixel_std']:.3f}, two draws {varied['distance']:.3f} apart")
    for name, values in told.items():
        least, middle = values.min().item(), values.double().mean().item()
        numbers[name.replace(" ", "_")] = {"mean": middle, "least": least}
        lines.append(f"sampler  {name} {middle:.1f} on average, {least:.1f} at least")
    return Scored(mean, std, baselines, numbers, tuple(lines))


def _unknown(seen: Observation) -> Tensor:
    """Bool, of an example's shape: the values that were not measured exactly."""
    operator = seen.operator
    if isinstance(operator, Mask) and seen.noise == 0:
        return ~operator.keep.cpu().expand(operator.event)
    return torch.ones(operator.event, dtype=torch.bool)


def _likenesses(liked: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    said = []
    for key, unit in (("psnr", " dB"), ("ssim", "")):
        found = {name: values[key] for name, values in liked.items() if values[key] is not None}
        if found:
            each = ", ".join(f"{name} {value:.{2 if unit else 3}f}{unit}" for name, value in found.items())
            said.append(f"{key:8s} {each}")
    return said


def _error(value: float, unit: str) -> str:
    return f" +- {value:.1f}{unit}" if math.isfinite(value) else ""

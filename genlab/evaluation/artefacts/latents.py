"""Pictures by way of the latent space: codes of examples, and paths between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.data.spaces import Split
from genlab.models.capabilities import ClassConditional, DecodesLatents, EncodesLatents, GenerativeModel


def device_of(model: GenerativeModel) -> torch.device:
    """Where the model's parameters are."""
    return next(model.parameters()).device


def given_labels(model: GenerativeModel, y: Tensor | None) -> dict[str, Tensor]:
    """``{"y": y}`` on the model's device if it is class-conditional; nothing for others."""
    if not isinstance(model, ClassConditional):
        return {}
    assert y is not None
    return {"y": y.to(device_of(model))}


def great_circle(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The path from a to b along a great circle, its length blended: ``(n, d), (n, d), (s,) -> (n, s, d)``.

    It stays where a normal prior has its mass; the straight line cuts through the middle, where there is none.
    """
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    angle = torch.acos(((a / length_a) * (b / length_b)).sum(-1, keepdim=True).clamp(-0.9999, 0.9999))
    angle, t = angle[:, None], t[None, :, None]
    direction = torch.sin((1 - t) * angle) * (a / length_a)[:, None] + torch.sin(t * angle) * (b / length_b)[:, None]
    return direction / torch.sin(angle) * ((1 - t) * length_a[:, None] + t * length_b[:, None])


@torch.no_grad()
def encoded(model: EncodesLatents, split: Split, *, batch_size: int) -> Tensor:
    """The codes of a split, ``(N, latent_dim)`` float64 on the CPU; a class-conditional encoder is given the labels."""
    model_, device = _any(model), device_of(model)
    parts = []
    for index in torch.arange(len(split)).split(batch_size):
        y = None if split.y is None else split.y[index]
        parts.append(model_.encode(split.x[index].to(device), **given_labels(model, y)).double().cpu())
    return torch.cat(parts)


@torch.no_grad()
def walk(model: DecodesLatents, z: Tensor, *, steps: int, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """From the first half of ``z: (2 n, latent_dim)`` to the second along great circles.

    Args:
        model: decodes.
        z: both ends of n paths.
        steps: points of a path, the ends among them.
        given: ``{"y": ...}`` of a class-conditional model, of which the first n are taken.

    Returns:
        The paths ``(n, steps, latent_dim)`` and ``E[x | z]`` along them, ``(n steps, *event_shape)``.
    """
    half = len(z) // 2
    path = great_circle(z[:half], z[half : 2 * half], torch.linspace(0, 1, steps, device=z.device))
    repeated = {name: value[:half].repeat_interleave(steps) for name, value in given.items()}
    return path, _any(model).decode(path.flatten(0, 1), **repeated)


def _any(model: Any) -> Any:
    """The model untyped: the methods of class-conditional ones take ``y`` too, which no annotation of both says."""
    return model

"""Pictures by way of the latent space: codes of examples, and paths between them."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.data.spaces import Split
from genlab.models.capabilities import DecodesLatents, EncodesLatents, GenerativeModel
from genlab.models.conditions import condition, rows


def device_of(model: GenerativeModel) -> torch.device:
    """Where the model's parameters are."""
    return next(model.parameters()).device


def given(model: GenerativeModel, examples: Split) -> Tensor | None:
    """The conditions of examples on the model's device; None for a model that is given none."""
    c = condition(model, examples)
    return None if c is None else c.to(device_of(model))


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
    """The codes of a split, ``(N, latent_dim)`` float64 on the CPU; a conditional encoder is given the conditions."""
    device, c = device_of(model), given(model, split)
    parts = []
    for index in torch.arange(len(split)).split(batch_size):
        parts.append(model.encode(split.x[index].to(device), rows(c, index.to(device))).double().cpu())
    return torch.cat(parts)


@torch.no_grad()
def walk(
    model: DecodesLatents, z: Tensor, c: Tensor | None, *, steps: int, moves: slice = slice(None)
) -> tuple[Tensor, Tensor]:
    """From the first half of ``z: (2 n, latent_dim)`` to the second along great circles.

    Args:
        model: decodes.
        z: both ends of n paths.
        c: the condition of each end, of which the first n are taken.
        steps: points of a path, the ends among them.
        moves: which latents go along it; the others stay as they are at its beginning.

    Returns:
        The paths ``(n, steps, latent_dim)`` and ``E[x | z]`` along them, ``(n steps, *event_shape)``.
    """
    half = len(z) // 2
    times = torch.linspace(0, 1, steps, device=z.device)
    path = z[:half, None].repeat(1, steps, 1)
    path[..., moves] = great_circle(z[:half, moves], z[half : 2 * half, moves], times)
    repeated = None if c is None else c[:half].repeat_interleave(steps, 0)
    return path, model.decode(path.flatten(0, 1), repeated)

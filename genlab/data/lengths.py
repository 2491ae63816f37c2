"""Examples of lengths of their own: which values are of the example, and how many units it has."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genlab.data.dataset import Split
from genlab.data.spaces import Space, Tokens, Waveform


def time_axis(space: Space) -> int:
    """The axis of a batch along which a sequence goes on."""
    return 2 if isinstance(space, Waveform) else 1


def mask(lengths: Tensor, length: int) -> Tensor:
    """``(B, length) bool``: what is of the example, not padding."""
    return torch.arange(length, device=lengths.device) < lengths[:, None]


def within(space: Space, x: Tensor, lengths: Tensor | None) -> Tensor:
    """As `mask`, in the shape of ``x``; all True without lengths."""
    if lengths is None:
        return torch.ones_like(x, dtype=torch.bool)
    inside = mask(lengths, x.shape[time_axis(space)])
    if isinstance(space, Waveform):
        return inside[:, None].expand_as(x)
    return inside.view(*inside.shape, *[1] * (x.dim() - 2)).expand_as(x)


def trimmed(space: Space, split: Split) -> Split:
    """The split without padding that all of its examples have, as where the longest of all are in another split.

    A view: on an accelerator, where every batch has the shape of the split, a step costs what its length says.
    """
    axis = time_axis(space)
    if split.lengths is None or (most := int(split.lengths.max())) == split.x.shape[axis]:
        return split
    return replace(split, x=split.x.narrow(axis, 0, most))


def units(space: Space, x: Tensor, lengths: Tensor | None) -> Tensor:
    """How many units (`genlab.data.spaces.Unit`) each example of ``x (B, *event_shape)`` has: ``(B,) float64``.

    Of text whose tokens say what they write, the characters that are written there; of a table of real numbers and the
    like, what its unit says.
    """
    if isinstance(space, Tokens) and space.symbols is not None:
        each = torch.tensor([characters(symbol, space.coding) for symbol in space.symbols], dtype=torch.float64)
        inside = within(space, x, lengths)
        return (each.to(x.device)[x.long()] * inside).sum(1)
    whole = float(space.unit.count)
    if lengths is None:
        return torch.full((len(x),), whole, dtype=torch.float64, device=x.device)
    return lengths.double() * (whole / space.shape[time_axis(space) - 1])


def characters(symbol: str, coding: str) -> int:
    """Characters that a token writes; of pieces of UTF-8 those that begin in it."""
    if coding != "bpe":
        return len(symbol)
    return sum(byte & 0xC0 != 0x80 for byte in symbol.encode("latin-1"))


def ended(space: Space, x: Tensor) -> Tensor | None:
    """Lengths of drawn examples, ``(B,) int64``: the first `Tokens.end` is their last; None where nothing ends them."""
    if not isinstance(space, Tokens) or space.end is None:
        return None
    last = x == space.end
    return torch.where(last.any(1), last.int().argmax(1) + 1, x.shape[1])

"""Examples of lengths of their own: which values are of the example, and how many units it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from genlab.data.dataset import Split
from genlab.data.spaces import Space, Tokens, Waveform, is_text
from genlab.data.text.pieces import utf8


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
    if is_text(space):
        each = writes(space, "bytes" if space.coding == "bytes" else "characters").to(x.device)
        return (each[x.long()] * within(space, x, lengths)).sum(1)
    whole = float(space.unit.count)
    if lengths is None:
        return torch.full((len(x),), whole, dtype=torch.float64, device=x.device)
    return lengths.double() * (whole / space.shape[time_axis(space) - 1])


def writes(space: Tokens, what: Literal["characters", "bytes"]) -> Tensor:
    """How many characters or bytes of UTF-8 each token of a text writes, ``(V,) float64``.

    A character of several bytes counts where it begins.
    """
    symbols = space.symbols or ()
    if space.coding == "characters":
        found = [1 if what == "characters" else len(utf8(symbol)) for symbol in symbols]
    else:
        pieces = [symbol.encode("latin-1") for symbol in symbols]
        found = [len(piece) if what == "bytes" else sum(byte & 0xC0 != 0x80 for byte in piece) for piece in pieces]
    return torch.tensor(found, dtype=torch.float64)


def ending(space: Space) -> int | None:
    """The token that ends an example, which need not be told how long it is; None: nothing does."""
    return space.end if isinstance(space, Tokens) else None


def ended(space: Space, x: Tensor) -> Tensor | None:
    """Lengths of drawn examples, ``(B,) int64``: the first `ending` is their last; None where nothing ends them."""
    end = ending(space)
    if end is None:
        return None
    last = x == end
    return torch.where(last.any(1), last.int().argmax(1) + 1, x.shape[1])

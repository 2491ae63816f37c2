"""What general compressors make of data: a model of it that needs more bits than they has learned little.

They are those of Python's standard library, at their strongest: gzip (LZ77 within 32 KB, Huffman codes), bz2 (the
Burrows-Wheeler transform of blocks of 900 KB) and xz (LZ77 over all, arithmetic codes).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genlab.data.batches import ordered
from genlab.data.lengths import units, within
from genlab.data.overlapping import stream
from genlab.data.spaces import Frames, Space, Split, is_text
from genlab.data.text.coding import content as text_content
from genlab.evaluation.rates import AT_ONCE, counted
from genlab.models.sequence import in_steps

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, 9, mtime=0),
    "bz2": lambda content: bz2.compress(content, 9),
    "xz": lambda content: lzma.compress(content, preset=9 | lzma.PRESET_EXTREME),
}


def content(space: Space, split: Split) -> bytes:
    """A split as a compressor is given it: example after example, without padding.

    Text is the bytes of its UTF-8, whatever its tokens are; levels are a byte each, or as many as they need, the lowest
    first; of two levels eight values are one, and each frame begins with a new byte.
    """
    if is_text(space):
        return text_content(space, _tokens(split))
    return b"".join(_packed(space, batch.x, batch.lengths) for _, batch in ordered(split, batch_size=AT_ONCE))


def _tokens(split: Split) -> Tensor:
    """All tokens, of windows that overlap each once."""
    if split.lengths is None:
        return stream(split.x)
    return split.x[torch.arange(split.x.shape[1]) < split.lengths[:, None]]


def _packed(space: Space, x: Tensor, lengths: Tensor | None) -> bytes:
    if isinstance(space, Frames):
        inside = within(space, x, lengths)
        rows = x[inside.all(2)]
    elif lengths is not None:
        steps = in_steps.to_steps(space, x)
        rows = steps[in_steps.to_steps(space, within(space, x, lengths))][None]
    else:
        rows = x.flatten(1)
    values = rows.numpy()
    if space.levels == 2:
        return np.packbits(values.astype(np.uint8), axis=1).tobytes()
    size = next(size for size in (1, 2, 4) if (space.levels or 0) <= 256**size)
    return values.astype(f"<u{size}").tobytes()


def sizes(name: str, content: bytes, before: bytes | None = None) -> int:
    """Bytes that a compressor needs for a content; given another one, those that it needs more for both."""
    press = COMPRESSORS[name]
    if before is None:
        return len(press(content))
    return len(press(before + content)) - len(press(before))


def per_unit(space: Space, split: Split, size: int) -> float:
    """A size in bytes in the unit of the space, over the whole split."""
    unit = space.unit
    whole = counted(split, lambda x, lengths: units(space, x, lengths)).sum().item()
    return 8 * size / whole * (math.log(2) if unit.nats else 1.0)

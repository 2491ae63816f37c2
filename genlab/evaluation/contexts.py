"""A text that was cut into windows, put together again, so that a symbol is scored with what stands before it.

The windows of a split stand side by side. A window that is scored alone is short of context at its beginning, and its
number is that of a code that forgets everything there. Windows that overlap, of which only the later part is scored,
code the same stream by what stands before each symbol: as honest, and what a model that goes on writing knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data.spaces import Space, Split, Tokens
from genlab.errors import ConfigError


@dataclass(frozen=True)
class Given:
    """Examples of which the first steps are given, and only those after them are scored.

    Attributes:
        split: the examples.
        first: the step from which each is scored, ``(N,) int64``.
    """

    split: Split
    first: Tensor

    @classmethod
    def steps(cls, split: Split, first: int) -> Given:
        """All examples from one step on."""
        return cls(split, torch.full((len(split),), first))


def is_stream(space: Space) -> bool:
    """Whether the examples of a split are windows that stand side by side: text that is not in lines."""
    return isinstance(space, Tokens) and space.coding != "numbers" and not space.ragged


def overlapping(split: Split, context: int) -> Given:
    """The stream of windows ``(N, L)`` in windows of the same length, in which each symbol is scored once.

    It is so with ``context`` symbols before it, or more: with all there are at the beginning of the stream.

    Raises:
        ConfigError: a context that leaves nothing of a window.
    """
    length = split.x.shape[1]
    if not 0 <= context < length:
        raise ConfigError(f"context={context}: windows have {length} tokens; give less than that")
    stream, new = split.x.flatten(), length - context
    x = stream.unfold(0, length, new)  # a view
    left = len(stream) - ((len(x) - 1) * new + length)
    first = torch.full((len(x),), context)
    first[0] = 0
    if left:
        x = torch.cat([x, stream[None, -length:]])
        first = torch.cat([first, torch.tensor([length - left])])
    return Given(Split(x), first)

"""What goes into a coder and what comes out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from genlab.errors import DataError
from genlab.ops.bars import Progress


@dataclass(frozen=True)
class Examples:
    """What is compressed.

    Attributes:
        x: ``(n, *event_shape)`` typed examples; of data in time perhaps of another length.
        lengths: ``(n,) int64`` of ragged ones; what comes after them is padding, and 0.
        c: ``(n,)`` labels that the model is given; None: nothing.
    """

    x: Tensor
    lengths: Tensor | None = None
    c: Tensor | None = None


@dataclass(frozen=True)
class Coded:
    """What a coder made of examples.

    Attributes:
        payload: the bytes.
        facts: what the reader has to know beside them; plain numbers and lists of them.
        ideal: bits that the model itself says, with no rounding and no coder.
        bits: other numbers worth telling, bits each, by name.
        seconds: spent on the coder and its tables, without the model's passes.
    """

    payload: bytes
    facts: Mapping[str, Any]
    ideal: float
    bits: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Written:
    """What a reader is given.

    Attributes:
        payload: the coder's bytes.
        facts: what it has written beside them.
        n: how many examples there are.
        lengths: ``(n,) int64`` of ragged ones, where their last tokens do not say it.
        c: ``(n,)`` labels that the model is given.
        at_once: examples that go through the model together, which changes nothing but the time; None: as many as were
            written together.
    """

    payload: bytes
    facts: Mapping[str, Any]
    n: int
    lengths: Tensor | None = None
    c: Tensor | None = None
    at_once: int | None = None


class Coder(ABC):
    """Writes and reads examples by a model, which is a copy in float64 on the CPU."""

    @abstractmethod
    def encode(self, model: nn.Module, examples: Examples, *, progress: Progress) -> Coded:
        """The examples as bytes."""

    @abstractmethod
    def decode(self, model: nn.Module, written: Written, *, progress: Progress) -> Tensor:
        """The examples, ``x (n, ...)``.

        Raises:
            DataError: the payload is none that this model has written.
        """


def as_bytes(words: np.ndarray) -> bytes:
    """A coder's words, uint32, as a payload."""
    return words.astype("<u4").tobytes()


def as_words(payload: bytes) -> np.ndarray:
    """The inverse of `as_bytes`.

    Raises:
        DataError: it is cut.
    """
    if len(payload) % 4:
        raise DataError("the payload is cut: it is no whole number of words")
    return np.frombuffer(payload, "<u4").astype(np.uint32)

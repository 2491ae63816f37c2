"""Losses on their way from the device: copied without a wait, looked at when they have arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.objectives.base import Loss

BLOCK = 16
"""Steps whose losses are looked at together; the host is at most two blocks ahead of the device."""

WIDEST = 64
"""Numbers of one step."""

Names = tuple[tuple[str, tuple[str, ...]], ...]
"""The losses of a step with the names of their terms."""


class Entry(NamedTuple):
    """A step's losses in the buffer."""

    step: int
    names: Names
    row: int


def names_of(losses: dict[str, Loss]) -> Names:
    """The names in ``losses``, in order."""
    return tuple((name, tuple(loss.terms)) for name, loss in losses.items())


def flat(losses: dict[str, Loss]) -> Tensor:
    """All values and terms, ``(n,) float64`` on their device."""
    numbers = [number.detach().double() for loss in losses.values() for number in (loss.value, *loss.terms.values())]
    return torch.stack(numbers) if numbers else torch.empty(0)


class LateLosses:
    """Takes each step's losses, and hands them on in order, some steps later.

    Args:
        device: where they come from.
        arrive: ``(step, losses)``: is given, on the CPU, each step's losses that are not finite, those that somebody
            waits for (`after`), and the newest ones of every kind of step; may raise.
    """

    def __init__(self, device: torch.device, arrive: Callable[[int, dict[str, Loss]], None]) -> None:
        self.arrive = arrive
        self._cuda = device.type == "cuda"
        self._buffer = torch.zeros(3 * BLOCK, WIDEST, dtype=torch.float64, pin_memory=self._cuda)
        self._numbers: np.ndarray = self._buffer.numpy()
        self._pushed = 0
        self._block: list[Entry] = []
        self._blocks: list[tuple[list[Entry], torch.cuda.Event | None]] = []
        self._calls: list[tuple[int, Callable[[], None]]] = []
        self._newest: dict[Names, tuple[int, np.ndarray]] = {}

    def push(self, step: int, names: Names, numbers: Tensor) -> None:
        """Send the ``numbers (n,)`` of a step on their way."""
        row = self._pushed % len(self._buffer)
        self._pushed += 1
        self._buffer[row, : len(numbers)].copy_(numbers, non_blocking=True)
        self._block.append(Entry(step, names, row))
        if len(self._block) == BLOCK:
            self._close()
            if len(self._blocks) == 2:
                self._look()

    def after(self, step: int, call: Callable[[], None]) -> None:
        """Call when the losses up to ``step`` have arrived: at once if they have."""
        if not self._block and not self._blocks:
            call()
        else:
            self._calls.append((step, call))

    def settle(self) -> None:
        """Wait for all that are on their way."""
        if self._block:
            self._close()
        while self._blocks:
            self._look()

    def _close(self) -> None:
        event = None
        if self._cuda:
            event = torch.cuda.Event()
            event.record()
        self._blocks.append((self._block, event))
        self._block = []

    def _look(self) -> None:
        """Hand the oldest block on."""
        block, event = self._blocks.pop(0)
        if event is not None:
            event.synchronize()
        for step, names, row in block:
            count = sum(1 + len(terms) for _, terms in names)
            numbers = self._numbers[row, :count]
            if not np.isfinite(numbers).all():
                self._tell()
                self.arrive(step, losses_of(names, numbers.tolist()))
            else:
                self._newest.pop(names, None)  # the order of arrival is kept
                self._newest[names] = (step, numbers.copy())
            while self._calls and self._calls[0][0] <= step:
                self._tell()
                self._calls.pop(0)[1]()
        self._tell()

    def _tell(self) -> None:
        newest, self._newest = self._newest, {}
        for names, (step, numbers) in newest.items():
            self.arrive(step, losses_of(names, numbers.tolist()))


def losses_of(names: Names, numbers: list[float]) -> dict[str, Loss]:
    """Inverse of `names_of` and `flat`, on the CPU."""
    rest = iter(numbers)

    def number() -> Tensor:
        return torch.tensor(next(rest), dtype=torch.float64)

    return {name: Loss(number(), {term: number() for term in terms}) for name, terms in names}

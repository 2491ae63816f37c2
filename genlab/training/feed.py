"""Where a step's batch comes from on an accelerator: gathered there, or copied from memory that it can reach.

Both give the batches of `BatchLoader`, in its order; what a transform draws at random is drawn on the device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from genlab.data.batches import Batch, BatchLoader, around
from genlab.data.overlapping import memory, moved
from genlab.data.spaces import Split

SHARE = 0.5
"""Of the device's free memory that data may take."""


class Feed(ABC):
    """Fills buffers that stay where they are, and makes a batch of them.

    Attributes:
        generators: of the transform, by domain.
    """

    generators: dict[str, torch.Generator]

    def __init__(self, loader: BatchLoader) -> None:
        self.loader = loader
        self.generators = {}

    @abstractmethod
    def fill(self, step: int) -> None:
        """Put what ``step`` needs into the buffers, without waiting; steps are filled in order."""

    def seed(self, step: int) -> None:
        """Seed the generators for `batch`: before each, as it moves them on."""
        for domain, generator in self.generators.items():
            generator.manual_seed(self.loader.transform_seed(step, domain=domain))

    @abstractmethod
    def batch(self) -> Batch:
        """The batch of the step that was filled last: a function of the buffers, without a look at a value."""


class Resident(Feed):
    """The whole split lies on the device; a step is given indices.

    Args:
        loader: says which batch is which.
        device: where.
    """

    def __init__(self, loader: BatchLoader, device: torch.device) -> None:
        super().__init__(loader)
        split = loader.split
        self.device = device
        self.shape = split.x.shape[1:]
        self.x = moved(split.x.flatten(1), device)
        beside = {"y": split.y, "c": split.c, "lengths": split.lengths}
        self.beside = {name: None if part is None else part.to(device) for name, part in beside.items()}
        self.x_b = None if split.x_b is None else split.x_b.flatten(1).to(device)
        self.shape_b = None if split.x_b is None else split.x_b.shape[1:]
        self.index = torch.zeros(loader.batch_size, dtype=torch.int64, device=device)
        self.index_b = self.index if loader.paired else torch.zeros_like(self.index)
        transforms = {"a": loader.transform, "b": None if self.x_b is None else loader.transform_b}
        self.generators = {domain: torch.Generator(device) for domain, each in transforms.items() if each is not None}
        self._epoch = -1

    def fill(self, step: int) -> None:
        """Copy the batch's part of the epoch's order, which is on the device."""
        epoch, first = self.loader.begin(step)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = self._on_device(self.loader.permutation(epoch, size=len(self.x)))
            if self.x_b is not None and not self.loader.paired:
                self._order_b = self._on_device(self.loader.permutation(epoch, size=len(self.x_b), domain="b"))
        self.index.copy_(self._order[first : first + len(self.index)])
        if self.x_b is not None and not self.loader.paired:
            self.index_b.copy_(around(self._order_b, first, len(self.index)))

    def batch(self) -> Batch:
        """Gathered and transformed."""
        x = self._transformed(self.x.index_select(0, self.index).view(-1, *self.shape), "a", self.loader.transform)
        beside = {
            name: None if part is None else part.index_select(0, self.index) for name, part in self.beside.items()
        }
        if self.x_b is None or self.shape_b is None:
            return Batch(x, **beside)
        x_b = self.x_b.index_select(0, self.index_b).view(-1, *self.shape_b)
        return Batch(x, x_b=self._transformed(x_b, "b", self.loader.transform_b), **beside)

    def _transformed(
        self, x: Tensor, domain: str, transform: Callable[[Tensor, torch.Generator], Tensor] | None
    ) -> Tensor:
        return x if transform is None else transform(x, self.generators[domain])

    def _on_device(self, order: Tensor) -> Tensor:
        return order if self.device.type == "cpu" else order.pin_memory().to(self.device, non_blocking=True)


class Streamed(Feed):
    """Batches are made by the loader and copied through two pinned buffers, one filled while the other is sent.

    Args:
        loader: of the batches.
        device: where they go.
    """

    def __init__(self, loader: BatchLoader, device: torch.device) -> None:
        super().__init__(loader)
        self.device = device
        self._batches: Iterator[Batch] = iter(loader)
        self._parts: list[Tensor | None] | None = None
        self._staged: list[list[Tensor | None]] = []
        self._sent: list[torch.cuda.Event | None] = [None, None]

    def fill(self, step: int) -> None:
        """Send the next batch; waits only for the copy before the last."""
        batch = next(self._batches)
        if self._parts is None:
            self._parts = [None if part is None else torch.empty_like(part, device=self.device) for part in batch]
            pinned = self.device.type != "cpu"
            self._staged = [
                [None if part is None else torch.empty_like(part, pin_memory=pinned) for part in batch] for _ in "ab"
            ]
        side = step % 2
        event = self._sent[side]
        if event is not None:
            event.synchronize()
        for part, staged, there in zip(batch, self._staged[side], self._parts, strict=True):
            if part is not None and staged is not None and there is not None:
                there.copy_(staged.copy_(part), non_blocking=True)
        if self.device.type == "cuda":
            self._sent[side] = torch.cuda.Event()
            self._sent[side].record()  # type: ignore[union-attr]

    def batch(self) -> Batch:
        """The buffers themselves."""
        assert self._parts is not None
        x, *others = self._parts
        assert x is not None
        return Batch(x, *others)


def fits(split: Split, device: torch.device) -> bool:
    """Whether the split takes at most `SHARE` of the device's free memory."""
    if device.type == "cpu":
        return True
    size = sum(memory(part) for part in (split.x, split.y, split.x_b, split.c, split.lengths) if part is not None)
    return size <= SHARE * torch.cuda.mem_get_info(device)[0]


def feed(loader: BatchLoader, device: torch.device) -> Feed:
    """The batches of ``loader`` on ``device``: the data there if they fit, else copied step by step."""
    return Resident(loader, device) if fits(loader.split, device) else Streamed(loader, device)

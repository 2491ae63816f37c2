"""Batches gathered by index from memory: the order is a function of (seed, epoch), the position of the step.

A map-style dataset with worker processes spends most of its time on one picture at a time; a whole uint8 array
that is indexed once a batch is two orders of magnitude faster, and needs no state to resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.data.mapped import ask, gather
from genlab.data.spaces import Split
from genlab.errors import DataError
from genlab.seeding import derive


class Batch(NamedTuple):
    """What a model is given.

    Attributes:
        x: ``(B, *event_shape)``: ``(B, C, H, W) uint8`` of images, ``(B, D) float32`` of vectors.
        y: ``(B,) int64`` labels, or None.
        x_b: domain B of a translation set.
        c: ``(B, *condition.shape)``, a condition that is no label.
        lengths: ``(B,) int64`` of ragged examples; ``x`` is 0 from there on, see `genlab.data.lengths`.
    """

    x: Tensor
    y: Tensor | None = None
    x_b: Tensor | None = None
    c: Tensor | None = None
    lengths: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``."""
        x, *others = (None if part is None else part.to(device, non_blocking=True) for part in self)
        assert x is not None
        return Batch(x, *others)


class Place(NamedTuple):
    """Where a run is in its data: ``step`` batches are behind it, of epoch ``epoch`` so many ``examples``."""

    step: int = 0
    epoch: int = 0
    examples: int = 0


class BatchLoader:
    """All batches of a run, from step ``start`` to ``num_steps``, without epochs' seams.

    Every epoch is a fresh permutation; the last, incomplete batch of an epoch is left out (its pictures come in the
    next one). A split that is smaller than one batch is one batch.

    Args:
        split: where batches are gathered from.
        batch_size: examples per process and step.
        seed: with the epoch, gives the permutation; with step and rank, the transform's random numbers.
        num_steps: number of steps of the whole run.
        start: the first step to yield.
        origin: from where steps are counted with this batch size and number of processes. A run that goes on with
            others is not at another place of its data for it, nor does an epoch that it began come anew.
        rank, world_size: this process and how many share the epoch.
        transform: ``(x, generator) -> x``, applied to each batch (dynamic binarisation, random crops), and to domain B.
        transform_b: the same for domain B where it is another one; None: `transform`.
        paired: the domains go together: B comes in the order of A, and is transformed with the same random numbers.
            Otherwise it has an order of its own, from the start again where it is the smaller one.

    Raises:
        DataError: a split with fewer examples than processes.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        seed: int,
        num_steps: int,
        start: int = 0,
        origin: Place = Place(),  # noqa: B008 - immutable
        rank: int = 0,
        world_size: int = 1,
        transform: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        transform_b: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        paired: bool = False,
    ) -> None:
        self.split = split
        self.batch_size = min(batch_size, len(split) // world_size)
        if self.batch_size == 0:
            raise DataError(f"0 batches: {len(split)} training examples for {world_size} process(es)")
        self.step_size = self.batch_size * world_size
        self.steps_per_epoch = len(split) // self.step_size
        self.origin = origin
        self.seed = seed
        self.num_steps = num_steps
        self.start = start
        self.rank = rank
        self.world_size = world_size
        self.transform = transform
        self.transform_b = transform_b or transform
        self.paired = paired
        self._generator = torch.Generator()

    def __len__(self) -> int:
        return max(0, self.num_steps - self.start)

    def place(self, step: int) -> Place:
        """Where the run is when ``step`` batches are behind it."""
        origin, taken = self.origin, step - self.origin.step
        left = self._left()
        if taken < left:
            return Place(step, origin.epoch, origin.examples + taken * self.step_size)
        epochs, position = divmod(taken - left, self.steps_per_epoch)
        return Place(step, origin.epoch + 1 + epochs, position * self.step_size)

    def epochs(self, step: int) -> float:
        """Epochs seen when ``step`` batches are behind the run."""
        place = self.place(step)
        return place.epoch + min(1.0, place.examples / self.step_size / self.steps_per_epoch)

    def last_step(self, epochs: int) -> int:
        """The step at which ``epochs`` are over; that of the origin if they were before."""
        further = epochs - self.origin.epoch
        return self.origin.step + (self._left() + (further - 1) * self.steps_per_epoch if further > 0 else 0)

    def ends_epoch(self, step: int, *, every: int = 1) -> bool:
        """Whether an epoch whose number is a multiple of ``every`` ends with ``step``."""
        place = self.place(step)
        return place.examples == 0 and place.epoch > 0 and place.epoch % every == 0

    def _left(self) -> int:
        """Steps that are left of the origin's epoch."""
        return max(0, len(self.split) - self.origin.examples) // self.step_size

    def permutation(self, epoch: int, *, size: int, domain: str = "a") -> Tensor:
        """The order of one epoch: ``(size,) int64``, the same in every process."""
        generator = torch.Generator().manual_seed(derive(self.seed, "permutation", domain, epoch))
        return torch.randperm(size, generator=generator)

    def begin(self, step: int) -> tuple[int, int]:
        """The epoch of a step, and where in that epoch's order this rank's batch begins."""
        _, epoch, seen = self.place(step)
        return epoch, seen + self.rank * self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        order, order_b, current, asked = None, None, -1, False
        split = self.split
        flat, shape = split.x.flatten(1), split.x.shape[1:]
        for step in range(self.start, self.num_steps):
            epoch, first = self.begin(step)
            if order is None or epoch != current:
                order, current, asked = self.permutation(epoch, size=len(split)), epoch, False
                if split.x_b is not None and not self.paired:
                    order_b = self.permutation(epoch, size=len(split.x_b), domain="b")
            index = order[first : first + self.batch_size]
            if not asked:
                ask(flat, index)
            # rows of bytes: twice as fast as indexing pictures
            rows = flat.index_select(0, index)
            # what the next step needs comes from the disk while this one is taken
            following = first + self.step_size
            ask(flat, order[following : following + self.batch_size])
            asked = True
            x = self._transformed(rows.view(-1, *shape), self.transform, step=step)
            x_b = None
            if split.x_b is not None:
                index_b = index if order_b is None else around(order_b, first, len(index))
                x_b = self._transformed(gather(split.x_b, index_b), self.transform_b, step=step, domain="b")
            yield Batch(x, x_b=x_b, **beside(split, index))

    def transform_seed(self, step: int, *, domain: str = "a") -> int:
        """The seed of the transform's random numbers at a step; domains that go together share it."""
        own = () if domain == "a" or self.paired else (domain,)
        return derive(self.seed, "transform", *own, step, self.rank)

    def _transformed(
        self,
        x: Tensor,
        transform: Callable[[Tensor, torch.Generator], Tensor] | None,
        *,
        step: int,
        domain: str = "a",
    ) -> Tensor:
        if transform is None:
            return x
        return transform(x, self._generator.manual_seed(self.transform_seed(step, domain=domain)))


def beside(split: Split, index: Tensor) -> dict[str, Tensor | None]:
    """What goes with the examples of ``index``: their labels, conditions and lengths."""
    parts = {"y": split.y, "c": split.c, "lengths": split.lengths}
    return {name: None if part is None else part[index] for name, part in parts.items()}


def around(order: Tensor, first: int, count: int) -> Tensor:
    """``count`` entries of ``order`` from ``first`` on, from the start again where it ends."""
    return order[torch.arange(first, first + count, device=order.device) % len(order)]


def ordered(split: Split, *, batch_size: int, rank: int = 0, world_size: int = 1) -> Iterator[tuple[Tensor, Batch]]:
    """The split once, in order, unpadded: ``(indices, batch)`` of this rank's every ``world_size``-th example."""
    for index in torch.arange(rank, len(split), world_size).split(batch_size):
        yield index, Batch(gather(split.x, index), **beside(split, index))

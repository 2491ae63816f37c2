"""What the tasks of ``genlab sample`` are given, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import torch
from rich.console import Console
from torch import Tensor

from genlab.data.spaces import Dataset, DataSpec, Image, Label, Split
from genlab.errors import DataError
from genlab.evaluation.artefacts.draw import class_cycle, in_turn
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import condition, rows
from genlab.ops.bars import Progress
from genlab.progress import track
from genlab.restore import Loaded
from genlab.seeding import derive
from genlab.tasks.store import Stored

BLOCK = 64
"""Examples that are drawn together."""

FEW = (1, 8)
"""Where the first block is parted if few examples are to cost little: what is drawn step by step takes a while."""


@dataclass(frozen=True)
class Work:
    """What is drawn from, and what ``genlab sample`` was told beside the task's own options.

    Attributes:
        loaded: the checkpoint; its model is in eval mode.
        folder: the run directory, where what is large is kept while it grows.
        n: how many.
        seed: of every random number.
        label: the index of the class that is asked for; None: all in turn.
        batch_size: examples that go through the model together where it draws nothing.
        grid: places in the picture, at most.
        root: where the data is now, if it has moved.
        trust: the packages whose classes the checkpoint may name.
        out: where text goes while it is drawn; None: nowhere.
    """

    loaded: Loaded
    folder: Path
    n: int = 64
    seed: int = 0
    label: int | None = None
    batch_size: int = 256
    grid: int = 400
    root: str | None = None
    trust: Sequence[str] = ()
    out: TextIO | None = None

    @property
    def model(self) -> GenerativeModel:
        """The model to draw from."""
        return self.loaded.model

    @property
    def spec(self) -> DataSpec:
        """The type of its data."""
        return self.loaded.spec

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def data(self) -> Dataset:
        """The data that the model was trained on.

        Raises:
            DataError: the files are missing or damaged.
        """
        return self.loaded.dataset(root=self.root, trust=self.trust)

    def conditions(self, n: int, *, label: int | None = None) -> Tensor | None:
        """What a conditional model is given for n draws; None for others.

        That is ``label``, the one that was asked for unless it is given here; or all classes in turn, or the vectors of
        the test split in turn.
        """
        given = self.model.given
        if given is None:
            return None
        label = self.label if label is None else label
        if not isinstance(given, Label):
            return in_turn(self.model, n, self.data().test)
        return (class_cycle(n, given.num_classes) if label is None else torch.full((n,), label)).to(self.device)

    def held_out(self, n: int) -> tuple[Tensor, Tensor | None]:
        """``n`` test examples drawn by ``seed``, of the class ``label`` if given, and what the model is given of them.

        Where there are fewer, all of them, with a word said.

        Raises:
            DataError: there is none.
        """
        test = self.data().test
        chosen = self.order(test)[:n]
        self.told_of_fewer(len(chosen), n)
        where = self.device
        c = rows(condition(self.model, test), chosen)
        return test.x[chosen].to(where), None if c is None else c.to(where)

    def order(self, test: Split) -> Tensor:
        """The numbers of all test examples, of the class ``label`` if given, in an order drawn by ``seed``.

        Raises:
            DataError: there is none.
        """
        chosen = torch.arange(len(test))
        if self.label is not None and test.y is not None:
            chosen = chosen[test.y == self.label]
        if len(chosen) == 0:
            raise DataError(f"label={self.label}: the test split has no {self._examples[:-1]} of this class")
        return chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(self.seed))]

    def told_of_fewer(self, there: int, n: int) -> None:
        """Say so where there are fewer test examples than n."""
        if there < n:
            Console(stderr=True, force_jupyter=False).print(
                f"the test split has {there} such {self._examples}, not {n}: all of them are used",
                highlight=False,
                soft_wrap=True,
            )

    @property
    def _examples(self) -> str:
        return "pictures" if isinstance(self.spec.space, Image) else "examples"

    def in_blocks(
        self, n: int, draw: Callable[[Tensor, torch.Generator], dict[str, Tensor]], *, parted: Sequence[int] = ()
    ) -> dict[str, Tensor]:
        """Named draws of n examples, ``(n, ...)`` each on the CPU, `BLOCK` at a time.

        A block has a seed of its own and is drawn whole even where less of it is wanted, so that an example depends on
        ``seed`` and its number alone: not on n, nor on what fits in memory. Its random numbers would be the same in a
        block of another size, but products of other matrices are rounded otherwise.

        Args:
            n: how many.
            draw: ``(numbers of the examples: (B,), generator) -> {name: (B, ...)}``; numbers go beyond n.
            parted: numbers at which a block begins beside the multiples of `BLOCK`.
        """
        where, found = self.device, dict[str, Stored]()
        for start, stop in pairwise(sorted({*range(0, n + BLOCK, BLOCK), *parted})):
            if start >= n:
                break
            block, within = divmod(start, BLOCK)
            seed = derive(self.seed, "block", block, *([within] if within else []))
            index = torch.arange(start, stop, device=where)
            for name, value in draw(index, torch.Generator(where).manual_seed(seed)).items():
                if name not in found:
                    found[name] = Stored((n, *value.shape[1:]), value.dtype, folder=self.folder)
                found[name].write(start, value)
        return {name: stored.tensor for name, stored in found.items()}

    def fitting(self, n: int, *, each: int = 1) -> int:
        """How many of n examples the picture shows, if each takes ``each`` places of the ``grid``; at least one."""
        return max(1, min(n, self.grid // each))

    def bar(self, description: str) -> Progress:
        """A bar on the terminal for the sequential models, whose pictures take a while."""
        return partial(track, description=description, console=Console(stderr=True, force_jupyter=False))

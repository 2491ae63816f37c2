"""What the tasks of ``genlab sample`` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from genlab.errors import DataError
from genlab.evaluation.artefacts.draw import class_cycle
from genlab.evaluation.artefacts.grids import stacked
from genlab.models.capabilities import ClassConditional, GenerativeModel
from genlab.ops.bars import Progress
from genlab.progress import track
from genlab.restore import Loaded
from genlab.seeding import derive
from genlab.tasks.store import Stored

DEFAULTS: Mapping[str, Any] = {"steps": 8, "noise": 0.3, "keep": "top", "trajectory": False}
"""Settings that are of some tasks only: what they are where a task reads them and the config has null."""

BLOCK = 64
"""Examples that are drawn together."""


@dataclass(frozen=True)
class Drawn:
    """What a task has made.

    Attributes:
        picture: makes ``(H, W, 3) uint8``, for ``<task>.png``, once the arrays are safe.
        arrays: for ``<task>.npz``.
        note: what the picture shows, in a few words.
        files: what makes further files, by their ending, for example ``{"gif": lambda: b"..."}``.
    """

    picture: Callable[[], np.ndarray]
    arrays: dict[str, np.ndarray]
    note: str
    files: dict[str, Callable[[], bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A task: which models can do it, and how.

    Attributes:
        can: whether the model's type offers it.
        run: ``(loaded, config of genlab sample) -> Drawn``; called without gradients.
        settings: which keys of `DEFAULTS` it reads.
    """

    can: Callable[[GenerativeModel], bool]
    run: Callable[[Loaded, Mapping[str, Any]], Drawn]
    settings: frozenset[str] = frozenset()


def labels(loaded: Loaded, config: Mapping[str, Any], n: int) -> dict[str, Tensor]:
    """``{"y": (n,) int64}`` for a class-conditional model: ``label``, or all classes in turn; nothing for others."""
    if not isinstance(loaded.model, ClassConditional):
        return {}
    classes = loaded.spec.num_classes or 1
    y = class_cycle(n, classes) if config["label"] is None else torch.full((n,), config["label"])
    return {"y": y.to(device(loaded.model))}


def in_blocks(
    n: int,
    draw: Callable[[Tensor, torch.Generator], dict[str, Tensor]],
    *,
    config: Mapping[str, Any],
    where: torch.device,
) -> dict[str, Tensor]:
    """Named draws of n examples, ``(n, ...)`` each on the CPU, `BLOCK` at a time.

    A block has a seed of its own and is drawn whole even where less of it is wanted, so that an example depends on
    ``seed`` and its number alone: not on n, nor on what fits in memory.

    Args:
        n: how many.
        draw: ``(numbers of the examples: (BLOCK,), generator) -> {name: (BLOCK, ...)}``; numbers go beyond n.
        config: of genlab sample: its ``seed``, and the ``folder`` of the run, where what is large is kept.
        where: the generator's device.
    """
    found: dict[str, Stored] = {}
    for block in range(-(-n // BLOCK)):
        generator = torch.Generator(where).manual_seed(derive(config["seed"], "block", block))
        index = torch.arange(block * BLOCK, (block + 1) * BLOCK, device=where)
        for name, value in draw(index, generator).items():
            if name not in found:
                found[name] = Stored((n, *value.shape[1:]), value.dtype, folder=config["folder"])
            found[name].write(block * BLOCK, value)
    return {name: stored.tensor for name, stored in found.items()}


def fitting(config: Mapping[str, Any], n: int, *, each: int = 1) -> int:
    """How many of n examples the picture shows, if each takes ``each`` places of the ``grid``; at least one."""
    return max(1, min(n, config["grid"] // each))


def told(shown: int, n: int, what: str = "") -> str:
    """What the note says of a picture that does not show everything."""
    return "" if shown == n else f"; the grid shows the first {shown:,} of {n:,}{what}"


def device(model: GenerativeModel) -> torch.device:
    """Where the model is."""
    return next(model.parameters()).device


def bar(description: str) -> Progress:
    """A bar on the terminal for the sequential models, whose pictures take a while."""
    return partial(track, description=description, console=Console(stderr=True, force_jupyter=False))


def held_out(loaded: Loaded, config: Mapping[str, Any], n: int) -> tuple[Tensor, dict[str, Tensor]]:
    """``n`` test pictures drawn by ``seed``, of the class ``label`` if given, and their labels for the model.

    Where there are fewer, all of them, with a word said.

    Raises:
        DataError: there is none.
    """
    test = loaded.dataset(root=config["data"]["root"], trust=config["trust"]).test
    chosen = torch.arange(len(test))
    if config["label"] is not None and test.y is not None:
        chosen = chosen[test.y == config["label"]]
    chosen = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(config["seed"]))[:n]]
    if len(chosen) == 0:
        raise DataError(f"label={config['label']}: the test split has no picture of this class")
    if len(chosen) < n:
        Console(stderr=True, force_jupyter=False).print(
            f"the test split has {len(chosen)} such pictures, not {n}: all of them are used",
            highlight=False,
            soft_wrap=True,
        )
    where = device(loaded.model)
    given = {"y": test.y[chosen].to(where)} if isinstance(loaded.model, ClassConditional) else {}  # type: ignore[index]
    return test.x[chosen].to(where), given


def chained(
    loaded: Loaded, config: Mapping[str, Any], before: dict[str, Tensor], path: Tensor, *, result: str, note: str
) -> Drawn:
    """What chains have made of pictures: row by row the pictures ``before``, then the last frame of ``path``.

    The arrays also have the whole path, and the note the root mean square errors against the first of ``before``.
    """
    found = {**before, result: path[-1]}
    shown = fitting(config, path.shape[1], each=len(found))
    picture = partial(stacked, [part[:shown] for part in found.values()], loaded.spec)
    original, *others = found
    top = (loaded.spec.levels or 256) - 1
    errors = [
        f"{name} {(found[name].double() - found[original]).div(top).square().mean().sqrt().item():.3f}"
        for name in others
    ]
    arrays = {name: value.cpu().numpy() for name, value in {**found, "path": path}.items()}
    note += told(shown, path.shape[1])
    return Drawn(picture, arrays, f"{note}; root mean square error, white - black = 1: {', '.join(errors)}")

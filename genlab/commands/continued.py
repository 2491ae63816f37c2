"""A run that goes on: is it the run that its checkpoint is of, and are the data those that it was trained on?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

import genlab
from genlab.config.permitted import check_config
from genlab.config.schema import validate
from genlab.data.fingerprint import changed, fingerprint
from genlab.data.spaces import Dataset
from genlab.errors import CheckpointError, ConfigError, DataError
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training.base import Stepwise
from genlab.training.state import check_state, restore


@dataclass
class Origin:
    """What a run goes on from: its latest checkpoint, or nothing.

    Args:
        meta: `meta` of the run and its data as they are now.
        source: the checkpoint.
        held: what it holds, until `restore` has given it away.
        changed: `check` of it: the settings that are others now.
    """

    meta: dict[str, Any]
    source: Path | None = None
    held: dict[str, Any] | None = None
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.header: dict[str, Any] | None = None if self.held is None else self.held["genlab"]
        self.step: int = 0 if self.header is None else self.header["step"]

    def restore(self, module: Stepwise, trainer: pl.Trainer) -> None:
        """Give ``module`` and callbacks the state that is held, and let go of it.

        Raises:
            CheckpointError: it is not the state of this training.
        """
        if self.held is None:
            return
        check_state(self.held, module, trainer, source=str(self.source))
        restore(self.held, module, trainer, source=str(self.source))
        self.held = None


def origin(run_dir: Path, config: Mapping[str, Any], data: Dataset, *, report: Callable[[str], None]) -> Origin:
    """What the run in ``run_dir`` goes on from.

    Args:
        run_dir: which may hold checkpoints.
        config: of the run.
        data: as they are.
        report: is told of damaged checkpoints.

    Raises:
        CheckpointError: none can be read, or it is of another run.
        DataError: it was trained on other data.
    """
    folder = run_dir / directory.CHECKPOINTS
    source = checkpoint.latest(folder, report=report) if checkpoint.any_in(folder) else None
    held = None if source is None else checkpoint.read(source)
    now = meta(config, data)
    changed = {} if held is None else check(held, config, now, source=str(source))
    return Origin(now, source, held, changed)


def meta(config: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
    """What makes a checkpoint self-contained and tells its run from others: format, version, config, data."""
    return {
        "format": checkpoint.FORMAT,
        "version": genlab.__version__,
        "config": dict(config),
        "spec": data.spec.to_dict(),
        "data": fingerprint(data),
    }


def check(
    held: Mapping[str, Any], config: Mapping[str, Any], now: Mapping[str, Any], *, source: str
) -> dict[str, tuple[Any, Any]]:
    """The settings that have changed and may, with both values.

    Args:
        held: the checkpoint that the run is to go on from.
        config: of the run.
        now: `meta` of the run and its data as they are.
        source: the checkpoint, for messages.

    Raises:
        CheckpointError: it was trained with other settings that may not change: it is of another run.
        DataError: it was trained on other data.
    """
    header = held["genlab"]
    try:
        before = validate("train", {**header["config"], "trust": config["trust"]})
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{source}: its config cannot be read by this version of genlab: {error}") from error
    for key, most in (("epoch", 1 << 40), ("examples", 1 << 60), ("threads", 1024)):
        if key in header and not (type(header[key]) is int and 0 <= header[key] <= most):
            raise CheckpointError(f"{source} has a damaged header: genlab.{key} is {header[key]!r}")
    found = check_config(before, config, source=source)
    other = [(key, value) for key, value in header["spec"].items() if now["spec"].get(key) != value]
    if other:
        told = ", ".join(f"{key} was {value} and is {now['spec'].get(key)}" for key, value in other)
        raise DataError(f"{source} was trained on data of another type: {told}")
    difference = changed(header.get("data"), now["data"])
    if difference is not None:
        raise DataError(
            f"the data has changed since {source} was written: {difference}; put the data back, or start a new run"
        )
    return found

"""A run by gradient descent: what it is put together from, and its steps."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import nn

from genlab import build
from genlab.commands import assembly, devices
from genlab.commands.continued import Origin
from genlab.commands.notes import say
from genlab.data.batches import BatchLoader
from genlab.data.spaces import Dataset
from genlab.errors import GenlabError, TrainingError, out_of_memory
from genlab.ops.float32 import float32_products
from genlab.training.base import Stepwise, window_size
from genlab.training.windows import Windows


@dataclass(frozen=True)
class Descent:
    """A run that is put together and has yet to go on.

    Args:
        run_dir: its directory.
        config: a checked training config.
        data: its splits.
        trainer: Lightning's.
        loader: the batches of the whole run; ``num_steps`` is its end.
        module: the model and its objective, at the step from which the run goes on.
        threads: how many compute.
        console: where notes and bars go.
    """

    run_dir: Path
    config: Mapping[str, Any]
    data: Dataset
    trainer: pl.Trainer
    loader: BatchLoader
    module: Stepwise
    threads: int
    console: Console


def put_together(
    run_dir: Path, config: Mapping[str, Any], model: nn.Module, data: Dataset, *, origin: Origin, console: Console
) -> Descent:
    """The run from its ``origin``, whose state it does not have yet: see `Origin.restore`.

    Raises:
        ConfigError: settings that do not fit each other, the machine, or the step that the run is at.
    """
    trainer = assembly.trainer(run_dir, config)
    loader = assembly.loader(config, data, trainer, held=origin.header)
    assembly.check_batches(model, loader)
    threads, why = assembly.compute(config, model, data, held=origin.header, processes=trainer.num_devices)
    say(console, "threads", f"{threads} ({why})")
    module = assembly.module(config, model, num_batches=loader.num_steps)
    module.objective.see(data)
    module.batches_done = origin.step
    module.device_steps = devices.device_steps(config, module, loader, say=partial(say, console))
    return Descent(run_dir, config, data, trainer, loader, module, threads, console)


def descend(descent: Descent, *, source: Path | None) -> None:
    """Take the steps that are left.

    Args:
        descent: whose state is that of ``source``.
        source: the checkpoint that the run goes on from, if any.

    Raises:
        TrainingError: out of memory, or the disk is full.
        GenlabError: what a callback or the objective raises.
    """
    if descent.module.batches_done >= descent.loader.num_steps:
        return
    gc.freeze()  # a million objects of the imported libraries need not be visited at every collection
    try:
        with build.foreign(descent.config["model"], descent.config["objective"]), _told(descent.loader):
            _fit(descent, source)
    finally:
        gc.unfreeze()


def _fit(descent: Descent, source: Path | None) -> None:
    module, loader, trainer = descent.module, descent.loader, descent.trainer
    on_device = module.device_steps is not None  # which takes its batches itself
    with float32_products(exact=False) if on_device else nullcontext():
        trainer.fit(
            module,
            train_dataloaders=Windows(
                range(loader.start, loader.num_steps) if on_device else loader, size=window_size(trainer)
            ),
            ckpt_path=None if source is None else str(source),
        )


@contextmanager
def _told(loader: BatchLoader) -> Iterator[None]:
    """Within, a lack of memory or of room on the disk is an error of training, with a remedy."""
    try:
        yield
    except GenlabError:
        raise
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingError(_memory_advice(loader)) from error
    except OSError as error:
        raise TrainingError(f"cannot write the run: {error}; the previous checkpoint is untouched") from error
    except RuntimeError as error:
        if out_of_memory(error):
            raise TrainingError(_memory_advice(loader)) from error
        raise


def _memory_advice(loader: BatchLoader) -> str:
    smaller = max(1, loader.batch_size // 2)
    return f"out of memory with data.batch_size={loader.batch_size}; try data.batch_size={smaller} or a smaller model"

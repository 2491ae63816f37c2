"""``genlab train``: fit a model, keep everything that continues it, and end with a number on the test split."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from genlab import build
from genlab.commands import assembly, between_steps, continued, descent, devices, fit, summary
from genlab.commands.notes import report, say
from genlab.commands.quiet import quiet
from genlab.errors import ConfigError
from genlab.models.classical.base import Fitted


def run(
    run_dir: Path,
    config: Mapping[str, Any],
    *,
    console: Console,
    first: bool = True,
    begin: Callable[[], set[str]] | None = None,
) -> dict[str, Any]:
    """Train in ``run_dir``, from its latest checkpoint if it has one, and write ``summary.json``.

    Args:
        run_dir: an existing run directory that this process has locked (rank 0).
        config: a checked training config.
        console: where notes and bars go.
        first: whether this process is rank 0, which alone writes.
        begin: called when all is checked, before anything in the run changes; names the changed settings it has told.

    Returns:
        The summary: validation and test records, steps, seconds.

    Raises:
        GenlabError: by the kind of fault; see `genlab.errors`.
    """
    begun = time.monotonic()
    _set_up(config)
    data = build.dataset(config["data"], trust=config["trust"])
    for note in data.notes:
        say(console, "data", note)
    torch.manual_seed(config["seed"])
    model = build.model(config["model"], data.spec, trust=config["trust"])
    if isinstance(model, Fitted):
        return fit.run(run_dir, config, model, data, console=console, begin=begin)
    _check_descends(config, model)

    told = partial(report, console)
    origin = continued.origin(run_dir, config, data, report=told if first else _silent)
    run = descent.put_together(run_dir, config, model, data, origin=origin, console=console)
    checkpoints = between_steps.attach(run, meta={**origin.meta, "threads": run.threads}, begun=begun)
    origin.restore(run.module, run.trainer)
    told_before = begin() if begin is not None else set()
    for key, (old, new) in origin.changed.items():
        if key not in told_before:
            told(f"resume   {key}: {old} -> {new}, as the run's config has it")
    if first:
        run.trainer.loggers = assembly.loggers(run_dir, config, resume_step=origin.step)
    descent.descend(run, source=origin.source)
    checkpoints.release(run.module.batches_done)
    return summary.write(run, checkpoints, seconds=checkpoints.seconds())


def _set_up(config: Mapping[str, Any]) -> None:
    """Prepare libraries and device; what is missing of them is told here, in one line."""
    quiet()
    devices.set_up(config["trainer"])
    if config["logger"]["wandb"] and importlib.util.find_spec("wandb") is None:
        raise ConfigError("logger.wandb=true needs Weights & Biases: pip install 'genlab[wandb]', or logger=default")
    torch.set_flush_denormal(True)  # before the first parallel kernel, whose threads inherit it


def _check_descends(config: Mapping[str, Any], model: nn.Module) -> None:
    if config["objective"] is None or (config["optim"] is None and config["players"] is None):
        raise ConfigError(f"objective, optim: {type(model).__name__} is trained by gradient descent; set both")


def _silent(_: str) -> None:
    """What the first process says, the others need not repeat."""

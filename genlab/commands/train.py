"""``genlab train``: fit a model, keep everything that continues it, and end with a number on the test split."""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import nn

import genlab
from genlab import build
from genlab.commands import closing, continued, devices, fit, parts
from genlab.commands.quiet import quiet
from genlab.data.batches import BatchLoader
from genlab.data.spaces import Dataset
from genlab.errors import ConfigError, GenlabError, TrainingError, out_of_memory
from genlab.evaluation.artefacts.draw import draw
from genlab.evaluation.artefacts.grids import save_png
from genlab.evaluation.record import Record
from genlab.evaluation.validate import validate
from genlab.models.capabilities import GenerativeModel
from genlab.models.classical import Fitted
from genlab.objectives.base import Recoverable
from genlab.ops.precision import float32_products
from genlab.process.printable import printable
from genlab.progress import track
from genlab.runs import directory
from genlab.storage import checkpoint
from genlab.training.base import Stepwise, window_size
from genlab.training.callbacks.chain import Chain, StepCallback
from genlab.training.callbacks.checkpoints import Checkpoints
from genlab.training.callbacks.guard import Guard
from genlab.training.callbacks.progress_bar import ProgressBar
from genlab.training.callbacks.steps import Steps
from genlab.training.callbacks.validation import Measure, Validation, by_likelihood
from genlab.training.callbacks.watch import Watch
from genlab.training.game import GameLoss
from genlab.training.state import check_state, restore
from genlab.training.windows import Windows

VALIDATION_PARTICLES = 1
"""Validation during training is the plain ELBO; the run's end scores both splits with ``test.num_particles``."""


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
    quiet()
    begun = time.monotonic()
    options, trust = config["trainer"], config["trust"]
    report = partial(console.print, highlight=False, soft_wrap=True)
    devices.set_up(options)  # a missing one is told here, in one line
    if config["logger"]["wandb"] and importlib.util.find_spec("wandb") is None:
        raise ConfigError("logger.wandb=true needs Weights & Biases: pip install 'genlab[wandb]', or logger=default")
    torch.set_flush_denormal(True)  # before the first parallel kernel, whose threads inherit it
    data = build.dataset(config["data"], trust=trust)

    def say(what: str, text: str) -> None:
        console.print(f"{what:<8} {printable(text)}", highlight=False, soft_wrap=True)

    for note in data.notes:
        say("data", note)
    torch.manual_seed(config["seed"])
    model = build.model(config["model"], data.spec, trust=trust)
    if isinstance(model, Fitted):
        if _measures(config):
            raise ConfigError(f"validation: {type(model).__name__} is fitted in one pass; genlab eval scores it")
        number, why = parts.compute(config, model, data, held=None, processes=1)
        say("threads", f"{number} ({why})")
        return fit.run(run_dir, config, model, data, console=console, begin=begin)
    if config["objective"] is None or (config["optim"] is None and config["players"] is None):
        raise ConfigError(f"objective, optim: {type(model).__name__} is trained by gradient descent; set both")
    folder = run_dir / directory.CHECKPOINTS
    source = checkpoint.latest(folder, report=report if first else _silent) if checkpoint.any_in(folder) else None
    held = checkpoint.read(source) if source else None
    reached = held["genlab"] if held else None
    start = reached["step"] if reached else 0
    meta = continued.meta(config, data)
    changed = continued.check(held, config, meta, source=str(source)) if held else {}

    trainer = parts.trainer(run_dir, config)
    loader, total = parts.loader(config, data, trainer, held=reached)
    parts.check_batches(model, loader)
    number, why = parts.compute(config, model, data, held=reached, processes=trainer.num_devices)
    say("threads", f"{number} ({why})")
    module = parts.module(config, model, num_batches=total)
    module.batches_done = start
    module.device_steps = devices.device_steps(config, module, loader, say=say)
    guard = _callbacks(
        run_dir, config, data, trainer, module, meta=meta, loader=loader, total=total, begun=begun, console=console
    )
    guard.meta["threads"] = number
    if held is not None:
        check_state(held, module, trainer, source=str(source))
        restore(held, module, trainer, source=str(source))
        del held
    told = begin() if begin is not None else set()
    for key, (old, new) in changed.items():
        if key not in told:
            report(f"resume   {key}: {old} -> {new}, as the run's config has it")
    if first:
        trainer.loggers = parts.loggers(run_dir, config, resume_step=start)
    if start < total:
        with build.foreign(config["model"], config["objective"]):
            _fit(trainer, module, loader, source)
    guard.release(module.batches_done)
    trained = guard.seconds()
    scored = module.scored.to(trainer.strategy.root_device)
    summary: dict[str, Any] = {
        "status": "finished",
        "steps": module.batches_done,
        "epochs": round(loader.epochs(module.batches_done), 4),
        "seconds": round(trained, 2),
        "threads": number,
        "parameters": sum(p.numel() for p in model.parameters()),
        "version": genlab.__version__,
    }
    summary |= devices.summary(options, module)
    if isinstance(scored, GenerativeModel):
        for split in ("val", "test"):
            record = _final(scored, data, config, split=split, console=console)
            latest = checkpoint.steps(folder)
            if record is not None:
                closing.check_number(f"{split}/{record.metric}", record.value)
                summary[split] = replace(record, checkpoint=str(latest[-1]) if latest else None).to_dict()
    for part in trainer.callbacks[0].parts:  # type: ignore[attr-defined]
        if isinstance(part, Guard):
            summary["rollbacks"] = part.rollbacks
        if isinstance(part, Watch):
            summary["last"], summary["warnings"] = module.scalars(), part.warnings
    if trainer.is_global_zero:
        summary |= closing.measured(scored, data, seed=config["seed"])
        summary["warnings"] = [*summary.get("warnings", []), *closing.of_records(summary)]
        # the last step ends with a validation, which has drawn the same pictures, unless this process took no step
        pictures = guard.validation.pictures or guard.validation.draw(scored)
        for name, picture in pictures.items():
            summary[f"{name}_picture"] = str(save_png(run_dir / "samples" / f"final-{name}.png", picture))
        if guard.validation.records:
            summary["validation"] = [record.to_dict() for record in guard.validation.records]
        directory.write_json(run_dir / directory.SUMMARY, summary)
    return summary


def _silent(_: str) -> None:
    """What the first process says, the others need not repeat."""


def _callbacks(
    run_dir: Path,
    config: Mapping[str, Any],
    data: Dataset,
    trainer: pl.Trainer,
    module: Stepwise,
    *,
    meta: dict[str, Any],
    loader: BatchLoader,
    total: int,
    begun: float,
    console: Console,
) -> Checkpoints:
    options, settings = config["trainer"], config["callbacks"]
    report = partial(console.print, highlight=False, soft_wrap=True)
    steps, epochs = options["val_check_interval"], options["check_val_every_n_epoch"]

    def due(step: int) -> bool:
        return loader.ends_epoch(step, every=epochs) if steps is None else step % steps == 0

    def score(model: nn.Module) -> Record | None:
        return validate(
            model,
            data,
            split="val",
            num_particles=VALIDATION_PARTICLES,
            batch_size=1000,
            seed=config["seed"],
            progress=lambda batches, total: checkpoints.watch(batches, trainer, module),
        )

    validation = Validation(
        every=due,
        last_step=total,
        score=score,
        measure=_measure(run_dir, config, data, module, first=trainer.is_global_zero, report=report),
        draw=partial(draw, data=data, n=settings["samples"]["n"], seed=config["seed"], report=report),
        folder=run_dir / "samples",
    )
    checkpoints = Checkpoints(
        run_dir / directory.CHECKPOINTS,
        meta=meta,
        every_n_steps=settings["checkpoint"]["every_n_steps"],
        every_seconds=settings["checkpoint"]["every_seconds"],
        keep=settings["checkpoint"]["keep"],
        last_step=total,
        place=loader.place,
        validation=validation,
        begun=begun,
    )
    callbacks: list[StepCallback] = [Steps(every=options["log_every_n_steps"], epochs=loader.epochs)]
    if isinstance(module.objective, Recoverable):
        every, limit = settings["guard"]["every_n_steps"], settings["guard"]["max_rollbacks"]
        callbacks.append(Guard(every=every, max_rollbacks=limit, report=report))
    if isinstance(module, GameLoss):
        callbacks.append(Watch(report=report))
    callbacks.append(validation)
    if options["enable_progress_bar"] and trainer.is_global_zero:
        callbacks.append(ProgressBar(total=total, epochs=loader.epochs, console=console))
    chain = Chain([*callbacks, checkpoints])
    module.on_step_end = partial(chain.end_step, trainer, module)
    trainer.callbacks = [chain]  # type: ignore[attr-defined]
    return checkpoints


def _measure(
    run_dir: Path, config: Mapping[str, Any], data: Dataset, module: Stepwise, *, first: bool, report: Callable
) -> Measure:
    """What a validation measures beside the likelihood."""
    if not _measures(config):
        return by_likelihood
    from genlab.commands.measures import Measures  # only who asks for metrics waits for them

    return partial(Measures(config, module.model, data, folder=run_dir / "samples", report=report), first=first)


def _measures(config: Mapping[str, Any]) -> bool:
    node = config.get("validation")
    return node is not None and bool(node["metrics"] or node["best"])


def _fit(trainer: pl.Trainer, module: Stepwise, loader: BatchLoader, source: Path | None) -> None:
    batches = loader if module.device_steps is None else range(loader.start, loader.num_steps)
    gc.freeze()  # a million objects of the imported libraries need not be visited at every collection
    try:
        with float32_products(exact=False) if module.device_steps is not None else nullcontext():
            trainer.fit(
                module,
                train_dataloaders=Windows(batches, size=window_size(trainer)),
                ckpt_path=None if source is None else str(source),
            )
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
    finally:
        gc.unfreeze()


def _memory_advice(loader: BatchLoader) -> str:
    smaller = max(1, loader.batch_size // 2)
    return f"out of memory with data.batch_size={loader.batch_size}; try data.batch_size={smaller} or a smaller model"


def _final(
    model: GenerativeModel, data: Dataset, config: Mapping[str, Any], *, split: str, console: Console
) -> Record | None:
    test = config["test"]
    return validate(
        model,
        data,
        split=split,
        num_particles=test["num_particles"],
        batch_size=test["batch_size"],
        seed=config["seed"],
        progress=lambda batches, total: track(batches, total, description=split, console=console),
    )

"""``genlab train`` for models that are fitted in one pass: the same run directory, and one step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import genlab
from genlab.commands import assembly, closing, continued
from genlab.commands.between_steps import wants_metrics
from genlab.commands.notes import report, say
from genlab.commands.summary import saved
from genlab.data.spaces import Dataset
from genlab.errors import CheckpointError, ConfigError, TrainingError, out_of_memory
from genlab.evaluation import likelihood
from genlab.evaluation.artefacts.draw import draw
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound
from genlab.models.classical.base import Fit, Fitted
from genlab.progress import track
from genlab.restore import device_of
from genlab.runs import directory, ranks
from genlab.seeding import derive
from genlab.storage import checkpoint
from genlab.storage.weights import load_weights
from genlab.training.callbacks.validation import Measure, by_likelihood, show
from genlab.training.loggers import open_loggers

STEP = 1
"""The step at which a fitted model's checkpoint stands."""


def run(
    run_dir: Path,
    config: Mapping[str, Any],
    model: Fitted,
    data: Dataset,
    *,
    console: Console,
    begin: Callable[[], set[str]] | None = None,
) -> dict[str, Any]:
    """Fit ``model``, unless the run's checkpoint holds the fit already, score and draw it, and write ``summary.json``.

    The checkpoint is written after the fit and nothing before it: a run that is killed fits again.

    Args:
        run_dir: an existing run directory that this process has locked.
        config: a checked training config.
        model: not yet fitted.
        data: its splits; training batches that are drawn afresh (dynamic binarisation) are drawn once.
        console: where notes and bars go.
        begin: called when all is checked, before anything in the run changes.

    Returns:
        The summary: what was chosen, validation and test records where there is a likelihood, seconds.

    Raises:
        ConfigError: several processes, or settings of training by gradient descent.
        TrainingError: out of memory, the disk is full, or a likelihood that is not finite.
    """
    number, why = assembly.compute(config, model, data, held=None, processes=1)
    say(console, "threads", f"{number} ({why})")
    _check_alone(config, model, console=console)
    measure = _measure(run_dir, config, model, data, console=console)
    begun = time.monotonic()
    folder = run_dir / directory.CHECKPOINTS
    meta = {**continued.meta(config, data), "step": STEP}
    source = checkpoint.latest(folder) if checkpoint.any_in(folder) else None
    chosen = None if source is None else _restored(model, source, config, meta)
    if begin is not None:
        begin()
    if chosen is None:
        chosen = _fitted(model, data, config, console=console)
    trained = time.monotonic() - begun
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    payload = {"state_dict": state, "global_step": STEP, "fit": dict(chosen), "genlab": meta}
    if source is None:
        source = checkpoint.write_step(folder, STEP, payload, keep=config["callbacks"]["checkpoint"]["keep"])
    model.to(device_of(config["trainer"]["accelerator"]))
    summary: dict[str, Any] = {
        "status": "finished",
        "steps": STEP,
        "seconds": round(trained, 2),
        "parameters": sum(p.numel() for p in model.parameters()),
        "version": genlab.__version__,
        "fit": dict(chosen),
    }
    metrics = {"fit/examples": float(len(data.train)), **{f"fit/{name}": value for name, value in chosen.items()}}
    scores = {split: _score(model, data, config, split=split, console=console) for split in ("val", "test")}
    found, criterion = measure(model, scores["val"])
    for split, record in scores.items():
        if record is not None:
            summary[split] = replace(record, checkpoint=str(source)).to_dict()
    metrics |= {f"val/{record.metric}": record.value for record in found}
    metrics |= {} if scores["val"] is None else scores["val"].scalars("val")
    if criterion is not None:
        checkpoint.write(folder / checkpoint.BEST, payload)  # of one checkpoint, it is the best
    if found:
        summary["validation"] = [record.to_dict() for record in found]
    summary["warnings"] = closing.of_records(summary)
    summary |= closing.measured(model, data, seed=config["seed"])
    summary |= _logged(run_dir, config, model, data, metrics=metrics, console=console)
    directory.write_json(run_dir / directory.SUMMARY, summary)
    return summary


def _measure(run_dir: Path, config: Mapping[str, Any], model: Fitted, data: Dataset, *, console: Console) -> Measure:
    """What is measured after the fit beside the likelihood; what the model cannot have is refused now."""
    if not wants_metrics(config):
        return by_likelihood
    from genlab.commands.measures import Measures  # only who asks for metrics waits for them

    told = partial(report, console)
    return partial(Measures(config, model, data, folder=run_dir / "samples", report=told), first=True)


def _check_alone(config: Mapping[str, Any], model: Fitted, *, console: Console) -> None:
    """Refuse several processes and an objective; say which settings do nothing."""
    if ranks.external() is not None:
        raise ConfigError(f"{type(model).__name__} is fitted in one pass by one process; start it without a launcher")
    if config["objective"] is not None:
        raise ConfigError(f"objective: {type(model).__name__} is fitted in one pass and has none; set objective=null")
    idle = [f"{key}={value}" for key, value in _of_descent(config).items() if value]
    if idle:
        report(console, f"fit      {type(model).__name__} is fitted in one pass, without {', '.join(idle)}")


def _logged(
    run_dir: Path,
    config: Mapping[str, Any],
    model: Fitted,
    data: Dataset,
    *,
    metrics: Mapping[str, float],
    console: Console,
) -> dict[str, str]:
    """Give numbers and pictures to the loggers, as of the one step; where the pictures are, for the summary."""
    loggers = open_loggers(run_dir, config["logger"], resume_step=0)
    for logger in loggers:
        logger.log_metrics(metrics, step=STEP)
    told = partial(report, console)
    pictures = draw(model, data, n=config["callbacks"]["samples"]["n"], seed=config["seed"], report=told)
    show(pictures, loggers, folder=run_dir / "samples", step=STEP)
    for logger in loggers:
        logger.finalize("success")
    return saved(pictures, run_dir)


def _of_descent(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training by gradient descent, those at which they do nothing left out or false."""
    trainer = config["trainer"]
    names = ("max_steps", "gradient_clip_val", "compile")
    found: dict[str, Any] = {f"trainer.{name}": trainer[name] for name in names}
    found["trainer.precision"] = trainer["precision"] if trainer["precision"] != "32-true" else None
    batches = trainer["accumulate_grad_batches"]
    found["trainer.accumulate_grad_batches"] = batches if batches > 1 else None
    found["callbacks.ema.decay"] = config["callbacks"]["ema"]["decay"]
    return found


def _restored(model: Fitted, path: Path, config: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, float]:
    """Fill the model in from the run's checkpoint; what was chosen when it was fitted."""
    held = checkpoint.read(path)
    continued.check(held, config, meta, source=str(path))
    if not isinstance(held.get("state_dict"), Mapping) or not isinstance(held.get("fit"), Mapping):
        raise CheckpointError(f"{path} holds no fitted model")
    for key, value in held["fit"].items():
        if not (isinstance(key, str) and isinstance(value, int | float) and abs(value) < math.inf):
            raise CheckpointError(f"{path} is damaged: fit.{key} is {str(value)[:40]}, and should be a number")
    state = {str(name).removeprefix("model."): value for name, value in held["state_dict"].items()}
    load_weights(model, state, source=str(path))
    return dict(held["fit"])


def _fitted(model: Fitted, data: Dataset, config: Mapping[str, Any], *, console: Console) -> dict[str, float]:
    seed, model_node = config["seed"], config["model"]
    train = data.as_seen(data.train, seed=seed)
    try:
        fit: Fit = model.fit(
            train,
            data.val,
            generator=torch.Generator().manual_seed(derive(seed, "fit")),
            progress=partial(track, description="fit", console=console),
        )
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            raise TrainingError("out of memory: try a smaller model.max_points, or smaller pictures") from error
        raise
    for note in fit.notes:
        report(console, f"fit      {note}")
    for name, value in fit.chosen.items():
        asked = model_node.get(name)
        if isinstance(asked, int) and value < asked:
            report(
                console,
                f"fit      model.{name}={asked} is more than the {len(train):,} examples or their dimensions allow: "
                f"{value:g}",
            )
    if fit.chosen:
        estimates = ", ".join(f"{name} {value:.4g}" for name, value in fit.chosen.items())
        report(console, f"fit      {estimates}")
    return fit.chosen


def _score(model: Fitted, data: Dataset, config: Mapping[str, Any], *, split: str, console: Console) -> Record | None:
    """The likelihood of a split; None for a model that only ranks.

    Raises:
        TrainingError: it is not finite.
    """
    if not isinstance(model, ExactLikelihood | LikelihoodBound):
        return None
    examples = data.split(split)
    record = likelihood.nll(
        model,
        examples,
        split_name=split,
        num_particles=config["test"]["num_particles"],
        batch_size=config["test"]["batch_size"],
        seed=config["seed"],
        progress=lambda batches, total: track(batches, total, description=split, console=console),
    )
    if not math.isfinite(record.value):
        raise TrainingError(
            f"{split}/{record.metric} is {record.value}: the fit has no density where the {split} split has "
            f"examples; change the model's own settings (model.bandwidth=auto, a larger model.reg_covar ...)"
        )
    return judged(record, data, examples)

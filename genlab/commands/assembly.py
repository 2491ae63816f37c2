"""What a training run is put together from: Lightning's trainer, the batches, the module with its optimisers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from genlab import build
from genlab.bijectors.batchnorm import BatchNorm
from genlab.commands import devices
from genlab.data.batches import BatchLoader, Place
from genlab.data.lengths import trimmed
from genlab.data.spaces import Dataset
from genlab.errors import ConfigError
from genlab.models.classical.base import Fitted
from genlab.objectives.players import Game
from genlab.process import threads
from genlab.runs import ranks
from genlab.training.base import Stepwise
from genlab.training.checkpoint_io import VerifiedCheckpointIO
from genlab.training.game import GameLoss
from genlab.training.loggers import open_loggers
from genlab.training.silent import SilentProfiler
from genlab.training.single import SingleLoss


def loggers(run_dir: Path, config: Mapping[str, Any], *, resume_step: int) -> list[Any]:
    """The loggers of a run; from here on its logs change."""
    return open_loggers(run_dir, config["logger"], resume_step=resume_step)


def trainer(run_dir: Path, config: Mapping[str, Any]) -> pl.Trainer:
    """Lightning's trainer, which is used for devices, precision, data parallelism and hooks; still without loggers.

    Raises:
        ConfigError: devices that this machine or its launcher does not have.
    """
    options = config["trainer"]
    with available(options):
        made = pl.Trainer(
            accelerator=options["accelerator"],
            devices=options["devices"],
            num_nodes=options["num_nodes"],
            strategy=options["strategy"],
            precision=devices.precision(options),
            max_epochs=1,  # the loader is the whole run: no seams between epochs, one position to resume
            limit_val_batches=0,
            logger=False,
            log_every_n_steps=options["log_every_n_steps"],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=[VerifiedCheckpointIO(), *cluster()],
            profiler=SilentProfiler(),
            default_root_dir=str(run_dir),
        )
        environment = made._accelerator_connector.cluster_environment
        environment.validate_settings(num_devices=made.num_devices, num_nodes=made.num_nodes)
    if isinstance(made.strategy, DDPStrategy):  # asked for, or what several devices come to
        made.strategy._timeout = timedelta(seconds=options["timeout"])
    # its handlers tell other ranks to die before anything is saved, and requeue a SLURM job that saved nothing
    made._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    return made


def cluster() -> list[Any]:
    """Who starts the ranks, where genlab knows it: Lightning's own guess takes half of SLURM's variables for srun."""
    launched = "TORCHELASTIC_RUN_ID" in os.environ or ranks.external() is not None
    return [] if launched else [LightningEnvironment()]


@contextmanager
def available(options: Mapping[str, Any]) -> Iterator[None]:
    """Within, what Lightning says of devices is an error of the config.

    Raises:
        ConfigError: in one line, with the settings that are at fault.
    """
    try:
        yield
    except (MisconfigurationException, ValueError, TypeError, RuntimeError, KeyError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(
            f"accelerator={options['accelerator']}, devices={options['devices']}: {said}; "
            "give the number of devices (on CPUs: of processes), or of GPUs a list of those that there are"
        ) from error


def compute(
    config: Mapping[str, Any], model: nn.Module, data: Dataset, *, held: Mapping[str, Any] | None, processes: int
) -> tuple[int, str]:
    """Set the number of this process's threads; it, and why that many.

    Args:
        config: of the run.
        model: whose size counts, unless it is fitted in one pass.
        data: of whose examples there are so many in a batch.
        held: the ``genlab`` node of the checkpoint that the run goes on from, or None.
        processes: that share this machine.
    """
    shape = data.spec.event_shape
    size = threads.multiplications(
        dict(model.named_parameters()), positions=math.prod(shape[1:]), batch=config["data"]["batch_size"]
    )
    number, why = threads.choose(
        asked=config["trainer"]["threads"],
        before=None if held is None else held.get("threads"),
        work=math.inf if isinstance(model, Fitted) else size,
        processes=processes,
        external=ranks.external() is not None,
    )
    torch.set_num_threads(number)
    if processes > 1:  # the ranks that are started take the same, and Lightning no number of its own
        os.environ["OMP_NUM_THREADS"] = str(number)
    return number, why


def loader(
    config: Mapping[str, Any], data: Dataset, trainer: pl.Trainer, *, held: Mapping[str, Any] | None
) -> BatchLoader:
    """The batches of this rank, up to the last step of the whole run.

    Args:
        config: of the run.
        data: its splits.
        trainer: says which of how many processes this is.
        held: the ``genlab`` node of the checkpoint that the run goes on from, or None.

    Raises:
        ConfigError: the run has gone further than it is to go.
    """
    options = config["trainer"]
    start, origin = 0 if held is None else held["step"], Place()
    if held is not None and "epoch" in held:  # older checkpoints know their step alone, and it counts from the first
        origin = Place(start, held["epoch"], held["examples"])
    loader = BatchLoader(
        trimmed(data.spec.space, data.train),
        batch_size=config["data"]["batch_size"],
        seed=config["seed"],
        num_steps=0,
        start=start,
        origin=origin,
        rank=trainer.global_rank,
        world_size=trainer.world_size,
        transform=data.train_transform,
        transform_b=data.train_transform_b,
        paired=data.spec.layout == "paired",
    )
    epochs, steps = options["max_epochs"], options["max_steps"]
    if steps is not None and steps < start:
        raise ConfigError(f"trainer.max_steps={steps}: the run is already at step {start}; give more than that")
    seen = loader.epochs(start)
    if seen > epochs:
        raise ConfigError(
            f"trainer.max_epochs={epochs}: the run has seen {seen:.2f} epochs; give at least {math.ceil(seen)}"
        )
    total = loader.last_step(epochs)
    loader.num_steps = total if steps is None else min(total, steps)
    return loader


def check_batches(model: nn.Module, loader: BatchLoader) -> None:
    """Refuse batches from which a layer cannot learn.

    Raises:
        ConfigError: a flow is normalised by the variance of batches of one example, which have none.
    """
    if loader.batch_size == 1 and any(isinstance(layer, BatchNorm) for layer in model.modules()):
        raise ConfigError(
            "data.batch_size: batch normalisation needs the variance of at least 2 examples, and batches are of one; "
            "raise data.batch_size, or set model.norm=actnorm or model.norm=none"
        )


def module(config: Mapping[str, Any], model: nn.Module, *, num_batches: int) -> Stepwise:
    """The steps of a run: of a game if the objective is one, of a single loss otherwise.

    Raises:
        ConfigError: the config gives optimisers of the other kind.
    """
    options = config["trainer"]
    objective = build.objective(config["objective"], trust=config["trust"])
    node = "players" if isinstance(objective, Game) else "optim"
    if config[node] is None:
        raise ConfigError(f"{node}: is null, but {type(objective).__name__} needs it; set {node}")
    clip = options["gradient_clip_val"]
    settings: dict[str, Any] = {
        "seed": config["seed"],
        "num_batches": num_batches,
        "accumulate": options["accumulate_grad_batches"],
        "clip": clip,
        "ema_decay": config["callbacks"]["ema"]["decay"],
        "compiled": options["compile"],
        # a fused optimiser unscales inside its kernel, after clipping would have to happen
        "fused": not (options["precision"] == "16-mixed" and clip is not None),
    }
    if isinstance(objective, Game):
        players, every = build.players(config["players"]), options["log_every_n_steps"]
        return GameLoss(model, objective, players=players, measure_every=every, **settings)
    return SingleLoss(model, objective, optimiser=build.optimiser(config["optim"]), **settings)

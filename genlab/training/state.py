"""Whether what a checkpoint holds is the state of this training: looked at before any of it is used.

A fused optimiser reads as many moments as its parameters have elements, wherever they end; so shapes are compared, of
the model, the averaged model, the objective's buffers and every optimiser, and of the states that a guard goes back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from genlab.errors import CheckpointError
from genlab.storage.weights import check_weights
from genlab.training.base import Stepwise

_NEEDED = ("lr", "betas", "eps", "weight_decay", "momentum")


def check_state(held: Mapping[str, Any], module: Stepwise, trainer: pl.Trainer, *, source: str) -> None:
    """Check a checkpoint against the training that is to go on from it.

    Raises:
        CheckpointError: it is of another model or optimiser, or damaged; names ``source`` and the first difference.
    """
    name = f"{type(module.model).__name__} with {type(module.objective).__name__}"
    check_weights(module, held.get("state_dict"), source=source, name=name)
    built, schedules = module.configure_optimizers()
    _alike([None] * len(built), held.get("optimizer_states"), "optimizer_states", source)
    _alike([None] * len(schedules), held.get("lr_schedulers"), "lr_schedulers", source)
    for index, (optimiser, saved) in enumerate(zip(built, held["optimizer_states"], strict=True)):
        expected = _moments(module, index)
        _check_optimiser(saved, optimiser, expected, f"{source}: optimizer_states[{index}]")
    for schedule, saved in zip(schedules, held["lr_schedulers"], strict=True):
        _alike(schedule["scheduler"].state_dict(), saved, "lr_schedulers", source)
        odd = [key for key in saved if key not in schedule["scheduler"].state_dict()]
        if odd:
            raise CheckpointError(f"{source} does not fit: lr_schedulers has {odd[0]!r}")
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        saved = held.get("callbacks", {})
        saved = saved.get(callback.state_key, {}) if isinstance(saved, Mapping) else None
        _alike(callback.state_dict(), saved, "callbacks", source)
        guarded = saved.get("Guard") if isinstance(saved, Mapping) else None
        for key in ("snapshot", "candidate"):
            kept = guarded.get(key) if isinstance(guarded, Mapping) else None
            if kept is not None:
                where = f"{source}: {key}"
                _alike({"state": {}, "optimiser": {}, "step": 0}, kept, key, source, whole=True)
                check_weights(module, kept["state"], source=where, name=name)
                _check_moments(kept["optimiser"], built[0], _moments(module, 0), where)


def restore(held: Mapping[str, Any], module: Stepwise, trainer: pl.Trainer, *, source: str) -> None:
    """Fill module and callbacks in from a checkpoint that `check_state` has passed.

    Raises:
        CheckpointError: its values are not what they should be.
    """
    try:
        module.load_state_dict(held["state_dict"])
        module.on_load_checkpoint(dict(held))
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            callback.load_state_dict(held["callbacks"][callback.state_key])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise CheckpointError(f"{source} is damaged: {type(error).__name__}: {error}") from error


def _moments(module: Stepwise, index: int) -> dict[str, Any]:
    """What the optimiser keeps for a parameter of shape ``(1,)``, from a step of a twin of its own."""
    twin = nn.Parameter(torch.zeros(1))
    twin.grad = torch.zeros(1)
    optimiser = list(module.recipes.values())[index].build([twin], fused=False)
    optimiser.step()
    return dict(optimiser.state[twin])


def _check_optimiser(saved: Any, optimiser: torch.optim.Optimizer, expected: dict[str, Any], where: str) -> None:
    own = optimiser.state_dict()
    _alike({"state": {}, "param_groups": [None] * len(own["param_groups"])}, saved, "optimiser", where, whole=True)
    for mine, group in zip(own["param_groups"], saved["param_groups"], strict=True):
        lacking = [key for key in _NEEDED if key in mine and key not in group] if isinstance(group, Mapping) else ["lr"]
        if lacking or group.get("params") != mine["params"]:
            raise CheckpointError(f"{where} is of another optimiser: {lacking[0] if lacking else 'params'} differs")
        _alike({key: value for key, value in mine.items() if value is not None}, group, "param_groups", where)
    _check_moments(saved["state"], optimiser, expected, where)


def _check_moments(state: Any, optimiser: torch.optim.Optimizer, expected: dict[str, Any], where: str) -> None:
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    for index, kept in state.items():
        if type(index) is not int or not 0 <= index < len(parameters) or not isinstance(kept, Mapping):
            raise CheckpointError(f"{where} is of another model: it has a parameter {index!r}")
        if kept and kept.keys() != expected.keys():
            raise CheckpointError(f"{where} is of another optimiser: parameter {index} has {', '.join(map(str, kept))}")
        for key, value in kept.items():
            like = expected[key]
            shape = parameters[index].shape if isinstance(like, Tensor) and like.dim() else torch.Size()
            fits = (
                isinstance(value, Tensor) and value.shape == shape and value.is_floating_point()
                if isinstance(like, Tensor)
                else type(value) is type(like)
            )
            if not fits:
                found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise CheckpointError(
                    f"{where} does not fit: {key} of parameter {index} is {found} there and {tuple(shape)} here"
                )


def _alike(own: Any, saved: Any, where: str, source: str, *, whole: bool = False) -> None:
    """Check that ``saved`` is built as ``own``: numbers for numbers, lists as long; None stands for anything.

    ``whole``: no key of a mapping may be missing.
    """
    number = isinstance(own, int | float) and not isinstance(own, bool)
    if own is None or (number and isinstance(saved, int | float) and not isinstance(saved, bool)):
        return
    if isinstance(own, Mapping) and isinstance(saved, Mapping):
        for key in own.keys() & saved.keys():
            _alike(own[key], saved[key], f"{where}.{key}", source)
        lacking = [key for key in own if key not in saved]
        if lacking and (whole or not saved):
            raise CheckpointError(f"{source} does not fit: {where} has no {lacking[0]}")
    elif isinstance(own, list | tuple) and isinstance(saved, list | tuple):
        if own and len(own) != len(saved):
            raise CheckpointError(f"{source} does not fit: {where} has {len(saved)} entries, here are {len(own)}")
    elif type(own) is not type(saved):
        raise CheckpointError(
            f"{source} does not fit: {where} is {type(saved).__name__} there and {type(own).__name__} here"
        )

"""What a training run's device is asked for: how exact and how fast it computes, and who takes the steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from genlab.data.batches import BatchLoader
from genlab.data.cache import cache_root
from genlab.restore import device_of
from genlab.runs import ranks
from genlab.training import accelerator
from genlab.training.base import Stepwise
from genlab.training.capture import DeviceSteps

Say = Callable[[str, str], None]
"""``(what, text)``: a line of the run's beginning."""


def set_up(options: Mapping[str, Any]) -> torch.device:
    """Find the device of these ``trainer`` options and choose its kernels, before the first is launched.

    Raises:
        ConfigError: this machine does not have it.
    """
    device = device_of(options["accelerator"])
    accelerator.set_up(device, deterministic=options.get("deterministic", True))
    if options["compile"]:  # what was compiled once is found again
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "compiled"))
    return device


def precision(options: Mapping[str, Any]) -> Any:
    """Lightning's precision: float32 where `DeviceSteps` casts within the step."""
    own = options["precision"] == accelerator.HALF and unrecorded(options) is None
    return "32-true" if own else options["precision"]


def unrecorded(options: Mapping[str, Any]) -> str | None:
    """Why steps are not recorded under these ``trainer`` options, if so; see `accelerator.why_not`."""
    devices = options["devices"]
    if devices == "auto":
        count = torch.accelerator.device_count()
    else:
        count = devices if isinstance(devices, int) else len(devices)
    several = options["strategy"] == "ddp" or count > 1 or options["num_nodes"] > 1 or ranks.external() is not None
    return accelerator.why_not(device_of(options["accelerator"]), options, ranks=2 if several else 1)


def device_steps(config: Mapping[str, Any], module: Stepwise, loader: BatchLoader, *, say: Say) -> DeviceSteps | None:
    """What takes the steps on a GPU; None where Lightning hands out the batches, and on a GPU a word why."""
    options = config["trainer"]
    why = unrecorded(options)
    if why is None:
        half = options["precision"] == accelerator.HALF
        return DeviceSteps(
            module, loader, capture=options.get("capture", True), half=half, report=partial(say, "capture")
        )
    if device_of(options["accelerator"]).type == "cuda":
        say("capture", f"steps run kernel by kernel: {why}")
    return None


def summary(options: Mapping[str, Any], module: Stepwise) -> dict[str, Any]:
    """What a run's ``summary.json`` says of a GPU; nothing of other devices."""
    steps = module.device_steps
    if device_of(options["accelerator"]).type != "cuda":
        return {}
    inexact = sorted(steps.inexact) if steps is not None else []
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(), "captured": bool(steps and steps.refused is None)}
    found["deterministic"] = options.get("deterministic", True) and not inexact
    return found | ({"inexact": inexact} if inexact else {})

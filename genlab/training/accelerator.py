"""What a run asks of its accelerator: the same bits each time, and steps that nothing waits for."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

HALF = "bf16-mixed"


def set_up(device: torch.device, *, deterministic: bool) -> None:
    """Choose kernels whose sums come in the same order each time, or the fastest; before CUDA's first product.

    A kernel without such a variant runs as it is; `without_order` finds it in PyTorch's warnings.
    """
    if device.type != "cuda":
        return
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # all is written first
    torch.backends.cudnn.benchmark = not deterministic


@contextmanager
def beside(device: torch.device) -> Iterator[None]:
    """On a stream of its own, as what comes before a recording must be."""
    if device.type != "cuda":
        yield
        return
    side, current = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        yield
    current.wait_stream(side)
    torch.cuda.synchronize()


def without_order(caught: Iterable[warnings.WarningMessage]) -> set[str]:
    """The kernels that PyTorch has warned of, as having no variant that gives the same bits each time."""
    found = (re.match(r"(\S+) does not have a deterministic implementation", str(each.message)) for each in caught)
    return {match[1] for match in found if match}


def why_not(device: torch.device, options: Mapping[str, Any], *, ranks: int) -> str | None:
    """Why the device does not gather its own batches and record its steps under these ``trainer`` options, if so.

    Args:
        device: the trainer's.
        options: the config's ``trainer``.
        ranks: number of processes.
    """
    if device.type != "cuda":
        return f"there are CUDA graphs on CUDA devices, this is {device.type}"
    if ranks > 1:
        return "data-parallel processes exchange their gradients within a step"
    if options["precision"] == "16-mixed":
        return "trainer.precision=16-mixed scales a loss by what it has seen of the gradients; take bf16-mixed"
    if options["accumulate_grad_batches"] > 1:
        return "trainer.accumulate_grad_batches: an update is of several batches"
    return None

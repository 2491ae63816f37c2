"""What tells the data of a run from other data: counts and a sample of its examples, cheap to take and to keep."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.data.mapped import ask, gather
from genlab.data.spaces import Dataset

WHOLE = 4 << 20
"""Bytes of a split up to which every example counts."""

ROWS = 1024
"""Examples of a larger split that count."""

REAL_ROWS, REAL_NUMBERS = 128, 16
"""Of real numbers: examples that count, and numbers of each."""

TOLERANCE = 1e-4
"""Relative, of real numbers: the same data computed on another machine may differ in the last bits."""


def fingerprint(data: Dataset) -> dict[str, dict[str, Any]]:
    """By split: ``n``, and by part (pictures, labels, domain B) the sha256 of integers, or a sample of real numbers."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("train", "val", "test"):
        split = getattr(data, name)
        found[name] = {"n": len(split)}
        for part in ("x", "y", "x_b", "y_b", "c", "lengths"):
            values = getattr(split, part)
            if values is not None:
                found[name][part] = _sample(values)
    return found


def changed(held: object, now: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Where data differs from what a fingerprint says, in words that follow "the data has changed: "; None if nowhere.

    Args:
        held: of the checkpoint; None, and no difference, for one of before there were fingerprints.
        now: of the data as it is.
    """
    if not isinstance(held, Mapping):
        return None if held is None else "the checkpoint's record of it is damaged"
    for name, mine in now.items():
        theirs = held.get(name)
        if not isinstance(theirs, Mapping):
            return f"{name} is not in the checkpoint's record of it"
        if theirs.get("n") != mine["n"]:
            return f"{name} has {mine['n']} examples and had {theirs.get('n')}"
        if theirs.keys() != mine.keys() or not all(_same(theirs[part], mine[part]) for part in mine):
            return f"{name} has other examples or labels, or another order of them"
    return None


def _sample(values: Tensor) -> str | list[list[float]]:
    if values.is_floating_point():
        step = max(1, -(-len(values) // REAL_ROWS))
        ask(values, torch.arange(0, len(values), step))
        rows = values[::step].flatten(1) if len(values) else values.flatten(1)
        return rows[:, :: max(1, -(-rows.shape[1] // REAL_NUMBERS))].double().tolist()
    few = values.numel() * values.element_size() <= WHOLE
    rows = values if few else gather(values, torch.arange(ROWS) * len(values) // ROWS)
    found = hashlib.sha256(repr((tuple(values.shape), str(values.dtype))).encode())
    found.update(rows.contiguous().numpy().tobytes())
    return found.hexdigest()


def _same(one: Any, other: Any) -> bool:
    if not isinstance(other, list):
        return type(one) is type(other) and one == other
    try:
        mine, theirs = torch.tensor(one, dtype=torch.float64), torch.tensor(other, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return False
    return mine.shape == theirs.shape and torch.allclose(mine, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def digest(x: Tensor) -> str:
    """sha256 of a tensor's shape and bytes; of a view a part after the other, so that it never is in memory."""
    found = hashlib.sha256(f"{x[:0].numpy().dtype} {tuple(x.shape)}".encode())
    for part in x.split(max(1, WHOLE // max(1, x[:1].nbytes))):
        found.update(part.contiguous().numpy().data)
    return found.hexdigest()

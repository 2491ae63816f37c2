"""What every data set must be, looked at once, before a model takes its faults for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from genlab.errors import DataError

if TYPE_CHECKING:
    from genlab.data.spaces import Dataset, DataSpec, Split

CHUNK = 1 << 22  # elements looked at at a time: a mapped array is not brought into memory as a whole


def check(data: Dataset) -> None:
    """Refuse a data set that no model can learn from.

    Raises:
        DataError: a split is empty or of another shape than the data's type says, a value is no finite number, or a
            label is none of the classes; the message names the split and the first place, counted from 0.
    """
    for part in ("train", "val", "test"):
        split = getattr(data, part)
        where = f"data {data.name}, {part}"
        for x in (split.x, split.x_b):
            if x is not None:
                _check_shape(x, data.spec, where)
                _check_finite(x, where)
        _check_labels(split, data.spec, where)


def _check_shape(x: torch.Tensor, spec: DataSpec, where: str) -> None:
    if len(x) == 0:
        raise DataError(f"{where}: holds no examples")
    if tuple(x.shape[1:]) != spec.event_shape:
        raise DataError(f"{where}: examples are of shape {tuple(x.shape[1:])}, the data's type says {spec.event_shape}")


def _check_finite(x: torch.Tensor, where: str) -> None:
    if not x.is_floating_point():
        return
    bad = []
    for start, rows in _chunks(x):
        found = (~rows.isfinite()).nonzero()
        found[:, 0] += start
        bad.append(found)
    places = torch.cat(bad)
    if len(places):
        index = places[0].tolist()
        names = ("row", "column") if len(index) == 2 else ("example", "channel", "row", "column")[: len(index)]
        place = ", ".join(f"{name} {i}" for name, i in zip(names, index, strict=False))
        raise DataError(
            f"{where}: {place} is {x[tuple(index)].item()} ({len(places)} such values in {len(places[:, 0].unique())} "
            "examples; counted from 0): leave these examples out or fill the cells; every value must be a finite number"
        )


def _check_labels(split: Split, spec: DataSpec, where: str) -> None:
    if split.y is None or spec.num_classes is None:
        return
    if len(split.y) != len(split.x):
        raise DataError(f"{where}: {len(split.x)} examples, but {len(split.y)} labels")
    low, high = int(split.y.min()), int(split.y.max())
    if low < 0 or high >= spec.num_classes:
        wrong = low if low < 0 else high
        row = int((split.y == wrong).nonzero()[0])
        raise DataError(f"{where}: label {wrong} in row {row}, but the classes are 0 to {spec.num_classes - 1}")


def _chunks(x: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
    rows = max(1, CHUNK // max(1, x[0].numel()))
    return [(start, x[start : start + rows]) for start in range(0, len(x), rows)]

"""``genlab sample``: pictures and arrays out of a checkpoint, byte-identical for the same seed."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from genlab.data.classes import class_index
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError, GenlabError, TrainingError
from genlab.evaluation.artefacts.grids import encoded, save_png, to_8bit
from genlab.files.atomic import disk_errors
from genlab.models.capabilities import ClassConditional, GenerativeModel, Tempered, Truncated
from genlab.process.printable import printable
from genlab.restore import Loaded, device_of, load
from genlab.runs import directory
from genlab.tasks import DEFAULTS, TASKS, Drawn

AT_ONCE = 256
"""Pictures that are made ready to be written at once."""


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> dict[str, Path]:
    """Do ``config["task"]`` with ``config["ckpt"]``; write ``<task>.npz``, then ``<task>.png``, and print their paths.

    Raises:
        TrainingError: the disk is full, or what was drawn makes no picture; its arrays are written by then.
        ConfigError: a task or label that this model cannot honour; the message names what it can.
        CheckpointError, DataError, TrustError: as loading raises.
    """
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device_of(config["accelerator"]))
    drawn = draw(loaded, config, folder=run_dir)
    stem = run_dir / config["task"]
    paths = {"arrays": stem.with_suffix(".npz")}
    save_npz(paths["arrays"], drawn.arrays)
    folders = save_pictures(run_dir, drawn.arrays, loaded.spec) if config["format"] == "png" else []
    directory.write_json(
        run_dir / directory.SUMMARY, {"checkpoint": str(loaded.path), "step": loaded.step, "note": drawn.note}
    )
    print(printable(f"model    {loaded.config['name']}, step {loaded.step} ({drawn.note})"))
    try:
        with torch.no_grad():
            _draw(stem, drawn, paths)
    finally:
        if "picture" in paths:
            print(f"grid     {paths['picture']}")
        shapes = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in drawn.arrays.items())
        print(f"arrays   {paths['arrays']} ({shapes})")
        for folder in folders:
            print(f"pictures {folder}")
        for ending in drawn.files:
            if ending in paths:
                print(f"{ending:8s} {paths[ending]}")
        for name, array in drawn.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                lost = int((~np.isfinite(array.reshape(len(array), -1))).any(1).sum())
                print(f"warning  {lost} of {len(array)} {name} are not finite; sample an earlier checkpoint")
    return paths


def draw(loaded: Loaded, config: Mapping[str, Any], *, folder: Path) -> Drawn:
    """Do ``config["task"]``; nothing is written but what is too large for memory, in ``folder``, without a name.

    Raises:
        ConfigError: a task or label that this model cannot honour; the message names what it can.
        DataError: the data is missing or damaged.
    """
    if not isinstance(loaded.model, GenerativeModel):
        raise ConfigError(f"{type(loaded.model).__name__} translates pictures and has no samples; use genlab translate")
    _check(loaded, config)
    if config["label"] is not None:
        config = {**config, "label": class_index(config["label"], loaded.spec)}
    config = {**config, **{name: DEFAULTS[name] for name in DEFAULTS if config[name] is None}, "folder": folder}
    with torch.no_grad():
        drawn = TASKS[config["task"]].run(loaded, config)
    if "y" in drawn.arrays and loaded.spec.classes is not None:
        drawn.arrays["classes"] = np.array(loaded.spec.classes)
    return drawn


def _draw(stem: Path, drawn: Drawn, paths: dict[str, Path]) -> None:
    """Write what can be looked at, and add it to ``paths``."""
    try:
        with disk_errors(stem.with_suffix(".png")):
            paths["picture"] = save_png(stem.with_suffix(".png"), drawn.picture())
            for ending, make in drawn.files.items():
                path = stem.with_suffix(f".{ending}")
                path.write_bytes(make())
                paths[ending] = path
    except GenlabError:
        raise
    except (ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise TrainingError(
            f"the picture cannot be drawn ({type(error).__name__}: {error}); the arrays are in {paths['arrays']}"
        ) from error


def _check(loaded: Loaded, config: Mapping[str, Any]) -> None:
    model, task, label, temperature = loaded.model, config["task"], config["label"], config["temperature"]
    if label is not None and not isinstance(model, ClassConditional):
        raise ConfigError(
            f"label={label}: {type(model).__name__} is not class-conditional; train with model=cvae, "
            "conditional_dcgan, conditional_gated_pixelcnn or naive_bayes"
        )
    if temperature != 1 and (task != "sample" or not isinstance(model, Tempered)):
        who = f"task={task}" if task != "sample" else type(model).__name__
        raise ConfigError(f"temperature={temperature}: {who} has none; it is for task=sample of a flow: model=realnvp")
    if config["format"] == "png" and not loaded.spec.is_image:
        raise ConfigError(
            "format=png: this data is vectors, of which there are no pictures; its arrays are in the .npz"
        )
    truncation = config["truncation"]
    if truncation is not None and (task != "sample" or not isinstance(model, Truncated)):
        who = f"task={task}" if task != "sample" else type(model).__name__
        raise ConfigError(f"truncation={truncation}: {who} has none; it is for task=sample of model=gan or model=dcgan")
    if not TASKS[task].can(model):
        can = ", ".join(sorted(name for name, each in TASKS.items() if each.can(model)))
        why = (
            "" if loaded.spec.is_image or task == "sample" else " (its data is vectors, of which it makes no pictures)"
        )
        raise ConfigError(f"task={task}: {type(model).__name__} cannot do it{why}; it can do {can}")
    for name in DEFAULTS:
        if config[name] and name not in TASKS[task].settings:
            *others, last = (other for other, each in TASKS.items() if name in each.settings)
            takers = f"{', '.join(others)} or {last}" if others else last
            raise ConfigError(f"{name}={config[name]}: task={task} has no use for it; it is of task={takers}")


def save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write ``.npz``; unlike `numpy.savez`, the same arrays give the same bytes (no time of writing inside).

    Raises:
        TrainingError: the disk is full, the folder read-only and the like.
    """
    with disk_errors(path), zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.file_size = array.nbytes + 1024  # by which zipfile chooses the width of its sizes
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # in parts of 16 MiB


def save_pictures(folder: Path, arrays: Mapping[str, np.ndarray], spec: DataSpec) -> list[Path]:
    """Each picture of each array as a PNG of its own, for other tools: ``folder/samples/00000.png`` ...

    Where the arrays have labels ``y``, ``metadata.csv`` beside the pictures has ``file_name,label``, and ``class``, the
    name, if classes have names.

    Returns:
        The folders.

    Raises:
        TrainingError: the disk is full, the folder read-only and the like.
    """
    found = []
    for name, array in arrays.items():
        if array.shape[1:] != spec.event_shape:
            continue
        target = folder / name
        files = [f"{i:05d}.png" for i in range(len(array))]
        with disk_errors(target):
            target.mkdir()
            for start in range(0, len(array), AT_ONCE):
                pictures = to_8bit(torch.from_numpy(array[start : start + AT_ONCE]), spec)
                for file, picture in zip(files[start:], pictures, strict=False):
                    (target / file).write_bytes(encoded(picture))
            if len(arrays.get("y", ())) == len(array):
                with (target / "metadata.csv").open("w", encoding="utf-8", newline="") as table:
                    rows = csv.writer(table, lineterminator="\n")
                    rows.writerow(["file_name", "label", *(["class"] if spec.classes else [])])
                    for file, label in zip(files, arrays["y"].tolist(), strict=True):
                        rows.writerow([file, label, *([spec.classes[label]] if spec.classes else [])])
        found.append(target)
    return found

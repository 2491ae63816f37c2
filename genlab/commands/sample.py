"""``genlab sample``: pictures and arrays out of a checkpoint, byte-identical for the same seed."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from rich.console import Console

from genlab import build
from genlab.config.schema import tasks
from genlab.data.classes import class_index
from genlab.data.spaces import DataSpec, Label
from genlab.errors import ConfigError, GenlabError, TrainingError
from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.artefacts.grids import encoded, save_png
from genlab.evaluation.artefacts.thumbnails import thumbnails, window
from genlab.files.atomic import disk_errors
from genlab.models.capabilities import GenerativeModel
from genlab.process.printable import printable
from genlab.restore import Loaded, device_of, load
from genlab.runs import directory
from genlab.tasks import TASKS, Drawn, Task, Work

AT_ONCE = 256
"""Pictures that are made ready to be written at once."""

LISTED = 8
"""Arrays that are named, at most."""


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> dict[str, Path]:
    """Do ``config["task"]`` with ``config["ckpt"]``; write ``<task>.npz``, then ``<task>.png``, and print their paths.

    Raises:
        TrainingError: the disk is full, or what was drawn makes no picture; its arrays are written by then.
        ConfigError: a task or label that this model cannot honour; the message names what it can.
        CheckpointError, DataError, TrustError: as loading raises.
    """
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device_of(config["accelerator"]))
    drawn = draw(loaded, config, folder=run_dir, out=sys.stdout)
    stem = run_dir / config["task"].rpartition(".")[2]
    paths = {"arrays": stem.with_suffix(".npz")}
    save_npz(paths["arrays"], drawn.arrays)
    folders = save_pictures(run_dir, drawn.arrays, loaded.spec) if config["format"] == "png" else []
    summary = {"checkpoint": str(loaded.path), "step": loaded.step, "note": drawn.note}
    directory.write_json(run_dir / directory.SUMMARY, summary | ({"numbers": drawn.numbers} if drawn.numbers else {}))
    print(printable(f"model    {loaded.config['name']}, step {loaded.step} ({drawn.note})"))
    for line in drawn.lines:
        print(printable(line))
    try:
        with torch.no_grad():
            _draw(stem, drawn, paths)
    finally:
        if "picture" in paths:
            print(f"grid     {paths['picture']}")
        print(printable(f"arrays   {paths['arrays']} ({_shapes(drawn.arrays)})"))
        for folder in [*folders, *sorted({run_dir / name.partition("/")[0] for name in drawn.pictures})]:
            print(f"pictures {folder}")
        for ending in drawn.files:
            if ending in paths:
                print(f"{ending:8s} {paths[ending]}")
        for name, array in drawn.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                lost = int((~np.isfinite(array.reshape(len(array), -1))).any(1).sum())
                print(f"warning  {lost} of {len(array)} {name} are not finite; sample an earlier checkpoint")
    return paths


def _shapes(arrays: Mapping[str, np.ndarray]) -> str:
    """The first of many are enough."""
    said = [f"{name} {array.shape} {array.dtype}" for name, array in arrays.items()]
    return ", ".join(said) if len(said) <= LISTED else f"{', '.join(said[:3])} ... {len(said)} in all"


def draw(loaded: Loaded, config: Mapping[str, Any], *, folder: Path, out: TextIO | None = None) -> Drawn:
    """Do ``config["task"]``; nothing is written but what is too large for memory, in ``folder``, without a name.

    Text goes to ``out``, if there is one, while it is drawn.

    Raises:
        ConfigError: a task, an option or a label that this model cannot honour; the message names what it can.
        DataError: the data is missing or damaged.
        TrainingError: a user's own task raises.
    """
    if not isinstance(loaded.model, GenerativeModel):
        raise ConfigError(f"{type(loaded.model).__name__} translates pictures and has no samples; use genlab translate")
    task = chosen(loaded, config)
    work = Work(
        loaded,
        folder,
        n=config["n"],
        seed=config["seed"],
        label=_label(loaded, config["label"]),
        batch_size=config["batch_size"],
        grid=config["grid"],
        root=config["data"]["root"],
        trust=config["trust"],
        out=out,
    )
    if config["format"] == "png" and is_cloud(loaded.spec.space):
        raise ConfigError(
            "format=png: this data is vectors, of which there are no pictures; its arrays are in the .npz"
        )
    with torch.no_grad(), _told(task):
        drawn = task.draw(work)
        if not isinstance(drawn, Drawn):
            raise TypeError(f"draw gave a {type(drawn).__name__}, not a genlab.tasks.Drawn")
    if "y" in drawn.arrays and loaded.spec.classes is not None:
        drawn.arrays["classes"] = np.array(loaded.spec.classes)
    return drawn


def chosen(loaded: Loaded, config: Mapping[str, Any]) -> Task:
    """``config["task"]`` with its options.

    Raises:
        ConfigError: this model cannot do it, or cannot have an option; the message names what it can.
        TrustError: a user's own is not trusted.
    """
    name = config["task"]
    found = tasks.of(name)
    if found is None:
        raise ConfigError(f"task={name}: there is none; genlab list tasks shows them")
    defaults = found.defaults()
    options = {option: config[option] for option in defaults}
    task = TASKS[name](**options) if name in TASKS else _own(found.target, options, trust=config["trust"])
    who = type(loaded.model).__name__
    lacks = task.lacks(loaded)
    if lacks is not None:
        can = ", ".join(other for other, each in TASKS.items() if each.lacks(loaded) is None)
        raise ConfigError(f"task={name} needs {lacks}; {who} on this data cannot do it; it can do {can}")
    refused = task.lacks_with(loaded, {key: value for key, value in options.items() if value != defaults[key]})
    if refused is not None:
        option, lacks = refused
        raise ConfigError(f"{option}={_word(options[option])}: {who} has none; task={name} needs {lacks} for it")
    return task


def _own(target: str, options: Mapping[str, Any], *, trust: Sequence[str]) -> Task:
    made = build.construct({"_target_": target, **options}, trust=trust)
    if not isinstance(made, Task):
        raise ConfigError(f"task={target.rpartition('.')[0]}: {target} is no genlab.tasks.Task")
    return made


def _told(task: Task) -> AbstractContextManager[None]:
    """Around a task: what a user's own raises is said in one line."""
    target = f"{type(task).__module__}.{type(task).__name__}"
    return nullcontext() if target.startswith("genlab.") else build.told(target, TrainingError)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _label(loaded: Loaded, label: int | str | None) -> int | None:
    """The index of the class that is asked for.

    Raises:
        ConfigError: the model knows no classes, or not this one.
    """
    if label is None:
        return None
    if not isinstance(loaded.model.given, Label):
        raise ConfigError(
            f"label={label}: {type(loaded.model).__name__} is not class-conditional; train with "
            "model.condition=label where a model has it"
        )
    return class_index(label, loaded.spec)


def _draw(stem: Path, drawn: Drawn, paths: dict[str, Path]) -> None:
    """Write what can be looked at, and add it to ``paths``."""
    try:
        with disk_errors(stem.with_suffix(".png")):
            paths["picture"] = save_png(stem.with_suffix(".png"), drawn.picture())
            for ending, make in drawn.files.items():
                path = stem.with_suffix(f".{ending}")
                path.write_bytes(make())
                paths[ending] = path
        for name, picture in drawn.pictures.items():
            save_png(stem.parent / f"{name}.png", picture())
    except GenlabError:
        raise
    except (ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise TrainingError(
            f"the picture cannot be drawn ({type(error).__name__}: {error}); the arrays are in {paths['arrays']}"
        ) from error


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

    Of several draws for each example, ``00000-0.png``, ``00000-1.png`` ...

    Where the arrays have labels ``y``, ``metadata.csv`` beside the pictures has ``file_name,label``, and ``class``, the
    name, if classes have names.

    Returns:
        The folders.

    Raises:
        TrainingError: the disk is full, the folder read-only and the like.
    """
    found = []
    for name, array in arrays.items():
        target = folder / name
        if array.shape[1:] == spec.event_shape:
            files = [f"{i:05d}.png" for i in range(len(array))]
        elif array.shape[2:] == spec.event_shape:
            files = [f"{i:05d}-{j}.png" for i in range(array.shape[0]) for j in range(array.shape[1])]
            array = array.reshape(-1, *spec.event_shape)
        else:
            continue
        scale = window(spec.space, [torch.from_numpy(array)])
        with disk_errors(target):
            target.mkdir()
            for start in range(0, len(array), AT_ONCE):
                pictures = thumbnails(spec.space, torch.from_numpy(array[start : start + AT_ONCE]), scale)
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

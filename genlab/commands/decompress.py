"""``genlab decompress``: what `genlab compress` wrote, back to the bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from genlab.codec import picture_names
from genlab.codec.coded import Examples
from genlab.codec.coders import coder_of
from genlab.codec.container import Container, check_weights, unpacked, weights_hash
from genlab.codec.files import decoded
from genlab.codec.material import array_bytes, text_bytes
from genlab.commands.fresh import fresh
from genlab.commands.sample import save_npz
from genlab.data.spaces import DataSpec
from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import save_png
from genlab.files import atomic
from genlab.process.printable import printable
from genlab.progress import track
from genlab.restore import load
from genlab.runs import directory

SUFFIX = {"text": ".txt", "array": ".npy", "split": ".npz"}


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> Path:
    """Read ``config["input"]`` with the checkpoint that wrote it; nothing is written unless all of it is right.

    Raises:
        DataError: the file is none of genlab's, damaged, or reads as something else than was written.
        CheckpointError: another checkpoint wrote it; and as loading raises.
        ConfigError: the output is there already.
        TrainingError: the disk is full and the like.
    """
    path = Path(config["input"])
    container = unpacked(path)
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=torch.device("cpu"))
    check_weights(container, weights_hash(loaded.model, loaded.spec), path=path, ckpt=loaded.path)
    coder_of(loaded.model, loaded.spec)
    names = _names(container, path)
    form = container.head.get("form")
    output = fresh(config["output"], run_dir / _name(form if isinstance(form, str) else "", path, names))
    bar = partial(track, description="decompress", console=console)
    try:
        examples = decoded(loaded.model, loaded.spec, container, at_once=config["batch_size"], progress=bar)
        write = _writer(container, loaded.spec, examples, names)
    except DataError as error:
        raise DataError(f"input={path}: {error}") from error
    write(output)
    directory.write_json(
        run_dir / directory.SUMMARY,
        {"checkpoint": str(loaded.path), "step": loaded.step, "input": str(path), "output": str(output)},
    )
    print(printable(f"model    {loaded.config['name']}, step {loaded.step}"))
    print(f"output   {printable(str(output))} ({len(examples.x)} examples, equal to what was compressed by their hash)")
    return output


def _names(container: Container, path: Path) -> list[str]:
    """The pictures' names.

    Raises:
        DataError: they cannot all be written below one folder.
    """
    names = container.head.get("names", [])
    wrong = picture_names.fault(names) if isinstance(names, list) else "its names are none"
    if wrong is not None:
        raise DataError(f"input={path}: {printable(wrong)}; nothing is written")
    return names


def _name(form: str, path: Path, names: Sequence[str]) -> str:
    """Of what is written where nobody names it."""
    if form == "pictures":
        return names[0] if len(names) == 1 and "/" not in names[0] else "pictures"
    return f"{path.stem}{SUFFIX.get(form, '')}"


def _writer(container: Container, spec: DataSpec, examples: Examples, names: Sequence[str]) -> Callable[[Path], None]:
    """What writes the examples in the form that they had.

    Raises:
        DataError: the file says of itself what cannot be.
    """
    match container.head.get("form"):
        case "text" if examples.lengths is not None:
            content = text_bytes(spec, examples)
            return lambda output: atomic.write_bytes(output, content)
        case "array":
            return lambda output: atomic.write_bytes(output, array_bytes(examples.x))
        case "pictures" if len(names) == len(examples.x):
            return partial(_save_pictures, spec, examples, names)
        case "split":
            named = {"x": examples.x, "lengths": examples.lengths, "y": examples.c}
            arrays = {name: each.numpy() for name, each in named.items() if each is not None}
            return lambda output: save_npz(output, arrays)
    raise DataError("it says of itself what cannot be; compress again")


def _save_pictures(spec: DataSpec, examples: Examples, names: Sequence[str], output: Path) -> None:
    """All of them, or none: a folder takes its name when all are in it."""
    scale = 255 if spec.levels == 2 else 1
    if len(names) == 1 and output.suffix.lower() == ".png":
        save_png(output, (examples.x[0] * scale).permute(1, 2, 0).contiguous().numpy())
        return
    hidden = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        for name, x in zip(names, examples.x, strict=True):
            target = hidden / name
            with atomic.disk_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            save_png(target, (x * scale).permute(1, 2, 0).contiguous().numpy())
        with atomic.disk_errors(output):
            hidden.rename(output)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)

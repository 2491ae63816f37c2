"""``genlab compress``: files, or examples of the data, as one file that the same checkpoint turns back to the bit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from genlab.codec import material
from genlab.codec.coders import coder_of
from genlab.codec.files import Compressed, at_rate, compress
from genlab.codec.material import Content
from genlab.commands.fresh import fresh
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.files import atomic
from genlab.process.printable import printable
from genlab.progress import track
from genlab.restore import Loaded, load
from genlab.runs import directory

ENDING = ".gl"


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> Path:
    """Compress ``config["input"]`` with ``config["ckpt"]``; read it again, write it, and say what it took.

    Raises:
        ConfigError: the model compresses nothing, takes no such input, or the output is there already.
        DataError: the input is missing, unreadable, or would not come back as it is.
        TrainingError: the disk is full and the like.
        CheckpointError, TrustError: as loading raises.
    """
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=torch.device("cpu"))
    coder_of(loaded.model, loaded.spec)
    output = fresh(config["output"], run_dir / f"data{ENDING}")
    content = content_of(loaded, config)
    bar = partial(track, description="compress", console=console)
    done = compress(loaded.model, loaded.spec, content, name=loaded.config["name"], progress=bar)
    atomic.write_bytes(output, done.file)
    told = numbers(loaded.spec, content, done)
    directory.write_json(
        run_dir / directory.SUMMARY,
        {"checkpoint": str(loaded.path), "step": loaded.step, "file": str(output), "compression": told},
    )
    print(printable(f"model    {loaded.config['name']}, step {loaded.step}"))
    print(f"input    {told['examples']:,} {'pictures' if content.form == 'pictures' else 'examples'}")
    for note in content.notes:
        print(printable(f"note     {note}"))
    for line in _lines(told):
        print(line)
    print(f"file     {printable(str(output))} (read again: equal to the bit)")
    back = shlex.join(["genlab", "decompress", f"input={output}", f"ckpt={loaded.path}"])
    print(printable(f"back     {back}"))
    return output


def content_of(loaded: Loaded, config: Mapping[str, Any]) -> Content:
    """What is to be compressed.

    Raises:
        ConfigError, DataError: as `run`.
    """
    model, spec = loaded.model, loaded.spec
    if config["input"] is not None:
        if config["n"] is not None:
            raise ConfigError("n= counts examples of the data; input= is compressed whole: leave one of both out")
        path = Path(config["input"])
        return material.of_path(model, spec, path, lanes=config["lanes"], label=config["label"])
    if config["label"] is not None:
        raise ConfigError(
            f"label={config['label']} is of what input= names; examples of the data have their own: leave it out"
        )
    split = loaded.dataset(root=config["data"]["root"], trust=config["trust"]).split(config["split"])
    return material.of_split(model, spec, split, n=config["n"], lanes=config["lanes"])


def numbers(spec: DataSpec, content: Content, done: Compressed) -> dict[str, Any]:
    """What a compression took, as plain values."""
    file, payload = 8 * len(done.file), 8 * len(done.coded.payload)
    head = {key: value for key, value in done.container.head.items() if key != "labels"}
    labels = len(done.file) - len(replace(done.container, head=head).packed())

    def per(bits: float) -> float:
        return at_rate(spec, bits, done.units)

    return {
        "unit": spec.space.unit.name,
        "examples": len(content.examples.x),
        "bytes_in": content.size,
        "bytes_out": len(done.file),
        **({"bytes_labels": labels} if content.examples.c is not None else {}),
        "rate": per(file),
        "payload_rate": per(payload),
        "ideal_rate": per(done.coded.ideal),
        "overhead": payload / done.coded.ideal - 1 if done.coded.ideal > 0 else 0.0,
        **{f"{name}_rate": per(bits) for name, bits in done.coded.bits.items()},
        "seconds_encoding": done.encoding,
        "seconds_decoding": done.decoding,
        "seconds_coding": done.coded.seconds,
    }


def _lines(told: Mapping[str, Any]) -> list[str]:
    unit, head = told["unit"], told["bytes_out"]
    found = [
        f"size     {told['bytes_in']:,} bytes become {head:,}: {told['rate']:.4f} {unit} the whole file",
        f"payload  {told['payload_rate']:.4f} {unit}; the model's own length {told['ideal_rate']:.4f} "
        f"({told['overhead']:+.3%})",
    ]
    if "bytes_labels" in told:
        found.append(f"labels   {told['bytes_labels']:,} bytes of the file")
    found += [f"{name:8s} {told[f'{name}_rate']:.4f} {unit}" for name in ("net", "first") if f"{name}_rate" in told]
    found.append(
        f"time     {told['seconds_encoding']:.1f} s to write, {told['seconds_decoding']:.1f} s to read; "
        f"{told['seconds_coding']:.2f} s of the first without the model's passes"
    )
    return found

"""``genlab translate``: a user's pictures from one domain to the other, under their names and at their sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from genlab.commands import inputs
from genlab.commands.inputs import Item, Sizes
from genlab.commands.pairs import half_of
from genlab.commands.sheets import Sheets
from genlab.data.images.layout import left_out
from genlab.errors import ConfigError, TrainingError
from genlab.evaluation.artefacts.grids import save_png
from genlab.evaluation.translators import PIXELS, translated
from genlab.models.translating import FullyConvolutional, Translator, TwoWayTranslator
from genlab.process.printable import printable
from genlab.progress import track
from genlab.restore import Loaded, device_of, load
from genlab.runs import directory


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> Path:
    """Translate ``config["input"]`` with ``config["ckpt"]`` and return the folder of the results.

    Every result is a PNG of its input's size; sheets in ``run_dir`` show both side by side. Nothing is written before
    all pictures have been read once.

    Raises:
        ConfigError: no translator, a direction that it has not learned, or a result that would overwrite a file.
        DataError: there are no pictures, or unreadable ones.
        CheckpointError, TrustError: as loading raises.
    """
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device_of(config["accelerator"]))
    model = loaded.model
    if not isinstance(model, Translator):
        raise ConfigError(
            f"{type(model).__name__} translates nothing; genlab translate is for model=cyclegan and model=pix2pix"
        )
    way = _way(loaded, model, config["direction"])
    back = isinstance(model, TwoWayTranslator) and way == "BtoA"
    output = Path(config["output"]) if config["output"] is not None else run_dir / "pictures"
    items = inputs.find(loaded, config, output=output, back=back)
    sizes, notes = _sizes(loaded, items, config, way=way)
    given = Path(config["input"] or ".")
    rest = left_out(given, inputs.files_of(items)) if config["input"] is not None and given.is_dir() else []
    items, told = inputs.readable(items, sizes, given=given, skip_bad=config["skip_bad"])
    notes += [*told, *rest]
    _refuse_to_overwrite(items)

    done = _translated(model, items, sizes, back=back, seed=config["seed"])
    resized = _written(track(done, len(items), description="translate", console=console), Sheets(run_dir / "sheets"))
    if resized:
        to = f"to {sizes.max_side} pixels"
        if sizes.fixed is not None:
            to = f"to {sizes.fixed[1]}x{sizes.fixed[0]}, the only size that it knows"
        notes.append(f"{resized} of {len(items)} pictures were resized {to}, translated and resized back")

    directory.write_json(
        run_dir / directory.SUMMARY,
        {
            "checkpoint": str(loaded.path),
            "step": loaded.step,
            "direction": way,
            "pictures": {str(item.target): str(item.source) for item in items if isinstance(item.source, Path)},
            "notes": notes,
        },
    )
    print(printable(f"model    {loaded.config['name']}, step {loaded.step}, {way}"))
    print(f"pictures {len(items)} in {output}")
    print(f"sheets   {run_dir / 'sheets'} (left: input, right: translation)")
    for note in notes:
        print(f"note     {printable(note)}")
    return output


def _way(loaded: Loaded, model: Translator, direction: str | None) -> str:
    """The direction as asked, or as learned: "AtoB" or "BtoA".

    Raises:
        ConfigError: a model that knows one way is asked for the other.
    """
    if isinstance(model, TwoWayTranslator):
        return direction or "AtoB"
    learned = loaded.config["data"].get("direction", "AtoB")
    if direction not in (None, learned):
        raise ConfigError(
            f"direction={direction}: this {type(model).__name__} was trained with data.direction={learned} and knows "
            f"no other way; train one with data.direction={direction}"
        )
    return learned


def _sizes(loaded: Loaded, items: Sequence[Item], config: Mapping[str, Any], *, way: str) -> tuple[Sizes, list[str]]:
    """At which sizes these pictures go through the network, as in training, and notes on halves of pairs."""
    channels, height, width = loaded.spec.event_shape
    fixed = None if isinstance(loaded.model, FullyConvolutional) else (height, width)
    half, told = half_of(items, loaded, pairs=config["pairs"], way=way)
    resample = loaded.config["data"].get("resample", "bilinear")
    return Sizes(channels, fixed, config["max_side"], resample, loaded.spec.value_range, half), list(told)


def _refuse_to_overwrite(items: Sequence[Item]) -> None:
    """Raise ConfigError if a result has the name of a file that is there."""
    taken = [str(item.target) for item in items if item.target.exists()]
    if taken:
        raise ConfigError(f"output: {taken[0]} is there already ({len(taken)} such files); give another output=FOLDER")


def _written(done: Iterable[tuple[Item, np.ndarray, np.ndarray, tuple[int, int]]], sheets: Sheets) -> int:
    """Write what `_translated` gives; how many pictures had another size in the network than their own.

    Raises:
        ConfigError: a file cannot be written.
    """
    resized = 0
    for item, x, y, size in done:
        if x.shape[1:] != size:
            resized += 1
            y = _resized(y, size)
        try:
            save_png(item.target, np.ascontiguousarray(y.transpose(1, 2, 0)))
        except TrainingError as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            raise ConfigError(f"output: {item.target} cannot be written ({reason}); give another") from error
        sheets.add(_picture(x), _picture(y))
    sheets.flush()
    return resized


def _translated(
    model: Translator, items: Sequence[Item], sizes: Sizes, *, back: bool, seed: int
) -> Iterator[tuple[Item, np.ndarray, np.ndarray, tuple[int, int]]]:
    """``(item, x, y, size)``: what went in and out, and the size that is wanted; neighbours of one size together."""
    group: list[tuple[Item, np.ndarray, tuple[int, int]]] = []

    def flush() -> Iterator[tuple[Item, np.ndarray, np.ndarray, tuple[int, int]]]:
        if group:
            y = translated(model, torch.from_numpy(np.stack([x for _, x, _ in group])), back=back, seed=seed).numpy()
            yield from ((item, x, each, size) for (item, x, size), each in zip(group, y, strict=True))
            group.clear()

    for item in items:
        whole = sizes.read(item)
        x = whole.x
        if group and (group[0][1].shape != x.shape or (len(group) + 1) * x[0].size > PIXELS):
            yield from flush()
        group.append((item, x, whole.size))
    yield from flush()


def _picture(x: np.ndarray) -> np.ndarray:
    """``(C, H, W) uint8 -> (H, W, 3) uint8``."""
    return np.ascontiguousarray(np.broadcast_to(x, (3, *x.shape[1:])).transpose(1, 2, 0))


def _resized(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``(C, *, *) uint8 -> (C, *size) uint8``."""
    from PIL import Image

    picture = Image.fromarray(_picture(x)).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(picture).transpose(2, 0, 1)[: len(x)]

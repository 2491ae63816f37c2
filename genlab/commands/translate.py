"""``genlab translate``: a user's pictures from one domain to the other, under their names and at their sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console

from genlab.commands.naming import targets
from genlab.commands.pairs import half_of
from genlab.commands.sheets import Sheets
from genlab.data.images.convert import BadPictureError, Facts
from genlab.data.images.decode import bad_message, converted_message, file_notes
from genlab.data.images.layout import left_out
from genlab.data.images.read import SUFFIXES, Whole, list_pictures, read_whole
from genlab.errors import ConfigError, DataError, TrainingError
from genlab.evaluation.artefacts.grids import save_png
from genlab.evaluation.translators import PIXELS, translated
from genlab.models.capabilities import FullyConvolutional, Translator, TwoWayTranslator
from genlab.process.printable import printable
from genlab.progress import track
from genlab.restore import Loaded, device_of, load
from genlab.runs import directory


@dataclass(frozen=True)
class Item:
    """One picture to translate.

    Attributes:
        source: the file, or a test picture ``(C, H, W) uint8``.
        target: the file to write.
    """

    source: Path | np.ndarray
    target: Path


@dataclass(frozen=True)
class Sizes:
    """At which size a picture goes through the network.

    Attributes:
        channels: of the pictures.
        resample: how they are resized, as in training.
        value_range: what becomes black and white of pictures with more than 8 bits, as in training.
        half: of pairs A|B, the half that is translated; None: the inputs are single pictures.
        fixed: height and width of all, for a network that knows no other size; None: as they are.
        max_side: the longer side, at most, of those that are not `fixed`.
    """

    channels: int
    fixed: tuple[int, int] | None
    max_side: int | None
    resample: str = "bilinear"
    value_range: tuple[float, float] | None = None
    half: Literal["left", "right"] | None = None

    def read(self, item: Item) -> Whole:
        """What goes into the network; the result is to have its size.

        Raises:
            BadPictureError: the file is no usable picture.
        """
        if isinstance(item.source, np.ndarray):
            return Whole(item.source, (item.source.shape[1], item.source.shape[2]), Facts("as is"))
        return read_whole(
            item.source,
            channels=self.channels,
            size=self.fixed,
            max_side=self.max_side,
            half=self.half,
            resample=self.resample,
            value_range=self.value_range,
        )


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
    items = _items(loaded, config, output=output, back=back)
    height, width = loaded.spec.event_shape[1:]
    fixed = None if isinstance(model, FullyConvolutional) else (height, width)
    half, told = half_of(items, loaded, pairs=config["pairs"], way=way)
    sizes = Sizes(
        loaded.spec.event_shape[0],
        fixed,
        config["max_side"],
        loaded.config["data"].get("resample", "bilinear"),
        loaded.spec.value_range,
        half,
    )
    given = Path(config["input"] or ".")
    rest = left_out(given, _files(items)) if config["input"] is not None and given.is_dir() else []
    items, notes = _readable(items, sizes, given=given, skip_bad=config["skip_bad"])
    notes = [*told, *notes, *rest]
    taken = [str(item.target) for item in items if item.target.exists()]
    if taken:
        raise ConfigError(f"output: {taken[0]} is there already ({len(taken)} such files); give another output=FOLDER")

    resized, shown = [], Sheets(run_dir / "sheets")
    for item, x, y, size in track(
        _translated(model, items, sizes, back=back, seed=config["seed"]),
        len(items),
        description="translate",
        console=console,
    ):
        if x.shape[1:] != size:
            resized.append(item)
            y = _resized(y, size)
        try:
            save_png(item.target, np.ascontiguousarray(y.transpose(1, 2, 0)))
        except TrainingError as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            raise ConfigError(f"output: {item.target} cannot be written ({reason}); give another") from error
        shown.add(_picture(x), _picture(y))
    shown.flush()
    if resized:
        to = f"to {width}x{height}, the only size that it knows" if fixed else f"to {config['max_side']} pixels"
        notes.append(f"{len(resized)} of {len(items)} pictures were resized {to}, translated and resized back")

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


def _items(loaded: Loaded, config: Mapping[str, Any], *, output: Path, back: bool) -> list[Item]:
    """What is to be translated, and where the results go.

    Raises:
        ConfigError: ``output`` is no place for PNGs.
        DataError: there are no pictures.
    """
    if config["input"] is None:
        test = loaded.dataset(root=config["data"]["root"], trust=config["trust"]).test
        x = test.x_b if back else test.x
        assert x is not None
        return [Item(each, output / f"test-{i:05d}.png") for i, each in enumerate(x[: config["n"]].numpy())]
    source = Path(config["input"])
    if source.is_file():
        if output.suffix.lower() in SUFFIXES:
            if output.suffix.lower() != ".png":
                raise ConfigError(f"output={output}: pictures are written as PNG; give a name in .png, or a folder")
            return [Item(source, output)]
        return [Item(source, output / f"{source.stem}.png")]
    if not source.is_dir():
        raise DataError(f"input={source} does not exist: give a picture, or a folder of pictures")
    files = list_pictures(source, deep=True)
    if not files:
        raise DataError(f"input={source} holds no pictures: give a picture, or a folder of pictures")
    names = targets([file.relative_to(source) for file in files])
    return [Item(file, output / target) for file, target in zip(files, names, strict=True)]


def _readable(items: Sequence[Item], sizes: Sizes, *, given: Path, skip_bad: bool) -> tuple[list[Item], list[str]]:
    """The items that can be read, and notes: what is converted, and which are not among them.

    Args:
        items: the pictures asked for.
        sizes: at which they are read.
        given: the input that the user named.
        skip_bad: whether to do without those that cannot be read.

    Raises:
        DataError: some cannot, and ``skip_bad`` is false; or none can.
    """

    def facts_of(item: Item) -> Facts | BadPictureError:
        try:
            return sizes.read(item).facts
        except BadPictureError as error:
            return error

    with ThreadPoolExecutor(4) as pool:  # Pillow releases the interpreter lock
        found = list(pool.map(facts_of, items))
    reasons = {i: str(error) for i, error in enumerate(found) if isinstance(error, BadPictureError)}
    facts = [each for each in found if isinstance(each, Facts)]
    names = [
        item.source.name
        for item, each in zip(items, found, strict=True)
        if isinstance(item.source, Path) and isinstance(each, Facts)
    ]
    converted = converted_message(each.kind for each in facts)
    notes = [f"{given}: {converted}"] if converted else []
    if names:
        notes += [f"{given}: {note}" for note in file_notes(facts, names, value_range=sizes.value_range)]
    if not reasons:
        return list(items), notes
    if given.is_file():
        raise DataError(f"input={printable(str(given))} cannot be used: {reasons[0]}; give another picture")
    files = _files(items)
    message = bad_message(reasons, files, base=given, remedy="set skip_bad=true")
    if not skip_bad or len(reasons) == len(items):
        raise DataError(message)
    kept = [item for i, item in enumerate(items) if i not in reasons]
    return kept, [*notes, message.partition(";")[0].replace("cannot be used", "were skipped")]


def _files(items: Sequence[Item]) -> list[Path]:
    return [item.source for item in items if isinstance(item.source, Path)]


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

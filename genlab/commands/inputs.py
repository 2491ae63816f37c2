"""What ``genlab translate`` is given: pictures of a user's or of the test split, at the sizes that a network takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genlab.commands.naming import targets
from genlab.data.images.convert import BadPictureError, Facts
from genlab.data.images.decode import bad_message, converted_message, file_notes
from genlab.data.images.read import SUFFIXES, Whole, given_pictures, read_whole
from genlab.errors import ConfigError, DataError
from genlab.process.printable import printable
from genlab.restore import Loaded


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


def find(loaded: Loaded, config: Mapping[str, Any], *, output: Path, back: bool) -> list[Item]:
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
    files = given_pictures(source)
    names = targets([file.relative_to(source) for file in files])
    return [Item(file, output / target) for file, target in zip(files, names, strict=True)]


def readable(items: Sequence[Item], sizes: Sizes, *, given: Path, skip_bad: bool) -> tuple[list[Item], list[str]]:
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
    files = files_of(items)
    message = bad_message(reasons, files, base=given, remedy="set skip_bad=true")
    if not skip_bad or len(reasons) == len(items):
        raise DataError(message)
    kept = [item for i, item in enumerate(items) if i not in reasons]
    return kept, [*notes, message.partition(";")[0].replace("cannot be used", "were skipped")]


def files_of(items: Sequence[Item]) -> list[Path]:
    """Those of the user's."""
    return [item.source for item in items if isinstance(item.source, Path)]

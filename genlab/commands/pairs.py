"""Pairs A|B among the pictures to translate: one half is the input, the other one the truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from genlab.commands.inputs import Item
from genlab.data.images.convert import BadPictureError
from genlab.data.images.read import upright_size
from genlab.errors import ConfigError, DataError
from genlab.restore import Loaded


def half_of(
    items: Sequence[Item], loaded: Loaded, *, pairs: bool | None, way: str
) -> tuple[Literal["left", "right"] | None, list[str]]:
    """Which half of each file is the input, and what to say about it; None for single pictures.

    Args:
        items: the pictures.
        loaded: the model; only one that was trained with data=paired can be given pairs unasked.
        pairs: whether they are pairs; None: they are if they lie in the folder that it was trained on, or if each is
            twice as wide as high.
        way: "AtoB" or "BtoA".

    Raises:
        ConfigError: test pictures of the data set are asked for as pairs, which they are no more.
        DataError: some look like pairs and some do not.
    """
    files = [item.source for item in items if isinstance(item.source, Path)]
    if not files:
        if pairs is not None:
            raise ConfigError(f"pairs={str(pairs).lower()}: it is for files; give input=FOLDER, or leave it out")
        return None, []
    half: Literal["left", "right"] = "left" if way == "AtoB" else "right"
    if pairs is not None:
        return (half if pairs else None), []
    if loaded.spec.layout != "paired":
        return None, []
    known = loaded.config["data"].get("root")
    root = Path(known).expanduser().resolve() if isinstance(known, str) else None
    if root is not None and all(root in file.resolve().parents for file in files):
        return half, [f"inputs are pairs of the data that it was trained on: their {half} halves are translated"]
    wide = [_is_twice_as_wide(file) for file in files]
    if not any(wide):
        return None, []
    if not all(wide):
        one = files[wide.index(True)]
        raise DataError(
            f"input: {sum(wide)} of {len(files)} pictures are twice as wide as high ({one.name}) and may be pairs A|B: "
            "set pairs=true or pairs=false"
        )
    return half, [
        f"{len(files)} pictures are twice as wide as high and taken for pairs A|B: their {half} halves are "
        "translated; pairs=false translates them as they are"
    ]


def _is_twice_as_wide(file: Path) -> bool:
    try:
        width, height = upright_size(file)
    except BadPictureError:  # told by who reads it
        return False
    return width == 2 * height

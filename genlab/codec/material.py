"""What a user compresses, as examples of a model, and examples as the files that they were.

Only what comes back to the bit is taken: pictures of the model's own size and kind, arrays of its type, text of its
vocabulary; without a file, examples of the data that it was trained on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genlab.codec import labels, picture_names
from genlab.codec.coded import Examples
from genlab.data.classes import listed
from genlab.data.images.convert import BadPictureError
from genlab.data.images.layout import left_out
from genlab.data.images.read import given_pictures, read_whole
from genlab.data.lengths import trimmed
from genlab.data.overlapping import overlap, stream
from genlab.data.spaces import DataSpec, Image, Split, Tokens, is_text
from genlab.data.text import coding
from genlab.errors import ConfigError, DataError
from genlab.files import foreign
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import condition, rows
from genlab.process.printable import printable

Form = Literal["split", "text", "pictures", "array"]

MAX_BYTES = 1 << 32
"""Of one file that is compressed."""


@dataclass(frozen=True)
class Content:
    """Examples, and what they were.

    Attributes:
        examples: of the model's type. Of a text, pieces of it beside each other.
        form: "split" (examples of a data set), "text" (one), "pictures" (files) or "array" (a ``.npy``).
        names: of pictures, relative and in their order.
        size: bytes of the files, or of the values where there is no file.
        notes: what of a folder is not among them.
    """

    examples: Examples
    form: Form
    names: tuple[str, ...] = ()
    size: int = 0
    notes: tuple[str, ...] = ()


def of_split(model: GenerativeModel, spec: DataSpec, split: Split, *, n: int | None, lanes: int) -> Content:
    """The first n examples of a split; of windows on one text, that text.

    Raises:
        ConfigError: the model is given something else than a label.
    """
    if isinstance(spec.space, Tokens) and split.lengths is None and (is_text(spec.space) or overlap(split.x)):
        return _in_lanes(spec, stream(split.x[slice(0, n)]), lanes)
    labels.check_given(model)
    part = slice(0, n)
    c = condition(model, split)
    kept = Split(split.x[part].clone(), lengths=rows(split.lengths, part))
    kept = trimmed(spec.space, kept)  # padding that all have is nothing that could be read again
    size = kept.x.numel() * kept.x.element_size()
    return Content(Examples(kept.x, kept.lengths, None if c is None else c[part]), "split", size=size)


def of_path(
    model: GenerativeModel, spec: DataSpec, path: Path, *, lanes: int, label: int | str | None = None
) -> Content:
    """What a file or a folder holds.

    Args:
        model: what compresses; one that is given a label finds it in the folders' names, or is told it.
        spec: of its data.
        path: the file or the folder.
        lanes: see `_in_lanes`.
        label: of all examples, the class's name or index.

    Raises:
        DataError: it is missing or unreadable, would not come back as it is, or lies in a folder of no class.
        ConfigError: the model takes no such files; or a label is missing, none of its classes, or not asked for.
    """
    if not path.exists():
        raise DataError(f"input={path} does not exist: give a file, or a folder of pictures")
    labels.check_given(model)
    if is_text(spec.space) and path.is_file():  # of bytes any file, whatever it is called
        content = _text(spec, path, lanes)
    elif path.suffix.lower() == ".npy" and path.is_file():
        content = _array(spec, path)
    elif isinstance(spec.space, Image):
        return _pictures(model, spec, path, label)
    else:
        raise ConfigError(
            f"input={path}: a model of {spec.space.kind} data takes arrays (.npy), or no input: its test split"
        )
    c = labels.of_all(model, spec, path, len(content.examples.x), label=label)
    return replace(content, examples=replace(content.examples, c=c))


def _read(path: Path) -> bytes:
    try:
        return foreign.read_bytes(path, most=MAX_BYTES, links=True)
    except OSError as error:
        raise DataError(f"input={path} cannot be read: {error.strerror or error}") from error


def _array(spec: DataSpec, path: Path) -> Content:
    if getattr(spec.space, "ragged", False):
        raise ConfigError(
            f"input={path}: this model's examples have lengths of their own, which an array does not say; without "
            "input it compresses its test split"
        )
    content = _read(path)
    try:
        x = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(x, np.ndarray):
            raise ValueError("it is an archive of several")
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise DataError(f"input={path} is no array that can be read ({error}); write it with numpy.save") from error
    assert spec.levels is not None
    wanted = f"(n, {', '.join(map(str, spec.event_shape))}) {str(spec.dtype).removeprefix('torch.')}"
    held = torch.empty(0, dtype=spec.dtype).numpy().dtype
    if x.shape[1:] != spec.event_shape or x.dtype != held or len(x) == 0:
        raise DataError(f"input={path} has {x.shape} {x.dtype}; this model takes {wanted}")
    if int(x.max()) >= spec.levels or int(x.min()) < 0:
        raise DataError(f"input={path} has values from {x.min()} to {x.max()}; this model knows 0 to {spec.levels - 1}")
    found = torch.from_numpy(np.ascontiguousarray(x))
    if array_bytes(found) != content:
        raise DataError(f"input={path} would not come back to the byte: write it with numpy.save, in C order")
    return Content(Examples(found), "array", size=len(content))


def array_bytes(x: Tensor) -> bytes:
    """A ``.npy``."""
    buffer = io.BytesIO()
    np.save(buffer, x.numpy(), allow_pickle=False)
    return buffer.getvalue()


def _pictures(model: GenerativeModel, spec: DataSpec, path: Path, label: int | str | None) -> Content:
    assert isinstance(spec.space, Image)
    if spec.levels not in (2, 256):
        raise ConfigError(
            f"input={path}: pictures of {spec.levels} levels are not written as they are; give an array (.npy), or no "
            "input: the test split"
        )
    files = given_pictures(path)
    names = [path.name if path.is_file() else file.relative_to(path).as_posix() for file in files]
    c = labels.of_pictures(model, spec, path, names, label=label)
    read = [_picture(spec.space, file) for file in files]
    x = torch.from_numpy(np.stack([picture for picture, _ in read]))
    given = picture_names.as_png(names)
    wrong = picture_names.fault(given)
    if wrong is not None:
        raise DataError(f"input={printable(str(path))}: {wrong}; give it another name")
    notes = left_out(path, files) if path.is_dir() else []
    turned = [name for name, (_, lay) in zip(names, read, strict=True) if lay]
    if turned:
        notes.append(
            f"{len(turned)} of {len(names)} pictures are compressed upright, as their EXIF says, and come back so: "
            f"{listed([printable(name) for name in turned], shown=3)}"
        )
    return Content(Examples(x, c=c), "pictures", given, sum(file.stat().st_size for file in files), tuple(notes))


def _picture(space: Image, file: Path) -> tuple[np.ndarray, bool]:
    """Its pixels, and whether it lies otherwise in its file."""
    try:
        whole = read_whole(file, channels=space.channels)
    except BadPictureError as error:
        raise DataError(f"{file} cannot be used: {error}") from error
    size = (space.height, space.width)
    if whole.x.shape[1:] != size:
        had = f"{whole.x.shape[2]}x{whole.x.shape[1]}"
        raise DataError(f"{file} has {had} pixels; this model's pictures have {size[1]}x{size[0]}: it takes no others")
    if whole.facts.kind not in ("as is", "palette") or whole.facts.pages > 1:
        raise DataError(f"{file} would not come back as it is ({whole.facts.kind}, pages: {whole.facts.pages})")
    if space.levels == 2:
        if not np.isin(whole.x, (0, 255)).all():
            raise DataError(f"{file} has greys; this model knows black and white alone")
        return (whole.x // 255).astype(np.uint8), whole.facts.turned
    return np.ascontiguousarray(whole.x), whole.facts.turned


def _text(spec: DataSpec, path: Path, lanes: int) -> Content:
    space = spec.space
    assert isinstance(space, Tokens)
    if space.ragged:
        raise ConfigError(f"input={path}: this model's texts are lines of their own; without input it compresses those")
    content = _read(path)
    if not content:
        raise DataError(f"input={path} is empty")
    try:
        text = content.decode("utf-8", "strict" if space.coding == "characters" else "surrogateescape")
        tokens = coding.encoded(space, text)
    except UnicodeDecodeError as error:
        raise DataError(f"input={path} is no UTF-8 (byte {error.start}); a model of bytes takes any file") from error
    except ConfigError as error:
        raise DataError(f"input={path}: {error}") from error
    if coding.content(space, tokens) != content:
        raise DataError(f"input={path} would not come back to the byte: its text has other bytes than its tokens write")
    found = _in_lanes(spec, tokens.to(spec.dtype), lanes)
    return Content(found.examples, "text", size=len(content))


def _in_lanes(spec: DataSpec, tokens: Tensor, lanes: int) -> Content:
    """One sequence as pieces that are written beside each other, each without knowing the one before it."""
    assert isinstance(spec.space, Tokens)
    length = -(-len(tokens) // max(1, min(lanes, len(tokens))))
    count = -(-len(tokens) // length)
    x = torch.cat([tokens, tokens.new_zeros(count * length - len(tokens))]).view(count, length)
    lengths = torch.full((count,), length)
    lengths[-1] = len(tokens) - (count - 1) * length
    size = len(coding.content(spec.space, tokens)) if is_text(spec.space) else len(tokens) * tokens.element_size()
    return Content(Examples(x, lengths), "text" if is_text(spec.space) else "split", size=size)


def text_bytes(spec: DataSpec, examples: Examples) -> bytes:
    """What `_in_lanes` cut."""
    assert isinstance(spec.space, Tokens)
    assert examples.lengths is not None
    inside = torch.arange(examples.x.shape[1]) < examples.lengths[:, None]
    return coding.content(spec.space, examples.x[inside])

"""What a user compresses, as examples of a model, and examples as the files that they were.

Only what comes back to the bit is taken: pictures of the model's own size and kind, arrays of its type, text of its
vocabulary; without a file, examples of the data that it was trained on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genlab.codec import picture_names
from genlab.codec.coded import Examples
from genlab.data.images.convert import BadPictureError
from genlab.data.images.layout import left_out
from genlab.data.images.read import given_pictures, read_whole
from genlab.data.lengths import trimmed
from genlab.data.overlapping import overlap, stream
from genlab.data.spaces import DataSpec, Image, Label, Split, Tokens, is_text
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
    if model.given is not None and not isinstance(model.given, Label):
        raise ConfigError(
            f"{type(model).__name__} is given {model.given.kind} data, which a compressed file would have to hold as "
            "well; models of labels and unconditional ones compress"
        )
    part = slice(0, n)
    c = condition(model, split)
    kept = Split(split.x[part].clone(), lengths=rows(split.lengths, part))
    kept = trimmed(spec.space, kept)  # padding that all have is nothing that could be read again
    size = kept.x.numel() * kept.x.element_size()
    return Content(Examples(kept.x, kept.lengths, None if c is None else c[part]), "split", size=size)


def of_path(model: GenerativeModel, spec: DataSpec, path: Path, *, lanes: int) -> Content:
    """What a file or a folder holds.

    Raises:
        DataError: it is missing or unreadable, or would not come back as it is.
        ConfigError: the model takes no such files.
    """
    if not path.exists():
        raise DataError(f"input={path} does not exist: give a file, or a folder of pictures")
    if model.given is not None:
        raise ConfigError(
            f"input={path}: {type(model).__name__} is given a condition, which files do not have; without input it "
            "compresses its own test split"
        )
    if is_text(spec.space) and path.is_file():  # of bytes any file, whatever it is called
        return _text(spec, path, lanes)
    if path.suffix.lower() == ".npy" and path.is_file():
        return _array(spec, path)
    if isinstance(spec.space, Image):
        return _pictures(spec, path)
    raise ConfigError(
        f"input={path}: a model of {spec.space.kind} data takes arrays (.npy), or no input: its test split"
    )


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


def _pictures(spec: DataSpec, path: Path) -> Content:
    assert isinstance(spec.space, Image)
    if spec.levels not in (2, 256):
        raise ConfigError(
            f"input={path}: pictures of {spec.levels} levels are not written as they are; give an array (.npy), or no "
            "input: the test split"
        )
    files = given_pictures(path)
    x = torch.from_numpy(np.stack([_picture(spec.space, file) for file in files]))
    names = [path.name if path.is_file() else file.relative_to(path).as_posix() for file in files]
    given = picture_names.as_png(names)
    wrong = picture_names.fault(given)
    if wrong is not None:
        raise DataError(f"input={printable(str(path))}: {wrong}; give it another name")
    notes = tuple(left_out(path, files)) if path.is_dir() else ()
    return Content(Examples(x), "pictures", given, sum(file.stat().st_size for file in files), notes)


def _picture(space: Image, file: Path) -> np.ndarray:
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
        return (whole.x // 255).astype(np.uint8)
    return np.ascontiguousarray(whole.x)


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

"""Texts of one's own: a file, a folder of them, or one in a zip archive; bytes as they are, line ends too."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from genlab.data.classes import listed
from genlab.data.fetch.unpack import UNREADABLE
from genlab.errors import DataError
from genlab.files import foreign

MOST = 1 << 30
"""Bytes of a text, at most."""

SUFFIX = ".txt"


@dataclass(frozen=True)
class Found:
    """The texts of a place.

    Attributes:
        where: for messages.
        files: name and content of each, in order.
        notes: what was done that the user should know.
    """

    where: Path
    files: tuple[tuple[str, bytes], ...]
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        """All of them, one after the other."""
        return self.files[0][1] if len(self.files) == 1 else b"".join(content for _, content in self.files)

    def texts(self, *, strict: bool = True) -> list[str]:
        """Each of them.

        Args:
            strict: whether it must be UTF-8; else what is none is kept as ``errors="surrogateescape"`` does.

        Raises:
            DataError: it is no UTF-8; the message names the file and the byte.
        """
        found = []
        for name, content in self.files:
            try:
                found.append(content.decode("utf-8", "strict" if strict else "surrogateescape"))
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{name}: byte {error.start:,} is 0x{content[error.start]:02x}, which is no UTF-8: convert the "
                    "file to UTF-8, or set data.coding=bytes"
                ) from error
        return found


def read(path: Path) -> Found:
    """The texts of a file, of all ``.txt`` files below a folder in the order of their names, or of a zip archive.

    Raises:
        DataError: there is none, it cannot be read, or it is larger than `MOST`.
    """
    if not path.exists():
        raise DataError(
            f"data.root={path} does not exist: give a text file, a folder of {SUFFIX} files or a .zip of one"
        )
    if path.is_dir():
        return _folder(path)
    content = _zipped(path) if path.suffix.lower() == ".zip" else _plain(path, MOST)
    return Found(path, ((str(path), content),))


def _folder(folder: Path) -> Found:
    every = sorted(path for path in folder.rglob("*") if not _hidden(path.relative_to(folder)) and not path.is_dir())
    texts = [path for path in every if path.suffix.lower() == SUFFIX]
    if not texts:
        raise DataError(f"data.root={folder} holds no {SUFFIX} file: give a text file, or a folder that holds some")
    notes, files, room = [], [], MOST
    for path in texts:
        files.append((str(path), _plain(path, room)))
        room -= len(files[-1][1])
    if len(texts) > 1:
        names = listed([path.relative_to(folder).as_posix() for path in texts], shown=5)
        notes.append(f"{folder}: {len(texts)} files, one after the other: {names}.")
    if len(texts) < len(every):
        others = [path.relative_to(folder).as_posix() for path in every if path not in set(texts)]
        notes.append(f"{folder}: {len(others)} other file(s) left out: {listed(others, shown=5)}.")
    return Found(folder, tuple(files), tuple(notes))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _plain(path: Path, most: int) -> bytes:
    try:
        return foreign.read_bytes(path, most=most, links=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error


def _zipped(path: Path) -> bytes:
    try:
        with foreign.open_plain(path, most=None, links=True) as raw, zipfile.ZipFile(raw) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
            names = [name for name in names if not name.startswith("__MACOSX/")]
            if len(names) == 1:
                with archive.open(names[0]) as file:
                    content = file.read(MOST + 1)
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read ({' '.join(str(error).split())})") from error
    if len(names) != 1:
        held = f"{len(names)} files ({listed(sorted(names), shown=3)})" if names else "no file"
        raise DataError(f"{path} holds {held}, and one text is expected: unpack it, and give the folder")
    if len(content) > MOST:
        raise DataError(f"{path} holds more than the {MOST:,} bytes that are expected: give less")
    return content

"""The archive around a checkpoint: sealed while written, verified byte by byte before anything in it is believed.

``torch.save`` writes a zip archive of uncompressed members. The seal is that archive's comment, hence the last bytes
of the file: ``genlab-sha256:`` and the sha256 of every byte before those digits. Zip readers, torch among them, pass
over a comment. Nothing here imports torch or unpickles.
"""

from __future__ import annotations

import hashlib
import os
import pickletools
import re
import struct
import zipfile
from typing import BinaryIO, NamedTuple

from genlab.errors import CheckpointError, TrustError

_SEAL = re.compile(rb"genlab-sha256:([0-9a-f]{64})")
_MARK = b"genlab-sha256:"
_SEAL_SIZE = len(_MARK) + 64
_END = 22  # bytes of the record that ends a zip archive, less its comment
_CHUNK = 1 << 20
_MAX_DIRECTORY = 1 << 23  # bytes of table of contents: 100,000 tensors, and under two seconds to parse
_MAX_PICKLE = 1 << 25
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError, struct.error)

_HEADS = (
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"%PDF", "a PDF"),
    (b"{", "JSON text"),
    (b"[", "JSON text"),
    (b"<", "an HTML or XML page: perhaps the download failed"),
)


class SealedWriter:
    """A file for ``torch.save`` that hashes what passes and ends with the seal; keeps the disk's own error.

    torch reports a failed write as an enforce failure of its own: ``error`` is the OSError behind it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self._held = b""  # the last two bytes are the comment's length: not known to be the last until the end
        self.error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Write ``data`` after what was written before (torch never seeks back)."""
        view = memoryview(data).cast("B")
        if len(view) >= 2:
            self._emit(self._held)
            self._emit(view[:-2])
            self._held = bytes(view[-2:])
        else:
            joined = self._held + bytes(view)
            self._emit(joined[:-2])
            self._held = joined[-2:]
        return len(view)

    def flush(self) -> None:
        """Nothing to do before :meth:`seal`; torch asks for the method."""

    def seal(self) -> str:
        """Write the seal and flush to the disk; return the sha256 of the whole file."""
        if self._held != b"\0\0":
            raise ValueError("torch.save no longer ends an archive with an empty comment: the seal needs another place")
        self._emit(struct.pack("<H", _SEAL_SIZE))
        self._emit(_MARK)
        self._emit(self._sha.hexdigest().encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._sha.hexdigest()

    def _emit(self, data: bytes | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self._sha.update(data)


def check_head(file: BinaryIO, source: str) -> None:
    """Tell by its first bytes what a file is that cannot be a checkpoint.

    Raises:
        TrustError: a bare pickle.
        CheckpointError: empty, or of another kind.
    """
    file.seek(0)
    head = file.read(1 << 16)
    if head.startswith(b"PK\x03\x04"):
        return
    if not head:
        raise CheckpointError(f"{source} is empty: not a genlab checkpoint")
    if _looks_like_pickle(head):
        raise TrustError(f"{source} is a bare pickle, which can run any code: refused, nothing ran")
    start = head.lstrip()[:8]
    kind = next((kind for magic, kind in _HEADS if start.startswith(magic)), None)
    if kind is None and head[8:10] == b'{"':
        kind = "a safetensors file: weights without the model that they belong to"
    if kind is None and head[257:262] == b"ustar":
        kind = "a tar archive"
    if kind is None:
        text = all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head[:4096])
        kind = "text" if text else "not a zip archive: damaged, or of another program"
    raise CheckpointError(f"{source} is {kind}; not a genlab checkpoint")


def _looks_like_pickle(head: bytes) -> bool:
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return True
    fetched = False
    try:  # protocols 0 and 1 have no magic number: do the bytes read as operations that fetch something and call it?
        for op, arg, _ in pickletools.genops(head):
            fetched |= op.name in ("GLOBAL", "INST") and all(map(str.isidentifier, re.split(r"[ .]", str(arg))))
            if fetched and op.name in ("INST", "OBJ", "REDUCE", "NEWOBJ", "BUILD", "STOP"):
                return True
    except (ValueError, IndexError, struct.error, OverflowError):
        return False  # it breaks off before that: text, or bytes of some other kind
    return False


class Contents(NamedTuple):
    """What a verified archive holds: the pickle, unread, and the size in bytes of each tensor storage by its key."""

    pickle: bytes
    records: dict[str, int]


class _Bounded:
    """A file that refuses to read more than a table of contents at once: the sizes in an archive are not trusted."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size if 0 <= size <= _MAX_DIRECTORY else _MAX_DIRECTORY + 1)
        if len(data) > _MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"its table of contents is longer than {_MAX_DIRECTORY} bytes")
        return data


def verify(file: BinaryIO, source: str, *, expected: str | None) -> Contents:
    """Verify an archive: seal, ``expected`` sha256 if there is one, structure, checksum of each member.

    Reads in small pieces; time and memory are bounded by the size of the file.

    Raises:
        CheckpointError: damaged, or no archive of ``torch.save``.
        TrustError: a bare pickle, or a TorchScript archive (which holds code).
    """
    check_head(file, source)
    _check_digests(file, source, expected)
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            return _check_members(archive, source, size=file.seek(0, os.SEEK_END))
    except _DAMAGE as error:
        raise CheckpointError(
            f"{source} is damaged: {_line(error)}; use another checkpoint or copy it again"
        ) from error


def _check_digests(file: BinaryIO, source: str, expected: str | None) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _SEAL_SIZE))
    seal = _SEAL.fullmatch(file.read())
    end = size - _END - (_SEAL_SIZE if seal else 0)
    file.seek(max(0, end))
    record = file.read(_END)
    comment = struct.pack("<H", _SEAL_SIZE if seal else 0)
    if end < 0 or not (record.startswith(b"PK\5\6") and record.endswith(comment)):
        raise CheckpointError(f"{source} is damaged: its end is missing or altered; use another checkpoint")
    sha = hashlib.sha256()
    file.seek(0)
    left = size - (64 if seal else 0)
    while left and (chunk := file.read(min(_CHUNK, left))):
        sha.update(chunk)
        left -= len(chunk)
    if seal:
        if sha.hexdigest().encode() != seal[1]:
            raise CheckpointError(f"{source} is damaged: its bytes do not match its seal; use another checkpoint")
        sha.update(seal[1])
    if expected is not None and sha.hexdigest() != expected:
        raise CheckpointError(
            f"{source} does not match the .sha256 file beside it: copy both again, or use another checkpoint"
        )


def _check_members(archive: zipfile.ZipFile, source: str, *, size: int) -> Contents:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise CheckpointError(f"{source} is refused: two members of one name")
    if any(name.split("/")[-1] == "constants.pkl" or "/code/" in name for name in names):
        raise TrustError(f"{source} is a TorchScript archive, which holds code: refused, nothing ran")
    pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError(f"{source} is a zip archive, but not one of torch.save: not a genlab checkpoint")
    if any(m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members):
        raise CheckpointError(f"{source} is refused: compressed members, which torch.save never writes")
    if sum(member.file_size for member in members) > size:
        raise CheckpointError(f"{source} is refused: its members overlap")
    pickle = b""
    for member in members:
        with archive.open(member) as stream:  # reading to the end compares the checksum
            if member.filename == pickles[0]:
                if member.file_size > _MAX_PICKLE:
                    raise CheckpointError(f"{source} is refused: {member.file_size} bytes of plain values")
                pickle = stream.read()
            else:
                while stream.read(_CHUNK):
                    pass
    prefix = pickles[0].removesuffix("data.pkl") + "data/"
    sizes = {m.filename.removeprefix(prefix): m.file_size for m in members if m.filename.startswith(prefix)}
    return Contents(pickle=pickle, records=sizes)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__

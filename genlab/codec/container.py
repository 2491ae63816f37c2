"""The file: what a reader checks before it reads, what it has to know, and the coder's bytes.

    magic 4 | weights 8 | content 8 | head's size 4 | head: JSON, deflated | payload | checksum 8

``weights`` is of the model and the type of its data, ``content`` of what was compressed, ``checksum`` of all before it:
a wrong checkpoint, a changed file and a machine that computes otherwise are each told from the other. Numbers are
little-endian, hashes the first bytes of SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.errors import CheckpointError, DataError
from genlab.files import foreign

MAGIC = b"GLC1"
BYTES = 8
"""Of each hash."""

MAX_HEAD = 64 << 20
"""Bytes of a head, at most: names of a million files."""

_FIXED = struct.Struct(f"<4s{BYTES}s{BYTES}sI")


@dataclass(frozen=True)
class Container:
    """A compressed file.

    Attributes:
        weights: hash of the model that wrote it.
        content: hash of the examples.
        head: what the reader has to know; plain values.
        payload: the coder's bytes.
    """

    weights: bytes
    content: bytes
    head: Mapping[str, Any]
    payload: bytes = field(repr=False)

    def packed(self) -> bytes:
        """The file."""
        text = json.dumps(self.head, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        head = zlib.compress(text.encode(), 9, wbits=-15)
        whole = _FIXED.pack(MAGIC, self.weights, self.content, len(head)) + head + self.payload
        return whole + _hash(whole)


def unpacked(path: Path) -> Container:
    """Read a file.

    Raises:
        DataError: it is missing, none of genlab's, cut or changed.
    """
    try:
        whole = foreign.read_bytes(path, most=1 << 36, links=True)
    except OSError as error:
        raise DataError(f"input={path} cannot be read ({error.strerror or error}); give a compressed file") from error
    if whole[: len(MAGIC)] != MAGIC:
        raise DataError(f"input={path} was not written by genlab compress: give a file that was")
    if len(whole) < _FIXED.size + BYTES or _hash(whole[:-BYTES]) != whole[-BYTES:]:
        raise DataError(f"input={path} is damaged: its checksum is another; copy it again, or compress again")
    _, weights, content, size = _FIXED.unpack_from(whole)
    start = _FIXED.size + size
    try:
        inflate = zlib.decompressobj(wbits=-15)
        text = inflate.decompress(whole[_FIXED.size : start], MAX_HEAD)
        if start > len(whole) - BYTES or not inflate.eof:
            raise ValueError("its head is cut")
        head = json.loads(text)
        if not isinstance(head, dict):
            raise ValueError("its head is none")
    except (ValueError, RecursionError, MemoryError, zlib.error) as error:  # made by hand to have the right checksum
        raise DataError(f"input={path} cannot be read: {error}; compress again") from error
    return Container(weights, content, head, whole[start:-BYTES])


def check_weights(container: Container, weights: bytes, *, path: Path, ckpt: Path) -> None:
    """Refuse a checkpoint that is not the one that wrote.

    Raises:
        CheckpointError: it is another.
    """
    if container.weights != weights:
        said = container.head.get("model")
        named = f" (model={said})" if isinstance(said, str) and said.isprintable() and len(said) < 80 else ""
        raise CheckpointError(f"{ckpt}: did not write {path}; give the checkpoint that did{named} as ckpt=")


def weights_hash(model: nn.Module, spec: DataSpec) -> bytes:
    """Of every parameter and buffer of a model, and of the type of its data."""
    found = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(_bytes(tensor))
    return found.digest()[:BYTES]


def content_hash(*tensors: Tensor | None) -> bytes:
    """Of what was compressed."""
    found = hashlib.sha256()
    for tensor in tensors:
        if tensor is not None:
            found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(_bytes(tensor))
    return found.digest()[:BYTES]


def _bytes(tensor: Tensor) -> memoryview | bytes:
    plain = tensor.detach().cpu().contiguous()
    return plain.flatten().view(torch.uint8).numpy().data if plain.numel() else b""


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:BYTES]

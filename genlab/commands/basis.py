"""What a score stands on, by content: the code that measured it, the data, and the checkpoint's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from genlab.errors import CheckpointError
from genlab.files import foreign
from genlab.storage import checkpoint

MEASURED_BY = ("bijectors", "data", "distributions", "evaluation", "metrics", "models", "nn", "ops", "samplers")
"""Folders of genlab whose code a score stands on: a mended metric is not to leave old numbers in a table."""

_BLOCK = 1 << 20


def content(path: Path, *, root: str | None, trust: tuple[str, ...]) -> str:
    """The sha256 of all examples and labels of the data that a checkpoint was trained on, in hexadecimal.

    Raises:
        CheckpointError: the checkpoint does not say which data that is.
    """
    try:
        config = checkpoint.read(path)["genlab"]["config"]
        return _content(json.dumps(config["data"], sort_keys=True), root_for(root, config), trust)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its config cannot be read by this version of genlab: {error}") from error


@cache
def _content(node: str, root: str | None, trust: tuple[str, ...]) -> str:
    """That of the data of a config's node as JSON text; read once for all runs on it."""
    from genlab import build
    from genlab.data.fingerprint import digest as of_tensor

    found, data = hashlib.sha256(), build.dataset(json.loads(node), trust=trust, root=root)
    found.update(repr(data.spec).encode())
    for split in (data.train, data.val, data.test):
        for part in (split.x, split.y, split.x_b, split.y_b):
            found.update(b"-" if part is None else of_tensor(part).encode())
    return found.hexdigest()


@cache
def code() -> str:
    """The sha256 of the sources in `MEASURED_BY`, in hexadecimal."""
    found, package = hashlib.sha256(), Path(__file__).resolve().parents[1]
    for path in sorted(path for folder in MEASURED_BY for path in (package / folder).rglob("*.py")):
        found.update(f"{path.relative_to(package)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with foreign.open_plain(path, most=None, links=True) as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def root_for(root: str | None, config: Mapping[str, Any]) -> str | None:
    """Where the data is now, for a data set that lies anywhere; of several compared, some may be built in."""
    return root if "root" in config["data"] else None

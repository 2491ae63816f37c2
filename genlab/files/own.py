"""A mark that shows what was written by this user: an HMAC with a key that never leaves the user's own folder.

H. Krawczyk, M. Bellare, R. Canetti, "HMAC: Keyed-Hashing for Message Authentication", RFC 2104, 1997.

Who can read the key, or run genlab as this user, can sign too; and results of other people, who may be honest, are
measured anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from genlab.files import foreign

_SIGNATURE = "signature"


def signed(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with the mark of this user; without one where the key cannot be kept."""
    key = _key(_place())
    return dict(value) if key is None else {**value, _SIGNATURE: _mark(value, key)}


def signed_here(value: Mapping[str, Any]) -> bool:
    """Whether `signed` has made an object, and nothing in it was changed."""
    key, mark = _key(_place()), value.get(_SIGNATURE)
    rest = {name: item for name, item in value.items() if name != _SIGNATURE}
    return key is not None and isinstance(mark, str) and hmac.compare_digest(mark.encode(), _mark(rest, key).encode())


def _mark(value: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _place() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "genlab" / "key"


@cache
def _key(path: Path) -> bytes | None:
    for _ in range(2):  # another process may make it at the same moment
        try:
            key = foreign.read_bytes(path, most=64)
            return key if len(key) == 32 else None
        except FileNotFoundError:
            pass
        except OSError:
            return None
        part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            os.link(part, path)  # whole, and never over another's
        except OSError:
            continue
        finally:
            part.unlink(missing_ok=True)
    return None

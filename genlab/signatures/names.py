"""Names of a package that are imported when somebody asks for them.

A package lists them as imports ``if TYPE_CHECKING:``, which type checkers and `where` read; nothing runs until a name
is asked for::

    if TYPE_CHECKING:
        from genlab.models.vae.vae import VAE

    __all__, __getattr__, __dir__ = lazy(__name__, __file__)
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


@functools.cache
def where(file: str) -> dict[str, tuple[str, str]]:
    """``{name: (module, name there)}`` of a package's ``__init__.py``."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse(Path(file).read_bytes()).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for item in node.body:
                if isinstance(item, ast.ImportFrom) and item.module is not None:
                    found |= {alias.asname or alias.name: (item.module, alias.name) for alias in item.names}
    return found


def lazy(
    package: str, file: str, *, given: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.
        given: names of before that stand for another with options: ``{name: (other, options)}``.
    """
    table, before = where(file), given or {}

    def find(name: str) -> Any:
        if name in before:
            other, options = before[name]
            return functools.partial(find(other), **options)
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, there = table[name]
        return getattr(importlib.import_module(module), there)

    known = sorted({*table, *before})
    return known, find, lambda: known

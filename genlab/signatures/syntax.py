"""Finding classes, functions and what they say in Python's source, as syntax: nothing is imported or run."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from genlab.errors import ConfigError

T = TypeVar("T")
P = ParamSpec("P")

PACKAGE = Path(__file__).resolve().parents[1]

Made = ast.ClassDef | ast.FunctionDef
Place = tuple[Made, str]
"""A class or function, and the module that it is written in."""


def remembered(look: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """``look``, which keeps what it finds of genlab's own modules; a user's may change meanwhile."""
    kept: Any = functools.cache(look)

    @functools.wraps(look)
    def found(name: str, /, *args: P.args, **named: P.kwargs) -> T:
        return (kept if name.startswith(f"{PACKAGE.name}.") else look)(name, *args, **named)

    return found


def is_path(name: str) -> bool:
    """Whether ``name`` is the path of a module in a package: ``mypackage.mymodule``."""
    return "." in name and all(part.isidentifier() for part in name.split("."))


def source(module: str) -> Path | None:
    """The file of a module, found without running any code of it or of its packages; None: there is none."""
    first, *rest = module.split(".")
    if first == PACKAGE.name:
        path = PACKAGE.joinpath(*rest)
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return path if path.is_file() else None
    where: list[str] | None = None
    name, spec = "", None
    for part in (first, *rest):
        name = f"{name}.{part}".lstrip(".")
        found = (finder.find_spec(name, where) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((each for each in found if each is not None), None)
        if spec is None:
            return None
        where = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        if where is None and name != module:
            return None
    assert spec is not None
    return Path(spec.origin) if spec.origin is not None and spec.origin.endswith(".py") else None


@remembered
def body(module: str) -> tuple[ast.stmt, ...] | None:
    """What stands in a module; None: there is none.

    Raises:
        ConfigError: its source cannot be read.
    """
    path = source(module)
    if path is None:
        return None
    try:
        return tuple(ast.parse(path.read_bytes(), filename=str(path)).body)
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def named_as_file(module: str) -> Made | None:
    """A module's function of its own name, or else the class that has it but for capitals and is somebody's child."""
    stem = module.rpartition(".")[2]
    nodes = [node for node in body(module) or () if isinstance(node, Made)]
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == stem:
            return node
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.bases and node.name.lower() == stem.replace("_", ""):
            return node
    return None


def made(name: str, module: str) -> Place | None:
    """A class or function by the name that a module has for it: its own, or one that it imports."""
    for node in body(module) or ():
        if isinstance(node, Made) and node.name == name:
            return node, module
    there = imported(name, module)
    return None if there is None else made(there[1], there[0])


def imported(name: str, module: str) -> tuple[str, str] | None:
    """``(module, name there)`` of what a module imports, at its top or for type checkers alone."""
    prefix, _, last = name.rpartition(".")
    if prefix:  # import genlab.models
        return (prefix, last) if body(prefix) is not None else None
    top = body(module) or ()
    for node in (*top, *(item for each in top if isinstance(each, ast.If) for item in each.body)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            for each in node.names:
                if (each.asname or each.name) == name and body(node.module) is not None:
                    return node.module, each.name
    return None


def alias(name: str, module: str) -> tuple[ast.expr, str] | None:
    """What another name for a type stands for, and the module that says so."""
    for node in body(module) or ():
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return node.value, module
    there = imported(name, module)
    return None if there is None else alias(there[1], there[0])


def bases(node: ast.ClassDef, module: str) -> Iterator[tuple[ast.ClassDef, str]]:
    """The classes that a class is a child of, as far as their source is found, each with its module."""
    for base in node.bases:
        place = made(ast.unparse(base), module)
        if place is not None and isinstance(place[0], ast.ClassDef):
            yield place[0], place[1]


def kinds(name: str, module: str) -> frozenset[str]:
    """The names of a class and of all that it descends from."""
    place = made(name, module)
    if place is None or not isinstance(place[0], ast.ClassDef):
        return frozenset({name})
    return frozenset({place[0].name}).union(*(kinds(base.name, where) for base, where in bases(place[0], place[1])))


def made_kinds(node: Made, module: str) -> list[frozenset[str]]:
    """`kinds` of a class; of a function, those of each class that it may return."""
    if isinstance(node, ast.ClassDef):
        return [kinds(node.name, module)]
    return [] if node.returns is None else [kinds(name, module) for name in alternatives(node.returns)]


def said(module: str, name: str, word: str) -> ast.expr | None:
    """What a class, the first base that says it, or a function's module gives the name ``word``."""
    place = made(name, module)
    if place is None:
        return None
    node, where = place
    for item in node.body if isinstance(node, ast.ClassDef) else body(where) or ():
        targets = item.targets if isinstance(item, ast.Assign) else []
        if isinstance(item, ast.Assign) and [ast.unparse(target) for target in targets] == [word]:
            return item.value
        if isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == word and item.value is not None:
            return item.value
    for base, there in bases(node, where) if isinstance(node, ast.ClassDef) else ():
        found = said(there, base.name, word)
        if found is not None:
            return found
    return None


def plain(node: ast.expr) -> Any:
    """A literal; names in it count as texts.

    Raises:
        ValueError: it is none.
    """
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(plain(each) for each in node.elts)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): plain(value) for key, value in pairs if key is not None}
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return " | ".join(alternatives(node))
    return ast.literal_eval(node)


def alternatives(node: ast.expr) -> list[str]:
    """The names that a union joins."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*alternatives(node.left), *alternatives(node.right)]
    return [ast.unparse(node)]


def listed(node: ast.expr, module: str) -> Iterator[Any]:
    """The values that a type lists one by one, in ``Literal[...]``."""
    if isinstance(node, ast.BinOp):
        yield from listed(node.left, module)
        yield from listed(node.right, module)
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        values = ast.literal_eval(node.slice)
        yield from values if isinstance(values, tuple) else (values,)
    elif isinstance(node, ast.Name):
        found = alias(node.id, module)
        if found is not None:
            yield from listed(*found)

"""What a class offers, read from its source without importing it: its name, its first sentence, its options.

An option is a keyword-only argument of ``__init__``, annotated with int, float, bool, str, ``Literal[...]``, a name of
`genlab.config.ranges`, or such a type ``| None``, and has a default. An ``__init__`` that is inherited counts.
"""

from __future__ import annotations

import ast
import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union

from genlab.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]

_PLAIN: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True)
class Described:
    """A class as its source says it is.

    Attributes:
        module: where it is.
        name: of the class.
        about: the first sentence of its docstring, without the full stop.
        arguments: annotation and default of each option, as syntax.
        notes: what its docstring says of options.
    """

    module: str
    name: str
    about: str
    arguments: dict[str, tuple[ast.expr, ast.expr]]
    notes: dict[str, str]

    @property
    def target(self) -> str:
        """For ``_target_``."""
        return f"{self.module}.{self.name}"

    def defaults(self) -> dict[str, Any]:
        """The options' defaults.

        Raises:
            ConfigError: one is no plain value.
        """
        return {name: self._default(name, value) for name, (_, value) in self.arguments.items()}

    def types(self) -> dict[str, Any]:
        """The options' types.

        Raises:
            ConfigError: an annotation is of no kind that a config can give.
        """
        return {name: self._type(name, annotation) for name, (annotation, _) in self.arguments.items()}

    def _default(self, name: str, value: ast.expr) -> Any:
        try:
            return ast.literal_eval(value)
        except ValueError as error:
            raise ConfigError(
                f"{self.target}: the default of {name} is no plain value: {ast.unparse(value)}"
            ) from error

    def _type(self, name: str, node: ast.expr) -> Any:
        from genlab.config import ranges  # pydantic takes 0.1 s, and names and sentences need none

        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return Union[self._type(name, node.left), self._type(name, node.right)]  # noqa: UP007 - of values
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
            values = ast.literal_eval(node.slice)
            return Literal[values]
        word = ast.unparse(node).removeprefix("ranges.")
        found = _PLAIN.get(word, getattr(ranges, word, None) if word[:1].isupper() else None)
        if found is None or word in {"Annotated", "Field"}:
            raise ConfigError(
                f"{self.target}: {name}: {ast.unparse(node)} is no type of an option; "
                "use int, float, bool, str, Literal[...] or a name of genlab.config.ranges"
            )
        return found


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


@functools.cache
def described(module: str) -> Described | None:
    """The class of a module that is named as its file is, whatever the capitals, and is somebody's child.

    Raises:
        ConfigError: its source cannot be read, or an option has no type or default.
    """
    tree = _tree(module)
    if tree is None:
        return None
    plain = module.rpartition(".")[2].replace("_", "")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.bases and node.name.lower() == plain:
            about = (ast.get_docstring(node) or "").partition("\n")[0].removesuffix(".")
            arguments, parent = _arguments(node, tree, f"{module}.{node.name}")
            return Described(module, node.name, about, arguments, {**_notes(parent), **_notes(node)})
    return None


def held(package: str) -> dict[str, Described]:
    """What the public modules of one of genlab's packages hold, by the modules' names.

    Raises:
        ConfigError: as `described`.
    """
    files = sorted(PACKAGE.joinpath(*package.split(".")[1:]).glob("[!_]*.py"))
    found = {path.stem: described(f"{package}.{path.stem}") for path in files}
    return {name: each for name, each in found.items() if each is not None}


def _tree(module: str) -> ast.Module | None:
    path = source(module)
    if path is None:
        return None
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _notes(node: ast.ClassDef) -> dict[str, str]:
    """The part "Args:" of a docstring, one line for each."""
    _, _, after = (ast.get_docstring(node) or "").partition("\nArgs:\n")
    found: dict[str, str] = {}
    for line in after.partition("\n\n")[0].splitlines():
        if not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif found:
            found[name] += f" {line.strip()}"
    return {name: text.removesuffix(".") for name, text in found.items()}


Arguments = dict[str, tuple[ast.expr, ast.expr]]


def _arguments(node: ast.ClassDef, tree: ast.Module, where: str) -> tuple[Arguments, ast.ClassDef]:
    """Those of a class's constructor, and the class that has it."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _signature(item.args, where), node
    for base in node.bases:
        parent = _class(ast.unparse(base), tree)
        if parent is not None:
            return _arguments(*parent, where)
    return {}, node


def _signature(args: ast.arguments, where: str) -> Arguments:
    if len(args.posonlyargs) + len(args.args) > 1 or args.vararg is not None or args.kwarg is not None:
        raise ConfigError(f"{where}: options are keyword-only: def __init__(self, *, n: int = 100)")
    found = {}
    for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if each.annotation is None or default is None:
            raise ConfigError(f"{where}: the option {each.arg} needs a type and a default: {each.arg}: int = 100")
        found[each.arg] = (each.annotation, default)
    return found


def _class(name: str, tree: ast.Module) -> tuple[ast.ClassDef, ast.Module] | None:
    """A class by the name that a module has for it: its own, or one that it imports."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, tree
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            for alias in node.names:
                other = _tree(node.module) if (alias.asname or alias.name) == name else None
                if other is not None:
                    return _class(alias.name, other)
    return None

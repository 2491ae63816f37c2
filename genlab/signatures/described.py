"""What a class or function offers, read from its source without importing it: name, first sentence, options, needs.

An option is a keyword-only argument of a class's ``__init__`` or of a function, or a field of a dataclass, annotated
with int, float, bool, str, ``Literal[...]``, ``Sequence[...]``, a name of `genlab.signatures.ranges`,
``Annotated[int, Field(gt=0)]``, another name for such a type, or such types joined by ``|``; it has a default. An
``__init__`` that is inherited counts. Only a function may leave out a default: then the option has to be given.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from genlab.errors import ConfigError
from genlab.signatures import syntax
from genlab.signatures.syntax import PACKAGE, Made

GIVEN = "spec"
"""The one argument that is no option: the type of the data, which a model is given first."""

MISSING = "???"
"""In place of a default, as OmegaConf writes it: the option has to be given."""

_PLAIN: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}

Arguments = dict[str, tuple[ast.expr, ast.expr | None]]


@dataclass(frozen=True)
class Described:
    """A class or function as its source says it is.

    Attributes:
        module: where it is.
        name: of the class or function.
        about: the first sentence of its docstring, without the full stop.
        arguments: annotation and default of each option, as syntax.
        notes: what its docstring says of options.
        written: the module that the options are written in, which is another if they are inherited.
    """

    module: str
    name: str
    about: str
    arguments: Arguments
    notes: dict[str, str]
    written: str

    @property
    def target(self) -> str:
        """For ``_target_``."""
        return f"{self.module}.{self.name}"

    @property
    def called(self) -> str:
        """The name of its file, by which a command line asks for it."""
        return self.module.rpartition(".")[2]

    def defaults(self) -> dict[str, Any]:
        """The options' defaults, lists for tuples; `MISSING` where there is none.

        Raises:
            ConfigError: one is no plain value.
        """
        return {name: self._default(name, value) for name, (_, value) in self.arguments.items()}

    def types(self) -> dict[str, Any]:
        """The options' types.

        Raises:
            ConfigError: an annotation is of no kind that a config can give.
        """
        return {name: self._type(name, annotation, self.written) for name, (annotation, _) in self.arguments.items()}

    def choices(self, option: str) -> list[Any]:
        """The values that an option's type lists one by one."""
        return list(syntax.listed(self.arguments[option][0], self.written)) if option in self.arguments else []

    def says(self, word: str) -> Any:
        """What a class, a base of it, or a function's module says beside the signature: ``needs``; None: nothing.

        Names (of classes) count as texts.

        Raises:
            ConfigError: it is no plain value.
        """
        value = syntax.said(self.module, self.name, word)
        if value is None:
            return None
        try:
            return syntax.plain(value)
        except ValueError as error:
            raise ConfigError(f"{self.target}: {word} is no plain value: {ast.unparse(value)}") from error

    def kinds(self) -> list[frozenset[str]]:
        """The names of the class and all its bases; of a function, those of each class that it may return."""
        place = syntax.made(self.name, self.module)
        return [syntax.kinds(self.name, self.module)] if place is None else syntax.made_kinds(*place)

    def _default(self, name: str, value: ast.expr | None) -> Any:
        if value is None:
            return MISSING
        try:
            found = ast.literal_eval(value)
        except ValueError as error:
            raise ConfigError(
                f"{self.target}: the default of {name} is no plain value: {ast.unparse(value)}"
            ) from error
        return list(found) if isinstance(found, tuple) else found

    def _type(self, name: str, node: ast.expr, module: str) -> Any:
        from genlab.signatures import ranges  # pydantic takes 0.1 s, and names and sentences need none

        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = (self._type(name, each, module) for each in (node.left, node.right))
            return Union[left, right]  # noqa: UP007 - of values
        if isinstance(node, ast.Subscript):
            kind = ast.unparse(node.value)
            if kind == "Literal":
                return Literal[ast.literal_eval(node.slice)]
            if kind in {"Sequence", "list"}:
                return list[self._type(name, node.slice, module)]  # type: ignore[misc]
            if kind == "Annotated" and isinstance(node.slice, ast.Tuple):
                base, *fields = node.slice.elts
                return Annotated[(self._type(name, base, module), *map(_field, fields))]
        word = ast.unparse(node).removeprefix("ranges.")
        found = _PLAIN.get(word, getattr(ranges, word, None) if word[:1].isupper() else None)
        if found is not None and word not in {"Annotated", "Field", "Literal", "Sequence", "Any"}:
            return found
        alias = syntax.alias(word, module)
        if alias is not None:
            return self._type(name, *alias)
        raise ConfigError(
            f"{self.target}: {name}: {ast.unparse(node)} is no type of an option; "
            "use int, float, bool, str, Literal[...] or a name of genlab.signatures.ranges"
        )


@syntax.remembered
def described(module: str, name: str | None = None) -> Described | None:
    """A class or function of a module; None: there is none.

    Args:
        module: where it is.
        name: None: as the file, see `genlab.signatures.syntax.named_as_file`.

    Raises:
        ConfigError: its source cannot be read, or an option has no type or default.
    """
    same = syntax.named_as_file(module) if name is None else None
    place = syntax.made(name or "", module) if same is None else (same, module)
    if place is None:
        return None
    found, where = place
    about = (ast.get_docstring(found) or "").partition("\n")[0].removesuffix(".")
    arguments, parent, written = _arguments(found, where, f"{where}.{found.name}")
    return Described(where, found.name, about, arguments, {**_notes(parent), **_notes(found)}, written)


@functools.cache
def held(package: str, *, says: str | None = None) -> dict[str, Described]:
    """What the public modules of one of genlab's packages, and of the packages in it, hold, by the modules' names.

    Args:
        package: its dotted name.
        says: leave out what does not say this (``needs``).

    Raises:
        ConfigError: as `described`.
    """
    root = PACKAGE.joinpath(*package.split(".")[1:])
    found = {}
    for path in sorted(root.rglob("[!_]*.py"), key=lambda path: path.stem):
        module = ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts))
        node = syntax.named_as_file(module)
        if node is not None and (says is None or syntax.said(module, node.name, says) is not None):
            found[path.stem] = described(module)
    return {name: each for name, each in found.items() if each is not None}


def _notes(node: Made) -> dict[str, str]:
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


def _arguments(node: Made, module: str, where: str) -> tuple[Arguments, Made, str]:
    """Those of a function or a class's constructor, whose they are, and the module of that."""
    if isinstance(node, ast.FunctionDef):
        return _signature(node.args, where, function=True), node, module
    if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
        return {ast.unparse(item.target): (item.annotation, item.value) for item in fields}, node, module
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _signature(item.args, where), node, module
    for base, there in syntax.bases(node, module):
        return _arguments(base, there, where)
    return {}, node, module


def _signature(args: ast.arguments, where: str, *, function: bool = False) -> Arguments:
    first = [each.arg for each in (*args.posonlyargs, *args.args)][0 if function else 1 :]
    if first not in ([], [GIVEN]) or args.vararg is not None or args.kwarg is not None:
        raise ConfigError(f"{where}: options are keyword-only: def __init__(self, *, n: int = 100)")
    found: Arguments = {}
    for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if each.annotation is None or (default is None and not function):
            raise ConfigError(f"{where}: the option {each.arg} needs a type and a default: {each.arg}: int = 100")
        found[each.arg] = (each.annotation, default)
    return found


def _field(node: ast.expr) -> Any:
    from pydantic import Field

    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "Field" or node.args:
        raise ConfigError(f"{ast.unparse(node)}: a range of an option is written Field(gt=0, le=10)")
    try:
        return Field(**{str(each.arg): ast.literal_eval(each.value) for each in node.keywords})
    except ValueError as error:
        raise ConfigError(f"{ast.unparse(node)}: the bounds of a range are written as numbers") from error

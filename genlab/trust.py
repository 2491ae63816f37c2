"""Whom a person trusts, and what a file may ask for: targets in a config, globals in a pickle.

Trust is given by the words of a command line alone (`typed`) and handed on from process to process as such a word
(`as_word`); what a file says of itself never counts (`check_claim`). Nothing is imported or run to find out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genlab.errors import ConfigError, TrustError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_OPERATIONS = 2_000_000  # of one pickle: some 50,000 tensors, and a few seconds to look through
_MAX_WORK = 20_000_000  # values reached when every reference is followed: nested references double with each level

_LIST = re.compile(r"\[(.*)\]")
_PACKAGE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_HYDRA_KEYS = ("_args_", "_partial_", "_convert_", "_recursive_")  # they change what is called, and how

# What pickle protocol 2 makes of plain types and tensors, by what each does to the stack.
_PUTS = {"BINPUT", "LONG_BINPUT"}
_GETS = {"BINGET", "LONG_BINGET"}
_TO_MARK = {"SETITEMS", "APPENDS"}
_INTO = {"SETITEM": 2, "APPEND": 1, "BUILD": 1}
_JOIN = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "REDUCE": 2}
_PUSH = {
    "GLOBAL", "BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE",
    "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE",
}  # fmt: skip

_ITEM_SIZES = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1,
    "ComplexDouble": 16, "ComplexFloat": 8, "Untyped": 1,
}  # fmt: skip


def typed(words: Sequence[str]) -> list[str]:
    """The packages that the words of a command line trust: ``trust=[mypackage,other.models]``; the last word counts.

    Raises:
        ConfigError: it is no plain list of package names.
        TrustError: it would take the names from elsewhere.
    """
    names: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        if key.lstrip("+") != "trust" or not equals:
            continue
        if "${" in text:
            raise TrustError(f"{_short(word)}: trust is given by name, never looked up; nothing ran")
        inside = _LIST.fullmatch(text.strip())
        names = [_unquoted(name) for name in inside[1].split(",")] if inside and inside[1].strip() else []
        if inside is None or not all(map(_PACKAGE.fullmatch, names)):
            raise ConfigError(f"{_short(word)}: must be a list of package names, for example trust=[mypackage]")
    return names


def as_word(trust: Sequence[str]) -> list[str]:
    """``trust`` as a command line says it, for another process; no word if nothing is trusted."""
    return [f"trust=[{','.join(trust)}]"] if trust else []


def check_claim(claimed: Any, *, trust: Sequence[str], where: str) -> None:
    """Refuse a file that trusts what the command line does not.

    Args:
        claimed: what the file says of trust.
        trust: the packages trusted on the command line.
        where: the file, for the message.

    Raises:
        TrustError: it claims more.
    """
    names = claimed if isinstance(claimed, list) else [claimed]
    more = [str(name) for name in names if name is not None and name not in trust]
    if more:
        raise TrustError(
            f"{where} says trust={_short(more)}, which a command line alone can say; nothing ran; if that is yours, "
            f"add trust=[{','.join([*trust, *more])[:80]}]"
        )


def check_target(target: str, *, allowed: Collection[str], trust: Sequence[str]) -> None:
    """Permit ``target`` only if it is in ``allowed`` or lies in a package of ``trust``.

    ``trust=["mypackage"]`` covers ``mypackage.x.Y`` and not ``mypackage2.Y``.

    Raises:
        TrustError: otherwise; nothing was imported.
    """
    package = "mypackage"
    if isinstance(target, str):
        if target in allowed:
            return
        parts = target.split(".")
        if all(part.isidentifier() for part in parts):
            package = parts[0]
            if any(parts[: len(prefix)] == prefix for prefix in (name.split(".") for name in trust)):
                return
    raise TrustError(
        f"_target_={_short(target)} is not on genlab's list: refused, nothing ran; "
        f"if it is yours or you have read it, add trust=[{package[:60]}]"
    )


def check_config(config: Mapping[str, Any], *, allowed: Collection[str], trust: Sequence[str]) -> None:
    """Check every ``_target_`` of a config that came from a file, at any depth.

    Raises:
        TrustError: a target that :func:`check_target` refuses; a key that changes how a target is called
            (``_args_``, ``_partial_``, ``_convert_``, ``_recursive_``); an interpolation ``${...}``, which could read
            the environment; or a value that is no plain type.
    """
    stack: list[tuple[str, Any]] = [("", config)]
    seen: set[int] = set()
    while stack:
        where, value = stack.pop()
        if isinstance(value, str):
            if "${" in value:
                raise TrustError(f"{where} is the interpolation {_short(value)}: those of a file are never resolved")
        elif isinstance(value, (Mapping, list, tuple)):
            if id(value) in seen:
                continue
            seen.add(id(value))
            if not isinstance(value, Mapping):
                stack.extend((f"{where}[{i}]", item) for i, item in enumerate(value))
                continue
            for key, item in value.items():
                path = f"{where}.{key}".lstrip(".")
                if key == "_target_":
                    check_target(item, allowed=allowed, trust=trust)
                elif key in _HYDRA_KEYS:
                    raise TrustError(f"{_short(path)} changes how a target is called: refused in a config from a file")
                stack.append((path, item))
                stack.append((f"a key of {where or 'the config'}", key))
        elif value is not None and not isinstance(value, (bool, int, float)):
            raise TrustError(f"{where or 'the config'} is a {type(value).__name__}: a config holds plain values only")


def check_pickle(data: bytes, *, allowed: Collection[str], records: Mapping[str, int], source: str) -> None:
    """Walk a pickle's operations without running any: what it would call, read and cost.

    Permitted are the globals in ``allowed`` ("module name"), storages of exactly the size of their record in
    ``records`` (key -> bytes), and no more work than a checkpoint can need.

    Raises:
        TrustError: it asks for more than that.
        ValueError: it is no complete pickle.
    """
    import pickletools  # loaded late: only reading needs it

    # One [weight, value] per object: weight counts the values inside, value is kept where a storage is named by it.
    stack: list[list[Any]] = []
    marks: list[int] = []
    memo: dict[int, list[Any]] = {}
    work = 0
    try:
        for count, (op, arg, _) in enumerate(pickletools.genops(data)):
            name = op.name
            if name == "GLOBAL" and arg not in allowed:
                raise TrustError(f"{source} wants {_short(str(arg).replace(' ', '.'))}: refused, nothing ran")
            if name in _PUTS:
                memo[arg] = stack[-1]  # type: ignore[index]
                continue
            if name in _GETS:
                item = memo[arg]  # type: ignore[index]
            elif name in _PUSH:
                item = [1, arg]
            elif name in _JOIN:
                item = _joined(stack, len(stack) - _JOIN[name])
            elif name == "TUPLE":
                item = _joined(stack, marks.pop())
            elif name == "BINPERSID":
                _check_storage(stack.pop()[1], records, source)
                item = [1, None]
            elif name in _TO_MARK or name in _INTO:
                inside = _joined(stack, marks.pop() if name in _TO_MARK else len(stack) - _INTO[name])
                stack[-1][0] += inside[0]
                continue
            elif name == "MARK":
                marks.append(len(stack))
                continue
            elif name in ("PROTO", "STOP"):
                continue
            else:
                raise TrustError(f"{source} holds a pickle unlike genlab's ({name}): refused, nothing ran")
            stack.append(item)
            work += item[0]
            if work > _MAX_WORK or count > MAX_OPERATIONS:
                raise TrustError(f"{source} holds a pickle too large to be a checkpoint's: refused, nothing ran")
    except (IndexError, KeyError) as error:
        raise ValueError("its operations do not fit together") from error


def _joined(stack: list[list[Any]], start: int) -> list[Any]:
    """Pop what lies above ``start`` and make it one object."""
    if start < 0:
        raise IndexError
    parts = stack[start:]
    del stack[start:]
    return [1 + sum(part[0] for part in parts), tuple(part[1] for part in parts) if len(parts) == 5 else None]


def _check_storage(name: Any, records: Mapping[str, int], source: str) -> None:
    """Check that a storage is as large as its bytes: older versions of torch read on past the end."""
    if not (isinstance(name, tuple) and name[0] == "storage" and isinstance(name[4], int)):
        raise TrustError(f"{source} names a storage as torch.save never does: refused, nothing ran")
    kind = str(name[1]).split(" ")[-1].removesuffix("Storage")
    if kind not in _ITEM_SIZES or records.get(name[2]) != name[4] * _ITEM_SIZES[kind]:
        raise TrustError(f"{source} has a storage of another size than its bytes: refused, nothing ran")


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"" else name


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:76] + "..." + text[-1]

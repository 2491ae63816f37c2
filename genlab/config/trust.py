"""Whom a person trusts, and what a config from a file may ask to be built.

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

_LIST = re.compile(r"\[(.*)\]")
_PACKAGE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_HYDRA_KEYS = ("_args_", "_partial_", "_convert_", "_recursive_")  # they change what is called, and how


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


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"" else name


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:76] + "..." + text[-1]

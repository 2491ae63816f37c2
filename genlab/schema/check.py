"""Checking a config against its schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from genlab.errors import ConfigError
from genlab.pairs import check_pair
from genlab.schema import classical, data, ebm, flow, game, likelihood, pixelcnn, translation, vae
from genlab.schema.classical import check_fit
from genlab.schema.data import ExternalData
from genlab.schema.nodes import External, Node, Target
from genlab.schema.verbs import VERBS
from genlab.trust import check_config

TARGETS: dict[str, type[Target]] = {
    **data.TARGETS,
    **vae.TARGETS,
    **pixelcnn.TARGETS,
    **flow.TARGETS,
    **ebm.TARGETS,
    **game.TARGETS,
    **translation.TARGETS,
    **classical.TARGETS,
    **likelihood.TARGETS,
}
"""The positive list: what a config may build, and the schema of its arguments."""

NODES = ("data", "model", "objective")
"""The nodes of a training config that build an object each, checked by the schema of their ``_target_``."""


def keys(config: Mapping, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a nested config, branches included."""
    for name, value in config.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{name}.")


def suggest(key: str, known: list[str]) -> str:
    """A half-sentence that names the nearest key: ``; did you mean optim.lr?`` or nothing."""
    leaf = key.rsplit(".", 1)[-1]
    known = [name for name in known if not key.startswith(f"{name}.")]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    near += [name for name in known if name.rsplit(".", 1)[-1] == leaf]
    by_leaf = {name.rsplit(".", 1)[-1]: name for name in reversed(known)}
    near += [by_leaf[hit] for hit in difflib.get_close_matches(leaf, list(by_leaf), n=1, cutoff=0.6)]
    return f"; did you mean {near[0]}?" if near else ""


def validate(verb: str, config: dict[str, Any], *, known: list[str] | None = None) -> dict[str, Any]:
    """Check a resolved config against the schema of ``verb`` and the positive list of targets.

    Args:
        verb: "train", "sample", "translate" or "eval".
        config: plain types, as composed and resolved.
        known: names to suggest for a misspelt key; those of the schema's siblings in ``config`` when None.

    Returns:
        ``config`` itself.

    Raises:
        ConfigError: an unknown key, a wrong type or a value out of range; the message names all of them.
        TrustError: a ``_target_`` that is neither genlab's own nor covered by ``trust``.
    """
    trust = config.get("trust")
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise ConfigError("trust: must be a list of package names, for example trust=[mypackage]")
    check_config(config, allowed=TARGETS, trust=trust)
    names = known or list(keys(config))
    problems = list(_problems(VERBS[verb], config, (), names))
    for node in NODES if verb == "train" else ():
        value = config.get(node)
        if isinstance(value, Mapping):
            fallback = ExternalData if node == "data" else External
            schema = TARGETS.get(str(value.get("_target_")), fallback)
            problems += _problems(schema, value, (node,), names)
    if verb == "train" and not problems:
        problems += [*check_fit(config, own=TARGETS), *check_pair(config)]
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    return config


def _problems(schema: type[Node], value: Mapping, prefix: tuple[str, ...], known: list[str]) -> Iterator[str]:
    try:
        schema.model_validate(value)
    except ValidationError as error:
        for item in error.errors():
            yield _describe(item, prefix, known)


def _describe(item: Any, prefix: tuple[str, ...], known: list[str]) -> str:
    location = [*prefix, *item["loc"]]
    location = [part for part in location if not (isinstance(part, str) and part.startswith(("function-", "list[")))]
    if location and location[-1] in {"int", "constrained-int", "constrained-float", "literal['auto']"}:
        location = location[:-1]
    key = ".".join(str(part) for part in location)
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}{suggest(key, [name for name in known if name != key])}"
    if item["type"] == "missing":
        return f"{key}: is missing"
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(item["input"], Mapping) else f" (got {item['input']!r})"
    return f"{key}: {message}{shown}"

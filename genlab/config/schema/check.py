"""Checking a config against its schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from genlab.config.renamed import renamed
from genlab.config.schema import metrics, targets, tasks, together
from genlab.config.schema.nodes import Node
from genlab.config.schema.targets import NODES, TARGETS
from genlab.config.schema.verbs import VERBS
from genlab.config.trust import check_config, check_target
from genlab.errors import ConfigError

_BRANCH = re.compile(r"(int|float|bool|str|none|constrained-\w+|nullable\[.*|(function-\w+|list|literal)\[.*)")
"""What pydantic adds to the place of a value that may be of several types: which of them it speaks of."""

_WRONG = re.compile(r"(?P<key>[\w.]+): input should be (?P<what>.*) (?P<got>\(got .*\))", re.DOTALL)

_FIRST = ("model.", "data.", "objective.", "optim.", "trainer.")
"""Whose keys are meant rather than those of the rest."""


def keys(config: Mapping, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a nested config, branches included."""
    for name, value in config.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{name}.")


def suggest(key: str, known: Sequence[str], *, verb: str = "") -> str:
    """A half-sentence that helps with an unknown key: ``; did you mean optim.lr?``, which command has it, or nothing.

    Never the word itself. A neighbour in the same group may be less alike than a key of another one.
    """
    group, _, leaf = key.rpartition(".")
    known = [name for name in known if name != key and not key.startswith(f"{name}.")]
    leaves: dict[str, str] = {}
    for name in sorted(known, key=lambda name: not name.startswith(_FIRST)):
        leaves.setdefault(name.rpartition(".")[2], name)
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == group}
    near = [beside[hit] for hit in difflib.get_close_matches(leaf, list(beside), n=1, cutoff=0.6)]
    if not beside:  # no such group: the same key of the group that is meant
        alike = difflib.get_close_matches(group, sorted({name.rpartition(".")[0] for name in known} - {""}), n=1)
        near += [f"{alike[0]}.{leaf}"] if alike and f"{alike[0]}.{leaf}" in known else []
    near += [leaves[leaf]] if leaf in leaves else []
    near += difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    elsewhere = owners(key) if verb else []
    if elsewhere and verb not in elsewhere:
        here = f"; here there is {near[0]}" if near else ""
        return f"; it is of genlab {', '.join(elsewhere)}{here}"
    if len(leaf) > 3:  # epochs: max_epochs
        parts = [name for name in leaves if leaf in name.split("_") or name.startswith(f"{leaf}_")]
        near += [leaves[name] for name in sorted(parts, key=len)]
    near += [leaves[hit] for hit in difflib.get_close_matches(leaf, list(leaves), n=1, cutoff=0.75)]
    return f"; did you mean {near[0]}?" if near else ""


def owners(key: str) -> list[str]:
    """The commands whose schema has ``key``; what lies below a node that builds an object counts for that node."""
    found = [verb for verb, schema in VERBS.items() if _has(schema, key.split("."))]
    return [*found, "sample"] if tasks.takers(key) and "sample" not in found else found


def _has(schema: type[Node], parts: list[str]) -> bool:
    field = schema.model_fields.get(parts[0])
    if field is None:
        return False
    if len(parts) == 1:
        return True
    inner = [each for each in (field.annotation, *get_args(field.annotation)) if isinstance(each, type)]
    nodes = [each for each in inner if issubclass(each, Node)]
    if nodes:
        return any(_has(node, parts[1:]) for node in nodes)
    return parts[0] in NODES and any(_has(target, parts[1:]) for target in TARGETS.values())


def validate(verb: str, config: dict[str, Any], *, known: list[str] | None = None) -> dict[str, Any]:
    """Check a resolved config against the schema of ``verb`` and the positive list of targets.

    Args:
        verb: "train", "sample", "translate" or "eval".
        config: plain types, as composed and resolved.
        known: names to suggest for a misspelt key; those of the schema's siblings in ``config`` when None.

    Returns:
        ``config`` itself, in which names of earlier versions are today's by now.

    Raises:
        ConfigError: an unknown key, a wrong type or a value out of range; the message names all of them.
        TrustError: a ``_target_`` that is neither genlab's own nor covered by ``trust``.
    """
    trust = config.get("trust")
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise ConfigError("trust: must be a list of package names, for example trust=[mypackage]")
    if isinstance(config.get("model"), Mapping):
        config["model"] = renamed(config["model"])
    check_config(config, allowed=TARGETS, trust=trust)
    names = known or list(keys(config))
    schema = VERBS[verb]
    if verb == "sample":
        _check_task(config.get("task"), trust)
        schema = tasks.with_options(schema, config)
    problems = list(_problems(schema, config, (), names, verb))
    for node in NODES if verb == "train" else ():
        value = config.get(node)
        if isinstance(value, Mapping):
            schema = targets.of_target(str(value.get("_target_")), node)
            problems += [*_kind(node, value)] or _problems(schema, value, (node,), names, verb)
    problems += _own_metrics(config, names, verb)
    if verb == "train" and not problems:
        problems += together.check(config)
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    return config


def _check_task(name: object, trust: list[str]) -> None:
    """Refuse a user's own task that is not trusted.

    Raises:
        TrustError: it is not.
    """
    found = tasks.of(name) if "." in str(name) else None
    if found is not None:
        check_target(found.target, allowed=TARGETS, trust=trust)


def _own_metrics(config: Mapping[str, Any], known: list[str], verb: str) -> Iterator[str]:
    """What is wrong with the options of a user's own metrics, whose targets are trusted."""
    asked = config.get("metric")
    for name, node in metrics.own(asked).items() if isinstance(asked, Mapping) else ():
        found = None if node["_target_"] in TARGETS else metrics.of_target(node["_target_"])
        if found is None:
            yield f"metric.{name}._target_: {node['_target_']} is no metric"
        else:
            yield from _problems(found, node, ("metric", name), known, verb)


def _problems(
    schema: type[Node], value: Mapping, prefix: tuple[str, ...], known: list[str], verb: str
) -> Iterator[str]:
    try:
        schema.model_validate(value)
    except ValidationError as error:
        yield from _joined(_describe(item, prefix, known, verb) for item in error.errors())


def _joined(sentences: Iterable[str]) -> Iterator[str]:
    """One sentence for all that a key with several types could have been."""
    last: str | None = None
    for sentence in sentences:
        before, now = (None if each is None else _WRONG.fullmatch(each) for each in (last, sentence))
        if before and now and (before["key"], before["got"]) == (now["key"], now["got"]):
            last = f"{before['key']}: input should be {before['what']} or {now['what']} {now['got']}"
            continue
        if last is not None:
            yield last
        last = sentence
    if last is not None:
        yield last


def _describe(item: Any, prefix: tuple[str, ...], known: list[str], verb: str) -> str:
    location = [*prefix, *item["loc"]]
    location = [part for part in location if not (isinstance(part, str) and _BRANCH.fullmatch(part))]
    key = ".".join(str(part) for part in location)
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}{suggest(key, known, verb=verb)}"
    if item["type"] == "missing":
        return f"{key}: is missing"
    if item["type"] in {"dict_type", "model_type"}:
        return f"{key}: is a group of settings, not a value (got {_short(item['input'])}); write {key}.NAME=VALUE"
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(item["input"], Mapping) else f" (got {_short(item['input'])})"
    return f"{key}: {message}{shown}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[-1]}"


def _kind(node: str, value: Mapping) -> Iterator[str]:
    """A sentence if one of genlab's own classes stands where it does not belong."""
    target = str(value.get("_target_"))
    if target in TARGETS and not target.startswith((f"genlab.{node}.", f"genlab.{node}s.")):
        yield f"{node}._target_: {target} is no {node}"

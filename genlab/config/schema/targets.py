"""What a config may build: the positive list, and the schema of each target, computed from its signature.

The list is all that is named as its file and says what it needs of the data (models, objectives) or gives (data
sources), by the path of its module, and by the short names that ``genlab.models``, ``genlab.data`` and
``genlab.objectives`` have for it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from pydantic import create_model

from genlab.config.schema.nodes import External, Node, Positive, Target
from genlab.errors import ConfigError
from genlab.objectives.trainable import FITTED
from genlab.signatures import names, syntax
from genlab.signatures.described import MISSING, Described, described, held
from genlab.signatures.syntax import PACKAGE

NODES = ("data", "model", "objective")
"""The nodes of a training config that build an object each, checked by the schema of their ``_target_``."""

HELD = {"data": "genlab.data.sources", "model": "genlab.models", "objective": "genlab.objectives"}
"""By node: the package whose modules hold what it builds."""

SAYS = {"data": "gives", "model": "needs", "objective": "needs"}
"""By node: what a class or a function's module says that is offered for it."""

SHORT = {"data": "genlab.data", "model": "genlab.models", "objective": "genlab.objectives"}


class Data(Target):
    """A data source; how many examples a batch has is said beside its options."""

    batch_size: Positive


class ExternalData(External):
    """A user's own data source whose options cannot be read."""

    batch_size: Positive


def offered(node: str) -> dict[str, Described]:
    """What genlab offers for a node, by the names of the files."""
    return held(HELD[node], says=SAYS[node])


@functools.cache
def short(node: str) -> dict[str, Described]:
    """What is offered for a node, by the short names that its package has."""
    table = names.where(str(PACKAGE / SHORT[node].rpartition(".")[2] / "__init__.py"))
    by_target = {each.target: each for each in offered(node).values()}
    found = {name: by_target.get(f"{module}.{there}") for name, (module, there) in table.items()}
    return {f"{SHORT[node]}.{name}": each for name, each in found.items() if each is not None}


@functools.cache
def found(target: str) -> tuple[str, Described] | None:
    """The node that one of genlab's own targets is for, and what its source says; None: it is not on the list."""
    for node in NODES:
        if not target.startswith(f"{SHORT[node]}."):
            continue
        every = {each.target: each for each in offered(node).values()}
        each = every.get(target) or short(node).get(target)
        if each is not None:
            return node, each
    return None


def own(target: str) -> Described | None:
    """A user's own class or function, if its options can be read; nothing of it is imported."""
    module, _, name = target.rpartition(".")
    try:
        each = described(module, name) if module else None
        if each is not None:
            each.types()
            each.defaults()
    except ConfigError:
        return None
    return each


def signature(target: str) -> Described | None:
    """What the source of a target says, genlab's own or a user's."""
    known = found(target)
    return own(target) if known is None else known[1]


def options(each: Described, base: type[Node] = Node) -> type[Node]:
    """The schema of the options of a class or function; a key that is missing has the signature's default."""
    types, defaults = each.types(), each.defaults()
    fields = {name: (kind, ... if defaults[name] == MISSING else defaults[name]) for name, kind in types.items()}
    return create_model(each.name, __base__=base, **fields)  # type: ignore[call-overload]


@syntax.remembered
def of_target(target: str, node: str) -> type[Node]:
    """The schema of a node with this target."""
    each = signature(target)
    if each is None:
        return ExternalData if node == "data" else External
    return options(each, Data if node == "data" else Target)


class _Targets(Mapping[str, type[Node]]):
    """The positive list as a mapping, which reads no more files than it is asked about."""

    def __getitem__(self, target: str) -> type[Node]:
        known = found(target)
        if known is None:
            raise KeyError(target)
        return of_target(target, known[0])

    def __contains__(self, target: object) -> bool:
        return isinstance(target, str) and found(target) is not None

    def __iter__(self) -> Iterator[str]:
        for node in NODES:
            yield from short(node)
            yield from (each.target for each in offered(node).values())

    def __len__(self) -> int:
        return sum(1 for _ in self)


TARGETS: Mapping[str, type[Node]] = _Targets()
"""The positive list: what a config may build, and the schema of its arguments."""


def players(target: str) -> tuple[str, ...] | None:
    """Who plays, in the order of their updates, if an objective is a game."""
    each = signature(target)
    return None if each is None else each.says("played_by")


def fitted(target: str) -> bool:
    """Whether a model is fitted in one pass, and so has neither an objective nor an optimiser."""
    each = signature(target)
    return each is not None and bool(each.kinds()) and all(FITTED in kinds for kinds in each.kinds())

"""The only place where a config becomes objects."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pkgutil import iter_modules
from typing import Any, TypeVar

from torch import Generator, Tensor, nn

from genlab.config.schema import TARGETS
from genlab.config.trust import check_target
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError, DataError, GenlabError, TrainingError, out_of_memory
from genlab.training.optim import OptimiserRecipe

T = TypeVar("T")

LOOKED_AT = 100
"""Training examples of a user's own source that are transformed to see whether they are what its type says."""


def construct(node: Mapping[str, Any], *args: Any, trust: Sequence[str]) -> Any:
    """Call what ``node["_target_"]`` names with ``args`` and the node's other keys.

    Raises:
        TrustError: the target is neither genlab's own nor covered by ``trust``.
        ConfigError: there is no such name, it does not take these keys, or a user's own code raises.
    """
    target = node["_target_"]
    check_target(target, allowed=TARGETS, trust=trust)
    module, _, name = target.rpartition(".")
    keys = {key: value for key, value in node.items() if key != "_target_"}
    if target in TARGETS:  # what it raises unexpectedly is a bug of genlab's
        return getattr(importlib.import_module(module), name)(*args, **keys)
    with told(target, ConfigError):
        try:
            made = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"_target_={target}: {error}") from error
        try:
            return made(*args, **keys)
        except TypeError as error:  # a user's own class has no schema: a wrong key shows here
            raise ConfigError(f"_target_={target}: {error}") from error


def discovered(package: str, base: type[T]) -> dict[str, type[T]]:
    """What the public modules of one of genlab's packages hold, by name: the child of ``base`` named as its file is."""
    found: dict[str, type[T]] = {}
    for name in (each.name for each in iter_modules(importlib.import_module(package).__path__)):
        if name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{name}")
        for each in vars(module).values():
            own = isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
            if own and each.__name__.lower() == name.replace("_", ""):
                found[name] = each
    return found


@contextmanager
def told(target: str, kind: type[GenlabError]) -> Iterator[None]:
    """Around a user's own code: what it raises is said in one line, that names it, and is no bug of genlab's.

    Raises:
        GenlabError: of the ``kind``, for whatever is raised that is none yet.
    """
    try:
        yield
    except GenlabError:
        raise
    except (Exception, SystemExit) as error:
        what = " ".join(str(error).split())[:300]
        raise kind(f"_target_={target}: raised {type(error).__name__}: {what} (--debug shows where)") from error


def foreign(*nodes: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Around the work of what ``nodes`` have built: if any of it is a user's own, what it raises is `told`."""
    own = [node["_target_"] for node in nodes if node["_target_"] not in TARGETS]
    return told(", ".join(own), TrainingError) if own else nullcontext()


def dataset(node: Mapping[str, Any], *, trust: Sequence[str], root: str | None = None) -> Dataset:
    """The decoded data set of a ``data`` node; ``root`` replaces ``data.root`` where the data has moved.

    Raises:
        DataError: the files are missing or damaged, or a user's own source raises or gives what is no data set.
        ConfigError: the data set does not take these settings.
    """
    settings = {key: value for key, value in node.items() if key != "batch_size"}
    if root is not None:
        if "root" not in settings:
            raise ConfigError(f"data.root={root}: this data set is built in and has no root")
        settings["root"] = root
    target = settings["_target_"]
    if target in TARGETS:
        return construct(settings, trust=trust)
    try:
        made = construct(settings, trust=trust)
    except ConfigError as error:
        if isinstance(error.__cause__, TypeError | ImportError | AttributeError) or error.__cause__ is None:
            raise
        raise DataError(str(error)) from error.__cause__
    return _own(made, target)


def _own(made: Any, target: str) -> Dataset:
    """The data set of a user's own source, once it is one.

    Raises:
        DataError: it is none, or holds other values than its type says, as far as a look at each split shows.
    """
    if not isinstance(made, Dataset):
        raise DataError(f"_target_={target}: gave a {type(made).__name__}, not a genlab.data.Dataset")
    transform = made.train_transform
    if transform is not None:

        def guarded(x: Tensor, generator: Generator) -> Tensor:
            with told(f"{target}, train_transform", DataError):
                return transform(x, generator)

        made = replace(made, train_transform=guarded)
    levels, dtype = made.spec.levels, made.spec.dtype
    looks = {"val": made.val.x, "test": made.test.x}
    looks["train"] = made.as_seen(Split(made.train.x[:LOOKED_AT]), seed=0).x
    for name, x in looks.items():
        if x.dtype != dtype:
            raise DataError(f"_target_={target}: {name} is of {x.dtype}, its type asks for {dtype}")
        if levels is not None and len(x) and not 0 <= int(x.min()) <= int(x.max()) < levels:
            has = f"{int(x.min())} to {int(x.max())}"
            raise DataError(f"_target_={target}: {name} has the values {has}, its type says 0 to {levels - 1}")
    return made


def model(node: Mapping[str, Any], spec: DataSpec, *, trust: Sequence[str]) -> nn.Module:
    """The model of a ``model`` node for data of type ``spec``; weights from PyTorch's random state.

    Raises:
        ConfigError: a user's own lacks a method that its bases promise; else as `construct`.
        TrainingError: it does not fit into memory.
    """
    try:
        made = construct(node, spec, trust=trust)
        if node["_target_"] not in TARGETS:
            _check_promises(made, node["_target_"])
        return made
    except (MemoryError, RuntimeError, TypeError) as error:
        if not out_of_memory(error):
            raise
        sizes = {f"model.{key}={value}": _largest(value) for key, value in node.items()}
        largest = max(sizes, key=sizes.__getitem__, default="model")
        raise TrainingError(f"{largest}: the model does not fit into memory; try less") from error


def _check_promises(made: nn.Module, target: str) -> None:
    """Refuse a model with abstract methods: `nn.Module` has no metaclass that does."""
    kind = type(made)
    missing = [name for name in dir(kind) if getattr(getattr(kind, name, None), "__isabstractmethod__", False)]
    if missing:
        raise ConfigError(f"_target_={target}: {kind.__name__} promises {', '.join(missing)} by its bases: define it")


def _largest(value: Any) -> float:
    """The largest size in a setting, which may be a list of them; zero if there is none."""
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int | float) else 0


def objective(node: Mapping[str, Any], *, trust: Sequence[str]) -> Any:
    """The objective of an ``objective`` node."""
    return construct(node, trust=trust)


def optimiser(node: Mapping[str, Any]) -> OptimiserRecipe:
    """The recipe of an ``optim`` node."""
    return OptimiserRecipe(**node)


def players(node: Mapping[str, Mapping[str, Any]]) -> dict[str, OptimiserRecipe]:
    """The recipes of a ``players`` node, in the order of their updates."""
    return {name: optimiser(recipe) for name, recipe in node.items()}

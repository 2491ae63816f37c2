"""Config files that nobody writes: ``metric=NAME`` and ``task=NAME`` for each class of a package, with its defaults.

A file of that name in ``configs/metric`` comes first. A user's own, ``metric=[mypackage.mymetric]``,
``task=mypackage.mytask`` and likewise ``model=``, ``objective=`` and ``data=``, is found by the path of its module,
and ``trust`` has to cover it. A metric's options are a node of its own; those of a task, of which there is one, stand
beside the settings of ``genlab sample``. A model comes with the first objective that fits it, and Adam.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from hydra.core.config_store import ConfigStore

from genlab.config.listing import HELD, classes
from genlab.errors import ConfigError
from genlab.signatures.described import Described, described
from genlab.signatures.names import where
from genlab.signatures.syntax import PACKAGE, is_path, source

ALL = "all"

TASK = "task"
"""The group whose choice is one, and whose options are flat."""

BUILT = ("objective",)
"""Groups whose choice becomes a node with a ``_target_``."""

KINDS = {"metric": "Metric", TASK: "Task", "objective": "Objective", "model": "GenerativeModel"}
"""What a class of a group is a child of; a data source is a function."""

OWN = (*HELD, "model", "data")
"""Groups of which a user's own can be chosen by the path of its module."""

BATCH = 64
"""Examples in a batch of a user's own data source, unless told otherwise: ``data.batch_size=16``."""


@cache
def store() -> None:
    """Let Hydra find genlab's own."""
    for group in HELD:
        for name, found in classes(group).items():
            _keep(group, name, found)
    metrics = {name: each.defaults() for name, each in classes("metric").items()}
    ConfigStore.instance().store(group="metric", name=ALL, node={**metrics, ALL: {}})


def store_own(group: str, names: Iterable[str]) -> None:
    """Let Hydra find those of a user's own among the names that a command line asks for: those with a dot.

    Raises:
        ConfigError: there is no such module, it holds no class that is named as it is, or its options are none.
    """
    for name in names:
        if is_path(name):
            found = own(group, name)
            if group == TASK:
                from genlab.config.schema import tasks, verbs  # pydantic takes 0.1 s

                tasks.check_names(found, verbs.Sample.model_fields)
            _keep(group, name, found)


def own(group: str, module: str) -> Described:
    """A user's own metric or task.

    Raises:
        ConfigError: there is no such module, or it holds no class that is named as it is.
    """
    found = described(module)
    if found is None:
        last = module.rpartition(".")[2]
        what = "holds no class or function of that name" if source(module) else "is no module that Python finds"
        named = f"class {last.title().replace('_', '')}({KINDS[group]})" if group in KINDS else f"a function {last}"
        raise ConfigError(f"{group}={module}: {what}; put {named} into a file {last}.py")
    return found


def _keep(group: str, name: str, found: Described) -> None:
    options: dict[str, Any] = found.defaults()
    if group == TASK:
        ConfigStore.instance().store(group=group, name=name, node={TASK: name, **options}, package="_global_")
        return
    if group in BUILT:
        node = {"_target_": _short(found, HELD[group]), **options}
        ConfigStore.instance().store(group=group, name=name, node=node)
        return
    if group in ("model", "data"):
        ConfigStore.instance().store(group=group, name=name, node=_whole(group, found), package="_global_")
        return
    target = {"_target_": found.target} if "." in name else {}
    ConfigStore.instance().store(group=group, name=name, node={name.rpartition(".")[2]: {**target, **options}})


def _whole(group: str, found: Described) -> dict[str, Any]:
    """What a file of a user's own model or data source would say; its options are filled in as those of any other."""
    node: dict[str, Any] = {group: {"_target_": found.target}}
    if group == "data":
        node["data"] |= {"batch_size": BATCH}
        return node
    objective = first_objective(found)
    if objective is not None:
        node["defaults"] = [{"override /objective": objective}, {"override /optim": "adam"}, "_self_"]
    return node


def first_objective(model: Described) -> str | None:
    """The objective that a model comes with if nothing is said: maximum likelihood, or the first that fits it.

    None for a model that is fitted in one pass, and where only games fit, whose players need optimisers of their own.
    """
    from genlab.objectives.trainable import lack

    every = classes("objective")
    fitting = [name for name, each in every.items() if lack(each, model, frozenset()) is None]
    single = [name for name in fitting if every[name].says("played_by") is None]
    return "maximum_likelihood" if "maximum_likelihood" in single else next(iter(single), None)


def _short(found: Described, package: str) -> str:
    """A target by the name that the package has for it, if it has one."""
    init = PACKAGE.joinpath(*package.split(".")[1:], "__init__.py")
    same = (name for name, place in where(str(init)).items() if place == (found.module, found.name))
    name = next(same, None)
    return found.target if name is None else f"{package}.{name}"

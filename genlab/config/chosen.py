"""Config files that nobody writes: ``metric=NAME`` for each class of ``genlab.metrics``, with its defaults.

A file of that name in ``configs/metric`` comes first. A user's own, ``metric=[mypackage.mymetric]``, is found by the
path of its module and becomes a node with a ``_target_``, which ``trust`` has to cover.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from hydra.core.config_store import ConfigStore

from genlab.errors import ConfigError
from genlab.signatures.described import described, held
from genlab.signatures.syntax import source

GROUP, PACKAGE, ALL = "metric", "genlab.metrics", "all"


@cache
def store() -> None:
    """Let Hydra find genlab's own."""
    nodes = {name: each.defaults() for name, each in held(PACKAGE).items()}
    for name, node in nodes.items():
        ConfigStore.instance().store(group=GROUP, name=name, node={name: node})
    ConfigStore.instance().store(group=GROUP, name=ALL, node={**nodes, ALL: {}})


def store_own(names: Iterable[str]) -> None:
    """Let Hydra find those of a user's own among the names that a command line asks for: those with a dot.

    Raises:
        ConfigError: there is no such module, or it holds no class that is named as it is.
    """
    for name in names:
        if "." not in name or not all(part.isidentifier() for part in name.split(".")):
            continue
        found = described(name)
        if found is None:
            last = name.rpartition(".")[2]
            what = "holds no class of that name" if source(name) else "is no module that Python finds"
            raise ConfigError(
                f"{GROUP}={name}: {what}; put class {last.title().replace('_', '')}(Metric) into a file {last}.py"
            )
        node = {"_target_": found.target, **found.defaults()}
        ConfigStore.instance().store(group=GROUP, name=name, node={name.rpartition(".")[2]: node})

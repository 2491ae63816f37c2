"""``genlab list``: what the config folder offers, one line each, read without a YAML parser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genlab.config.arguments import nearest
from genlab.errors import ConfigError
from genlab.signatures import syntax
from genlab.signatures.described import Described, described, held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUPS = {
    "models": "model",
    "data": "data",
    "objectives": "objective",
    "optimisers": "optim",
    "metrics": "metric",
    "tasks": "task",
    "experiments": "experiment",
}
"""What can be listed, and the config group that holds it."""

HELD = {"metric": "genlab.metrics", "task": "genlab.tasks", "objective": "genlab.objectives"}
"""Groups of which each choice is a class, in a file of its own in a package."""

BASES = {
    "Metric": "metric",
    "Task": "task",
    "Objective": "objective",
    "Game": "objective",
    "GenerativeModel": "model",
    "Translator": "model",
}
"""What a class of a user's own is a child of, and the config group that it is for."""

SAYS = {"objective": "needs"}
"""Groups whose packages hold other classes too, and what their choices say."""

ALL = {"all": "Every metric that the model and its data can have"}


def config_dir() -> Path:
    """The folder of YAML files: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def is_group(name: str) -> bool:
    """Whether ``name=`` chooses from a config group."""
    return name in HELD or (config_dir() / name).is_dir()


def classes(group: str) -> dict[str, Described]:
    """The choices of a config group that are classes, by name."""
    return held(HELD[group], says=SAYS.get(group)) if group in HELD else {}


def choices(group: str) -> dict[str, str]:
    """What a config group offers by name, with a sentence on each, of its files' first comments or of its classes.

    Partials (``_vae``) are left out.
    """
    found = {name: each.about.replace("``", "") for name, each in classes(group).items()}
    found |= ALL if group == "metric" else {}
    files = (config_dir() / group).glob("*.yaml")
    found |= {path.stem: _comment(path) for path in files if not path.name.startswith("_")}
    return dict(sorted(found.items()))


def show(words: Sequence[str]) -> str:
    """The text of ``genlab list [models|data|objectives|optimisers|metrics|tasks|experiments] [PACKAGE...]``.

    Of a package of the user's own, what it holds of each; its source is read, and nothing of it run.

    Raises:
        ConfigError: a word that is neither a group nor a package that Python finds.
    """
    singular = {group: title for title, group in GROUPS.items()} | {"dataset": "data"}
    asked = [singular.get(word, word) for word in words]
    packages = [word for word in asked if word not in GROUPS]
    titles = [word for word in asked if word in GROUPS] or list(GROUPS)
    for word in packages:
        if not all(part.isidentifier() for part in word.split(".")) or syntax.source(word) is None:
            near = nearest(word, list(GROUPS))
            raise ConfigError(
                f"cannot list {word!r}; choose from {', '.join(GROUPS)}{near}, or name a package of yours"
            )
    if not packages:
        return "\n\n".join(_block(title, f"{GROUPS[title]}=NAME", choices(GROUPS[title])) for title in titles)
    blocks = []
    for package in packages:
        held_there = own(package)
        found = {title: held_there[GROUPS[title]] for title in titles if held_there.get(GROUPS[title])}
        blocks += [_block(f"{title} of {package}", f"{GROUPS[title]}=NAME", each) for title, each in found.items()]
        if not found:
            raise ConfigError(f"{package} holds nothing of {', '.join(titles)} in a file that is named as it is")
    return "\n\n".join(blocks)


def own(package: str) -> dict[str, dict[str, str]]:
    """What a package of the user's own holds, by config group: the path of each module, and a sentence on it.

    Raises:
        ConfigError: a file of it cannot be read.
    """
    root = syntax.source(package)
    assert root is not None
    modules = [package] if root.name != "__init__.py" else []
    for path in sorted(root.parent.rglob("[!_]*.py")) if not modules else ():
        modules.append(".".join((package, *path.relative_to(root.parent).with_suffix("").parts)))
    found: dict[str, dict[str, str]] = {}
    for module in modules:
        group = _group(module)
        each = None if group is None else described(module)
        if group is not None and each is not None:
            found.setdefault(group, {})[module] = each.about
    return found


def _group(module: str) -> str | None:
    """The config group of what a module holds; None: a helper of the others, whose arguments are no options."""
    node = syntax.named_as_file(module)
    if node is None:
        return None
    if syntax.said(module, node.name, "gives") is not None and syntax.said(module, node.name, "needs") is None:
        return "data"
    kinds = frozenset().union(*syntax.made_kinds(node, module))
    return next((group for kind, group in BASES.items() if kind in kinds), None)


def _block(title: str, how: str, found: Mapping[str, str]) -> str:
    width = max(map(len, found), default=0)
    lines = [f"  {name:<{width}}  {about}".rstrip() for name, about in found.items()] or ["  (none yet)"]
    return "\n".join([f"{title}  ({how})", *lines])


def _comment(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") and not line.startswith("# @package"):
                return line.lstrip("# ").rstrip()
            if line.strip() and not line.startswith("#"):
                break
    return ""

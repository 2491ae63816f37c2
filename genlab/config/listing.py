"""``genlab list``: what the config folder offers, one line each, read without a YAML parser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genlab.config.arguments import nearest
from genlab.errors import ConfigError
from genlab.signatures.described import Described, held

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    found = {name: each.about for name, each in classes(group).items()}
    found |= ALL if group == "metric" else {}
    files = (config_dir() / group).glob("*.yaml")
    found |= {path.stem: _comment(path) for path in files if not path.name.startswith("_")}
    return dict(sorted(found.items()))


def show(words: Sequence[str]) -> str:
    """The text of ``genlab list [models|data|metrics|tasks|experiments]``.

    Raises:
        ConfigError: a word that is none of these.
    """
    singular = {"model": "models", "metric": "metrics", "task": "tasks", "experiment": "experiments", "dataset": "data"}
    asked = [singular.get(word, word) for word in words]
    for word in asked:
        if word not in GROUPS:
            raise ConfigError(f"cannot list {word!r}; choose from {', '.join(GROUPS)}{nearest(word, list(GROUPS))}")
    blocks = []
    for title in asked or GROUPS:
        found = choices(GROUPS[title])
        width = max(map(len, found), default=0)
        lines = [f"  {name:<{width}}  {about}".rstrip() for name, about in found.items()] or ["  (none yet)"]
        blocks.append("\n".join([f"{title}  ({GROUPS[title]}=NAME)", *lines]))
    return "\n\n".join(blocks)


def _comment(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") and not line.startswith("# @package"):
                return line.lstrip("# ").rstrip()
            if line.strip() and not line.startswith("#"):
                break
    return ""

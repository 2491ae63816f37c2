"""What a run may change when it goes on, and what its checkpoint says it was trained with."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genlab.config import schema, trust
from genlab.errors import CheckpointError

PERMITTED = (
    "optim.lr",
    "players.*.lr",
    "trainer.gradient_clip_val",
    "trainer.max_steps",
    "trainer.max_epochs",
    "trainer.devices",
    "trainer.accelerator",
    "trainer.enable_progress_bar",
    "trainer.threads",
    "trainer.capture",
    "trainer.deterministic",
    "trainer.timeout",
    "trainer.log_every_n_steps",
    "callbacks.checkpoint.*",
    "data.root",
    "test.*",
)
"""What may change when a run goes on; anything else would make it another run."""

_PLACES = ("name", "outputs", "resume", "trust", "data.download")
"""Settings that say where things lie and not what is trained."""

_FIRST = ("model", "objective", "data")
_MISSING = object()


def permitted(key: str) -> bool:
    """Whether a resumed run may have another value of a setting."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in PERMITTED)


def check_config(held: Mapping[str, Any], config: Mapping[str, Any], *, source: str) -> dict[str, tuple[Any, Any]]:
    """Check that a run's config is that of its checkpoint, but for what may change; that, with both values.

    Args:
        held: of the checkpoint.
        config: of the run.
        source: the checkpoint, for the message.

    Raises:
        CheckpointError: the first setting that differs, with both values.
    """
    old, new = dict(_flat(held)), dict(_flat(config))
    keys = sorted(
        dict.fromkeys([*old, *new]), key=lambda key: (not key.startswith(_FIRST), not key.endswith("_target_"))
    )
    changed: dict[str, tuple[Any, Any]] = {}
    for key in keys:
        before, after = old.get(key, _MISSING), new.get(key, _MISSING)
        if before == after or key in _PLACES:
            continue
        if permitted(key):
            changed[key] = (_null(before), _null(after))
            continue
        raise CheckpointError(
            f"{source} is of another run, or the run's config was edited: {key} is {_shown(before)} there and "
            f"{_shown(after)} in the run; put it back, or start a new run"
        )
    return changed


def _null(value: Any) -> Any:
    return None if value is _MISSING else value


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:  # a node that is null and one that is not there say the same
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return "not set" if value is _MISSING else str(value)


def believe(said: dict[str, Any], trusted: Sequence[str], *, source: Path) -> None:
    """Check a run's config with the trust that is given now, which takes the place of what the file says.

    Raises:
        ConfigError: it does not pass the schema.
        TrustError: it names a target that is not trusted, or claims more trust.
    """
    claimed = said["config"].get("trust")
    said["config"]["trust"] = list(trusted)
    schema.validate("train", said["config"])
    trust.check_claim(claimed, trust=trusted, where=str(source))

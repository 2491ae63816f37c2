"""Where a command writes what its user names: nothing is overwritten, and no folder is made unasked."""

from __future__ import annotations

from pathlib import Path

from genlab.errors import ConfigError


def fresh(asked: str | None, default: Path) -> Path:
    """The path that was asked for, or a default in the run's own folder.

    Raises:
        ConfigError: it is there already, or its folder is not.
    """
    output = default if asked is None else Path(asked)
    if output.exists():
        raise ConfigError(f"output={output} is there already; give another name")
    if not output.parent.is_dir():
        raise ConfigError(f"output={output}: there is no folder {output.parent}; make it, or give another name")
    return output

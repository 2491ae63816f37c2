"""Hydra's reader of config files, bounded: a file of a user's own ``--config-dir`` may have come from anywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from genlab.config.listing import config_dir
from genlab.errors import ConfigError
from genlab.files import plainyaml


def bound_files() -> None:
    """Let Hydra read config files only after they were looked at; to be called whenever a loader is there."""
    # Imported now: Hydra runs this module anew when it looks for its plugins, and then uses that class. Not by its
    # registry, which is still empty where a launcher unpickles a loader.
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

    source: Any = FileConfigSource
    plain = source.load_config
    if getattr(plain, "bounded", False):
        return

    def load_config(self: Any, config_path: str) -> Any:
        path = Path(os.path.realpath(os.path.join(self.path, self._normalize_file_name(config_path))))
        if path.exists() and not path.is_relative_to(config_dir().resolve()):
            try:
                plainyaml.check(plainyaml.text_of(path, links=True))
            except OSError as error:
                raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
            except plainyaml.UnreadableError as error:
                raise ConfigError(f"{path} cannot be read: {error}") from error
        return plain(self, config_path)

    load_config.bounded = True  # type: ignore[attr-defined]
    source.load_config = load_config

"""From overrides to a plain, validated config, through Hydra's own `hydra.main`.

Hydra composes and then calls a task; here the task only keeps what was composed. The work itself begins after
``hydra.main`` has returned: Lightning treats a process in which Hydra is active as a Hydra job and would relaunch it
as one. Imported only when something is composed, because Hydra takes 0.2 s to import.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hydra._internal.hydra as machinery
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from hydra.main import main as hydra_main
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genlab.config import hints, schema
from genlab.config.hydra_loader import Loader, unwrap
from genlab.config.listing import config_dir, is_group
from genlab.errors import ConfigError, GenlabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hydra.core.override_parser.types import Override

QUIET = {
    "hydra/job_logging": "none",
    "hydra/hydra_logging": "none",
    "hydra.output_subdir": "null",
    "hydra.job.name": "genlab",
    "hydra.job.chdir": "false",
    "hydra.run.dir": ".",
}
"""Hydra writes and prints nothing of its own: run directories and output are genlab's."""

SPEED = "speed"
"""The config group with what makes a model fast on a device: ``configs/speed/<trainer>-<model>.yaml``, if any."""

_RAISED = (HydraException, OmegaConfBaseException, yaml.YAMLError, ImportError)
_STUMBLES = (OSError, TypeError, ValueError, RecursionError, AttributeError)
"""What Hydra raises on purpose, and what comes out of it where words or files are not what it expects."""


@dataclass(frozen=True)
class Composed:
    """A config in plain types, and the overrides that made it."""

    config: dict[str, Any]
    overrides: list[str]


def compose(verb: str, argv: list[str]) -> Composed | None:
    """Compose and validate the config of one run.

    Returns:
        None if the arguments made Hydra print something (``--cfg``, ``--info`` ...) in place of a run.

    Raises:
        ConfigError: anything wrong with the overrides or the files, in one line.
        TrustError: a file would make Hydra or genlab build something foreign.
    """
    for word in argv:
        key = word.lstrip("+~").partition("=")[0]
        if key in QUIET and "/" not in key:
            raise ConfigError(
                f"{key}: Hydra's own output is off; a run's folder is chosen by outputs=FOLDER and name=NAME"
            )
    composed = capture(verb, argv)
    if composed is not None:
        schema.validate(verb, composed.config)
    return composed


def capture(verb: str, argv: list[str]) -> Composed | None:
    """As `compose`, not validated."""
    kept: list[Composed] = []
    problems: list[GenlabError] = []

    def keep(config: DictConfig) -> None:
        try:
            kept.append(resolve(config))
        except GenlabError as error:
            problems.append(error)  # Hydra would print a line of its own about a task that raises

    run_hydra(verb, argv, keep)
    if problems:
        raise problems[0]
    return kept[0] if kept else None


def resolve(config: DictConfig) -> Composed:
    """The composed config as plain types; to be called inside a Hydra task.

    Raises:
        ConfigError: mandatory values are missing (all of them are named), or an interpolation fails.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            needs = "needs a value" if len(missing) == 1 else "need values"
            raise ConfigError(f"{', '.join(missing)} {needs}: add {' '.join(f'{key}=...' for key in missing)}")
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise unwrap(error) or ConfigError(hints.first_lines(error)) from error
    assert isinstance(plain, dict)
    overrides = [str(word) for word in HydraConfig.get().overrides.task]
    return Composed(config={str(key): value for key, value in plain.items()}, overrides=overrides)


def run_hydra(verb: str, argv: list[str], task: Callable[[DictConfig], Any], *, quiet: bool = True) -> None:
    """Run ``hydra.main`` on ``task`` with ``argv`` in place of the process's own; with `QUIET` unless told otherwise.

    Raises:
        ConfigError, TrustError: Hydra's and OmegaConf's exceptions, in one line each; those of ``task`` as they are.
    """
    ours = [f"{key}={value}" for key, value in QUIET.items() if not any(word.startswith(f"{key}=") for word in argv)]
    ours = ours if quiet else []
    flags = [word for word in argv if word.startswith("-")]
    overrides = [word for word in argv if not word.startswith("-")]
    for word in overrides:
        if re.match(rf"[+~]*{SPEED}\b", word):
            raise ConfigError(f"{word}: follows from trainer= and model=; set what it would: trainer.precision=32-true")
    parsed = parse_overrides(overrides)
    hints.check_choices(verb, parsed)
    overrides = [_without(each) if _says_none(each) else word for word, each in zip(overrides, parsed, strict=True)]
    failed: list[Exception] = []
    sweeps = any(word in {"-m", "--multirun"} for word in flags)
    raised = (*_RAISED, *(() if sweeps else _STUMBLES))  # a sweeper's own are `genlab.launch.sweep`'s to tell
    run = task if sweeps else _noting(task, failed)
    paths = [os.path.abspath(word.partition("=")[2]) for word in flags if word.startswith("--config-path=")]
    flags = [f"--config-path={paths[-1]}" if word.startswith("--config-path=") else word for word in flags]
    package = next((word for word in flags if word.startswith("--package=")), None)
    with _hydra(["genlab", *flags, *ours, *overrides]):
        try:
            with redirect_stderr(io.StringIO()) if package else nullcontext():
                hydra_main(config_path=str(config_dir()), config_name=verb, version_base="1.3")(run)()
        except GenlabError:
            raise
        except SystemExit as leaving:  # after --hydra-help, or because there is no such package
            if leaving.code:
                raise ConfigError(f"{package}: no such part of the config; --cfg job shows all of it") from leaving
        except raised as error:
            if error in failed:
                raise
            raise hints.translated(error, lambda: _known_keys(verb, overrides, flags), verb=verb) from error


def _noting(task: Callable[[DictConfig], Any], failed: list[Exception]) -> Callable[[DictConfig], Any]:
    """``task``, whose own exceptions go to ``failed`` too, so that nobody takes them for Hydra's."""

    def run(config: DictConfig) -> Any:
        try:
            return task(config)
        except Exception as error:
            failed.append(error)
            raise

    return run


def _says_none(override: Override) -> bool:
    """``optim=null``, which Hydra does not take although its own files say so."""
    plain = not override.is_delete() and not override.is_sweep_override()
    return plain and override.key_or_group in hints.OPTIONAL and override.value() is None


def _without(override: Override) -> str:
    """``~optim``, which Hydra takes for it; with the part of the config that it is for, if there is one."""
    return f"~{override.key_or_group}" + (f"@{override.package}" if override.package else "")


def parse_overrides(words: list[str]) -> list[Override]:
    """Overrides by Hydra's own grammar.

    Raises:
        ConfigError: one that cannot be parsed.
    """
    try:
        return OverridesParser.create().parse_overrides(words)
    except OverrideParseException as error:
        raise hints.translated(error, list) from error


@contextmanager
def _hydra(argv: list[str]) -> Iterator[None]:
    saved = sys.argv, os.environ.get("HYDRA_FULL_ERROR"), machinery.ConfigLoaderImpl
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = argv, "1"  # exceptions reach us in place of Hydra's own print-out
    machinery.ConfigLoaderImpl = Loader  # type: ignore[misc]
    try:
        yield
    finally:
        sys.argv, machinery.ConfigLoaderImpl = saved[0], saved[2]  # type: ignore[misc]
        os.environ.pop("HYDRA_FULL_ERROR")
        if saved[1] is not None:
            os.environ["HYDRA_FULL_ERROR"] = saved[1]


def _known_keys(verb: str, overrides: list[str], flags: list[str]) -> list[str]:
    """Keys that could have been meant: those of the config as it is without any setting of a value."""
    names: list[str] = []
    groups = [word for word in overrides if "." not in word.partition("=")[0] and "," not in word]
    groups = [word for word in groups if is_group(word.partition("=")[0])]

    def keep(config: DictConfig) -> None:
        names.extend(schema.keys(OmegaConf.to_container(config, resolve=False)))  # type: ignore[arg-type]

    folders = [word for word in flags if word.startswith("--config-dir=")]
    with _hydra(["genlab", *folders, *[f"{key}={value}" for key, value in QUIET.items()], *groups]):
        try:
            hydra_main(config_path=str(config_dir()), config_name=verb, version_base="1.3")(keep)()
        except (*_RAISED, *_STUMBLES, GenlabError):
            return [path.name for path in config_dir().iterdir() if path.is_dir()]  # still something to suggest
    return names

"""Hydra's config loader with genlab's distrust: what a config file may make Hydra, or genlab, do.

Hydra instantiates callbacks, launchers, sweepers and logging handlers from the ``hydra`` node, before any task runs,
and a sweeper makes the words of each job. A file that is not genlab's own may have come from anywhere, so it may say
only what `genlab.config.forbidden` leaves it; the command line may say anything that does not build an object. Every
way that Hydra has of composing (run, multirun, ``--cfg``, ``--info``, completion, a job in another process) goes
through this loader. Interpolations never read the environment: ``${oc.env:...}`` is refused wherever it stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra.core.default_element import GroupDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, OmegaConf

from genlab.config import chosen, filled, forbidden, hydra_source, trust
from genlab.config.arguments import nearest
from genlab.config.listing import config_dir
from genlab.errors import ConfigError, GenlabError, TrustError

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.")
"""Where a launcher or sweeper may come from: Hydra's own, or an installed plugin."""

SAMPLERS = frozenset(
    f"optuna.samplers.{name}Sampler" for name in ("TPE", "Random", "CmaEs", "Grid", "NSGAII", "MOTPE", "PartialFixed")
)

INSTALLED = ("structured://", "pkg://hydra.conf", "pkg://hydra_plugins.")
"""Config files of Hydra and its plugins. Those of another installed package are files like any other."""


class Loader(ConfigLoaderImpl):
    """`ConfigLoaderImpl` that checks each file it loads and each config it composes."""

    def __init__(self, *args: Any, **named: Any) -> None:
        hydra_source.bound_files()
        chosen.store()
        super().__init__(*args, **named)

    def __setstate__(self, state: dict[str, Any]) -> None:
        chosen.store()
        hydra_source.bound_files()  # in the process of a launcher, which unpickles a loader and makes none
        self.__dict__.update(state)

    def load_configuration(self, config_name: str | None, overrides: list[str], *args: Any, **named: Any) -> DictConfig:
        """As Hydra's; ``overrides`` are words that a person typed, or those of `load_sweep_config`.

        Raises:
            TrustError: the ``hydra`` node would build something that is neither Hydra's own nor a plugin, or a key that
                only the command line may set has a value from elsewhere.
            ConfigError: ``trust`` is no list of packages.
        """
        if named.get("validate_sweep_overrides") is False:
            # Hydra composes everything once more to learn hydra.mode, which here the command line alone can set
            return OmegaConf.create({"hydra": {"mode": None}})
        OmegaConf.register_new_resolver("oc.env", _refuse_environment, replace=True)
        trusted = trust.typed(overrides)
        config = super().load_configuration(config_name, overrides, *args, **named)
        for key, target in _targets(OmegaConf.to_container(config.hydra, resolve=False), "hydra"):
            plugin = key in {"hydra.launcher", "hydra.sweeper"} and str(target).startswith(PLUGINS)
            if not plugin and not (key == "hydra.sweeper.sampler" and target in SAMPLERS):
                raise TrustError(f"{key}._target_={target}: neither Hydra's own nor a plugin; refused, nothing ran")
        _check_typed(config, overrides, trusted)
        return config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """As Hydra's: the config of one job.

        Raises:
            TrustError: the sweeper adds words of its own (``hydra.sweeper.params``) that a file may not say.
        """
        given: Any = OmegaConf.to_container(master_config.hydra.overrides, resolve=False)
        keys = {forbidden.key_of(word) for word in [*given["task"], *given["hydra"]]}
        for word in sweep_overrides:
            if forbidden.key_of(word) not in keys:
                forbidden.check_word(word, "hydra.sweeper.params")
        config = super().load_sweep_config(master_config, sweep_overrides)
        trusted, whole = (OmegaConf.select(each, "trust") for each in (config, master_config))
        if trusted != whole:  # both are as somebody typed them: no interpolations
            raise TrustError(f"a job sets trust={trusted}, which holds for a whole sweep; nothing ran")
        return config

    def get_group_options(self, group_name: str, *args: Any, **named: Any) -> list[str]:
        """As Hydra's, without partials (``_vae``): they are no choice of their own."""
        return [name for name in super().get_group_options(group_name, *args, **named) if not name.startswith("_")]

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        for override in parsed_overrides:
            value = override.value()
            values = value if isinstance(value, list) else [value]
            if repo.group_exists(override.key_or_group) and any(str(item).startswith("_") for item in values):
                options = self.get_group_options(override.key_or_group, ObjectType.CONFIG)
                raise ConfigError(no_choice(override.key_or_group, str(value), options))
        load = repo.load_config

        def checked(config_path: str) -> Any:
            loaded = load(config_path) or _own(config_path)
            _check_file(loaded, config_path)
            return loaded

        repo.load_config = checked  # before Hydra follows a search path or a defaults list
        super()._process_config_searchpath(config_name, parsed_overrides, repo)

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        config = super()._compose_config_from_defaults_list(defaults, repo)
        filled.fill(config)  # before the command line is applied, which may set what no file says
        return config

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        loaded = super()._load_single_config(default, repo)
        if _foreign(loaded, default.config_path) is not None:  # as it is embedded, wherever a package puts it
            forbidden.check(_plain(loaded.config), str(_foreign(loaded, default.config_path)))
        return loaded


def _own(config_path: str) -> Any:
    """A user's own class that a defaults list names by its module, ``/objective: mypackage.myloss``, as a config."""
    group, _, name = config_path.strip("/").rpartition("/")
    if group not in chosen.OWN or "." not in name.removesuffix(".yaml"):
        return None
    chosen.store_own(group, [name])
    source = StructuredConfigSource("schema", "structured://")  # Hydra's own has a copy of what was stored before
    return source.load_config(config_path) if source.is_config(config_path) else None


def no_choice(group: str, value: str, options: list[str]) -> str:
    """The message for a value that is none of a group's files."""
    shown = sorted(name for name in options if not name.startswith("_"))
    return f"{group}={value}: no such choice; choose from {', '.join(shown)}{nearest(value, shown)}"


def _foreign(loaded: Any, name: str) -> str | None:
    """Where a config comes from, if that is neither genlab nor Hydra."""
    if loaded is None or loaded.path.startswith(INSTALLED):
        return None
    if not loaded.path.startswith("file://"):
        return f"{loaded.path}/{name}"
    where = os.path.join(loaded.path.removeprefix("file://"), ConfigSource._normalize_file_name(name))
    # model=../../x is not genlab's own, whatever the folder that it starts from
    return None if Path(where).resolve().is_relative_to(config_dir().resolve()) else where


def _check_file(loaded: Any, name: str) -> None:
    """Check a foreign file: its defaults list, and its keys where its header or its folder puts them."""
    where = _foreign(loaded, name)
    if where is None:
        return
    for item in loaded.defaults_list or ():
        if isinstance(item, GroupDefault):
            for value in item.value if isinstance(item.value, list) else [item.value]:
                forbidden.check_choice(str(item.group), value, item.package, where)
        else:
            forbidden.check_choice(str(item.path), None, item.package, where)
    config = _plain(loaded.config)
    group = name.strip("/").rpartition("/")[0].replace("/", ".")
    package = str(loaded.header.get("package") or "_group_").replace("_group_", group)
    for part in reversed([part for part in package.split(".") if part not in ("", "_global_")]):
        config = {part: config}
    forbidden.check(config, where)


def _plain(config: Any) -> dict[str, Any]:
    held = OmegaConf.to_container(config, resolve=False)
    return {str(key): value for key, value in held.items()} if isinstance(held, dict) else {}


def _check_typed(config: DictConfig, words: list[str], trusted: list[str]) -> None:
    """What only the command line may set is as it was typed, or has a value that any file may give it."""
    typed = {forbidden.key_of(word) for word in words}
    held = _plain(config)
    if "trust" in held and "trust" in typed and held["trust"] != trusted:
        raise TrustError(f"trust is {held['trust']}, which was not typed: write trust=[mypackage]; nothing ran")
    rest = {key: value for key, value in held.items() if key != "hydra" and key not in typed}
    forbidden.check_powers(rest, "the config")


def _targets(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "_target_":
                yield prefix, item
            else:
                yield from _targets(item, f"{prefix}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _targets(item, prefix)


def _refuse_environment(*_names: str) -> None:
    raise TrustError("${oc.env:...}: a config is never resolved against the environment; write the value itself")


def unwrap(error: BaseException) -> GenlabError | None:
    """The genlab error inside one of Hydra's or OmegaConf's, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, GenlabError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None

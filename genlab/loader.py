"""Hydra's config loader with genlab's distrust: what a config file may make Hydra itself do.

Hydra instantiates callbacks, launchers, sweepers and logging handlers from the ``hydra`` node, before any task runs.
A file from a user's own ``--config-dir`` may have come from anywhere, so it may set plain options of the sweeper and
the launcher (`OPTIONS`) and nothing else of that node; the command line may set anything that does not build an
object. Every way Hydra has of composing (run, multirun, ``--cfg``, ``--info``, completion, a job in another process)
goes through this loader. Interpolations never read the environment: ``${oc.env:...}`` is refused wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from omegaconf import DictConfig, OmegaConf

from genlab import configsource
from genlab.arguments import nearest
from genlab.errors import ConfigError, GenlabError, TrustError
from genlab.listing import config_dir

OPTIONS = {
    "sweeper": {"params", "n_trials", "n_jobs", "direction", "max_batch_size", "max_failure_rate", "sampler"},
    "launcher": {
        "n_jobs", "verbose", "timeout_min", "cpus_per_task", "gpus_per_node", "gpus_per_task", "cpus_per_gpu",
        "tasks_per_node", "mem_gb", "mem_per_gpu", "mem_per_cpu", "nodes", "partition", "qos", "constraint", "gres",
        "account", "array_parallelism",
    },
}  # fmt: skip
"""What a file that is not genlab's own may set of the ``hydra`` node."""

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.")
"""Where a launcher or sweeper may come from: Hydra's own, or an installed plugin."""

SAMPLERS = frozenset(
    f"optuna.samplers.{name}Sampler" for name in ("TPE", "Random", "CmaEs", "Grid", "NSGAII", "MOTPE", "PartialFixed")
)


class Loader(ConfigLoaderImpl):
    """`ConfigLoaderImpl` that checks each file it loads and each config it composes."""

    def __init__(self, *args: Any, **named: Any) -> None:
        configsource.bound_files()
        super().__init__(*args, **named)

    def load_configuration(self, *args: Any, **named: Any) -> DictConfig:
        """As Hydra's.

        Raises:
            TrustError: the ``hydra`` node would build something that is neither Hydra's own nor a plugin.
        """
        if named.get("validate_sweep_overrides") is False:
            # Hydra composes everything once more to learn hydra.mode, which here the command line alone can set
            return OmegaConf.create({"hydra": {"mode": None}})
        OmegaConf.register_new_resolver("oc.env", _refuse_environment, replace=True)
        config = super().load_configuration(*args, **named)
        for key, target in _targets(OmegaConf.to_container(config.hydra, resolve=False), "hydra"):
            plugin = key in {"hydra.launcher", "hydra.sweeper"} and str(target).startswith(PLUGINS)
            if not plugin and not (key == "hydra.sweeper.sampler" and target in SAMPLERS):
                raise TrustError(f"{key}._target_={target}: neither Hydra's own nor a plugin; refused, nothing ran")
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
        if config_name is not None:
            _check_file(repo.load_config(config_path=config_name), "")
        super()._process_config_searchpath(config_name, parsed_overrides, repo)

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        loaded = super()._load_single_config(default, repo)
        _check_file(loaded, default.config_path)
        return loaded


def no_choice(group: str, value: str, options: list[str]) -> str:
    """The message for a value that is none of a group's files."""
    shown = sorted(name for name in options if not name.startswith("_"))
    return f"{group}={value}: no such choice; choose from {', '.join(shown)}{nearest(value, shown)}"


def _check_file(loaded: Any, name: str) -> None:
    """Refuse a ``hydra`` node in a file that is neither genlab's nor an installed package's."""
    if loaded is None or not isinstance(loaded.config, DictConfig) or not loaded.path.startswith("file://"):
        return
    if Path(loaded.path.removeprefix("file://")).resolve() == config_dir().resolve():
        return
    raw = OmegaConf.to_container(loaded.config, resolve=False)
    node = raw.get("hydra") if isinstance(raw, dict) else None
    if node is None:
        return
    where = f"{loaded.path.removeprefix('file://')}/{name}".rstrip("/")
    for group, values in node.items() if isinstance(node, Mapping) else [("", None)]:
        allowed = OPTIONS.get(str(group), set())
        bad = [str(key) for key in values if key not in allowed] if isinstance(values, Mapping) and allowed else [""]
        bad += [key.removeprefix(f"{group}.") + "._target_" for key, _ in _targets(values, str(group))]
        if bad:
            key = ".".join(part for part in ("hydra", str(group), bad[0]) if part)
            raise TrustError(f"{where}: sets {key}, which a config file may not; nothing ran (use the command line)")


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

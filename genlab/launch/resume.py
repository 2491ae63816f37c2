"""``genlab train resume=RUN``: go on in a run's own directory, with its own config.

Nothing is composed anew. A few settings that do not change what is being trained may be given with it; they are
written into ``config.yaml``, whose ``resumes`` list keeps when and from what they were changed.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.config import schema, trust
from genlab.config.permitted import PERMITTED, believe, permitted
from genlab.errors import CheckpointError, ConfigError, TrustError
from genlab.launch import start
from genlab.process.printable import printable
from genlab.runs import directory, history, ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from genlab.config.arguments import Arguments

_LONGER = ("trainer.max_steps", "trainer.max_epochs")
_MISSING = object()


def resume(arguments: Arguments) -> int:
    """Go on with a run or a sweep; the worker's exit status.

    Raises:
        CheckpointError: there is no such run, or its ``config.yaml`` is damaged.
        ConfigError: an override that would change what is trained, or another process is writing the run.
        TrustError: the run's config names a target that is neither genlab's own nor covered by ``trust`` given now, or
            claims more trust than that.
    """
    words = [word for word in arguments.overrides if word.lstrip("+").partition("=")[0] != "resume"]
    path = find(str(arguments.resume), words)
    if path.is_dir() and (path / "sweep.json").is_file():
        from genlab.launch import sweep

        return sweep.resume(path, words, arguments.hydra)
    if arguments.multirun or arguments.hydra:
        raise ConfigError(f"resume goes on with what {path} says; leave out {' '.join(arguments.hydra) or '-m'}")
    changes, trusted = parsed(words), trust.typed(words)
    placed = ranks.external()
    if placed is not None and placed[0] > 0:  # the first rank writes the config, the others wait for it
        return start.work(ranks.together(path, lambda: path), trust=trusted)
    return go_on(path, trusted, changes)


def go_on(
    path: Path,
    trusted: Sequence[str],
    changes: Mapping[str, Any] | None = None,
    *,
    work: Callable[..., int] = start.work,
) -> int:
    """Go on with the run in ``path``, with ``changes`` of its settings; errors as `resume`.

    Args:
        path: the run directory.
        trusted: packages.
        changes: new values by dotted key.
        work: what does it, as `start.work`.
    """
    with directory.lock(path):  # until the run's end: whoever comes now is refused before it has changed anything
        said = history.read(path)
        said["config"], changed = _applied(said["config"], changes or {})
        believe(said, trusted, source=path / directory.CONFIG)
        config = said["config"]
        if history.finished(path) and not any(key in changed for key in _LONGER):
            print(f"{printable(str(path))} is finished; to train on, raise trainer.max_steps or trainer.max_epochs")
            return 0

        def begin() -> set[str]:
            """All is checked: from here on the run's files change."""
            history.reopen(path)
            for key, (old, new) in changed.items():
                print(f"resume: {key} {_shown(old)} -> {_shown(new)}", flush=True)
            history.note(said, changed)
            start.write(path, said)
            ranks.together(path, lambda: path)
            return set(changed)

        return work(path, trust=trusted, config=config, begin=begin)


def find(target: str, words: list[str]) -> Path:
    """The run or sweep directory that ``resume=`` means.

    Raises:
        CheckpointError: there is none.
        TrustError: it is a URL.
    """
    if target == "last":
        from genlab.config.compose import parse_overrides

        outputs = [word for word in parse_overrides(words) if word.key_or_group == "outputs"]
        return directory.last(Path(str(outputs[-1].value()) if outputs else "outputs")).resolve()
    if "://" in target:
        raise TrustError(f"resume={target}: runs are read from this machine's files only")
    path = Path(target)
    if not path.exists():
        raise CheckpointError(f"resume={target}: no such run directory")
    if not path.is_dir() or not any((path / name).is_file() for name in (directory.CONFIG, "sweep.json")):
        raise CheckpointError(
            f"resume={target}: is no run directory (it would hold {directory.CONFIG}); name that directory"
        )
    return path.resolve()


def parsed(words: list[str]) -> dict[str, Any]:
    """New values by dotted key, of what is typed beside ``resume=``.

    Raises:
        ConfigError: a word that is no plain setting.
    """
    from genlab.config.compose import parse_overrides

    changes: dict[str, Any] = {}
    for override in parse_overrides(words):
        key = override.key_or_group
        if override.is_sweep_override() or override.is_delete():
            raise ConfigError(f"{override.input_line}: resume takes plain key=value settings")
        if key not in {"trust", "outputs"}:  # where to look for `last`; the run stays where it is
            changes[key] = _plain(override.value())
    return changes


def _plain(value: Any) -> Any:
    """A value of Hydra's grammar in plain types; quoted strings lose their quotes."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return getattr(value, "text", value)


def _applied(config: dict[str, Any], changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[Any, Any]]]:
    config = copy.deepcopy(config)
    known = list(schema.keys(config))
    changed: dict[str, tuple[Any, Any]] = {}
    for key, value in changes.items():
        *parents, leaf = key.split(".")
        node: Any = config
        for part in parents:
            node = node.get(part) if isinstance(node, dict) else None
        old = node.get(leaf, _MISSING) if isinstance(node, dict) else _MISSING
        if old is _MISSING:
            raise ConfigError(f"unknown key {key}{schema.suggest(key, known, verb='train')}")
        if type(old) is type(value) and old == value:
            continue
        if isinstance(old, dict) or not permitted(key):
            raise ConfigError(
                f"{key}={_shown(value)} would make it another run; start a new one without resume= "
                f"(a resumed run may change {', '.join(PERMITTED[:3])}, ...)"
            )
        node[leaf] = value
        changed[key] = (old, value)
    return config, changed


def _shown(value: Any) -> str:
    return "null" if value is None else printable(str(value))

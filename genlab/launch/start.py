"""Start one run: its directory, its ``config.yaml``, and the worker in this same process.

The worker reads everything from the run directory. From here on the process *is* ``genlab _worker RUN_DIR``: that is
what Lightning starts again for further DDP ranks, so all ranks train the very same settings.
"""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from genlab import __version__
from genlab.config.trust import as_word
from genlab.errors import CheckpointError, ConfigError, DataError, TrainingError, TrustError
from genlab.process import streams
from genlab.process.printable import printable
from genlab.runs import directory, ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from genlab.config.compose import Composed


def start(verb: str, composed: Composed) -> int:
    """Create the run's directory and do the work in this process; the worker's exit status.

    Raises:
        GenlabError: whatever keeps the run from starting or going on.
    """
    run_dir = ranks.together(Path(composed.config["outputs"]), lambda: prepare(verb, composed))
    with discarded_if_refused(run_dir):
        return work(run_dir, trust=composed.config["trust"])


@contextmanager
def discarded_if_refused(run_dir: Path) -> Iterator[None]:
    """Remove ``run_dir`` if what is done within is refused before it has begun, or fails before it makes anything."""
    try:
        yield
    except (ConfigError, DataError, CheckpointError, TrustError):
        if not any((run_dir / name).exists() for name in (directory.SUMMARY, "metrics.csv")):
            _discard(run_dir)
        raise
    except Exception:  # out of memory, a full disk
        if all(_is_own(path) for path in run_dir.glob("*")):
            _discard(run_dir)
        raise


def _is_own(path: Path) -> bool:
    """Whether a file of a run is there from its start, and nothing that it has made."""
    return path.name == directory.CONFIG or path.name.startswith(".")


def _discard(run_dir: Path) -> None:
    """Without what there is to look at."""
    shutil.rmtree(run_dir, ignore_errors=True)
    with suppress(OSError):  # not empty: other runs of this name
        run_dir.parent.rmdir()


def prepare(verb: str, composed: Composed, *, quiet: bool = False) -> Path:
    """Create a run directory that holds ``config.yaml``; unless ``quiet``, say which checkpoint ``last`` is.

    Raises:
        CheckpointError: ``ckpt`` names none; nothing was created.
        ConfigError: ``name`` is no plain name, or ``outputs`` cannot be written.
    """
    config = dict(composed.config)
    outputs = Path(config["outputs"])
    if "ckpt" in config:
        from genlab.storage import checkpoint

        path = Path(checkpoint.resolve(config["ckpt"], outputs=outputs)).resolve()
        if config["ckpt"] in {"last", "best"} and not quiet:
            print(f"ckpt={config['ckpt']}: {printable(str(path))}", flush=True)
        config["ckpt"] = str(path)
        name = _name_of(path)
    else:
        name = config["name"]
    run_dir = directory.create(outputs, verb, name).resolve()
    try:
        write(run_dir, {"verb": verb, "version": __version__, "overrides": composed.overrides, "config": config})
    except TrainingError:
        shutil.rmtree(run_dir, ignore_errors=True)  # a full disk: what cannot be run leaves nothing behind
        raise
    return run_dir


def write(run_dir: Path, record: dict[str, Any]) -> None:
    """Write a run's ``config.yaml``, atomically.

    Raises:
        TrainingError: the disk is full or the folder read-only.
    """
    directory.write_text(run_dir / directory.CONFIG, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def work(
    run_dir: Path,
    *,
    trust: Sequence[str],
    config: dict[str, Any] | None = None,
    begin: Callable[[], set[str]] | None = None,
) -> int:
    """Run the worker on ``run_dir`` in this process, with the packages that the command line trusts.

    What the run directory says of trust does not count, so ranks are told again, by their command line.

    Args:
        run_dir: of the run.
        trust: packages.
        config: what to train with in place of what ``config.yaml`` says; then the caller has locked the run.
        begin: called once all is checked and before anything in the run changes; names the settings that it has told.
    """
    sys.argv = [sys.argv[0], "_worker", str(run_dir), *as_word(trust)]
    placed = ranks.external()
    if placed is not None and placed[0] > 0:
        streams.silence_stdout()
    from genlab.launch import worker  # imports torch: not before the config is known to be right

    with streams.safe_path():  # for the ranks
        return worker.run(run_dir, trust=trust, config=config, begin=begin)


def _name_of(checkpoint: Path) -> str:
    """The folder name of the training run that a checkpoint belongs to, or a name made of the file's own."""
    run_dir = checkpoint.parent.parent
    name = run_dir.parent.name if (run_dir / directory.CONFIG).is_file() else checkpoint.stem
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".")[:100] or "run"

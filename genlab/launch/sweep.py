"""Sweeps: ``genlab train -m model.latent_dim=2,8,32 seed=0,1``.

Hydra's sweeper chooses the settings and its launcher calls `genlab.launch.jobs.job` for each; this module owns what is
around them: the sweep's directory, its signals, its closing table, and its resumption.

``outputs/sweep/<name>/<time>-<id>/`` holds ``sweep.json`` (the command), ``jobs/<number>/job.json``, and at the end
``summary.json`` and ``summary.csv``. The runs themselves lie where single runs do.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from genlab import __version__
from genlab.config import compose, listing, schema
from genlab.config.arguments import Arguments, quote
from genlab.config.forbidden import key_of
from genlab.errors import ConfigError, GenlabError
from genlab.launch import jobs, stored, sweep_table
from genlab.launch.job_records import alive, records
from genlab.launch.stored import SWEEP
from genlab.process import signals, streams
from genlab.runs import directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from omegaconf import DictConfig

_OURS = ("hydra.sweep.dir", "hydra.sweep.subdir", "hydra.run.dir")
_NAMED_BY = {"model", "data", "experiment", "name"}


class Stopped(KeyboardInterrupt):
    """A signal ended the sweep; its jobs have been told and have ended."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def start(verb: str, arguments: Arguments) -> int:
    """Run a new sweep; 0 if every job succeeded, else the exit code of the first that failed.

    Raises:
        ConfigError: something that holds for every job is wrong; nothing was created.
    """
    return run(create(verb, arguments))


def create(verb: str, arguments: Arguments, *, limit: float | None = None) -> Path:
    """The directory of a new sweep, which says what is to run.

    Args:
        verb: what each job does.
        arguments: the words that follow it.
        limit: seconds of training after which a job is told to save and stop; None: each runs to its end.

    Raises:
        ConfigError: something that holds for every job is wrong; nothing was created.
    """
    for word in arguments.overrides:
        key = word.partition("=")[0].lstrip("+")
        if key in _OURS:
            raise ConfigError(f"{key}: a sweep's directory is genlab's to choose; use outputs=FOLDER and name=NAME")
        if key == "resume":
            raise ConfigError("resume= and -m do not go together; a sweep is resumed with resume=SWEEP_DIR alone")
    outputs, name, swept = _common(verb, arguments)
    sweep_dir = directory.create(outputs, "sweep", name).resolve()
    flags = [
        f"{flag}={os.path.abspath(value)}" if flag in {"--config-dir", "--config-path"} else word
        for word in arguments.hydra
        for flag, _, value in [word.partition("=")]
    ]
    argv = [*flags, *map(stored.placed, arguments.overrides)]
    held = {"verb": verb, "version": __version__, "argv": argv, "swept": swept, "limit": limit}
    directory.write_json(sweep_dir / SWEEP, held)
    return sweep_dir


def run(sweep_dir: Path) -> int:
    """Run a sweep that `create` has made; 0 if every job succeeded, else the exit code of the first that failed.

    Raises:
        ConfigError: the sweeper or the launcher cannot start; the directory is removed.
    """
    held = directory.read_json(sweep_dir / SWEEP)
    try:
        return _run(sweep_dir, held["verb"], held["argv"])
    except GenlabError:
        if not (sweep_dir / "jobs").exists():  # the sweeper or the launcher did not start: leave nothing behind
            shutil.rmtree(sweep_dir)
            with suppress(OSError):  # they hold other sweeps
                os.removedirs(sweep_dir.parent)
        raise


def resume(sweep_dir: Path, words: list[str], flags: Sequence[str] = ()) -> int:
    """Run a sweep again: finished jobs are kept, interrupted ones go on, missing and failed ones run.

    The directory may be anybody's, and so its command may say what a file may say (`genlab.config.forbidden`); the rest
    is typed again. Runs are written where the sweep itself lies.

    Args:
        sweep_dir: its directory.
        words: settings typed now.
        flags: Hydra's flags typed now.

    Raises:
        CheckpointError: ``sweep.json`` is damaged.
        ConfigError: settings that would make it another sweep.
        TrustError: the stored command says what a file may not, or the directory holds a link.
    """
    verb, argv = stored.command(sweep_dir, [*flags, *words])
    return _run(sweep_dir, verb, argv)


def _run(sweep_dir: Path, verb: str, argv: list[str]) -> int:
    (sweep_dir / jobs.STOP).unlink(missing_ok=True)
    argv = [*argv, f"hydra.sweep.dir={quote(str(sweep_dir))}", "hydra.sweep.subdir=jobs/${hydra.job.num}"]
    if not any(word in {"-m", "--multirun"} for word in argv):
        argv.insert(0, "--multirun")
    argv += [*_optuna(argv), *_submitit(argv, sweep_dir)]
    failure: GenlabError | None = None
    stopped: int | None = None
    with directory.lock(sweep_dir):
        try:
            with _handling(sweep_dir), streams.safe_path():
                _launch(verb, argv)
        except Stopped as stop:
            stopped = stop.signum
        except GenlabError as error:
            failure = error
        held = records(sweep_dir)
        if held:
            sweep_table.write(sweep_dir, held)
            sweep_table.show(sweep_dir, held, swept=directory.read_json(sweep_dir / SWEEP).get("swept") or [])
    if stopped is not None:
        print(f"stopped; go on with: {stored.again(sweep_dir)}", flush=True)
        return 128 + stopped
    if failure is not None:
        raise failure
    return sweep_table.exit_code(held)


def _launch(verb: str, argv: list[str]) -> None:
    try:
        compose.run_hydra(verb, argv, jobs.job)
    except (RuntimeError, ValueError, TypeError, AttributeError, AssertionError, OSError) as error:
        # not a job's: those never raise
        chosen = [word for word in argv if word.startswith(("hydra/", "hydra."))]
        named = next((word for word in chosen if word.startswith(("hydra/launcher", "hydra/sweeper"))), "the sweep")
        raise ConfigError(f"{named}: {error or type(error).__name__}") from error


def _common(verb: str, arguments: Arguments) -> tuple[Path, str, list[str]]:
    """Where the sweep goes and which keys vary.

    What is wrong with every job alike is told here, before anything is created.
    """
    words, swept = [], set()
    for override in compose.parse_overrides(arguments.overrides):
        key = override.key_or_group
        if key.startswith(("hydra.sweeper", "hydra.launcher", "hydra.mode")) or key in {
            "hydra/sweeper",
            "hydra/launcher",
        }:
            continue  # checked when the sweep itself is composed
        if not override.is_sweep_override():
            words.append(str(override.input_line))
            continue
        swept.add(key)
        if _is_choice(key, verb) and override.is_discrete_sweep():
            words.append(f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}")
    flags = [word for word in arguments.hydra if word != "--multirun"]
    found: list[tuple[str, str]] = []
    problems: list[GenlabError] = []

    def look(config: DictConfig) -> None:
        found.append((str(config.outputs), str(config.get("name", verb))))
        if OmegaConf.missing_keys(config) or any(_is_choice(key, verb) for key in swept):
            return  # a swept choice may bring what is missing, or be the one job that fails
        try:
            schema.validate(verb, compose.resolve(config).config)
        except GenlabError as error:
            problems.append(error)

    compose.run_hydra(verb, [*flags, *words], look)
    if problems:
        raise problems[0]
    outputs, name = found[0]
    return Path(outputs), "mixed" if swept & _NAMED_BY else name, sorted(swept)


def _is_choice(key: str, verb: str) -> bool:
    """Whether a key chooses a file of a config group, not a value."""
    return "." not in key and (listing.is_group(key) or key not in schema.VERBS[verb].model_fields)


def _optuna(argv: list[str]) -> list[str]:
    """Optuna proposes the same settings again when seeded, so that a resumed sweep knows its jobs; and it is quiet."""
    if "hydra/sweeper=optuna" not in argv:
        return []
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"hydra/sweeper=optuna: cannot be imported ({error}); pip install 'genlab[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    own = any(word.startswith(("hydra.sweeper.sampler", "hydra/sweeper/sampler")) for word in argv)
    return [] if own else ["hydra.sweeper.sampler.seed=0"]


def _submitit(argv: list[str], sweep_dir: Path) -> list[str]:
    """Submitit reads its jobs' results as pickles: only from a folder that did not exist before."""
    chosen = any(key_of(word) == "hydra/launcher" and "submitit" in word for word in argv)
    if not chosen or any(key_of(word) == "hydra.launcher.submitit_folder" for word in argv):
        return []
    return [f"hydra.launcher.submitit_folder={quote(f'{sweep_dir}/.submitit-{secrets.token_hex(8)}/%j')}"]


@contextmanager
def _handling(sweep_dir: Path) -> Iterator[None]:
    """Signals that ask to stop go to the running jobs, wherever the launcher runs them; a second one kills them."""

    def handle(signum: int, _: FrameType | None) -> None:
        if (sweep_dir / jobs.STOP).exists():
            _end(sweep_dir, signal.SIGKILL, seconds=2.0)
            raise Stopped(signum)
        (sweep_dir / jobs.STOP).touch()  # first: no further job starts
        _end(sweep_dir, signum, seconds=jobs.GRACE)
        raise Stopped(signum)

    saved = signals.take(handle)
    jobs.OWNER = os.getpid()
    try:
        yield
    finally:
        jobs.OWNER = None
        signals.give_back(saved)


def _end(sweep_dir: Path, signum: int, *, seconds: float) -> None:
    """Send ``signum`` to every running job and wait until none is left; after ``seconds`` they are killed."""
    told: set[int] = set()
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 3:  # a job that was just being started is seen a moment later
        running: list[dict[str, Any]] = [record for record in records(sweep_dir) if alive(record)]
        late = time.monotonic() > deadline
        for record in running:
            if record["pid"] not in told or late:
                told.add(record["pid"])
                try:
                    os.killpg(record["pid"], signal.SIGKILL) if late or signum == signal.SIGKILL else os.kill(
                        record["pid"], signum
                    )
                except ProcessLookupError:
                    continue  # it has just ended by itself
        quiet = 0 if running else quiet + 1
        time.sleep(0.05)

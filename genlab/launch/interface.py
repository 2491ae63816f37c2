"""The Python face: ``genlab.train``, ``load``, ``sample``, ``evaluate`` and ``compare``.

A call composes, checks and does what the same words do on the command line (`genlab.launch.start`), in this process and
with its outputs in the same folders; what is an exit code there is an exception of `genlab.errors` here. Settings are
words, ``"optim.lr=3e-4"``, or mappings, ``{"optim": {"lr": 3e-4}}``. Sweeps, and work that several processes share, are
the command line's alone.

A package of one's own is trusted by the argument ``trust=["mypackage"]`` and by nothing else.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.errors import CheckpointError, ConfigError
from genlab.launch import start
from genlab.launch.calling import words
from genlab.launch.in_process import composed, done, parsed, scored, trained, trusted
from genlab.launch.run import Run
from genlab.runs import directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from genlab.evaluation.record import Record

__all__ = ["Comparison", "Run", "Samples", "compare", "evaluate", "load", "sample", "train"]


@dataclass(frozen=True)
class Samples:
    """What ``genlab sample`` has written.

    Attributes:
        path: its run directory.
        arrays: of its ``.npz``: for ``task=sample``, ``samples (n, *event_shape)`` in the values of the data.
        files: what else there is to look at, by what it is: ``picture`` is the grid.
    """

    path: Path
    arrays: dict[str, np.ndarray] = field(repr=False)
    files: dict[str, Path]


@dataclass(frozen=True)
class Comparison:
    """What ``genlab compare`` has written in the directory ``path``."""

    path: Path

    @property
    def page(self) -> Path:
        """The page with pictures, curves and settings."""
        return self.path / "compare.html"

    @property
    def rows(self) -> list[dict[str, str]]:
        """The table, best first within a group, each cell as text: see `genlab.commands.compare.as_csv`."""
        with (self.path / "compare.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def records(self) -> dict[str, Any]:
        """All that was measured, as in ``compare.json``."""
        return directory.read_json(self.path / "compare.json")


def train(*overrides: str | Mapping[str, Any], trust: Sequence[str] = (), quiet: bool = True) -> Run:
    """Train a model, as ``genlab train`` does; without settings, a VAE on digits.

    Args:
        overrides: settings: ``"model=vae", "data=digits", "trainer.max_steps=500"``; with ``"resume=RUN"``, go on.
        trust: packages whose classes the settings may name.
        quiet: whether nothing is printed; otherwise all that the command line prints, and a bar.

    Returns:
        The finished run.

    Raises:
        ConfigError: settings that cannot be; nothing was written.
        DataError, CheckpointError, TrainingError, TrustError: see `genlab.errors`.
        KeyboardInterrupt: Ctrl-C; the run is saved and can be resumed.
    """
    path, accelerator = trained(overrides, trust=trust, quiet=quiet)
    return Run(path, trust=trust, accelerator=accelerator)


def load(
    path: str | Path = "last", *, trust: Sequence[str] = (), accelerator: str = "auto", outputs: str | Path = "outputs"
) -> Run:
    """A training run, or a checkpoint of one.

    Args:
        path: a run directory (its latest checkpoint), a checkpoint file, or ``"last"`` or ``"best"`` of ``outputs``.
        trust: packages whose classes the checkpoint may name.
        accelerator: where the model goes: auto, cpu, gpu, cuda or mps.
        outputs: the folder of all runs, for ``last`` and ``best``.

    Raises:
        CheckpointError: there is none, or it is damaged.
        TrustError: it would build what is not on the positive list.
        ConfigError: this machine has no such accelerator.
    """
    run = Run(path, trust=trust, accelerator=accelerator, outputs=Path(outputs))
    _ = run.model  # damage is told now
    return run


def sample(*overrides: str | Mapping[str, Any], trust: Sequence[str] = (), quiet: bool = True) -> Samples:
    """Any task of ``genlab sample``, written to a run directory as there; `Run.sample` draws without writing.

    Args:
        overrides: settings: ``"ckpt=outputs/train/vae-digits/RUN", "task=reconstruct", "n=16", "seed=1"``.
        trust: packages whose classes the checkpoint may name.
        quiet: whether nothing is printed.

    Raises:
        ConfigError: settings that cannot be, or a task that this model cannot do.
        DataError, CheckpointError, TrainingError, TrustError: see `genlab.errors`.
    """
    made = composed("sample", parsed("sample", overrides, trust))
    path, files = done("sample", made.config, lambda: start.prepare("sample", made, quiet=quiet), quiet=quiet)
    import numpy as np

    with np.load(files.pop("arrays"), allow_pickle=False) as held:
        return Samples(path, dict(held), files)


def evaluate(*asked: str | Mapping[str, Any], trust: Sequence[str] = (), quiet: bool = True) -> list[Record]:
    """Score a checkpoint, as ``genlab eval`` does; the records are in the ``summary.json`` of its run directory, too.

    Args:
        asked: names of metrics, ``"nll", "bpd"``, and settings, ``"ckpt=RUN", "split=val",
            "metric.nll.num_particles=500"``; without a metric, nll.
        trust: packages whose classes the checkpoint may name.
        quiet: whether nothing is printed.

    Returns:
        A `genlab.evaluation.record.Record` for each number: value, unit, exact or a bound, standard error.

    Raises:
        ConfigError: settings that cannot be, or a metric that this model and its data cannot have.
        DataError, CheckpointError, TrainingError, TrustError: see `genlab.errors`.
    """
    return scored(asked, trust=trust, quiet=quiet)


def compare(*runs: Run | Path | str | Mapping[str, Any], trust: Sequence[str] = (), quiet: bool = True) -> Comparison:
    """Put trained runs into one table and on one page, as ``genlab compare`` does.

    Args:
        runs: runs, run directories, globs, and settings: ``"split=val"``.
        trust: packages whose classes the checkpoints may name.
        quiet: whether nothing is printed.

    Raises:
        ConfigError: there is nothing to compare, or a setting that cannot be.
        CheckpointError: none of the runs can be scored.
    """
    from genlab.launch import comparison

    said = [each if isinstance(each, str | Mapping) else str(_path(each)) for each in runs]
    given = [*words(said), *trusted(said, trust)]
    asked, _ = comparison.asked(given, flags={})
    if asked is None or asked.config["models"]:
        raise ConfigError("compare takes runs that are trained: train them first, with genlab.train")
    config = asked.config
    path, status = done("compare", config, lambda: comparison.written(given, config), quiet=quiet)
    made = Comparison(path)
    if status != 0:
        why = "; ".join(dict.fromkeys(row["error"] for row in made.rows if row["error"]))
        raise CheckpointError(f"none of the runs can be scored: {why} (the page is {made.page})")
    return made


def _path(run: Run | Path) -> Path:
    return run.path if isinstance(run, Run) else run

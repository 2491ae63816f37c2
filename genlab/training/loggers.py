"""``metrics.csv``: one row per logged step, none lost and none doubled by a resume."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from genlab.errors import TrainingError
from genlab.files import atomic, foreign


def open_loggers(run_dir: Path, wanted: Mapping[str, bool], *, resume_step: int) -> list[Any]:
    """The loggers of a run: ``metrics.csv``, ``tensorboard/``, Weights & Biases.

    Args:
        run_dir: the run's directory.
        wanted: the config's ``logger`` node.
        resume_step: what was logged beyond this step is dropped: the resumed run logs it again.
    """
    loggers: list[Any] = []
    if wanted["csv"]:
        loggers.append(CSVLog(run_dir / "metrics.csv", resume_step=resume_step))
    if wanted["tensorboard"]:
        from pytorch_lightning.loggers import TensorBoardLogger

        purge: dict[str, Any] = {"purge_step": resume_step + 1} if resume_step else {}
        loggers.append(TensorBoardLogger(str(run_dir), name="", version="tensorboard", **purge))
    if wanted["wandb"]:
        from pytorch_lightning.loggers import WandbLogger

        loggers.append(WandbLogger(project="genlab", name=run_dir.name, save_dir=str(run_dir)))
    return loggers


class CSVLog(Logger):
    """Appends rows ``step, epoch, <scalars>`` and flushes each, so that a killed run has all rows it reported.

    Args:
        path: of the file.
        resume_step: rows beyond this step are dropped: the resumed run writes them again.
    """

    def __init__(self, path: Path, *, resume_step: int = 0) -> None:
        super().__init__()
        self.path = path
        self.columns: list[str] = ["step"]
        if path.exists():
            rows = [row for row in _rows(path) if _step(row) <= resume_step]
            self.columns = list(rows[0]) if rows else self.columns
            self._rewrite(rows)

    @property
    def name(self) -> str:
        """Lightning's name of the experiment."""
        return self.path.parent.name

    @property
    def version(self) -> str:
        """Lightning's version of the experiment."""
        return "csv"

    def log_hyperparams(self, params: Any) -> None:
        """The run's config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append one row."""
        row = {"step": step, **{name: f"{value:.8g}" for name, value in metrics.items()}}
        new = [name for name in row if name not in self.columns]
        if new or not self.path.exists():
            rows = _rows(self.path) if self.path.exists() else []
            self.columns += new
            self._rewrite(rows)
        with os.fdopen(
            foreign.open_own(self.path, os.O_WRONLY | os.O_APPEND), "a", newline="", encoding="utf-8"
        ) as file:
            csv.DictWriter(file, self.columns, lineterminator="\n").writerow(row)

    def has(self, column: str, *, step: int) -> bool:
        """Whether the row of ``step`` with a value in ``column`` was written."""
        if not self.path.exists():
            return False
        return any(_step(row) == step and row.get(column) for row in _rows(self.path))

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        atomic.write_text(self.path, text.getvalue())


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return list(csv.DictReader(io.StringIO(foreign.read_text(path), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read: {error}; move it away, the run goes on without it") from error


def _step(row: dict[str, Any]) -> float:
    # the last line of a killed run may be cut short: it belongs to no step
    text = row.get("step") or ""
    return int(text) if text.isdigit() and None not in row and None not in row.values() else float("inf")

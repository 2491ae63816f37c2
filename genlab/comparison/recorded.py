"""A training run as its directory tells it, and what was measured on it."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genlab.errors import CheckpointError
from genlab.files import foreign, plainyaml
from genlab.runs import directory

SILENT = (
    *(
        "seed",
        "outputs",
        "name",
        "resume",
        "trust",
        "logger",
        "test",
        "callbacks.samples",
        "data.root",
        "data.download",
    ),
    *("trainer.enable_progress_bar", "trainer.log_every", "trainer.threads", "trainer.timeout", "trainer.accelerator"),
)
"""Settings that do not say what is trained (beginnings of dotted names)."""

_UNSEEN = ("batch_size", "root", "download")
"""Settings of a data node that leave the examples what they are."""

CUT = {"tokens": ("coding", "vocabulary", "length", "stride"), "waveform": ("length",), "frames": ("length",)}
"""By kind of data, the settings of a data node that say how text, sound or music is cut into examples and coded."""

_PLACES = ("outputs=", "trainer.enable_progress_bar=", "ckpt=", "trust=", "data.root=")
CURVES = ("train/loss", "val/nll")
_LONGEST = 1e12  # seconds
_STEP = re.compile(r"[0-9]{1,15}")

FINISHED, STOPPED = "finished", "stopped"
"""The status of a run that was trained to its end, and of one that had its share of a budget."""


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        name: as shown, e.g. "vae".
        path: its directory; None for a job that never began.
        config: its training config, nested.
        command: what trained it, less what only says where things lie.
        status: "finished", "stopped", "interrupted" ...
        seconds: of training, as far as is known.
        rollbacks: times that the guard went back.
        facts: of the scored checkpoint: step, parameters, dim, levels, entropy, checkpoint, translates (pictures,
            and draws none of its own), space, unit and coding of its data, and their content as a digest.
        records: by metric, as `genlab.evaluation.record.Record.to_dict` gives them.
        lacks: by metric, why there is no record.
        curves: by column of metrics.csv, ``[(step, value), ...]``.
        pictures: by name, PNG files; by their own names, texts, sound and notes.
        error: why nothing could be scored; None where something was.
        notes: what else is to be known.
    """

    name: str
    path: Path | None
    config: dict[str, Any]
    command: str = ""
    status: str = ""
    seconds: float | None = None
    rollbacks: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    error: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int | None:
        """Of the training."""
        return self.config.get("seed")

    @property
    def where(self) -> str:
        """Its directory as one would type it here."""
        if self.path is None:
            return ""
        return str(self.path.relative_to(Path.cwd()) if self.path.is_relative_to(Path.cwd()) else self.path)

    @property
    def data(self) -> str:
        """The data's name: its source and, of several in one source, which."""
        node = self.config.get("data") or {}
        source = str(node.get("_target_", "unknown data")).rpartition(".")[2]
        return f"{source} {node['name']}" if "name" in node else source

    @property
    def examples(self) -> str:
        """A text that is equal for two runs if and only if they have the same examples."""
        node = self.config.get("data") or {}
        told = {key: value for key, value in node.items() if key not in _UNSEEN}
        return json.dumps({**told, "content": self.facts.get("content")}, sort_keys=True)

    @property
    def material(self) -> str:
        """A text that is equal for two runs if they have the same data, however it is cut into examples and coded."""
        node = self.config.get("data") or {}
        if not is_sequence(self) or self.facts["unit"] == "bits/token":
            return self.examples
        told = {key: value for key, value in node.items() if key not in (*_UNSEEN, *CUT[self.facts["space"]])}
        return json.dumps({**told, "file": Path(str(node.get("root"))).name}, sort_keys=True)

    @property
    def settings(self) -> dict[str, Any]:
        """The config by dotted names."""
        return dict(flat(self.config))

    @property
    def trained(self) -> str:
        """A text that is equal for two runs if and only if they differ at most in the seed."""
        told = {key: value for key, value in self.settings.items() if not key.startswith(SILENT)}
        return json.dumps(told, sort_keys=True, default=str)

    def to_dict(self) -> dict[str, Any]:
        """Plain types for ``compare.json``; what every example has to do with a number is no part of them."""
        plain = {key: value for key, value in vars(self).items() if key not in {"pictures", "curves"}}
        plain["records"] = {
            metric: [{key: value for key, value in record.items() if key != "influence"} for record in records]
            for metric, records in self.records.items()
        }
        pictures = {name: str(path) for name, path in self.pictures.items()}
        return {**plain, "path": None if self.path is None else str(self.path), "pictures": pictures}


def is_sequence(run: Run) -> bool:
    """Whether the data is text, sound or frames, whose likelihood is told per unit of these."""
    return run.facts.get("space") in CUT


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a nested config."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def plain(value: Any) -> str:
    """A setting's value as a command line has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def read(entry: Mapping[str, Any]) -> Run:
    """The run of an entry of ``runs.json``, not yet scored; a damaged one says so in `Run.error`."""
    status, seconds = entry.get("status") or "", entry.get("seconds")
    if entry["run_dir"] is None:
        seed = entry.get("seed")
        config = {"seed": int(seed)} if seed and str(seed).isdigit() else {}
        return Run(str(entry["name"]), None, config, status=status, error=entry.get("message") or "never began")
    path = Path(entry["run_dir"])
    try:
        held = plainyaml.read(path / directory.CONFIG)
        config, overrides = dict(held["config"]), list(held.get("overrides") or [])
        summary = directory.read_json(path / directory.SUMMARY) if (path / directory.SUMMARY).is_file() else {}
        name = short_name(config)
        kept = [word for word in overrides if not word.startswith(_PLACES)]
        if not isinstance(summary, dict) or not 0 <= (summary.get("seconds") or 0) < _LONGEST:
            raise ValueError(f"{directory.SUMMARY} holds no summary")
        curves = read_curves(path / "metrics.csv")
        rollbacks = _rollbacks(summary, curves)
        status = str(status or summary.get("status") or "interrupted")
    except (OSError, AttributeError, TypeError, KeyError, ValueError, OverflowError, CheckpointError) as error:
        return Run(str(entry["name"]), path, {}, status=status, error=f"{path}: cannot be read ({_line(error)})")
    if summary.get("seconds") is not None and not held.get("resumes"):
        seconds = summary["seconds"]  # of training alone; a sweep's record also has the start and the scoring
    return Run(
        name,
        path,
        config,
        command=shlex.join(["genlab", "train", *kept]),
        status=status,
        seconds=seconds,
        rollbacks=rollbacks,
        curves={key: curves[key] for key in CURVES if curves.get(key)},
        notes=tuple(part for part in [entry.get("message"), *_warnings(summary)] if part),
    )


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    held = summary.get("warnings")
    return [str(each.get("message")) for each in held if isinstance(each, dict)] if isinstance(held, list) else []


def short_name(config: Mapping[str, Any]) -> str:
    """A run's name less the data's, which stands beside it: "vae-digits" is "vae"."""
    source = str(config["data"]["_target_"]).rpartition(".")[2]
    return str(config["name"]).removesuffix(f"-{source}")


def read_curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The columns of a ``metrics.csv``; rows that cannot be read are left out, and so are values that are no number."""
    curves: dict[str, list[tuple[int, float]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(foreign.read_text(path), newline="")):
            for key, text in row.items():
                if key == "step" or not text or not isinstance(text, str) or not _STEP.fullmatch(str(row["step"])):
                    continue
                try:
                    value = float(text)
                except ValueError:
                    continue
                if math.isfinite(value):
                    curves.setdefault(str(key), []).append((int(row["step"]), value))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError):
        return {}
    return curves


def _rollbacks(summary: Mapping[str, Any], curves: Mapping[str, list[tuple[int, float]]]) -> int:
    if isinstance(summary.get("rollbacks"), list):
        return len(summary["rollbacks"])
    logged = curves.get("rollbacks") or [(0, 0.0)]
    return int(max(value for _, value in logged))


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]

"""Scores of a run, measured once: they are kept in the run's own folder until the checkpoint or the settings change.

``RUN/compare/<checkpoint>/<metric>-<settings>.json``, where ``<checkpoint>`` is the beginning of its sha256 and
``<settings>`` that of the metric's options, the split, the seed, the data and the code that measured it. The metric's
pictures are in the folder of that name beside it, so that a page shows those of its own settings.

The data is known by its content: examples that changed are noticed wherever they lie, and data that only moved is the
same. What goes unnoticed are changes within another data set that ``metric.ood.data`` names (its name and ``root`` are
in the key), and libraries of another version.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from genlab import checkpoint, runs
from genlab.errors import CheckpointError, GenlabError

if TYPE_CHECKING:
    from genlab.commands.metrics import Subject

FOLDER = "compare"
MACHINE = frozenset({"throughput"})
"""Metrics that measure the machine too: their scores hold on the machine that they were measured on."""

ELSEWHERE = frozenset({"ood"})
"""Metrics that may read another data set, from ``root`` too."""

MEASURED_BY = ("bijectors", "commands/metrics", "data", "evaluation", "models", "nn", "samplers")
"""Folders of genlab whose code a score stands on: a mended metric is not to leave old numbers in a table."""

_DIGITS = 12
_BLOCK = 1 << 20


class Scores:
    """What is measured on one checkpoint, from its folder or now.

    Args:
        run_dir: of the training run.
        config: of ``genlab compare``.
        spare: where scores go if the run's folder cannot be written.
        console: where bars and notes go.

    Raises:
        CheckpointError, TrustError: there is no checkpoint that can be read.
        DataError: its data is missing or damaged.
    """

    def __init__(self, run_dir: Path, config: Mapping[str, Any], *, spare: Path, console: Console) -> None:
        self.config, self.console = config, console
        self.notes: list[str] = []
        self._drawn: dict[str, Path] = {}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            self.path = choose(run_dir, config["ckpt"])
        self.notes += [str(each.message) for each in said]
        self.data = content(self.path, root=config["root"], trust=tuple(config["trust"]))
        name = digest(self.path)[:_DIGITS]
        self.folder = run_dir / FOLDER / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.folder, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            self.folder = spare / name
            self.folder.mkdir(parents=True, exist_ok=True)
            self.notes.append(f"its scores are not kept with the run: {run_dir} cannot be written")

    def facts(self) -> dict[str, Any]:
        """Of the checkpoint: step, parameters, dim, levels, the data's entropy if it is known, file, class, kind."""

        def look(_: Path) -> dict[str, Any]:
            from genlab.data.densities import Density
            from genlab.models.base import Translator

            loaded, density = self.subject.loaded, self.subject.data.density
            return {
                "step": loaded.step,
                "parameters": sum(weight.numel() for weight in loaded.model.parameters()),
                "dim": loaded.spec.dim,
                "levels": loaded.spec.levels,
                "entropy": density.entropy if isinstance(density, Density) else None,
                "model": type(loaded.model).__name__,
                "translates": isinstance(loaded.model, Translator),
            }

        return {**self._kept("facts", {}, look), "checkpoint": str(self.path)}

    def metric(self, name: str, options: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """The records of a metric; or none, and why the model and its data cannot have it."""

        def measure(folder: Path) -> dict[str, Any]:
            from genlab.commands.evaluate import score
            from genlab.commands.metrics import METRICS

            lacks = METRICS[name].lacks(self.subject.loaded)
            if lacks is not None:
                return {"records": [], "lacks": f"needs {lacks}", "pictures": []}
            self.console.print(f"score    {self.path.parent.parent}: {name}", highlight=False, soft_wrap=True)
            subject = replace(self.subject, folder=folder)  # which shares what metrics compute only once
            records = [record.to_dict() for record in score(subject, {name: options})]
            drawn = sorted(str(path.relative_to(self.folder)) for path in folder.rglob("*.png"))
            return {"records": records, "lacks": None, "pictures": drawn}

        settings = {"options": dict(options), "split": self.config["split"], "seed": self.config["seed"]}
        if name in ELSEWHERE:
            settings["root"] = None if self.config["root"] is None else str(Path(self.config["root"]).resolve())
        if name in MACHINE:
            settings["machine"] = [socket.gethostname(), self.config["accelerator"]]
        try:
            found = self._kept(name, settings, measure)
        except CheckpointError:
            raise
        except GenlabError as error:
            return [], str(error)  # too few examples, a file that is missing: nothing is kept, it may be mended
        self._drawn |= {path.stem: path for path in (self.folder / each for each in found["pictures"])}
        return found["records"], found["lacks"]

    def pictures(self) -> dict[str, Path]:
        """PNG files by name, drawn from the scored checkpoint with one seed and one number of samples for all runs.

        Those of the metrics that `metric` was asked for come after them.
        """

        def draw_all(folder: Path) -> dict[str, Any]:
            from genlab.evaluation import report
            from genlab.evaluation.pictures import save_png

            subject, config = self.subject, self.config
            drawn = report.pictures(
                subject.loaded.model,
                subject.data,
                seed=config["seed"],
                n=config["n"],
                split=config["split"],
                report=self.notes.append,
            )
            return {
                name: str(save_png(folder / f"{name}.png", each).relative_to(self.folder))
                for name, each in drawn.items()
            }

        names = self._kept("pictures", {key: self.config[key] for key in ("n", "seed", "split")}, draw_all)
        drawn = {name: self.folder / file for name, file in names.items()} | self._drawn
        return {name: path for name, path in drawn.items() if path.is_file()}

    @cached_property
    def subject(self) -> Subject:
        """The checkpoint and its data; loaded when something is not kept yet."""
        from genlab.commands.loaded import device_of, load
        from genlab.commands.metrics import Subject
        from genlab.evaluation.validate import with_likelihood

        # without "all": a metric that cannot be had raises, and its reason comes into the table
        metric = {name: options for name, options in self.config["metric"].items() if name != "all"}
        config = {**self.config, "metric": metric, "data": {"root": self.config["root"]}, "devices": 1}
        loaded = load(self.path, trust=config["trust"], device=device_of(config["accelerator"]))
        data = loaded.dataset(root=_root(config["root"], loaded.config), trust=config["trust"])
        model = with_likelihood(loaded.model, data) or loaded.model
        return Subject(loaded, model, data, config, self.console, self.folder)

    def _kept(self, name: str, settings: Mapping[str, Any], make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What ``make(folder)`` makes, from the file of these settings or now; its pictures go to ``folder``."""
        key = json.dumps({"code": code(), "data": self.data, **settings}, sort_keys=True, default=str)
        folder = self.folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"
        path = folder.with_suffix(".json")
        try:
            held = runs.read_json(path) if path.is_file() else None
        except CheckpointError:
            held = None  # a file of ours that was cut short: measured anew
        if isinstance(held, dict) and held.get("key") == key:
            return held["value"]
        value = make(folder)
        runs.write_json(path, {"key": key, "value": value})
        return value


def choose(run_dir: Path, which: str) -> Path:
    """The checkpoint of a run that is scored: its last that verifies, or its best.

    Raises:
        CheckpointError: there is none.
    """
    folder = run_dir / runs.CHECKPOINTS
    best = folder / checkpoint.BEST
    if which == "best" and best.is_file():
        checkpoint.verify(best)
        return best
    return checkpoint.latest(folder)


def content(path: Path, *, root: str | None, trust: tuple[str, ...]) -> str:
    """The sha256 of all examples and labels of the data that a checkpoint was trained on, in hexadecimal.

    Raises:
        CheckpointError: the checkpoint does not say which data that is.
    """
    try:
        config = checkpoint.read(path)["genlab"]["config"]
        return _content(json.dumps(config["data"], sort_keys=True), _root(root, config), trust)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its config cannot be read by this version of genlab: {error}") from error


@cache
def _content(node: str, root: str | None, trust: tuple[str, ...]) -> str:
    """That of the data of a config's node as JSON text; read once for all runs on it."""
    from genlab import build
    from genlab.commands.metrics import features

    found, data = hashlib.sha256(), build.dataset(json.loads(node), trust=trust, root=root)
    found.update(repr(data.spec).encode())
    for split in (data.train, data.val, data.test):
        for part in (split.x, split.y, split.x_b, split.y_b):
            found.update(b"-" if part is None else features.digest(part).encode())
    return found.hexdigest()


@cache
def code() -> str:
    """The sha256 of the sources in `MEASURED_BY`, in hexadecimal."""
    found, package = hashlib.sha256(), Path(__file__).resolve().parents[1]
    for path in sorted(path for folder in MEASURED_BY for path in (package / folder).rglob("*.py")):
        found.update(f"{path.relative_to(package)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _root(root: str | None, config: Mapping[str, Any]) -> str | None:
    """Where the data is now, for a data set that lies anywhere; of several compared, some may be built in."""
    return root if "root" in config["data"] else None

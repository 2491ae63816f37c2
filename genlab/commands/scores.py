"""Scores of a run, measured once: they are kept in the run's own folder until the checkpoint or the settings change.

``RUN/compare/<checkpoint>/<metric>-<settings>.json``, where ``<checkpoint>`` is the beginning of its sha256 and
``<settings>`` that of the metric's options, the split, the seed, the data and the code that measured it. The metric's
pictures are in the folder of that name beside it, so that a page shows those of its own settings.

A score is believed only if it was measured with this user's genlab: it is signed with a key that lies in the user's own
folder (`genlab.files.own`), so that a run from elsewhere cannot bring numbers along. Its own are measured anew.

The data is known by its content: examples that changed are noticed wherever they lie, and data that only moved is the
same. What goes unnoticed are changes within another data set that ``metric.ood.data`` names (its name and ``root`` are
in the key), and libraries of another version.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from genlab.commands import basis
from genlab.config.permitted import check_config
from genlab.config.schema import validate
from genlab.errors import CheckpointError, ConfigError, GenlabError, TrustError
from genlab.files import foreign, own
from genlab.runs import directory
from genlab.signatures.syntax import source
from genlab.storage import checkpoint

if TYPE_CHECKING:
    from genlab.metrics import Subject

FOLDER = "compare"
MACHINE = frozenset({"throughput"})
"""Metrics that measure the machine too: their scores hold on the machine that they were measured on."""

ELSEWHERE = frozenset({"ood"})
"""Metrics that may read another data set, from ``root`` too."""

MAX_PICTURE = 64 << 20
"""Bytes of a picture on the page, at most."""

BEGINNINGS = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF8", ".wav": b"RIFF", ".mid": b"MThd", ".txt": b""}
"""By the ending of its name, how a file begins that a page shows."""

_DIGITS = 12


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
        link = foreign.linked(run_dir, (FOLDER, directory.CHECKPOINTS))
        if link is not None:
            raise TrustError(f"{link} is a link: what a run writes stays in its directory")
        self.path = choose(run_dir, config["ckpt"], report=self.notes.append)
        self.data = basis.content(self.path, root=config["root"], trust=tuple(config["trust"]))
        self.checkpoint = basis.digest(self.path)
        name = self.checkpoint[:_DIGITS]
        self.folder = run_dir / FOLDER / name
        if self.folder.is_symlink():
            raise TrustError(f"{self.folder} is a link: what a run writes stays in its directory")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.folder, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            self.folder = spare / name
            self.folder.mkdir(parents=True, exist_ok=True)
            self.notes.append(f"its scores are not kept with the run: {run_dir} cannot be written")

    def check_settings(self, config: Mapping[str, Any]) -> None:
        """Check that the run's ``config.yaml``, which the table shows, is that of the checkpoint, which is scored.

        Raises:
            CheckpointError: it was edited, or the checkpoint is of another run.
        """
        trust = list(self.config["trust"])
        try:
            held, shown = (
                validate("train", {**each, "trust": trust})
                for each in (checkpoint.read(self.path)["genlab"]["config"], config)
            )
        except ConfigError as error:
            raise CheckpointError(f"{self.path}: the run's config cannot be read: {error}") from error
        check_config(held, shown, source=str(self.path))

    def facts(self) -> dict[str, Any]:
        """Of the checkpoint: step, parameters, dim, levels, the data's entropy if known, file, class, and its data."""

        def look(_: Path) -> dict[str, Any]:
            from genlab.data.sources.densities import Density
            from genlab.models.translating import Translator

            loaded, density = self.subject.loaded, self.subject.data.density
            return {
                "step": loaded.step,
                "parameters": sum(weight.numel() for weight in loaded.model.parameters()),
                "dim": loaded.spec.dim,
                "levels": loaded.spec.levels,
                "entropy": density.entropy if isinstance(density, Density) else None,
                "model": type(loaded.model).__name__,
                "translates": isinstance(loaded.model, Translator),
                "space": loaded.spec.space.kind,
                "unit": loaded.spec.space.unit.name,
                "coding": getattr(loaded.spec.space, "coding", None),
            }

        return {**self._kept("facts", {}, look), "checkpoint": str(self.path), "content": self.data}

    def metric(self, name: str, options: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """The records of a metric; or none, and why the model and its data cannot have it."""

        def measure(folder: Path) -> dict[str, Any]:
            from genlab.commands.evaluate import made, score

            wanted = made(name, options, trust=self.config["trust"])
            lacks = wanted.lacks(self.subject.loaded)
            if lacks is not None:
                return {"records": [], "lacks": f"needs {lacks}", "pictures": []}
            self.console.print(f"score    {self.path.parent.parent}: {name}", highlight=False, soft_wrap=True)
            subject = replace(self.subject, folder=folder)  # which shares what metrics compute only once
            records = [record.to_dict(influence=True) for record in score(subject, {name: wanted})]
            drawn = sorted(str(path.relative_to(self.folder)) for path in folder.rglob("*.png"))
            return {"records": records, "lacks": None, "pictures": drawn}

        settings = {"options": dict(options), "split": self.config["split"], "seed": self.config["seed"]}
        if "_target_" in options:  # a user's own, whose code is not among genlab's
            file = source(str(options["_target_"]).rpartition(".")[0])
            settings["code"] = None if file is None else basis.digest(file)
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
        self._drawn |= {path.stem: path for path in map(self._inside, found["pictures"])}
        return found["records"], found["lacks"]

    def pictures(self) -> dict[str, Path]:
        """PNG files by name, and what samples are heard, played or read in by the file's name (``samples.wav``).

        All are of the scored checkpoint, with one seed and one number of samples for all runs.

        Those of the metrics that `metric` was asked for come after them.
        """

        def draw_all(folder: Path) -> dict[str, Any]:
            from genlab.evaluation.artefacts import report
            from genlab.evaluation.artefacts.grids import save

            subject, config = self.subject, self.config
            drawn = report.pictures(
                subject.loaded.model,
                subject.data,
                seed=config["seed"],
                n=config["n"],
                split=config["split"],
                report=self.notes.append,
            )
            return {name: str(save(folder, name, each).relative_to(self.folder)) for name, each in drawn.items()}

        names = self._kept("pictures", {key: self.config[key] for key in ("n", "seed", "split")}, draw_all)
        drawn = {name: self._inside(file) for name, file in names.items()} | self._drawn
        return {name: path for name, path in drawn.items() if is_shown(path)}

    def _inside(self, name: str) -> Path:
        """A picture's file in the folder of the scores.

        Raises:
            CheckpointError: it would be elsewhere.
        """
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise CheckpointError(f"{self.folder}: a picture named {name!r} is not in it")
        return path

    @cached_property
    def subject(self) -> Subject:
        """The checkpoint and its data; loaded when something is not kept yet."""
        from genlab.evaluation.validate import with_likelihood
        from genlab.metrics import Subject
        from genlab.restore import device_of, load

        # without "all": a metric that cannot be had raises, and its reason comes into the table
        metric = {name: options for name, options in self.config["metric"].items() if name != "all"}
        config = {**self.config, "metric": metric, "data": {"root": self.config["root"]}, "devices": 1}
        loaded = load(self.path, trust=config["trust"], device=device_of(config["accelerator"]))
        data = loaded.dataset(root=basis.root_for(config["root"], loaded.config), trust=config["trust"])
        model = with_likelihood(loaded.model, data) or loaded.model
        return Subject(loaded, model, data, config, self.console, self.folder)

    def _kept(self, name: str, settings: Mapping[str, Any], make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """What ``make(folder)`` makes, from the file of these settings or now; its pictures go to ``folder``."""
        stands_on = {"code": basis.code(), "data": self.data, "checkpoint": self.checkpoint, "metric": name}
        key = json.dumps({**stands_on, **settings}, sort_keys=True, default=str)
        folder = self.folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"
        path = folder.with_suffix(".json")
        try:
            held = directory.read_json(path) if os.path.lexists(path) else None
        except CheckpointError:
            held = None  # a file of ours that was cut short: measured anew
        if isinstance(held, dict) and held.get("key") == key and "value" in held and own.signed_here(held):
            return held["value"]
        value = make(folder)
        directory.write_json(path, own.signed({"key": key, "value": value}))
        return value


def is_shown(path: Path) -> bool:
    """Whether a plain file begins as its name says; nothing else belongs on a page."""
    begins = BEGINNINGS.get(path.suffix)
    try:
        with foreign.open_plain(path, most=MAX_PICTURE, links=False) as file:
            return begins is not None and file.read(len(begins)) == begins
    except OSError:
        return False


def choose(run_dir: Path, which: str, *, report: Callable[[str], None] = checkpoint.say) -> Path:
    """The checkpoint of a run that is scored: its last that verifies, or its best; ``report`` hears of damage.

    Raises:
        CheckpointError: there is none.
    """
    folder = run_dir / directory.CHECKPOINTS
    best = folder / checkpoint.BEST
    if which == "best" and best.is_file():
        checkpoint.verify(best)
        return best
    return checkpoint.latest(folder, report=report)

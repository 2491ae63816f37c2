"""``validation.metrics=[fcd]``: metrics of ``genlab eval`` at every validation of a run, and what its best is.

A model that is fitted in one pass has one validation, after the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import distributed, nn

from genlab.commands.evaluate import computed, is_own, made
from genlab.data.spaces import Dataset
from genlab.errors import ConfigError, DataError
from genlab.evaluation.record import Record
from genlab.evaluation.validate import with_likelihood
from genlab.metrics import Metric, Subject
from genlab.metrics.subject import Unanswerable
from genlab.ops.eval_mode import evaluating
from genlab.process import signals
from genlab.restore import Loaded
from genlab.signatures.described import Described, described

NLL = "nll"
"""What a validation has anyway, of models that are trained or fitted by a likelihood."""

PARTICLES = 1
"""Importance samples per example of a bound: the run's end, and ``genlab eval``, take more."""

BATCH = 1000
"""Examples at a time: changes speed and memory, never a value."""

Report = Callable[[str], None]


class Measures:
    """The metrics of a run's validations.

    Args:
        config: of ``genlab train``, with a node ``validation``.
        model: to be trained; what it cannot have is refused now, before the first step.
        data: of the run; the validation split is scored.
        folder: where pictures of metrics go.
        report: is told, in one line, of a metric that the data at hand cannot tell; once of a user's own that fails.

    Raises:
        ConfigError: a metric that this model or data cannot have, or a best one without a direction.
        DataError: a metric needs a file or package that is not there.
        TrustError: a user's own is not trusted.
    """

    def __init__(
        self, config: Mapping[str, Any], model: nn.Module, data: Dataset, *, folder: Path, report: Report
    ) -> None:
        node = config["validation"]
        self.config, self.data, self.folder, self.report = config, data, folder, report
        self.best: str | None = node["best"]
        wanted = dict.fromkeys([*node["metrics"], *([] if self.best is None else [self.best])])
        loaded = self._loaded(model)
        self.metrics = {name: _bounded(name, node["max_examples"], trust=config["trust"]) for name in wanted}
        for name, metric in self.metrics.items():
            lacks, missing = metric.lacks(loaded), metric.missing()
            if lacks is not None:
                raise ConfigError(f"validation: metric {name} needs {lacks}; {type(model).__name__} cannot have it")
            if missing is not None:
                raise DataError(missing)
        if self.best is not None and self.metrics[self.best].better is None:
            raise ConfigError(f"validation.best={self.best}: neither high nor low is better of it; choose another")
        self._failed: set[str] = set()

    def __call__(self, model: nn.Module, nll: Record | None, *, first: bool) -> tuple[list[Record], float | None]:
        """The records of the model as it is, and the value by which ``best.ckpt`` is chosen: less is better.

        Args:
            model: scored in eval mode.
            nll: what the validation has anyway.
            first: whether this process is rank 0, which alone computes what is not shared.

        Raises:
            TrainingError: a number that is not finite.
        """
        lowest = nll.value if nll is not None and self.best in (None, NLL) else None
        if not self.metrics:
            return [], lowest
        records: list[Record] = []
        with evaluating(model), torch.no_grad(), torch.random.fork_rng():
            subject = self._subject(model)  # one for all, which draws its samples once
            for name, metric in self.metrics.items():
                if (name == NLL and nll is not None) or not (first or metric.shared):
                    continue
                found = self._records(name, metric, subject)
                if name == self.best and found:
                    lowest = found[0].value if metric.better == "lower" else -found[0].value
                records += found
        return records, lowest

    def _records(self, name: str, metric: Metric, subject: Subject) -> list[Record]:
        """Those of one metric; none where it cannot be told, or where a user's own fails: the run goes on."""
        try:
            return [record.checked() for record in computed(metric, subject)]
        except Unanswerable as error:
            self.report(f"left out {error}")
        except Exception as error:
            signals.check()
            if not is_own(metric) or (metric.shared and distributed.is_initialized()):  # other ranks may wait for it
                raise
            said = f"failed   metric {name}: {' '.join(str(error).split())}; the run goes on without it"
            if said not in self._failed:
                self.report(said)
            self._failed.add(said)
        return []

    def _loaded(self, model: nn.Module) -> Loaded:
        return Loaded(self.folder, dict(self.config), self.data.spec, 0, model)  # type: ignore[arg-type]

    def _subject(self, model: nn.Module) -> Subject:
        settings = {"split": "val", "seed": self.config["seed"], "batch_size": BATCH, "metric": {}, "devices": 1}
        scored = with_likelihood(model, self.data) or model
        loaded = self._loaded(model)
        return Subject(loaded, scored, self.data, settings, Console(quiet=True), self.folder)  # type: ignore[arg-type]


def _bounded(name: str, n: int, *, trust: list[str]) -> Metric:
    """A metric that looks at no more than ``n`` samples or examples; its other options are as they are by default."""
    found = _described(name)
    bounds = {"n": n, "max_examples": n, "num_particles": PARTICLES}
    options = {key: bounds.get(key, default) for key, default in found.defaults().items()}
    target = {} if "." not in name else {"_target_": found.target}
    return made(name, {**target, **options}, trust=trust)


def _described(name: str) -> Described:
    found = described(name if "." in name else f"genlab.metrics.{name}")
    if found is None:
        raise ConfigError(f"validation: {name} is no metric; genlab list metrics shows them")
    return found

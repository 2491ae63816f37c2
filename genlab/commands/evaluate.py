"""``genlab eval``: score a checkpoint on a split; a table in the terminal and ``summary.json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from genlab import build
from genlab.commands.quiet import quiet
from genlab.data.spaces import SEEN_SEED
from genlab.errors import ConfigError, DataError, TrainingError
from genlab.evaluation.record import Record
from genlab.evaluation.validate import with_likelihood
from genlab.metrics import METRICS, Metric, Subject
from genlab.metrics.subject import Unanswerable
from genlab.numerals import decimals
from genlab.process import signals
from genlab.process.printable import printable
from genlab.restore import Loaded, device_of, load
from genlab.runs import directory

ALL = "all"
"""``metric=all`` asks for everything and takes what the model can have."""


def offered(loaded: Loaded) -> list[str]:
    """Names of the metrics that this checkpoint can be asked for."""
    return [name for name, metric in METRICS.items() if metric.lacks(loaded) is None]


def made(name: str, options: Mapping[str, Any], *, trust: Sequence[str]) -> Metric:
    """A metric with its options: one of `METRICS`, or a user's own, whose options name its class.

    Raises:
        ConfigError: the class is no metric.
        TrustError: it is not trusted.
    """
    if "_target_" not in options:
        return METRICS[name](**options)
    found = build.construct(options, trust=trust)
    if not isinstance(found, Metric):
        raise ConfigError(f"metric.{name}._target_: {options['_target_']} is no genlab.metrics.Metric")
    return found


def chosen(loaded: Loaded, asked: Mapping[str, Any], *, trust: Sequence[str]) -> dict[str, Metric]:
    """The metrics to compute, in the order in which they are asked for.

    Args:
        loaded: what is to be scored.
        asked: the ``metric`` node of the config.
        trust: the packages whose classes it may name.

    Raises:
        ConfigError: a metric that this model or data cannot have; the message names those it can.
        DataError: a metric that was asked for by name needs a file or package that is not there.
    """
    can = offered(loaded)
    wanted = {
        name: made(name, options, trust=trust) for name, options in asked.items() if name != ALL and options is not None
    }
    if asked.get(ALL) is not None:
        wanted = {name: each for name, each in wanted.items() if each.lacks(loaded) is None and each.missing() is None}
    have = ", ".join(f"metric={name}" for name in can)
    for name, metric in wanted.items():
        lacks = metric.lacks(loaded)
        if lacks is not None:
            raise ConfigError(
                f"metric={name} needs {lacks}; {type(loaded.model).__name__} on this data cannot have it"
                + (f"; it can have {have}" if can else "")
            )
        lacking = metric.missing()
        if lacking is not None:
            raise DataError(lacking)
    if not wanted:
        raise ConfigError("metric: nothing to compute" + (f"; it can have {have}" if can else ""))
    return wanted


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> list[Record]:
    """Compute ``config["metric"]`` for ``config["ckpt"]`` and write ``summary.json``.

    A metric that fails takes no other with it: the others are printed and written, then its error is raised.

    With ``devices`` > 1 this starts the other ranks, which come here again and share the examples of the likelihoods;
    rank 0 alone computes the other metrics.

    Raises:
        ConfigError: a metric that this model or data cannot have; the message names those it can.
        CheckpointError, DataError, TrustError: as loading raises.
    """
    quiet()
    fabric = None
    if config["devices"] > 1:
        from lightning_fabric import Fabric

        from genlab.commands import assembly  # Lightning takes two seconds to import

        with assembly.available(config):
            fabric = Fabric(
                accelerator=config["accelerator"], devices=config["devices"], strategy="ddp", plugins=assembly.cluster()
            )
        fabric.launch()
    device = device_of(config["accelerator"]) if fabric is None else fabric.device
    first = fabric is None or fabric.is_global_zero
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device)
    wanted = chosen(loaded, config["metric"], trust=config["trust"])
    data = loaded.dataset(root=config["data"]["root"], trust=config["trust"])
    model = with_likelihood(loaded.model, data) or loaded.model
    subject = Subject(loaded, model, data, config, console, run_dir)
    failed: dict[str, Exception] = {}
    records = score(subject, wanted, first=first, failed=failed)
    if first and (records or subject.drawn or not failed):
        summary: dict[str, Any] = {"records": [record.to_dict() for record in records], "checkpoint": str(loaded.path)}
        summary |= {"step": loaded.step, "training": loaded.config["name"]}
        summary |= {"pictures": [str(path) for path in subject.drawn]} if subject.drawn else {}
        summary |= {"failed": {name: _line(error) for name, error in failed.items()}} if failed else {}
        directory.write_json(run_dir / directory.SUMMARY, summary)
        _print(records, loaded, run_dir)
        for path in subject.drawn:
            print(f"picture  {path}")
    for error in list(failed.values())[1:]:
        console.print(f"failed   {_line(error)}", highlight=False, soft_wrap=True)
    for error in failed.values():
        raise error
    return records


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def score(
    subject: Subject,
    wanted: Mapping[str, Metric],
    *,
    first: bool = True,
    failed: dict[str, Exception] | None = None,
) -> list[Record]:
    """The records of the ``wanted`` metrics of a subject.

    Args:
        subject: what is scored.
        wanted: the metrics, by name.
        first: whether this process is rank 0.
        failed: takes the errors of the metrics that fail, by name; None: the first one is raised.

    Raises:
        TrainingError: a number that is not finite.
        GenlabError: as a metric raises.
    """
    records = []
    seen = (
        f"the training split as training sees it, transformed once (seed {SEEN_SEED})"
        if subject.split_name == "train" and subject.data.train_transform is not None
        else None
    )
    for name, metric in wanted.items():
        if not first and not metric.shared:
            continue
        found = None
        try:
            with torch.no_grad():
                found = computed(metric, subject)
            found = [record.checked() for record in found]
        except Exception as error:  # a bug, too, is raised when the other numbers are safe
            signals.check()
            if isinstance(error, Unanswerable) and subject.config["metric"].get(ALL) is not None:
                subject.console.print(f"left out {error}", highlight=False, soft_wrap=True)
            elif failed is None:
                raise
            else:
                failed[name] = error
                if found is None and metric.shared and subject.config["devices"] > 1:
                    break  # other ranks may wait for this one's part: nothing more can be shared with them
            continue
        records += [
            dataclasses.replace(
                record,
                checkpoint=str(subject.loaded.path),
                method="; ".join(part for part in (record.method, seen) if part) or None,
            )
            for record in found
        ]
    return records


def is_own(metric: Metric) -> bool:
    """Whether a metric is a user's."""
    return not type(metric).__module__.startswith("genlab.")


def computed(metric: Metric, subject: Subject) -> list[Record]:
    """The records of one metric.

    Raises:
        TrainingError: whatever a user's own raises, in one line.
        GenlabError: as one of genlab's raises.
    """
    target = f"{type(metric).__module__}.{type(metric).__name__}"
    with build.told(target, TrainingError) if is_own(metric) else nullcontext():
        found = list(metric.compute(subject))
        for each in found:
            if not isinstance(each, Record):
                raise TypeError(f"compute gave a {type(each).__name__}, not a Record (genlab.metrics.subject.record)")
        return found


def _print(records: list[Record], loaded: Loaded, run_dir: Path) -> None:
    table = Table(title=Text(printable(f"{loaded.config['name']}, step {loaded.step}")), title_justify="left")
    for name in ("metric", "value", "± s.e. or 95%", "unit", "kind", "K", "n", "split"):
        right = name in {"value", "± s.e. or 95%", "K", "n"}
        table.add_column(name, justify="right" if right else "left", no_wrap=name == "metric")
    for r in records:
        given = "y" if r.conditional is True else "c"
        metric = f"{r.metric} (given {given})" if r.conditional else r.metric
        table.add_row(
            metric, decimals(r.value), r.uncertainty(), r.unit, r.kind, str(r.num_particles or "-"), str(r.n), r.split
        )
    if records:
        Console(width=None if Console().is_terminal else 110, force_jupyter=False).print(table)
    for warning in dict.fromkeys(r.warning for r in records if r.warning):
        print(f"warning  {printable(warning)}")
    for method in dict.fromkeys(r.method for r in records if r.method):
        print(f"method   {printable(method)}")
    for extractor in dict.fromkeys(r.extractor for r in records if r.extractor):
        print(f"features {printable(extractor)}")
    print(f"summary  {run_dir / directory.SUMMARY}")

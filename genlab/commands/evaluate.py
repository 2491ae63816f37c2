"""``genlab eval``: score a checkpoint on a split; a table in the terminal and ``summary.json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from genlab import runs
from genlab.callbacks.progress import track
from genlab.commands.loaded import Loaded, device_of, load
from genlab.commands.quiet import quiet
from genlab.data.spec import Split
from genlab.errors import ConfigError
from genlab.evaluation import likelihood
from genlab.evaluation.record import Record
from genlab.evaluation.validate import has_likelihood, with_likelihood
from genlab.models.base import LikelihoodBound


def offered(loaded: Loaded) -> list[str]:
    """Names of the metrics that this checkpoint can be asked for."""
    model, names = loaded.model, []
    if has_likelihood(model):
        names.append("nll")
        if loaded.spec.levels is not None:
            names.append("bpd")
    if isinstance(model, LikelihoodBound):
        names.append("elbo")
    return names


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> list[Record]:
    """Compute ``config["metric"]`` for ``config["ckpt"]`` and write ``summary.json``.

    With ``devices`` > 1 this starts the other ranks, which come here again and share the examples.

    Raises:
        ConfigError: a metric that this model or data cannot have; the message names those it can.
        CheckpointError, DataError, TrustError: as loading raises.
    """
    quiet()
    fabric = None
    if config["devices"] > 1:
        from lightning_fabric import Fabric

        fabric = Fabric(accelerator=config["accelerator"], devices=config["devices"], strategy="ddp")
        fabric.launch()
    device = device_of(config["accelerator"]) if fabric is None else fabric.device
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device)
    wanted = {name: options for name, options in config["metric"].items() if options is not None}
    can = offered(loaded)
    for name in wanted:
        if name not in can:
            have = ", ".join(f"metric={other}" for other in can)
            have = f"it can have {have}" if can else "it ranks: see the energies in summary.json of its training run"
            raise ConfigError(f"metric={name}: {type(loaded.model).__name__} on this data cannot have it; {have}")
    data = loaded.dataset(root=config["data"]["root"], trust=config["trust"])
    loaded = dataclasses.replace(loaded, model=with_likelihood(loaded.model, data) or loaded.model)
    records = _score(loaded, getattr(data, config["split"]), config, wanted, console=console)
    if fabric is None or fabric.is_global_zero:
        summary: dict[str, Any] = {"records": [record.to_dict() for record in records], "checkpoint": str(loaded.path)}
        summary |= {"step": loaded.step, "training": loaded.config["name"]}
        runs.write_json(run_dir / runs.SUMMARY, summary)
        _print(records, loaded, run_dir)
    return records


def _score(
    loaded: Loaded, split: Split, config: Mapping[str, Any], wanted: Mapping[str, Any], *, console: Console
) -> list[Record]:
    cache: dict[int, Record] = {}

    def settings(name: str) -> dict[str, Any]:
        bar = partial(track, description=name, console=console)
        return {
            "split_name": config["split"],
            "batch_size": config["batch_size"],
            "seed": config["seed"],
            "progress": lambda batches, total: bar(batches, total),
        }

    def nll(options: Mapping[str, Any]) -> Record:
        particles = options["num_particles"]
        if particles not in cache:  # nll and bpd are one computation in two units
            cache[particles] = likelihood.nll(loaded.model, split, num_particles=particles, **settings("nll"))
        return cache[particles]

    compute: dict[str, Callable[[Mapping[str, Any]], Record]] = {
        "nll": nll,
        "bpd": lambda options: likelihood.bpd(nll(options), loaded.model),
        "elbo": lambda options: likelihood.elbo(loaded.model, split, **settings("elbo")),
    }
    return [
        dataclasses.replace(compute[name](options), checkpoint=str(loaded.path)) for name, options in wanted.items()
    ]


def _print(records: list[Record], loaded: Loaded, run_dir: Path) -> None:
    table = Table(title=f"{loaded.config['name']}, step {loaded.step}", title_justify="left")
    for name in ("metric", "value", "± s.e.", "unit", "kind", "K", "n", "split"):
        table.add_column(name, justify="right" if name in {"value", "± s.e.", "K", "n"} else "left")
    for r in records:
        metric = f"{r.metric} (given y)" if r.conditional else r.metric
        error = f"{r.standard_error:.4f}"
        table.add_row(metric, f"{r.value:.4f}", error, r.unit, r.kind, str(r.num_particles or "-"), str(r.n), r.split)
    Console(width=None if Console().is_terminal else 110).print(table)
    for method in dict.fromkeys(r.method for r in records if r.method):
        print(f"method   {method}")
    print(f"summary  {run_dir / runs.SUMMARY}")

"""Runs one run directory: what the command line, every data-parallel rank and every sweep job end up in."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from genlab.config.schema import VERBS, validate
from genlab.config.trust import as_word, check_claim
from genlab.errors import ConfigError
from genlab.files import plainyaml
from genlab.runs import directory, ranks
from genlab.training import lost_ranks


def read_config(run_dir: Path, *, trust: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Verb and checked config of a run directory; ``trust`` as the command line gives it, whatever the file says.

    Raises:
        ConfigError: there is no readable ``config.yaml``, or it does not pass the schema.
        TrustError: it names a target that is not on the positive list, or claims more trust than was given.
    """
    path = run_dir / directory.CONFIG
    try:
        held = plainyaml.read(path)
        verb, config = held["verb"], held["config"]
    except (OSError, plainyaml.UnreadableError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: is no run's configuration ({type(error).__name__}: {error})") from error
    if verb not in VERBS or not isinstance(config, dict):
        raise ConfigError(f"{path}: is no run's configuration")
    checked = validate(verb, {**config, "trust": list(trust)})
    check_claim(config.get("trust"), trust=trust, where=str(path))
    return verb, checked


def run(
    run_dir: Path,
    *,
    trust: Sequence[str],
    config: dict[str, Any] | None = None,
    begin: Callable[[], set[str]] | None = None,
) -> int:
    """Do what ``run_dir/config.yaml`` says, print where the artefacts are; the exit status. See `perform`."""
    verb, made = perform(run_dir, trust=trust, config=config, begin=begin)
    if verb == "train" and ranks.global_rank() == 0:
        _report_training(Path(run_dir), made, trust=trust)
    return int(made) if verb == "compare" else 0


def perform(
    run_dir: Path,
    *,
    trust: Sequence[str],
    config: dict[str, Any] | None = None,
    begin: Callable[[], set[str]] | None = None,
) -> tuple[str, Any]:
    """Do what ``run_dir/config.yaml`` says.

    Args:
        run_dir: of the run.
        trust: packages that the command line trusts.
        config: of a training run that goes on and that the caller has locked, in place of what is in the file.
        begin: see `genlab.commands.train.run`.

    Returns:
        The verb, and what its command's ``run`` returns.

    Raises:
        GenlabError: by the kind of fault; see `genlab.errors`.
        Interrupted: a signal asked to stop.
    """
    run_dir = Path(run_dir)
    rank = ranks.global_rank()
    console = Console(file=sys.stderr, quiet=rank > 0, markup=False, emoji=False, force_jupyter=False)
    with directory.lock(run_dir) if rank == 0 and config is None else nullcontext():
        verb, config = read_config(run_dir, trust=trust) if config is None else ("train", config)
        ranks.check_nodes(config)
        again = f"go on with: genlab train resume={run_dir}" if verb == "train" else "start it again"
        with lost_ranks.ending(advice=again, starts=starts_ranks(verb, config)):
            return verb, _work(verb, run_dir, config, console=console, rank=rank, begin=begin)


def _work(
    verb: str,
    run_dir: Path,
    config: dict[str, Any],
    *,
    console: Console,
    rank: int,
    begin: Callable[[], set[str]] | None,
) -> Any:
    if verb == "train":
        from genlab.commands import train

        return train.run(run_dir, config, console=console, first=rank == 0, begin=begin)
    if verb == "sample":
        from genlab.commands import sample

        return sample.run(run_dir, config, console=console)
    if verb == "translate":
        from genlab.commands import translate

        return translate.run(run_dir, config, console=console)
    if verb == "compress":
        from genlab.commands import compress

        return compress.run(run_dir, config, console=console)
    if verb == "decompress":
        from genlab.commands import decompress

        return decompress.run(run_dir, config, console=console)
    if verb == "compare":
        from genlab.commands import compare

        return compare.run(run_dir, config, console=console)
    from genlab.commands import evaluate

    return evaluate.run(run_dir, config, console=console)


def starts_ranks(verb: str, config: Mapping[str, Any]) -> bool:
    """Whether several processes are to share this work, so that Lightning may start some here."""
    options = config["trainer"] if verb == "train" else config
    devices, nodes = options.get("devices", 1), options.get("num_nodes", 1)
    return nodes != 1 or (len(devices) if isinstance(devices, list) else devices) != 1


def _report_training(run_dir: Path, summary: Mapping[str, Any], *, trust: Sequence[str]) -> None:
    from genlab.evaluation.record import Record

    shown = _relative(run_dir)
    lines: dict[str, object] = {"run": shown, "steps": f"{summary['steps']} in {summary['seconds']:.1f} s"}
    lines["parameters"] = f"{summary['parameters']:,}"
    if "test" in summary:
        lines["test"] = Record.from_dict(summary["test"])
    if summary.get("validation"):
        lines["validation"] = "; ".join(str(Record.from_dict(each)) for each in summary["validation"])
    if summary.get("rollbacks"):
        lines["rollbacks"] = f"{len(summary['rollbacks'])} (after steps {', '.join(map(str, summary['rollbacks']))})"
    if summary.get("warnings"):
        lines["warnings"] = "; ".join(f"step {each['step']}: {each['message']}" for each in summary["warnings"])
    if "latents" in summary:
        of = summary["latents"]
        lines["latents"] = f"{of['active']} of {of['units']} in use, KL {of['kl']:.4g} nats"
    if "energy" in summary:
        of = summary["energy"]
        lines["energy"] = ", ".join(
            f"{name} {of[name]['mean']:.3g} ± {of[name]['std']:.3g}" for name in ("data", "samples", "noise")
        )
    for name, record in {**summary.get("translation", {}), **summary.get("baselines", {})}.items():
        lines[name] = str(Record.from_dict(record)).removeprefix(f"{name} ")
    lines |= {
        key.rpartition("_")[0]: _relative(Path(value))
        for key, value in summary.items()
        if key.endswith(("_picture", "_file"))
    }
    verb = "translate" if "translation" in summary else "sample"
    lines["next"] = shlex.join(["genlab", verb, f"ckpt={shown}", *as_word(trust)])
    width = max(16, *map(len, lines))
    for name, value in lines.items():
        print(f"{name:<{width}} {value}")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

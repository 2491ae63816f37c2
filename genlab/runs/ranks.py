"""Ranks that a launcher outside started (torchrun, srun): the first makes the run directory, the others join it.

Without this, ``torchrun --nproc-per-node=2 -m genlab train ...`` would make one run directory per rank. The ranks
that Lightning starts itself come in through ``genlab _worker RUN_DIR`` and need nothing of this.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genlab.errors import ConfigError, TrainingError
from genlab.files import foreign
from genlab.runs import directory

WAIT_SECONDS = 120.0
"""How long a rank waits for the first one's run directory."""

_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
_SLURM = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_JOB_ID", "SLURM_NTASKS")
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
_INTERACTIVE = frozenset({"bash", "interactive"})  # SLURM's names of a shell, in which nothing is launched


def external() -> tuple[int, str] | None:
    """This process's global rank and a name of the launch, the same for all its ranks; None if it stands alone.

    Raises:
        ConfigError: the environment speaks of a launch by halves.
    """
    env = os.environ
    if "TORCHELASTIC_RUN_ID" in env:
        _whole("torchrun", "TORCHELASTIC_RUN_ID", _TORCHRUN)
        if _number("WORLD_SIZE") == 1:
            return None
        launch = env["TORCHELASTIC_RUN_ID"]
        if launch == "none":  # torchrun's default name; its ranks of one node share the parent
            launch = f"parent{os.getppid()}"
        return _number("RANK"), f"torchrun-{launch}-{env.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    if "SLURM_STEP_ID" in env and env.get("SLURM_JOB_NAME") not in _INTERACTIVE:
        if "SLURM_NTASKS" in env and _number("SLURM_NTASKS") == 1:
            return None
        _whole("srun", "SLURM_STEP_ID", _SLURM)
        return _number("SLURM_PROCID"), f"slurm-{env['SLURM_JOB_ID']}-{env['SLURM_STEP_ID']}"
    return None


def check() -> None:
    """See that what the environment says of ranks is a launcher's own word.

    A variable that was left over would make this process take itself for a rank of nothing, train in silence and keep
    nothing.

    Raises:
        ConfigError: it names a rank, and nothing was launched; or it speaks of a launch by halves.
    """
    launched = external() is not None or "TORCHELASTIC_RUN_ID" in os.environ
    nodes = {"NODE_RANK"} if {"MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys() else set()
    left = [name for name in _RANKS if name in os.environ and name not in nodes]
    if left and not launched:
        _refuse(left)
    if "NODE_RANK" in os.environ:
        _number("NODE_RANK")


def check_nodes(config: Mapping[str, Any]) -> None:
    """See that ``NODE_RANK`` is that of a run on several nodes, whose processes are started by hand.

    Raises:
        ConfigError: the run is on one node.
    """
    alone = "LOCAL_RANK" not in os.environ and external() is None
    if alone and "NODE_RANK" in os.environ and config.get("trainer", {}).get("num_nodes", 1) == 1:
        _refuse(["NODE_RANK"])


def global_rank() -> int:
    """This process's rank as its launcher says it: torchrun, srun, or Lightning (whose ranks know node and local)."""
    placed = external()
    if placed is not None:
        return placed[0]
    return _number("LOCAL_RANK") or _number("NODE_RANK")


def together(outputs: Path, make: Callable[[], Path]) -> Path:
    """The run directory: what ``make`` returns on the first rank, and that same one on the others.

    Raises:
        TrainingError: the first rank did not say in time which directory it is.
    """
    placed = external()
    if placed is None:
        return make()
    rank, launch = placed
    meeting = outputs / ".ranks" / re.sub(r"[^A-Za-z0-9._-]", "-", launch)
    if rank == 0:
        meeting.unlink(missing_ok=True)
        run_dir = make()
        meeting.parent.mkdir(parents=True, exist_ok=True)
        directory.write_text(meeting, str(run_dir))
        return run_dir
    deadline = time.monotonic() + WAIT_SECONDS
    while not meeting.exists():
        if time.monotonic() > deadline:
            raise TrainingError(f"rank {rank} waited {WAIT_SECONDS:.0f} s for rank 0 to start a run in {outputs}")
        time.sleep(0.1)
    return Path(foreign.read_text(meeting, most=1 << 16))


def _whole(launcher: str, sign: str, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ConfigError(
            f"the environment has {sign} of {launcher}, but not {', '.join(missing)}: start genlab with {launcher}, "
            f"or without what is left of it (env -u {sign} genlab ...)"
        )
    for name in names:
        if name not in {"MASTER_ADDR", "SLURM_JOB_ID"}:
            _number(name)


def _number(name: str) -> int:
    """A variable of the environment that counts from 0; 0 if it is not there."""
    value = os.environ.get(name, "0")
    if not value.isascii() or not value.isdigit():
        raise ConfigError(
            f"{name}={value[:40]!r} in the environment is no whole number; unset it: env -u {name} genlab ..."
        )
    return int(value)


def _refuse(names: list[str]) -> None:
    said = " ".join(f"{name}={os.environ[name][:40]}" for name in names)
    unset = " ".join(f"-u {name}" for name in names)
    raise ConfigError(
        f"{said} in the environment names a rank, but no launcher (torchrun, srun) has started this process; "
        f"unset it: env {unset} genlab ..."
    )

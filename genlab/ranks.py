"""Ranks that a launcher outside started (torchrun, srun): the first makes the run directory, the others join it.

Without this, ``torchrun --nproc-per-node=2 -m genlab train ...`` would make one run directory per rank. The ranks
that Lightning starts itself come in through ``genlab _worker RUN_DIR`` and need nothing of this.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from genlab import runs
from genlab.errors import TrainingError

WAIT_SECONDS = 120.0
"""How long a rank waits for the first one's run directory."""


def external() -> tuple[int, str] | None:
    """This process's global rank and a name of the launch, the same for all its ranks; None if it stands alone."""
    env = os.environ
    if "TORCHELASTIC_RUN_ID" in env and int(env.get("WORLD_SIZE", "1")) > 1:
        launch = env["TORCHELASTIC_RUN_ID"]
        if launch == "none":  # torchrun's default name; its ranks of one node share the parent
            launch = f"parent{os.getppid()}"
        return int(env["RANK"]), f"torchrun-{launch}-{env.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    if "SLURM_STEP_ID" in env and int(env.get("SLURM_NTASKS", "1")) > 1:
        return int(env["SLURM_PROCID"]), f"slurm-{env['SLURM_JOB_ID']}-{env['SLURM_STEP_ID']}"
    return None


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
        runs.write_text(meeting, str(run_dir))
        return run_dir
    deadline = time.monotonic() + WAIT_SECONDS
    while not meeting.exists():
        if time.monotonic() > deadline:
            raise TrainingError(f"rank {rank} waited {WAIT_SECONDS:.0f} s for rank 0 to start a run in {outputs}")
        time.sleep(0.1)
    return Path(meeting.read_text())

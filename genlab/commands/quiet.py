"""What the libraries below say to their own users, and genlab's need not hear."""

from __future__ import annotations

import logging
import os
import warnings


def quiet() -> None:
    """Silence Lightning's notices, and undo one of its settings that costs time at every step."""
    # what these say to a library's user is noise to genlab's; errors still come through
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch")
    # a run says itself which of its kernels these are
    warnings.filterwarnings("ignore", message=".* does not have a deterministic implementation")
    # schedules count the updates of a game, and a player's first turn may come later than the first of them
    warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
    # Lightning turns this on, and then every optimiser step opens the NVIDIA driver anew
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)

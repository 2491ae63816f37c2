from __future__ import annotations

import signal
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from genlab.errors import Interrupted
from genlab.training.callbacks.checkpoints import Checkpoints


def checkpoints(folder: Path, *, ago: float) -> Checkpoints:
    return Checkpoints(
        folder,
        meta={},
        every_n_steps=None,
        every_seconds=None,
        keep=1,
        last_step=1,
        place=Mock(),
        validation=Mock(),
        begun=time.monotonic() - ago,
    )


def test_the_time_of_a_resumed_run_is_that_of_all_its_processes(tmp_path: Path) -> None:
    killed, resumed = checkpoints(tmp_path, ago=100.0), checkpoints(tmp_path, ago=20.0)
    resumed.load_state_dict(killed.state_dict())
    assert resumed.seconds() == pytest.approx(120.0, abs=10.0)


def test_a_signal_within_an_update_waits_for_its_end(tmp_path: Path) -> None:
    guard = checkpoints(tmp_path, ago=0.0)
    guard.asked = signal.SIGTERM
    assert list(guard.watch([1, 2], Mock(), Mock(pending=1))) == [1, 2]
    with pytest.raises(Interrupted):
        list(guard.watch([1, 2], Mock(is_global_zero=False), Mock(pending=0, batches_done=3)))

"""What a start leaves behind: nothing where there is nothing to look at, and all of it where there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlab.errors import ConfigError, TrainingError
from genlab.launch.start import discarded_if_refused
from genlab.runs import directory


def begun(outputs: Path) -> Path:
    run = directory.create(outputs, "sample", "x")
    (run / directory.CONFIG).write_text("verb: sample")
    return run


FAULTS = [ConfigError("no"), MemoryError(), TrainingError("no space left on device"), RuntimeError("odd")]


@pytest.mark.parametrize("error", FAULTS)
def test_what_fails_before_it_has_made_anything_leaves_nothing(error: Exception, tmp_path: Path) -> None:
    run = begun(tmp_path)
    with pytest.raises(type(error)), discarded_if_refused(run):
        raise error
    assert not run.exists()
    assert not run.parent.exists()


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("name", ["summary.json", "metrics.csv"])
def test_what_has_been_made_stays(error: Exception, name: str, tmp_path: Path) -> None:
    run = begun(tmp_path)
    (run / name).write_text("x")
    with pytest.raises(type(error)), discarded_if_refused(run):
        raise error
    assert (run / name).is_file()


def test_a_training_run_that_fails_later_stays(tmp_path: Path) -> None:
    """Its folders say where it would have gone on."""
    run = directory.create(tmp_path, "train", "x")
    with pytest.raises(TrainingError), discarded_if_refused(run):
        raise TrainingError("the loss is not finite")
    assert (run / directory.CHECKPOINTS).is_dir()

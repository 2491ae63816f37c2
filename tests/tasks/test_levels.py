"""Tasks that look at levels of latents, and codes as data for another model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data import arrays
from genlab.data.dataset import Dataset, Split
from genlab.errors import ConfigError
from genlab.models.levels import level_slice
from genlab.restore import Loaded
from genlab.tasks import TASKS, Work
from tests.contracts.catalogue import CATALOGUE

(CASE,) = (case for case in CATALOGUE if case.name == "ladder-vae-binary")
PARTS = (slice(0, 6), slice(6, 8), slice(8, 12))
"""Train, val and test."""


class OfACase(Loaded):
    def dataset(self, *, root: str | None, trust: object) -> Dataset:
        x, y = CASE.batch(12)[:2]
        train, val, test = (Split(x[part], None if y is None else y[part]) for part in PARTS)
        return Dataset(name=CASE.name, spec=CASE.spec, train=train, val=val, test=test)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(OfACase(Path(), {}, CASE.spec, 0, CASE.model().eval()), tmp_path, n=4)


def drawn(work: Work, task: str, **options: object) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return TASKS[task](**options).draw(work).arrays


def test_a_row_keeps_the_levels_above_and_draws_the_others_anew(work: Work) -> None:
    z = drawn(work, "resample", steps=5)["latents"].reshape(3, 5, -1)
    for row in range(3):
        above = level_slice(work.model, row + 1).stop
        assert (z[row, :, above:] == z[0, 0, above:]).all()
        for level in range(1, row + 2):
            assert len(np.unique(z[row, :, level_slice(work.model, level)], axis=0)) == 5
        assert (z[row, 0] == z[0, 0]).all(), "a row begins with the same draw"


def test_rows_of_one_level_have_tops_of_their_own(work: Work) -> None:
    z = drawn(work, "resample", level=2, steps=3)["latents"].reshape(4, 3, -1)
    top = level_slice(work.model, 3)
    assert (z[:, :1, top] == z[:, :, top]).all()
    assert len(np.unique(z[:, 0, top], axis=0)) == 4


def test_only_the_level_that_is_asked_for_moves(work: Work) -> None:
    z = drawn(work, "interpolate", level=2, steps=4)["latents"]
    moves = level_slice(work.model, 2)
    still = np.ones(z.shape[-1], bool)
    still[moves] = False
    assert (z[:, :1, still] == z[:, :, still]).all()
    assert (z[:, 0, moves] != z[:, -1, moves]).any()


@pytest.mark.parametrize("task", ["resample", "interpolate"])
def test_a_level_that_is_not_there_is_refused(work: Work, task: str) -> None:
    with pytest.raises(ConfigError, match="level=4: the model has 3 levels; give 1, the lowest, to 3"):
        drawn(work, task, level=4)


def test_codes_are_data_for_another_model(work: Work, tmp_path: Path) -> None:
    found = drawn(work, "encode")
    np.savez(tmp_path / "encode.npz", **found)
    data = arrays(root=str(tmp_path / "encode.npz"), kind="vector")
    assert data.spec.event_shape == (work.model.latent_dim,)
    assert data.spec.num_classes == 3
    batch = CASE.batch(12)
    with torch.no_grad():
        codes = work.model.encode(batch.x)
    for split, part in zip((data.train, data.val, data.test), PARTS, strict=True):
        assert torch.allclose(split.x, codes[part], atol=1e-6)
        assert torch.equal(split.y, batch.y[part])

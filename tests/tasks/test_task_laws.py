"""Each task with every model of the catalogue, small: it draws arrays and a picture, or says what the model lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data.dataset import Dataset, Split
from genlab.inverse import posterior
from genlab.restore import Loaded
from genlab.tasks import TASKS, Work, _restored
from tests.contracts.catalogue import CATALOGUE, FITTED, Case
from tests.inverse.quick import quick_methods
from tests.tasks.sequences import NUMBERS, small

CASES = [*CATALOGUE, *FITTED]


class OfACase(Loaded):
    """A model of the catalogue in place of a checkpoint, with a little data of its type."""

    def dataset(self, *, root: str | None, trust: object) -> Dataset:
        case = next(case for case in CASES if case.name == self.config["name"])
        batch = case.batch(5)
        split = Split(batch.x, batch.y, c=batch.c)
        return Dataset(name=case.name, spec=case.spec, train=split, val=split, test=split)


def loaded(case: Case) -> Loaded:
    return OfACase(Path(), {"name": case.name}, case.spec, 0, case.model().eval())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_draws_or_says_what_the_model_lacks(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posterior, "METHODS", quick_methods())
    monkeypatch.setattr(_restored, "TOGETHER", 2)
    of = loaded(case)
    can = {name: task for name, task in TASKS.items() if task.lacks(of) is None}
    assert "sample" in can
    for name, task in TASKS.items():
        if name not in can:
            lacks = task.lacks(of)
            assert lacks
            assert "\n" not in lacks
            continue
        options = {"steps": 3} if "steps" in vars(task()) else {}
        options |= {"learn": False} if name == "augment" else {}
        options |= {"samples": 2} if "samples" in vars(task()) else {}
        with torch.no_grad():
            drawn = task(**options).draw(Work(of, tmp_path, n=3, seed=2))
            again = task(**options).draw(Work(of, tmp_path, n=3, seed=2))
            assert drawn.arrays, name
            assert drawn.note, name
            for key, array in drawn.arrays.items():
                assert np.isfinite(array).all(), (name, key)
                assert array.size, (name, key)
                assert array.tobytes() == again.arrays[key].tobytes(), (name, key)
            picture = drawn.picture()
        assert picture.dtype == np.uint8, name
        assert picture.ndim == 3, name
        assert picture.shape[2] == 3, name


def test_some_model_can_do_each_task_and_some_cannot() -> None:
    for name, task in TASKS.items():
        able = [task.lacks(loaded(case)) is None for case in CASES]
        assert any(able), name
        assert all(able) == (name == "sample")


@pytest.mark.parametrize("name", TASKS)
def test_an_option_that_needs_more_is_had_by_some_models_alone(name: str) -> None:
    task = TASKS[name]
    for option in task.needs_with:
        found = [task.lacks_with(of, {option: 1}) for of in (*map(loaded, CASES), small(NUMBERS))]
        assert any(each is None for each in found), option
        assert any(each is not None and each[0] == option for each in found), option

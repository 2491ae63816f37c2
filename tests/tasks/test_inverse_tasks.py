"""The tasks on inverse problems with a model whose posterior is known: what they write, score, read and refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.commands.sample import save_pictures
from genlab.data.dataset import Dataset, Split
from genlab.data.spaces import Label
from genlab.errors import ConfigError, DataError
from genlab.models.capabilities import GenerativeModel
from genlab.restore import Loaded
from genlab.tasks import TASKS, Drawn, Task, Work
from tests.inverse.priors import pictures

N, SHAPE = 40, (1, 6, 4)


class Known(Loaded):
    """A mixture in place of a checkpoint, with data that it has drawn."""

    def dataset(self, *, root: str | None, trust: object) -> Dataset:
        split = Split(self.model.sample(N, generator=torch.Generator().manual_seed(3)))
        return Dataset(name="known", spec=self.spec, train=split, val=split, test=split)


@pytest.fixture(scope="module")
def model() -> GenerativeModel:
    return pictures(SHAPE)


def draw(model: GenerativeModel, task: Task, folder: Path, *, n: int = N, seed: int = 0) -> Drawn:
    loaded = Known(Path(), {"name": "known"}, model.spec, 0, model)
    assert type(task).lacks(loaded) is None
    with torch.no_grad():
        return task.draw(Work(loaded, folder, n=n, seed=seed))


ASKED = {
    "inpaint": {"keep": "left"},
    "superresolve": {"factor": 2},
    "denoise": {"noise": 0.2},
    "sense": {"m": 10},
}
MEASURED = {"inpaint": (12,), "superresolve": (1, 3, 2), "denoise": SHAPE, "sense": (10,)}


@pytest.mark.parametrize("name", ASKED)
def test_a_known_posterior_is_better_than_what_needs_no_model_and_covers_the_truth(name, model, tmp_path) -> None:
    drawn = draw(model, TASKS[name](**ASKED[name], samples=20), tmp_path)
    arrays, numbers = drawn.arrays, drawn.numbers
    assert arrays["truth"].shape == arrays["mean"].shape == arrays["std"].shape == (N, *SHAPE)
    assert arrays["observed"].shape == (N, *MEASURED[name])
    assert arrays["samples"].shape == (N, 20, *SHAPE)
    assert arrays["samples"].dtype == arrays["truth"].dtype == np.uint8
    np.testing.assert_allclose(arrays["samples"].mean(1), arrays["mean"], atol=0.6)  # on the data's own scale
    likeness = numbers["likeness"]
    baselines = [value["psnr"] for kind, value in likeness.items() if kind not in ("mean", "one draw")]
    assert baselines
    assert likeness["mean"]["psnr"] > max(*baselines, likeness["one draw"]["psnr"])
    for share, found in numbers["coverage"].items():
        assert abs(found - float(share)) < 0.07
    assert numbers["exactness"] == "exact"
    assert any("psnr" in line for line in drawn.lines)
    picture = drawn.picture()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    if numbers["noise"]:  # the draws are as far from what was measured as the noise is large
        assert 0.3 < numbers["residual_of_draws"] / numbers["noise"] < 1.6


def test_an_example_depends_on_the_seed_and_its_number_alone(model, tmp_path) -> None:
    few, many = (draw(model, TASKS["superresolve"](samples=2), tmp_path, n=n).arrays for n in (3, 20))
    assert all(np.array_equal(few[name], many[name][:3]) for name in few)
    other = draw(model, TASKS["superresolve"](samples=2), tmp_path, n=3, seed=1).arrays
    assert not np.array_equal(few["samples"], other["samples"])


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_pictures_of_a_user_s_are_measured_or_taken_as_measured(model, tmp_path) -> None:
    x = model.sample(3, generator=torch.Generator().manual_seed(5)).numpy()[:, 0]
    for i, pixels in enumerate(x):
        _save(tmp_path / "in" / f"{i}.png", pixels)
    drawn = draw(model, TASKS["superresolve"](input=str(tmp_path / "in"), noise=0.0), tmp_path)
    assert np.array_equal(drawn.arrays["truth"][:, 0], x)
    small = np.rint(x.reshape(3, 3, 2, 2, 2).mean((2, 4))).astype(np.uint8)
    _save(tmp_path / "small.png", small[0])
    again = draw(model, TASKS["superresolve"](input=str(tmp_path / "small.png"), measured=True), tmp_path)
    assert "truth" not in again.arrays
    assert "likeness" not in again.numbers
    np.testing.assert_allclose(again.arrays["observed"][0, 0], small[0], atol=1e-3)
    noisy = draw(model, TASKS["denoise"](input=str(tmp_path / "in"), measured=True, noise=0.1), tmp_path)
    np.testing.assert_allclose(noisy.arrays["observed"][:, 0], x, atol=1e-3)
    half = draw(model, TASKS["inpaint"](input=str(tmp_path / "in"), measured=True), tmp_path)
    assert np.array_equal(half.arrays["samples"][:, 0, 0, :3], x[:, :3])


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("superresolve", {"factor": 3}, ConfigError, "factor=3: does not divide 6x4 pixels; give 2"),
        ("superresolve", {"noise": 1e200}, ConfigError, r"noise=1e\+200: give 0, or from 1e-05 to 100"),
        ("denoise", {"noise": 1e-300}, ConfigError, "noise=1e-300: give 0, or from 1e-05 to 100"),
        ("superresolve", {"method": "chain"}, ConfigError, "method=chain needs a model that samples by a chain"),
        ("denoise", {"method": "magic"}, ConfigError, "method=magic: there is none; give auto, closed_form"),
        ("sense", {"m": 24}, ConfigError, "m=24: a picture of this data has 24 values; give fewer, such as m=6"),
        ("denoise", {"measured": True}, ConfigError, "measured=true: is of the pictures of input"),
        ("denoise", {"input": "nowhere"}, DataError, "input=nowhere does not exist"),
        ("inpaint", {"keep": "bottom"}, ConfigError, "keep=bottom"),
    ],
)
def test_what_cannot_be_is_said(name, options, kind, message, model, tmp_path) -> None:
    with pytest.raises(kind, match=message):
        draw(model, TASKS[name](**options), tmp_path)


def test_a_smaller_picture_is_named(model, tmp_path) -> None:
    _save(tmp_path / "in" / "small.png", np.zeros((5, 10), np.uint8))
    with pytest.raises(DataError, match=r"small.png.*is 10x5 pixels, the model needs 4x6"):
        draw(model, TASKS["denoise"](input=str(tmp_path / "in")), tmp_path)
    with pytest.raises(DataError, match=r"is 10x5 pixels, the model needs 4x6; resize it"):
        draw(model, TASKS["denoise"](input=str(tmp_path / "in" / "small.png")), tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        draw(model, TASKS["denoise"](input=str(tmp_path / "empty")), tmp_path)


def test_a_model_of_classes_is_told_which_a_user_s_pictures_show(tmp_path) -> None:
    model = pictures(SHAPE)
    model.given = Label(2)
    _save(tmp_path / "a.png", np.zeros(SHAPE[1:], np.uint8))
    with pytest.raises(ConfigError, match="given a label of each picture, these have none; say which class they show"):
        draw(model, TASKS["denoise"](input=str(tmp_path / "a.png")), tmp_path)


def test_colours_are_drawn_for_grey_pictures(tmp_path) -> None:
    model = pictures((3, 4, 4))
    drawn = draw(model, TASKS["colourise"](samples=3), tmp_path, n=12)
    assert drawn.arrays["observed"].shape == (12, 1, 4, 4)
    assert drawn.numbers["likeness"]["mean"]["psnr"] > drawn.numbers["likeness"]["grey"]["psnr"]
    assert TASKS["colourise"].lacks(Known(Path(), {}, pictures(SHAPE).spec, 0, pictures(SHAPE))) == "pictures in colour"


def test_each_draw_is_a_picture_of_its_own_where_that_is_asked_for(model, tmp_path) -> None:
    arrays = draw(model, TASKS["superresolve"](samples=2), tmp_path, n=3).arrays
    save_pictures(tmp_path, arrays, model.spec)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        f"{i:05d}-{j}.png" for i in range(3) for j in range(2)
    ]
    assert len(list((tmp_path / "mean").iterdir())) == 3

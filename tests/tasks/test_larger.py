"""Pictures larger than the model's: of any sizes and colours, each by itself, scored as the field does, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.errors import ConfigError, DataError
from genlab.evaluation.statistics.likeness import ratios, similarities
from genlab.models.capabilities import GenerativeModel
from genlab.tasks import TASKS, Drawn, _larger
from genlab.tasks._alike import luminance, similarity
from genlab.tasks.store import Stored
from tests.inverse.priors import pictures
from tests.tasks.test_inverse_tasks import SHAPE, draw  # a mixture of pictures of 6x4 pixels


@pytest.fixture(scope="module")
def model() -> GenerativeModel:
    return pictures(SHAPE)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Grey pictures of three sizes, one of them the model's own, and one in colour."""
    random = np.random.default_rng(0)
    (tmp_path / "in" / "more").mkdir(parents=True)
    for name, shape in {"a": (20, 13), "b": (6, 4), "more/c": (9, 30), "d": (16, 16, 3)}.items():
        Image.fromarray(random.integers(60, 190, shape, dtype=np.uint8)).save(tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


def _pixels(path: Path) -> np.ndarray:
    x = np.asarray(Image.open(path))
    return x[None] if x.ndim == 2 else x.transpose(2, 0, 1)


def of(drawn: Drawn, name: str) -> dict[str, np.ndarray]:
    return {key.rpartition("/")[2]: value for key, value in drawn.arrays.items() if key.rpartition("/")[0] == name}


def test_pictures_of_all_sizes_are_restored_whole(model, photos, tmp_path) -> None:
    drawn = draw(model, TASKS["denoise"](input=str(photos), noise=0.2), tmp_path)
    for name in ("a", "b", "d", "more/c"):
        truth = _pixels(photos / f"{name}.png")
        arrays = of(drawn, name)
        assert np.array_equal(arrays["truth"], truth)
        assert arrays["observed"].shape == arrays["restored"].shape == truth.shape
        if truth.size > 200:
            assert abs((arrays["observed"] - truth).std() / 255 - 0.2) < 0.03
        made = drawn.pictures[f"restored/{name}"]()
        assert np.array_equal(made, np.rint(arrays["restored"]).astype(np.uint8).transpose(1, 2, 0))
    assert drawn.numbers["method"] == "epll"
    assert drawn.numbers["exactness"] == "approximate"
    assert "no draws" in drawn.note
    assert "samples" not in drawn.arrays
    json.dumps(drawn.numbers)
    sheet = drawn.picture()
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3


def test_scores_are_means_over_pictures_of_what_they_are_called(model, photos, tmp_path) -> None:
    numbers = draw(model, TASKS["denoise"](input=str(photos), noise=0.2), tmp_path)
    drawn, numbers = numbers, numbers.numbers
    each = {one["name"]: one for one in numbers["pictures"]}
    assert set(each) == {"a", "b", "d", "more/c"}
    for name, one in each.items():
        x, truth = (torch.from_numpy(of(drawn, name)[key])[None] / 255 for key in ("restored", "truth"))
        assert one["psnr"]["restored"] == pytest.approx(ratios(x, truth).item(), abs=1e-3)
    for name in ("restored", "noisy input", "total variation"):
        expected = sum(one["psnr"][name] for one in each.values()) / 4
        assert numbers["psnr"][name] == pytest.approx(expected)
    assert numbers["psnr"]["restored"] > numbers["psnr"]["noisy input"]
    assert "psnr_y" in each["d"]
    assert "psnr_y" not in each["a"]
    assert "psnr_y" not in numbers
    assert "ssim" not in each["b"]
    assert any(f"restored {numbers['psnr']['restored']:.2f} dB" in line for line in drawn.lines)


def test_a_picture_depends_on_its_name_and_the_seed_alone(model, photos, tmp_path) -> None:
    whole = of(draw(model, TASKS["denoise"](input=str(photos)), tmp_path), "a")
    alone = of(draw(model, TASKS["denoise"](input=str(photos / "a.png")), tmp_path), "a")
    assert all(np.array_equal(whole[key], alone[key]) for key in whole)
    other = of(draw(model, TASKS["denoise"](input=str(photos / "a.png")), tmp_path, seed=1), "a")
    assert not np.array_equal(whole["observed"], other["observed"])
    Image.open(photos / "a.png").save(photos / "again.png")
    again = of(draw(model, TASKS["denoise"](input=str(photos)), tmp_path), "again")
    assert not np.array_equal(whole["observed"], again["observed"])  # its noise is its own
    first = draw(model, TASKS["denoise"](input=str(photos)), tmp_path, n=1)
    assert {name.partition("/")[0] for name in first.arrays} == {"a"}


def test_a_grey_model_restores_each_channel_by_itself(model, photos, tmp_path) -> None:
    task = TASKS["superresolve"](input=str(photos / "d.png"), noise=0.0)
    colour = of(draw(model, task, tmp_path), "d")["restored"]
    for channel, pixels in enumerate(_pixels(photos / "d.png")):
        Image.fromarray(pixels).save(tmp_path / "grey.png")
        grey = of(draw(model, TASKS["superresolve"](input=str(tmp_path / "grey.png"), noise=0.0), tmp_path), "grey")
        np.testing.assert_allclose(grey["restored"][0], colour[channel], atol=1e-3)


def test_a_model_of_colours_restores_them_together(photos, tmp_path) -> None:
    drawn = draw(pictures((3, 4, 4)), TASKS["colourise"](input=str(photos)), tmp_path)
    for name in ("a", "d"):  # a grey picture is one of equal channels
        arrays = of(drawn, name)
        assert arrays["observed"].shape == (1, *_pixels(photos / f"{name}.png").shape[1:])
        assert arrays["restored"].shape[0] == 3
    Image.fromarray(of(drawn, "d")["observed"][0].round().astype(np.uint8)).save(tmp_path / "grey.png")
    again = draw(pictures((3, 4, 4)), TASKS["colourise"](input=str(tmp_path / "grey.png"), measured=True), tmp_path)
    assert "grey/truth" not in again.arrays
    assert "psnr" not in again.numbers
    assert again.arrays["grey/restored"].shape == (3, 16, 16)


def test_small_pictures_are_cut_to_multiples_or_taken_as_measured(model, photos, tmp_path) -> None:
    drawn = draw(model, TASKS["superresolve"](input=str(photos), factor=2, noise=0.0), tmp_path)
    arrays = of(drawn, "a")
    assert arrays["truth"].shape == (1, 20, 12)
    small = _pixels(photos / "a.png")[0, :, :12].reshape(10, 2, 6, 2).mean((1, 3))
    np.testing.assert_allclose(arrays["observed"][0], small, atol=1e-3)
    one = next(each for each in drawn.numbers["pictures"] if each["name"] == "a")
    inner = (torch.from_numpy(arrays[key])[None, :, 2:-2, 2:-2] / 255 for key in ("restored", "truth"))
    assert one["psnr"]["restored"] == pytest.approx(ratios(*inner).item(), abs=1e-3)
    Image.fromarray(np.rint(small).astype(np.uint8)).save(tmp_path / "small.png")
    again = draw(model, TASKS["superresolve"](input=str(tmp_path / "small.png"), measured=True, noise=0.0), tmp_path)
    assert again.arrays["small/restored"].shape == (1, 20, 12)
    np.testing.assert_allclose(again.arrays["small/restored"], arrays["restored"], atol=6)


def test_a_mask_is_of_the_picture_s_own_size(model, photos, tmp_path) -> None:
    drawn = of(draw(model, TASKS["inpaint"](input=str(photos / "a.png"), keep="left"), tmp_path), "a")
    np.testing.assert_allclose(drawn["restored"][..., :7], _pixels(photos / "a.png")[..., :7], atol=1e-3)
    mask = np.full((20, 13), 255, np.uint8)
    mask[5:9, 3:6] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    drawn = of(
        draw(model, TASKS["inpaint"](input=str(photos / "a.png"), keep=str(tmp_path / "mask.png")), tmp_path), "a"
    )
    kept = mask == 255
    np.testing.assert_allclose(drawn["restored"][0][kept], _pixels(photos / "a.png")[0][kept], atol=1e-3)
    assert np.abs(drawn["restored"][0][~kept] - _pixels(photos / "a.png")[0][~kept]).max() > 1


def test_arrays_that_are_many_lie_in_files(model, photos, tmp_path, monkeypatch) -> None:
    usual = draw(model, TASKS["denoise"](input=str(photos)), tmp_path)
    monkeypatch.setattr(_larger, "IN_MEMORY", 3000)
    held = []
    inner = Stored.__init__

    def watched(self, *args, **kwargs) -> None:
        inner(self, *args, **kwargs)
        held.append(self.tensor.nbytes if self._map is None else 0)

    monkeypatch.setattr(Stored, "__init__", watched)
    drawn = draw(model, TASKS["denoise"](input=str(photos)), tmp_path)
    assert 0 < sum(held) <= 3000
    assert all(np.array_equal(usual.arrays[name], drawn.arrays[name]) for name in usual.arrays)


def test_names_that_differ_in_their_ending_alone_are_told_apart(model, photos, tmp_path) -> None:
    Image.open(photos / "a.png").save(photos / "a.bmp")
    drawn = draw(model, TASKS["denoise"](input=str(photos)), tmp_path)
    assert {"restored/a.bmp", "restored/a.png", "restored/d"} <= set(drawn.pictures)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("denoise", {"samples": 8}, r"samples=8: of pictures larger than the model's \(4x6\) one picture each is said"),
        (
            "denoise",
            {"method": "closed_form"},
            "method=closed_form: is not for pictures larger.*auto, epll, patch_means",
        ),
        ("denoise", {"method": "magic"}, "method=magic: is not for pictures larger than the model's; give auto, epll"),
        ("inpaint", {"method": "patch_means"}, "method=patch_means needs .*noise on all values"),
        ("sense", {}, "DequantisedFit cannot say what pictures larger than its own were by 65 Gaussian measurements"),
        ("inpaint", {"keep": "bottom"}, "keep=bottom"),
    ],
)
def test_what_cannot_be_of_larger_pictures_is_said(name, options, message, model, photos, tmp_path) -> None:
    with pytest.raises(ConfigError, match=message):
        draw(model, TASKS[name](input=str(photos / "a.png"), **options), tmp_path)


def test_one_sample_is_what_there_is(model, photos, tmp_path) -> None:
    draw(model, TASKS["denoise"](input=str(photos), samples=1), tmp_path)


def test_methods_of_larger_pictures_are_not_for_others(model, tmp_path) -> None:
    with pytest.raises(ConfigError, match="method=epll: is of pictures larger than the model's"):
        draw(model, TASKS["denoise"](method="epll"), tmp_path)


def test_a_picture_too_large_or_unreadable_is_named(model, photos, tmp_path, monkeypatch) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad.png: cannot identify image file; mend, reduce or remove it"):
        draw(model, TASKS["denoise"](input=str(photos)), tmp_path)
    with pytest.raises(DataError, match=r"a.png: factor=30 leaves less of 13x20 pixels than the model's"):
        draw(model, TASKS["superresolve"](input=str(photos / "a.png"), factor=30), tmp_path)
    monkeypatch.setattr(_larger, "MOST_PIXELS", 100)
    with pytest.raises(DataError, match=r"a.png: more than 100 pixels; mend, reduce or remove it"):
        draw(model, TASKS["denoise"](input=str(photos)), tmp_path)


def test_similarity_is_that_of_the_whole_picture_strip_by_strip(monkeypatch) -> None:
    x, truth = torch.rand(2, 3, 40, 23, generator=torch.Generator().manual_seed(0))
    whole = similarities(x[None], truth[None]).item()
    assert similarity(x, truth) == pytest.approx(whole, abs=1e-6)
    for height in (1, 12, 13, 19, 39):
        monkeypatch.setattr("genlab.tasks._alike.STRIP", 3 * 23 * height)
        assert similarity(x, truth) == pytest.approx(whole, abs=1e-6)


def test_luminance_is_that_of_video() -> None:
    white, black = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
    assert (luminance(white) * 255).item() == pytest.approx(235, abs=0.01)
    assert (luminance(black) * 255).item() == pytest.approx(16)
    assert torch.equal(luminance(white[:1]), white[:1])


def test_small_pictures_among_larger_ones_are_named(model, photos, tmp_path) -> None:
    Image.fromarray(np.full((9, 3), 100, dtype=np.uint8)).save(photos / "narrow.png")
    with pytest.raises(DataError, match=r"narrow.png: less than the 4x6 pixels of the model's pictures"):
        draw(model, TASKS["denoise"](input=str(photos)), tmp_path)

"""genlab translate on real checkpoints: names and sizes, what is never overwritten, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from genlab.commands import evaluate, sample, train, translate
from genlab.config.compose import compose
from genlab.errors import ConfigError, DataError
from genlab.evaluation.translators import translated
from genlab.models import CycleGAN
from genlab.restore import load

QUIET = Console(quiet=True)
SMALL = [
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "trainer.max_steps=2",
    "callbacks.samples.n=4",
    "logger=csv",
    "model.channels=4",
]


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trained")
    for part in ("train", "val", "test"):
        (root / "pairs" / part).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(pixels(16, 32, i)).save(root / "pairs" / part / f"{i}.png")
    runs = {
        "cyclegan": ["model=cyclegan", "data=unpaired_digits", "model.blocks=1"],
        "pix2pix": [
            "model=pix2pix",
            "data=paired",
            f"data.root={root / 'pairs'}",
            "data.size=16",
            "data.direction=BtoA",
        ],
        "vae": ["model=vae", "model.hidden=[4]", "trainer.max_steps=1"],
    }
    paths = {}
    for name, words in runs.items():
        run = root / name
        for folder in ("checkpoints", "samples"):
            (run / folder).mkdir(parents=True)
        composed = compose("train", [*SMALL, *words])
        assert composed is not None
        train.run(run, composed.config, console=QUIET)
        paths[name] = (
            run / "checkpoints" / "best.ckpt" if name == "vae" else sorted((run / "checkpoints").glob("step*.ckpt"))[-1]
        )
    return paths


def settings(ckpt: Path, *words: str, verb: str = "translate") -> dict[str, Any]:
    composed = compose(verb, [f"ckpt={ckpt}", "accelerator=cpu", *words])
    assert composed is not None
    return composed.config


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of several sizes and kinds, some of them in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(pixels(9, 31)).save(folder / "wide.png")
    Image.fromarray(pixels(40, 20)).save(folder / "tall.jpg")
    Image.fromarray(pixels(16, 16)).convert("L").save(folder / "grey.png")
    Image.fromarray(pixels(16, 16, 1)).save(folder / "more" / "same.png")
    Image.fromarray(pixels(16, 16, 2)).save(folder / "more" / "same.bmp")
    (folder / "notes.txt").write_text("no picture")
    return folder


NAMES = {
    "wide.png": (31, 9),
    "tall.png": (20, 40),
    "grey.png": (16, 16),
    "more/same.png.png": (16, 16),
    "more/same.bmp.png": (16, 16),
}


def written(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.relative_to(folder).as_posix(): Image.open(path).size for path in folder.rglob("*.png")}


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_names_and_sizes_are_kept(
    name: str, trained: dict[str, Path], photos: Path, tmp_path: Path, capsys: Any
) -> None:
    output = translate.run(tmp_path / "run", settings(trained[name], f"input={photos}"), console=QUIET)
    assert output == tmp_path / "run" / "pictures"
    assert written(output) == NAMES
    sheet = Image.open(tmp_path / "run" / "sheets" / "sheet-0001.png")
    assert sheet.size == (512, 5 * 256)
    said = capsys.readouterr().out
    assert ("2 of 5 pictures were resized to 16x16, the only size that it knows" in said) == (name == "pix2pix")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["direction"] == ("AtoB" if name == "cyclegan" else "BtoA")
    assert len(summary["pictures"]) == 5


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.png", "a.jpg.png"], {"a.jpg": "a.jpg-2.png", "a.png": "a.png.png", "a.jpg.png": "a.jpg.png"}),
        (["a.jpg", "A.bmp", "b.jpg"], {"a.jpg": "a.jpg.png", "A.bmp": "A.bmp.png", "b.jpg": "b.png"}),
        (["a.jpg", "a.JPG"], {"a.jpg": "a.jpg-2.png", "a.JPG": "a.JPG.png"}),
        (
            ["a.jpg", "a.png", "a.jpg.png", "a.jpg-2.bmp"],
            {"a.jpg": "a.jpg-3.png", "a.png": "a.png.png", "a.jpg.png": "a.jpg.png", "a.jpg-2.bmp": "a.jpg-2.png"},
        ),
    ],
)
def test_every_picture_has_a_result_of_its_own(
    names: list[str], expected: dict[str, str], trained: dict[str, Path], tmp_path: Path
) -> None:
    folder, run = tmp_path / "photos", tmp_path / "run"
    folder.mkdir()
    for i, name in enumerate(names):
        Image.fromarray(pixels(8, 8 + i)).save(folder / name)
    output = translate.run(run, settings(trained["cyclegan"], f"input={folder}"), console=QUIET)
    assert written(output) == {expected[name]: (8 + i, 8) for i, name in enumerate(names)}
    summary = json.loads((run / "summary.json").read_text())
    assert summary["pictures"] == {str(output / expected[name]): str(folder / name) for name in names}


def test_what_is_converted_is_said(trained: dict[str, Path], photos: Path, tmp_path: Path, capsys: Any) -> None:
    Image.new("RGB", (8, 8), (200, 100, 50)).convert("P").save(photos / "palette.png")
    Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(photos / "more" / "clear.png")
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(photos / "print.jpg")
    Image.fromarray(np.full((8, 8), 32768, np.uint16)).save(photos / "deep.png")
    (photos / "broken.png").write_bytes(b"")
    run = tmp_path / "run"
    translate.run(run, settings(trained["cyclegan"], f"input={photos}", "skip_bad=true"), console=QUIET)
    converted = (
        f"{photos}: pictures converted: 1 grey, repeated to 3 channels; 1 palette, expanded; "
        "1 with alpha, composited on white; 1 CMYK, converted; 1 16-bit, reduced to 8"
    )
    notes = json.loads((run / "summary.json").read_text())["notes"]
    assert notes[0] == converted
    assert "values of 1 pictures of more than 8 bits: 32768 to 32768" in notes[1]
    assert "1 of 10 pictures were skipped: broken.png" in notes[2]
    assert notes[3].endswith("photos: files that are not read: 1 .txt.")
    assert f"note     {converted}\n" in capsys.readouterr().out
    one = settings(trained["cyclegan"], f"input={photos / 'tall.jpg'}")
    translate.run(tmp_path / "one", one, console=QUIET)
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["notes"] == []


def test_input_and_output_may_be_relative(
    trained: dict[str, Path], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    words = ["input=photos", "output=translated"]
    translate.run(tmp_path / "run", settings(trained["cyclegan"], *words), console=QUIET)
    assert written(tmp_path / "translated") == NAMES


def test_the_pictures_are_what_the_model_makes_of_them(trained: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    model = load(trained["cyclegan"], trust=[], device=torch.device("cpu")).model
    assert isinstance(model, CycleGAN)
    source = torch.from_numpy(np.array(Image.open(photos / "wide.png"))).permute(2, 0, 1)[None]
    for direction, way in (("AtoB", model.translate), ("BtoA", model.translate_back)):
        words = [f"input={photos / 'wide.png'}", f"direction={direction}"]
        output = translate.run(tmp_path / direction, settings(trained["cyclegan"], *words), console=QUIET)
        found = torch.from_numpy(np.array(Image.open(output / "wide.png"))).permute(2, 0, 1)[None]
        assert torch.equal(found, way(source))


def test_the_sheet_has_the_input_on_the_left(trained: dict[str, Path], tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).save(tmp_path / "white.png")
    run = tmp_path / "run"
    output = translate.run(run, settings(trained["cyclegan"], f"input={tmp_path / 'white.png'}"), console=QUIET)
    sheet = np.array(Image.open(run / "sheets" / "sheet-0001.png"))
    assert (sheet[100:150, 100:150] == 255).all()
    assert np.array_equal(sheet[128, 256 + 128], np.array(Image.open(output / "white.png"))[8, 8])


def test_large_pictures_are_reduced_with_a_word_said(trained: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    picture = Image.fromarray(pixels(4, 4)).resize((90, 60))
    exif = picture.getexif()
    exif[0x0112] = 6  # lies on its side: upright it is 60 wide and 90 high
    picture.save(tmp_path / "photo.jpg", exif=exif)
    words = [f"input={tmp_path / 'photo.jpg'}", "max_side=32"]
    output = translate.run(tmp_path / "run", settings(trained["cyclegan"], *words), console=QUIET)
    assert written(output) == {"photo.png": (60, 90)}
    assert "1 of 1 pictures were resized to 32 pixels" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "count"), [("cyclegan", 5), ("pix2pix", 4)])
def test_without_input_the_test_pictures_are_translated(
    name: str, count: int, trained: dict[str, Path], tmp_path: Path
) -> None:
    output = translate.run(tmp_path / "run", settings(trained[name], "n=5"), console=QUIET)
    assert sorted(written(output)) == [f"test-{i:05d}.png" for i in range(count)]


def test_the_same_seed_gives_the_same_bytes(trained: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    bytes_of = {}
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        words = [f"input={photos / 'wide.png'}", f"seed={seed}"]
        output = translate.run(tmp_path / name, settings(trained["pix2pix"], *words), console=QUIET)
        bytes_of[name] = (output / "wide.png").read_bytes()
    assert bytes_of["one"] == bytes_of["same"] != bytes_of["other"]


def test_output_may_be_a_folder_or_a_file_and_nothing_is_overwritten(
    trained: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    ckpt = trained["cyclegan"]
    folder = tmp_path / "made" / "here"
    words = [f"input={photos}", f"output={folder}"]
    translate.run(tmp_path / "1", settings(ckpt, *words), console=QUIET)
    assert written(folder) == NAMES
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    (folder / "grey.png").unlink()
    with pytest.raises(ConfigError, match=r"is there already \(4 such files\); give another output=FOLDER"):
        translate.run(tmp_path / "2", settings(ckpt, *words), console=QUIET)
    assert all(path.read_bytes() == content for path, content in before.items() if path.name != "grey.png")
    assert not (folder / "grey.png").exists()
    one = [f"input={photos / 'tall.jpg'}", f"output={tmp_path / 'one.png'}"]
    translate.run(tmp_path / "3", settings(ckpt, *one), console=QUIET)
    assert Image.open(tmp_path / "one.png").size == (20, 40)
    with pytest.raises(ConfigError, match="is there already"):
        translate.run(tmp_path / "4", settings(ckpt, *one), console=QUIET)
    with pytest.raises(ConfigError, match=r"written as PNG; give a name in \.png, or a folder"):
        translate.run(tmp_path / "5", settings(ckpt, one[0], f"output={tmp_path / 'one.jpg'}"), console=QUIET)


def test_an_output_that_cannot_be_written_is_said(trained: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    words = [f"input={photos / 'wide.png'}", f"output={photos / 'grey.png' / 'inside'}"]
    with pytest.raises(ConfigError, match=r"wide\.png cannot be written \(Not a directory\)"):
        translate.run(tmp_path / "run", settings(trained["cyclegan"], *words), console=QUIET)


def test_bad_files_are_named_before_anything_is_written(
    trained: dict[str, Path], photos: Path, tmp_path: Path, capsys: Any
) -> None:
    (photos / "broken.png").write_bytes(b"")
    (photos / "more" / "cut.jpg").write_bytes((photos / "tall.jpg").read_bytes()[:200])
    words, run = [f"input={photos}"], tmp_path / "run"
    with pytest.raises(
        DataError, match=r"2 of 7 pictures cannot be used: broken\.png \(empty file\), more/cut\.jpg .*skip_bad=true"
    ):
        translate.run(run, settings(trained["cyclegan"], *words), console=QUIET)
    assert not run.exists()
    output = translate.run(run, settings(trained["cyclegan"], *words, "skip_bad=true"), console=QUIET)
    assert written(output) == NAMES
    assert "2 of 7 pictures were skipped: broken.png" in capsys.readouterr().out
    for path in photos.rglob("*.*"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="7 of 7"):
        translate.run(tmp_path / "none", settings(trained["cyclegan"], *words, "skip_bad=true"), console=QUIET)


def test_a_single_bad_file_is_named(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cut.png").write_bytes(b"\x89PNG")
    Image.new("1", (9000, 10000)).save("huge.png")  # Pillow warns from 89 million pixels on
    recwarn.clear()
    for name, reason in (
        ("cut.png", "cannot identify image file"),
        ("huge.png", "9000x10000 pixels, more than 67108864"),
    ):
        for more in ([], ["skip_bad=true"]):
            with pytest.raises(DataError) as caught:
                translate.run(tmp_path / "run", settings(trained["cyclegan"], f"input={name}", *more), console=QUIET)
            assert str(caught.value) == f"input={name} cannot be used: {reason}; give another picture"
    assert [str(warning.message) for warning in recwarn if "decompression bomb" in str(warning.message)] == []


@pytest.mark.parametrize(
    ("name", "words", "error", "message"),
    [
        ("vae", [], ConfigError, "VAE translates nothing; genlab translate is for model=cyclegan and model=pix2pix"),
        ("pix2pix", ["direction=AtoB"], ConfigError, r"was trained with data\.direction=BtoA and knows no other way"),
        ("cyclegan", ["input=nowhere"], DataError, "input=nowhere does not exist"),
        ("cyclegan", ["input=."], DataError, r"input=\. holds no pictures"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    name: str,
    words: list[str],
    error: type,
    message: str,
    trained: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        translate.run(tmp_path / "run", settings(trained[name], *words), console=QUIET)
    assert not (tmp_path / "run").exists()


def test_the_direction_that_a_pix2pix_knows_may_be_named(trained: dict[str, Path], tmp_path: Path) -> None:
    translate.run(tmp_path / "run", settings(trained["pix2pix"], "direction=BtoA", "n=1"), console=QUIET)


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_sample_and_eval_refuse_a_translator_in_one_sentence(
    name: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="translates pictures and has no samples; use genlab translate"):
        sample.run(tmp_path, settings(trained[name], verb="sample"), console=QUIET)
    with pytest.raises(ConfigError, match=r"metric=nll.*cannot have it"):
        evaluate.run(tmp_path, settings(trained[name], "metric=[nll]", verb="eval"), console=QUIET)


def test_a_direction_is_one_of_two(trained: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="direction"):
        settings(trained["cyclegan"], "direction=AB")


def test_pictures_of_one_size_share_a_batch_and_all_come_out_in_order(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    inner = translate.translated

    def counting(model: Any, x: torch.Tensor, **rest: Any) -> torch.Tensor:
        sizes.append(len(x))
        return inner(model, x, **rest)

    monkeypatch.setattr(translate, "translated", counting)
    monkeypatch.setattr(translate, "PIXELS", 3 * 64)
    output = translate.run(tmp_path / "run", settings(trained["cyclegan"], "n=7"), console=QUIET)
    assert sizes == [3, 3, 1]
    model = load(trained["cyclegan"], trust=[], device=torch.device("cpu"))
    x = model.dataset(root=None, trust=[]).test.x[:7]
    expected: Callable[..., torch.Tensor] = model.model.translate  # type: ignore[attr-defined]
    for i, y in enumerate(expected(x)):
        assert np.array_equal(np.array(Image.open(output / f"test-{i:05d}.png")), y.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_a_translator_is_scored_as_at_the_end_of_its_training(
    name: str, trained: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    words = ["metric=[translation,pictures]", "metric.pictures.n=4"]
    evaluate.run(tmp_path, settings(trained[name], *words, verb="eval"), console=QUIET)
    ended = json.loads((trained[name].parent.parent / "summary.json").read_text())["translation"]
    found = json.loads((tmp_path / "summary.json").read_text())
    assert ended
    assert {record["metric"]: record["value"] for record in found["records"]} == {
        metric: record["value"] for metric, record in ended.items()
    }
    drawn = {"a_to_b", "b_to_a"} if name == "cyclegan" else {"translations"}
    assert {Path(path).stem for path in found["pictures"]} == drawn
    for path in found["pictures"]:
        final = trained[name].parent.parent / "samples" / f"final-{Path(path).stem}.png"
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(final)))
    assert "class_agreement_ab" in capsys.readouterr().out or name == "pix2pix"
    evaluate.run(tmp_path / "alone", settings(trained[name], "metric=[pictures]", verb="eval"), console=QUIET)
    assert "metric" not in capsys.readouterr().out  # no table without a number


def test_only_translators_translate(trained: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="metric=translation needs a model that translates pictures; VAE"):
        evaluate.run(tmp_path, settings(trained["vae"], "metric=[translation]", verb="eval"), console=QUIET)


def pairs_of(folder: Path, sizes: dict[str, tuple[int, int]]) -> Path:
    """Pairs A|B: A, on the left, is dark, and B bright."""
    folder.mkdir(parents=True)
    for name, (height, width) in sizes.items():
        both = np.full((height, width, 3), 20, np.uint8)
        both[:, width // 2 :] = 220
        Image.fromarray(both).save(folder / name)
    return folder


def inputs(run: Path) -> np.ndarray:
    """The left column of the first sheet: what went into the network."""
    return np.asarray(Image.open(run / "sheets" / "sheet-0001.png"))[64:192, 64:192]


def test_pairs_are_cut_and_the_given_half_is_translated(trained: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    """Squashed into one input, A|B would be a picture of both halves."""
    folder = pairs_of(tmp_path / "own", {"a.png": (16, 32), "b.png": (40, 80)})
    output = translate.run(tmp_path / "run", settings(trained["pix2pix"], f"input={folder}"), console=QUIET)
    assert written(output) == {"a.png": (16, 16), "b.png": (40, 40)}
    assert (inputs(tmp_path / "run") == 220).all()  # trained BtoA: the right half is given
    assert "2 pictures are twice as wide as high and taken for pairs A|B: their right halves" in capsys.readouterr().out
    words = [f"input={folder}", "pairs=false"]
    output = translate.run(tmp_path / "whole", settings(trained["pix2pix"], *words), console=QUIET)
    assert written(output) == {"a.png": (32, 16), "b.png": (80, 40)}


def test_mixed_inputs_are_pairs_only_if_said_so(trained: dict[str, Path], tmp_path: Path) -> None:
    folder = pairs_of(tmp_path / "own", {"a.png": (16, 32), "b.png": (16, 40)})
    with pytest.raises(DataError, match=r"1 of 2 pictures are twice as wide as high \(a.png\) .*pairs=true or"):
        translate.run(tmp_path / "run", settings(trained["pix2pix"], f"input={folder}"), console=QUIET)
    words = [f"input={folder}", "pairs=true"]
    output = translate.run(tmp_path / "run", settings(trained["pix2pix"], *words), console=QUIET)
    assert written(output) == {"a.png": (16, 16), "b.png": (20, 16)}
    with pytest.raises(ConfigError, match="pairs=true: it is for files"):
        translate.run(tmp_path / "test", settings(trained["pix2pix"], "pairs=true"), console=QUIET)


def test_the_folder_that_it_was_trained_on_holds_pairs(trained: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    folder = Path(load(trained["pix2pix"], trust=[], device=torch.device("cpu")).config["data"]["root"]) / "test"
    output = translate.run(tmp_path / "run", settings(trained["pix2pix"], f"input={folder}"), console=QUIET)
    assert set(written(output).values()) == {(16, 16)}
    assert "pairs of the data that it was trained on: their right halves" in capsys.readouterr().out
    first = np.asarray(Image.open(output / "0.png"))
    whole = translate.run(tmp_path / "own", settings(trained["pix2pix"], "n=4"), console=QUIET)
    assert (first == np.asarray(Image.open(whole / "test-00000.png"))).all()  # as the test pictures of the data


def test_a_model_of_single_pictures_takes_wide_ones_as_they_are(trained: dict[str, Path], tmp_path: Path) -> None:
    folder = pairs_of(tmp_path / "own", {"a.png": (16, 32)})
    output = translate.run(tmp_path / "run", settings(trained["cyclegan"], f"input={folder}"), console=QUIET)
    assert written(output) == {"a.png": (32, 16)}


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pix2pix of grey pictures of 12 bits."""
    root = tmp_path_factory.mktemp("grey")
    for part in ("train", "val"):
        (root / "scans" / part).mkdir(parents=True)
        for i in range(4):
            values = np.random.default_rng(i).integers(0, 4096, (16, 32)).astype(np.uint16)
            values[0, :2] = 0, 4095
            Image.fromarray(values).save(root / "scans" / part / f"{i}.png")
    for folder in ("checkpoints", "samples"):
        (root / "run" / folder).mkdir(parents=True)
    words = ["model=pix2pix", "data=paired", f"data.root={root / 'scans'}", "data.size=16", "data.channels=1"]
    composed = compose("train", [*SMALL, *words, "data.range=auto"])
    assert composed is not None
    train.run(root / "run", composed.config, console=QUIET)
    return sorted((root / "run" / "checkpoints").glob("step*.ckpt"))[-1]


def test_grey_translations_are_grey_files(grey: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    ramp = np.linspace(0, 4095, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "own" / "a.png")
    (tmp_path / "own" / "b.npy").write_bytes(b"")
    output = translate.run(tmp_path / "run", settings(grey, f"input={tmp_path / 'own'}"), console=QUIET)
    made = Image.open(output / "a.png")
    assert (made.mode, made.size) == ("L", (16, 16))
    x = torch.from_numpy(np.floor(ramp * (255 / 4095) + 0.5).astype(np.uint8))[None, None]
    model: Any = load(grey, trust=[], device=torch.device("cpu")).model
    assert np.array_equal(np.asarray(made), translated(model, x, seed=0)[0, 0])
    assert inputs(tmp_path / "run").max() > 150  # the range of training: no black scans
    notes = json.loads((tmp_path / "run" / "summary.json").read_text())["notes"]
    assert any("files that are not read: 1 .npy" in note for note in notes)
    assert any("0 to 4095; black is 0, white is 4095" in note for note in notes)


def test_another_folder_is_read_with_the_range_of_training(grey: Path, tmp_path: Path) -> None:
    loaded = load(grey, trust=[], device=torch.device("cpu"))
    assert loaded.spec.value_range == (0, 4095)
    for part in ("train", "val"):
        (tmp_path / "dark" / part).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(np.full((16, 32), 400 + i, np.uint16)).save(tmp_path / "dark" / part / f"{i}.png")
    x = loaded.dataset(root=str(tmp_path / "dark"), trust=[]).test.x
    assert x.unique().tolist() == [25]

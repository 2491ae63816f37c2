"""``genlab compress`` and ``genlab decompress``, as a user has them: files come back to the byte, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genlab
from genlab.cli.main import main
from genlab.codec.container import Container, unpacked

TEXT = "".join(f"{i}: was it só, he said? [漢]\n" for i in range(60))


def trained(folder: Path, *words: str, **data: object) -> Path:
    return genlab.train(
        *words,
        "trainer.max_steps=2",
        "trainer.accelerator=cpu",
        "callbacks.samples.n=1",
        {"data": data, "outputs": str(folder / "outputs")},
    ).checkpoint


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = ("model.channels=8", "model.blocks=1", "model.head_channels=8")
    return trained(tmp_path_factory.mktemp("pixels"), "model=pixelcnn", "data=digits", *small)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    (folder / "own.txt").write_text(TEXT, encoding="utf-8")
    words = ("model=transformer", "data=text", "model.layers=1", "model.width=16")
    return trained(folder, *words, root=str(folder / "own.txt"), length=32)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    (folder / "own" / "deep").mkdir(parents=True)
    for i in range(12):
        pixels = generator.integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "own" / ("deep" if i % 2 else "") / f"{i}.png")
    words = ("model=pixelcnn", "data=image_folder", "model.output=logistic_mixture", "model.num_mixtures=2")
    small = ("model.channels=8", "model.blocks=0", "model.head_channels=8")
    return trained(folder, *words, *small, root=str(folder / "own"), size=6), folder / "own"


def run(verb: str, *words: str, folder: Path) -> int:
    return main([verb, *words, f"outputs={folder / 'outputs'}"])


def test_a_split_comes_back(pixels, tmp_path, capsys):
    packed, back = tmp_path / "digits.gl", tmp_path / "digits.npz"
    assert run("compress", f"ckpt={pixels}", "n=20", f"output={packed}", folder=tmp_path) == 0
    told = capsys.readouterr().out
    assert "read again: equal to the bit" in told
    assert "bits/dim the whole file" in told
    assert (
        run("decompress", f"ckpt={pixels}", f"input={packed}", f"output={back}", "batch_size=7", folder=tmp_path) == 0
    )
    from genlab.data import digits

    with np.load(back) as arrays:
        assert np.array_equal(arrays["x"], digits().test.x[:20].numpy())


def test_a_text_comes_back_to_the_byte(text, tmp_path):
    own = tmp_path / "own.txt"
    own.write_bytes(TEXT[100:700].encode() + b"\r\n\xff\x00")
    packed, back = tmp_path / "own.gl", tmp_path / "back.txt"
    assert run("compress", f"ckpt={text}", f"input={own}", f"output={packed}", "lanes=3", folder=tmp_path) == 0
    assert run("decompress", f"ckpt={text}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    assert back.read_bytes() == own.read_bytes()


def test_pictures_come_back_under_their_names(pictures, tmp_path):
    ckpt, own = pictures
    packed, back = tmp_path / "own.gl", tmp_path / "back"
    assert run("compress", f"ckpt={ckpt}", f"input={own}", f"output={packed}", folder=tmp_path) == 0
    assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    files = sorted(path.relative_to(own) for path in own.rglob("*.png"))
    assert sorted(path.relative_to(back) for path in back.rglob("*.png")) == files
    for file in files:
        assert np.array_equal(np.asarray(Image.open(own / file)), np.asarray(Image.open(back / file)))


def test_pictures_of_one_name_come_back_apart(pictures, tmp_path, capsys):
    ckpt, own = pictures
    pixels = [np.asarray(Image.open(own / f"{i}.png")) for i in (0, 2, 4)]
    folder, packed, back = tmp_path / "mixed", tmp_path / "own.gl", tmp_path / "back"
    folder.mkdir()
    for name, each in zip(("a.png", "a.bmp", "a.bmp.png"), pixels, strict=True):
        Image.fromarray(each).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    assert run("compress", f"ckpt={ckpt}", f"input={folder}", f"output={packed}", folder=tmp_path) == 0
    assert "1 .txt" in capsys.readouterr().out
    assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    for name, each in zip(("a.png", "a.bmp-2.png", "a.bmp.png"), pixels, strict=True):
        assert np.array_equal(np.asarray(Image.open(back / name)), each)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("name", [b"a\\b.png", b"\xe9.png", b"tab\t.png"])
def test_names_that_cannot_be_written_everywhere_are_refused_at_once(pictures, name, tmp_path, capsys):
    import os

    ckpt, own = pictures
    folder = tmp_path / "odd"
    folder.mkdir()
    shutil.copy(own / "0.png", os.path.join(os.fsencode(folder), name))
    packed = f"output={tmp_path / 'x.gl'}"
    refused(capsys, 3, "written everywhere", "compress", packed, f"ckpt={ckpt}", f"input={folder}", folder=tmp_path)


def test_an_array_comes_back_to_the_byte(pixels, tmp_path):
    own, packed, back = tmp_path / "own.npy", tmp_path / "own.gl", tmp_path / "back.npy"
    np.save(own, np.random.default_rng(0).integers(0, 17, (3, 1, 8, 8)).astype(np.uint8))
    assert run("compress", f"ckpt={pixels}", f"input={own}", f"output={packed}", folder=tmp_path) == 0
    assert run("decompress", f"ckpt={pixels}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    assert back.read_bytes() == own.read_bytes()


def test_labels_and_lengths_come_back_too(tmp_path):
    """Of lines the longest may be in another split: padding that all have is nothing to read again."""
    (tmp_path / "lines.txt").write_text("\n".join(["short", "a", "longer ones", *[f"line {i}" for i in range(60)]]))
    lines = trained(tmp_path, "model=ngram", "data=lines", root=str(tmp_path / "lines.txt"))
    labelled = trained(tmp_path, "model=naive_bayes", "data=digits")
    for name, ckpt, keys in [("lines", lines, {"x", "lengths"}), ("labelled", labelled, {"x", "y"})]:
        packed, back = tmp_path / f"{name}.gl", tmp_path / f"{name}.npz"
        assert run("compress", f"ckpt={ckpt}", f"output={packed}", folder=tmp_path) == 0
        assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
        with np.load(back) as arrays:
            assert set(arrays) == keys


@pytest.fixture(scope="module", params=["naive_bayes", "cvae", "gated_pixelcnn"])
def classes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that is given the class, and its pictures, a folder for each."""
    folder = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for name, bright in (("ant", 40), ("bee", 250)):
        (folder / "own" / name).mkdir(parents=True)
        for i in range(10):
            drawn = generator.integers(0, bright, (6, 6, 3), np.uint8)
            Image.fromarray(drawn).save(folder / "own" / name / f"{i}.png")
    small = {
        "cvae": ["model.hidden=[8]", "model.latent_dim=2"],
        "gated_pixelcnn": ["model.condition=label", "model.channels=8", "model.blocks=0", "model.head_channels=8"],
    }.get(request.param, [])
    words = (f"model={request.param}", "data=image_folder", *small)
    return trained(folder, *words, root=str(folder / "own"), size=6), folder / "own"


def test_a_folder_for_each_class_comes_back_as_it_was(classes, tmp_path, capsys):
    ckpt, own = classes
    packed, back = tmp_path / "own.gl", tmp_path / "back"
    assert run("compress", f"ckpt={ckpt}", f"input={own}", f"output={packed}", folder=tmp_path) == 0
    assert "labels   " in capsys.readouterr().out
    assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    files = sorted(path.relative_to(own) for path in own.rglob("*.png"))
    assert sorted(path.relative_to(back) for path in back.rglob("*.png")) == files
    for file in files:
        assert np.array_equal(np.asarray(Image.open(own / file)), np.asarray(Image.open(back / file)))


def test_a_picture_is_written_by_the_class_that_is_told(classes, tmp_path):
    """A dark picture is longer as one of the bright class."""
    ckpt, own = classes
    picture, sizes = own / "ant" / "3.png", {}
    for label in ("ant", "bee"):
        packed, back = tmp_path / f"{label}.gl", tmp_path / f"{label}.png"
        words = (f"ckpt={ckpt}", f"input={picture}", f"label={label}", f"output={packed}")
        assert run("compress", *words, folder=tmp_path) == 0
        assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
        assert np.array_equal(np.asarray(Image.open(back)), np.asarray(Image.open(picture)))
        sizes[label] = len(unpacked(packed).payload)
    if "naive_bayes" in str(ckpt):  # the others have hardly been trained
        assert sizes["ant"] < 0.9 * sizes["bee"]


def test_one_picture_in_a_folder_keeps_its_folder(classes, tmp_path):
    ckpt, own = classes
    (tmp_path / "one" / "bee").mkdir(parents=True)
    shutil.copy(own / "bee" / "0.png", tmp_path / "one" / "bee" / "0.png")
    packed = tmp_path / "one.gl"
    assert run("compress", f"ckpt={ckpt}", f"input={tmp_path / 'one'}", f"output={packed}", folder=tmp_path) == 0
    assert run("decompress", f"ckpt={ckpt}", f"input={packed}", folder=tmp_path) == 0
    assert len(list((tmp_path / "outputs").rglob("bee/0.png"))) == 1


def test_labels_that_are_missing_or_wrong_are_refused(classes, pixels, tmp_path, capsys):
    ckpt, own = classes
    packed = ("compress", f"output={tmp_path / 'x.gl'}")
    refused(
        capsys,
        2,
        "say it as label=NAME (ant, bee)",
        *packed,
        f"ckpt={ckpt}",
        f"input={own / 'ant' / '0.png'}",
        folder=tmp_path,
    )
    refused(
        capsys,
        2,
        "did you mean ant?",
        *packed,
        f"ckpt={ckpt}",
        f"input={own / 'ant' / '0.png'}",
        "label=aunt",
        folder=tmp_path,
    )
    refused(capsys, 2, "leave it out", *packed, f"ckpt={ckpt}", "label=ant", folder=tmp_path)
    refused(capsys, 2, "folders of classes", *packed, f"ckpt={ckpt}", f"input={own}", "label=ant", folder=tmp_path)
    refused(
        capsys, 3, "say the class of all as label=ant", *packed, f"ckpt={ckpt}", f"input={own / 'ant'}", folder=tmp_path
    )
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 8, 8), np.uint8))
    refused(
        capsys,
        2,
        "not given the class",
        *packed,
        f"ckpt={pixels}",
        f"input={tmp_path / 'x.npy'}",
        "label=1",
        folder=tmp_path,
    )


def test_a_picture_that_lies_on_its_side_is_said_to_come_back_upright(pictures, tmp_path, capsys):
    ckpt, own = pictures
    upright = Image.open(own / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the file's picture has to be turned by a quarter, clockwise
    packed, back, lying = tmp_path / "x.gl", tmp_path / "back.png", tmp_path / "lying.png"
    upright.transpose(Image.Transpose.ROTATE_90).save(lying, exif=exif)
    assert run("compress", f"ckpt={ckpt}", f"input={lying}", f"output={packed}", folder=tmp_path) == 0
    assert "1 of 1 pictures are compressed upright, as their EXIF says" in capsys.readouterr().out
    assert run("decompress", f"ckpt={ckpt}", f"input={packed}", f"output={back}", folder=tmp_path) == 0
    assert np.array_equal(np.asarray(Image.open(back)), np.asarray(upright))


def refused(capsys: pytest.CaptureFixture, code: int, words: str, *line: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    assert run(*line, folder=folder) == code
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1, told
    assert words in told[0]
    left = [path for path in sorted(folder.rglob("*")) if path not in before and path.is_file()]
    assert left == []


def test_faults_of_what_is_read(pixels, text, tmp_path, capsys):
    packed = tmp_path / "d.gl"
    assert run("compress", f"ckpt={pixels}", "n=5", f"output={packed}", folder=tmp_path) == 0
    back = ("decompress", f"output={tmp_path / 'out'}")
    refused(capsys, 4, "did not write", *back, f"ckpt={text}", f"input={packed}", folder=tmp_path)
    cut = tmp_path / "cut.gl"
    cut.write_bytes(packed.read_bytes()[:-40])
    refused(capsys, 3, "damaged", *back, f"ckpt={pixels}", f"input={cut}", folder=tmp_path)
    own = unpacked(packed)
    for head, words in [
        ({**own.head, "n": 10**15}, "cannot be read"),
        ({**own.head, "n": 4}, "not what was written"),
        ({**own.head, "together": "x"}, "cannot be read"),
        ({**own.head, "together": 0}, "cannot be read"),
        ({**own.head, "form": "odd"}, "what cannot be"),
        ({**own.head, "names": ["../x.png"]}, "leads out of its folder"),
        ({**own.head, "names": ["/x.png"]}, "leads out of its folder"),
        ({**own.head, "names": ["a.png", "A.png"]}, "two names are one"),
        ({**own.head, "names": 7}, "names are none"),
        ({**own.head, "n": 4, "by": 5}, "not what was written"),
        ({**own.head, "lengths": "0123"}, "cannot be read"),
    ]:
        bad = tmp_path / "bad.gl"
        bad.write_bytes(Container(own.weights, own.content, head, own.payload).packed())
        refused(capsys, 3, words, *back, f"ckpt={pixels}", f"input={bad}", folder=tmp_path)
    bad.write_bytes(Container(own.weights, own.content, own.head, own.payload[:-3]).packed())
    refused(capsys, 3, "cut", *back, f"ckpt={pixels}", f"input={bad}", folder=tmp_path)
    other = bytes([own.payload[0] ^ 255]) + own.payload[1:]
    bad.write_bytes(Container(own.weights, own.content, own.head, other).packed())
    refused(capsys, 3, "nothing is written", *back, f"ckpt={pixels}", f"input={bad}", folder=tmp_path)
    there = ("decompress", f"output={packed}")
    refused(capsys, 2, "is there already", *there, f"ckpt={pixels}", f"input={packed}", folder=tmp_path)


def test_faults_of_what_is_compressed(pixels, text, pictures, tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    packed = ("compress", f"output={tmp_path / 'x.gl'}")
    refused(capsys, 3, "does not exist", *packed, f"ckpt={pixels}", f"input={own / 'none'}", folder=tmp_path)
    refused(capsys, 3, "holds no pictures", *packed, f"ckpt={pictures[0]}", f"input={own}", folder=tmp_path)
    Image.new("RGB", (7, 6)).save(own / "a.png")
    refused(capsys, 3, "has 7x6 pixels", *packed, f"ckpt={pictures[0]}", f"input={own}", folder=tmp_path)
    Image.new("RGBA", (6, 6)).save(own / "a.png")
    refused(capsys, 3, "would not come back", *packed, f"ckpt={pictures[0]}", f"input={own}", folder=tmp_path)
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(own / "a.png")
    refused(capsys, 2, "pictures of 17 levels", *packed, f"ckpt={pixels}", f"input={own}", folder=tmp_path)
    np.savez(own / "b.npz", x=np.zeros(3))
    (own / "b.npz").rename(own / "b.npy")
    refused(capsys, 3, "an archive", *packed, f"ckpt={pixels}", f"input={own / 'b.npy'}", folder=tmp_path)
    (own / "b.npy").unlink()
    np.save(own / "a.npy", np.zeros((2, 1, 8, 9), np.uint8))
    refused(capsys, 3, "this model takes", *packed, f"ckpt={pixels}", f"input={own / 'a.npy'}", folder=tmp_path)
    np.save(own / "a.npy", np.full((2, 1, 8, 8), 17, np.uint8))
    refused(capsys, 3, "0 to 16", *packed, f"ckpt={pixels}", f"input={own / 'a.npy'}", folder=tmp_path)
    (own / "a.npy").write_bytes(b"\x93NUMPYnonsense")
    refused(capsys, 3, "no array", *packed, f"ckpt={pixels}", f"input={own / 'a.npy'}", folder=tmp_path)
    (own / "empty.txt").write_bytes(b"")
    refused(capsys, 3, "is empty", *packed, f"ckpt={text}", f"input={own / 'empty.txt'}", folder=tmp_path)
    there = tmp_path / "there.gl"
    there.write_bytes(b"mine")
    refused(capsys, 2, "is there already", "compress", f"ckpt={pixels}", f"output={there}", folder=tmp_path)
    assert there.read_bytes() == b"mine"
    refused(capsys, 2, "n= counts", *packed, f"ckpt={text}", f"input={own / 'empty.txt'}", "n=3", folder=tmp_path)


@pytest.mark.parametrize("model", ["ebm", "gan", "kde", "realnvp", "diffusion"])
def test_models_that_compress_nothing_say_why(model, tmp_path, capsys):
    small = {"ebm": ["model.chain_steps=2"], "diffusion": ["model.width=8"]}.get(model, [])
    if model == "diffusion":
        small.append("callbacks.samples=null")
    ckpt = trained(tmp_path, f"model={model}", "data=digits", *small[:1])
    refused(capsys, 2, "compresses nothing", "compress", f"ckpt={ckpt}", folder=tmp_path)


def test_without_the_coder_s_library_it_says_what_to_install(pixels, tmp_path, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "constriction", None)
    refused(capsys, 2, "pip install 'genlab[codec]'", "compress", f"ckpt={pixels}", folder=tmp_path)
    shutil.rmtree(tmp_path / "outputs", ignore_errors=True)

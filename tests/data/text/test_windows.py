"""A text as windows: they cover it, splits never overlap, nothing is changed or left out without a word."""

from __future__ import annotations

import re
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from genlab.cli.main import main
from genlab.data.batches import BatchLoader
from genlab.data.dataset import DataSpec
from genlab.data.fingerprint import WHOLE, changed, digest, fingerprint
from genlab.data.lengths import units
from genlab.data.overlapping import stream
from genlab.data.sources.text import NOVEL, text
from genlab.data.text.coding import encoded, written
from genlab.errors import ConfigError, DataError

CODINGS = ("bytes", "characters", "bpe")
SAID = "Zoë said: “It's 5 o'clock” — 👋\r\nand the theatre thanked them, then thirty-three thieves.\r\n\0"
N = 12_345


@pytest.fixture
def book(tmp_path, own_cache) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes((SAID * (N // len(SAID) + 1))[:N].encode())
    return path


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("split", ["90/5/5", "nanogpt"])
def test_windows_are_the_text_in_order(book, coding: str, split: str) -> None:
    length, stride = 50, 8
    data = text(root=str(book), coding=coding, length=length, stride=stride, split=split, vocabulary=300)
    space = data.spec.space
    whole = book.read_bytes().decode()
    ends = [0, *(len(whole) * at // 100 for at in ((90, 95, 100) if split == "90/5/5" else (90, 100)))]
    parts = [whole[start:end] for start, end in pairwise(ends)]
    for x, part, step in [
        (data.train.x, parts[0], stride),
        (data.val.x, parts[1], length),
        (data.test.x, parts[-1], length),
    ]:
        tokens = torch.tensor(list(part.encode())) if coding == "bytes" else encoded(space, part)
        found = stream(x)
        assert torch.equal(found.long(), tokens[: len(found)])
        assert len(tokens) - len(found) < step  # what is left fills no other window
        assert all(torch.equal(row.long(), tokens[step * i : step * i + length]) for i, row in enumerate(x))
        assert x.dtype == space.dtype
    assert torch.equal(data.val.x, data.test.x) == (split == "nanogpt")


@pytest.mark.parametrize("coding", CODINGS)
def test_training_windows_take_no_memory_of_their_own(book, coding: str) -> None:
    data = text(root=str(book), coding=coding, length=64, stride=1, vocabulary=300)
    x = data.train.x
    assert x.stride() == (1, 1)
    assert x.untyped_storage().nbytes() == x.element_size() * (len(x) + 63)
    assert data.spec.space.dtype == x.dtype


def test_nothing_that_looks_at_the_data_lays_it_out(tmp_path, monkeypatch) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(torch.randint(256, (200_000,), dtype=torch.uint8).numpy().tobytes())
    data = text(root=str(path), stride=1, length=256)
    assert data.train.x.untyped_storage().nbytes() == 180_000 < data.train.x.nbytes / 255
    laid_out, contiguous = [0], torch.Tensor.contiguous
    monkeypatch.setattr(torch.Tensor, "contiguous", lambda x: laid_out.append(x.nbytes) or contiguous(x))
    digest(data.train.x)
    fingerprint(data)
    for batch in BatchLoader(data.train, batch_size=64, seed=0, num_steps=2):
        assert batch.x.shape == (64, 256)
    assert 0 < max(laid_out) <= WHOLE < data.train.x.nbytes / 10


def test_validation_and_test_windows_do_not_overlap(book) -> None:
    data = text(root=str(book), coding="characters", length=50)
    for split in (data.val, data.test):
        assert len(split) == 617 // 50 or len(split) == 618 // 50
        assert split.x.stride() == (50, 1)
    assert any("(17 of val and 18 of test) fill no example of 50 and are left out" in note for note in data.notes)
    assert "characters: train 11,110, val 617, test 618;" in data.notes[0]


def test_a_prompt_is_coded_as_the_text_is(book) -> None:
    for coding in CODINGS:
        data = text(root=str(book), coding=coding, length=50, vocabulary=300)
        said = written(data.spec.space, data.train.x[3])
        assert said in book.read_bytes().decode("utf-8", "replace")
        if coding != "bpe":  # whose windows may begin within a word
            assert torch.equal(encoded(data.spec.space, said), data.train.x[3].long())
        assert DataSpec.from_dict(data.spec.to_dict()) == data.spec


def test_an_example_has_as_many_units_as_characters(book) -> None:
    data = text(root=str(book), coding="bpe", length=50, vocabulary=300)
    counted = units(data.spec.space, data.val.x, None)
    said = "".join(written(data.spec.space, row) for row in data.val.x)
    assert abs(int(counted.sum()) - len(said)) <= 2 * len(data.val)  # characters cut at the ends of windows
    train = book.read_bytes().decode()[: N * 9 // 10]
    assert data.spec.space.characters == pytest.approx(len(train) / len(encoded(data.spec.space, train)))
    assert data.spec.space.unit.name == "bits/character"


def test_line_ends_and_the_end_of_a_file_stay(tmp_path, own_cache) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n\0" * 100)
    for coding in ("bytes", "characters"):
        data = text(root=str(path), coding=coding, length=16)
        assert written(data.spec.space, stream(data.train.x)) == ("one\r\ntwo\rthree\n\0" * 100)[:1440]


def test_bytes_may_be_anything(tmp_path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 30)
    data = text(root=str(path), length=64, stride=64)
    assert stream(data.train.x).unique().tolist() == list(range(256))
    for coding in ("characters", "bpe"):
        with pytest.raises(DataError, match=re.escape(f"{path}: byte 128 is 0x80, which is no UTF-8: convert")):
            text(root=str(path), coding=coding)


def test_characters_of_the_test_part_alone_can_be_scored(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ab" * 500 + "é")
    data = text(root=str(path), coding="characters", length=5)
    assert data.spec.space.symbols == ("a", "b", "é")


def test_pieces_come_of_the_training_part_alone(tmp_path, own_cache) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the cat " * 1000 + "zyxwv" * 170)
    symbols = text(root=str(path), coding="bpe", length=5, vocabulary=300).spec.space.symbols
    assert not any("z" in symbol and len(symbol) > 1 for symbol in symbols)


def test_a_folder_is_its_texts_in_order(tmp_path) -> None:
    for name, content in [("b.txt", b"b" * 300), ("a.txt", b"a" * 300), ("c/d.TXT", b"d" * 300), ("c/pic.png", b"x")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".hidden.txt").write_text("h" * 300)
    data = text(root=str(tmp_path), length=10, stride=10)
    assert bytes(stream(data.train.x)).decode() == ("a" * 300 + "b" * 300 + "d" * 300)[:810]
    assert data.notes[0] == f"{tmp_path}: 3 files, one after the other: a.txt, b.txt, c/d.TXT."
    assert data.notes[1] == f"{tmp_path}: 1 other file(s) left out: c/pic.png."


def test_a_zip_is_its_one_text(tmp_path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/book", b"0123456789" * 60)
        archive.writestr("__MACOSX/._book", b"?")
    assert len(stream(text(root=str(path), length=10, stride=10).train.x)) == 540
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("second", b"x")
    with pytest.raises(DataError, match=re.escape("holds 2 files (folder/book, second), and one text is expected")):
        text(root=str(path))
    path.write_bytes(b"PK\3\4 no archive")
    with pytest.raises(DataError, match=r"a\.zip cannot be read"):
        text(root=str(path))


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", {}, "train has 0 bytes, data.length=256: give a longer text$"),
        (b"x" * 1000, {}, "val has 50 bytes, data.length=256: give a longer text, or data.length=50 or less$"),
        ("é" * 1000, {"coding": "characters"}, "val has 50 characters"),
        (b"ab " * 1000, {"coding": "bpe"}, "val has .* tokens, data.length=256"),
    ],
)
def test_a_short_text_is_refused_with_the_remedy(tmp_path, own_cache, content, options, said: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=said):
        text(root=str(path), **options)


def test_what_is_no_text_is_refused_by_name(tmp_path) -> None:
    with pytest.raises(DataError, match=re.escape(f"data.root={tmp_path / 'none'} does not exist: give a text file")):
        text(root=str(tmp_path / "none"))
    with pytest.raises(DataError, match=re.escape(f"data.root={tmp_path} holds no .txt file")):
        text(root=str(tmp_path))
    with pytest.raises(ConfigError, match=re.escape("data.split=80/20: give 90/5/5 or nanogpt")):
        text(split="80/20")
    with pytest.raises(ConfigError, match=re.escape("data.coding=words: give bytes, characters, bpe")):
        text(coding="words")


def test_a_vocabulary_that_cannot_be_filled_is_told(book) -> None:
    data = text(root=str(book), coding="bpe", length=8, vocabulary=5000)
    assert any(re.search(r"vocabulary has \d+ tokens, not 5000: no other pair", note) for note in data.notes)


def test_windows_with_gaps_between_them_are_told(book) -> None:
    said = "data.stride=20 is more than data.length=8: training leaves out what is between its windows."
    assert said in text(root=str(book), length=8, stride=20).notes
    assert said not in text(root=str(book), length=8, stride=8).notes


def test_the_fingerprint_is_that_of_the_text(book) -> None:
    def taken():
        return fingerprint(text(root=str(book), coding="characters", length=50))

    first = taken()
    assert first == taken()
    assert changed(first, taken()) is None
    book.write_bytes(book.read_bytes().replace(b"theatre", b"thaetre"))
    assert changed(first, taken()) == "train has other examples or labels, or another order of them"


def test_the_bundled_novel_needs_no_file(own_cache) -> None:
    data = text()
    content = NOVEL.read_text(encoding="utf-8")
    assert 200_000 < len(content) < 400_000
    assert content.isascii()
    assert "Project Gutenberg" not in content
    assert data.name == "persuasion"
    assert (data.train.x.shape, data.spec.space.vocabulary) == ((21_817, 256), 256)
    assert "public domain" in NOVEL.with_suffix(".md").read_text(encoding="utf-8")


def test_a_model_of_images_is_refused_with_what_fits(capsys) -> None:
    assert main(["train", "model=vae", "data=text", "trainer.max_steps=1"]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert re.search(r"model=vae needs .*, this data has tokens; it fits data=arrays", said)


def test_tinyshakespeare_is_cut_as_nanogpt_cuts_it(need) -> None:
    folder = need("tinyshakespeare") / "tinyshakespeare"
    data = text(root=str(folder), coding="characters", split="nanogpt")
    assert data.notes[0] == "characters: train 1,003,854, val 111,540; vocabulary 65."
    whole = (folder / "input.txt").read_text(encoding="utf-8")
    assert written(data.spec.space, stream(data.train.x)) == whole[:1_003_840]
    assert written(data.spec.space, stream(data.val.x)) == whole[1_003_854:][: 435 * 256]


def test_a_known_text_is_the_original_and_has_a_name(need, tmp_path) -> None:
    folder = need("tinyshakespeare")
    data = text(known="tinyshakespeare", root=str(folder), coding="characters", split="nanogpt")
    assert data.name == "tinyshakespeare"
    assert data.spec.space.vocabulary == 65
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("another")
    with pytest.raises(DataError, match=r"input\.txt"):
        text(known="tinyshakespeare", root=str(tmp_path))
    with pytest.raises(DataError, match="char-rnn"):
        text(known="tinyshakespeare", root=str(tmp_path / "nowhere"), download=False)


@pytest.mark.parametrize("split", ["90/5/5", "nanogpt"])
def test_bytes_and_characters_have_the_same_parts_of_a_text(tmp_path, split) -> None:
    """Accents at the end only, so that equal shares of bytes are other shares of characters."""
    path = tmp_path / "a.txt"
    path.write_text("abcdefghij" * 100 + "\u00e9\u4e2d" * 100, encoding="utf-8")
    parts = {}
    for coding in ("bytes", "characters"):
        data = text(root=str(path), coding=coding, length=1, stride=1, split=split)
        parts[coding] = [written(data.spec.space, each.x[:, 0]) for each in (data.train, data.val, data.test)]
    assert parts["bytes"] == parts["characters"]


def test_dickens_is_read_from_its_archive(need) -> None:
    data = text(root=str(need("silesia_dickens") / "silesia_dickens" / "dickens.zip"))
    assert data.notes[0] == "bytes: train 9,173,201, val 509,622, test 509,623; vocabulary 256."
    assert 9_173_201 + 509_622 + 509_623 == 10_192_446

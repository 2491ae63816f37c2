"""task=complete of sequences: what is kept stays, what follows is drawn, and the text says which is which."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.data.spaces import Frames
from genlab.errors import ConfigError
from genlab.evaluation.artefacts import rolls
from genlab.tasks import _continued as continued
from genlab.tasks._side_by_side import END, side_by_side
from genlab.tasks.complete import Complete
from tests.tasks.sequences import BYTES, CHARACTERS, LINES, NUMBERS, RAGGED_ROLL, ROLL, SOUND, draw, small

SPACES = {
    "characters": CHARACTERS,
    "bytes": BYTES,
    "lines": LINES,
    "numbers": NUMBERS,
    "sound": SOUND,
    "roll": ROLL,
    "ragged roll": RAGGED_ROLL,
}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@each_space
@pytest.mark.parametrize("keep", ["half", "0.25"])
def test_the_beginning_stays_and_the_rest_is_drawn(space, keep, tmp_path) -> None:
    drawn = draw(small(space), Complete(keep=keep), tmp_path, n=9)
    originals, done, kept = (drawn.arrays[name] for name in ("originals", "completions", "kept"))
    assert originals.shape == done.shape
    assert originals.dtype == done.dtype == np.uint8
    axis = 2 if space is SOUND else 1
    long = drawn.arrays.get("original_lengths", np.full(9, originals.shape[axis]))
    assert (kept == np.floor(long * (0.5 if keep == "half" else 0.25))).all()
    differ = 0
    for i, count in enumerate(kept):
        one, other = (np.moveaxis(x[i], axis - 1, 0) for x in (originals, done))
        assert (one[:count] == other[:count]).all()
        differ += (one[count:] != other[count:]).any()
    assert differ > 5
    assert drawn.picture().ndim == 3
    assert all(make() for make in drawn.files.values())
    assert "exact conditional" in drawn.note


@each_space
def test_a_completion_depends_on_the_seed_and_its_number_alone(space, tmp_path) -> None:
    of = small(space)
    most = draw(of, Complete(), tmp_path, n=9, seed=1).arrays
    few = draw(of, Complete(), tmp_path, n=3, seed=1).arrays
    for name in ("originals", "completions"):
        rows = most[name][:3]
        cut = tuple(slice(size) for size in few[name].shape)
        assert few[name].tobytes() == rows[cut].tobytes()
        assert rows.sum() == few[name].sum()  # nothing but padding was cut


def test_what_is_likely_follows_where_little_else_may(tmp_path) -> None:
    of = small(NUMBERS)
    cold = draw(of, Complete(temperature=1e-4), tmp_path, n=4, seed=1)
    assert "temperature 0.0001" in cold.note
    first = draw(of, Complete(top_k=1), tmp_path, n=4, seed=1)
    assert (cold.arrays["completions"] == first.arrays["completions"]).all()  # both are the likeliest step each
    assert (draw(of, Complete(), tmp_path, n=4, seed=1).arrays["completions"] != first.arrays["completions"]).any()


def test_lengths_are_those_of_the_originals_unless_an_end_is_drawn(tmp_path) -> None:
    arrays = draw(small(RAGGED_ROLL), Complete(), tmp_path, n=9).arrays
    assert (arrays["lengths"] == arrays["original_lengths"]).all()
    for row, length in zip(arrays["completions"], arrays["lengths"], strict=True):
        assert (row[length:] == 0).all()
    arrays = draw(small(LINES), Complete(), tmp_path, n=9).arrays
    assert arrays["completions"].shape[1] == LINES.length
    assert (arrays["lengths"] != arrays["original_lengths"]).any()
    for row, length in zip(arrays["completions"], arrays["lengths"], strict=True):
        assert (row[length:] == 0).all()
        assert (row[: length - 1] != LINES.end).all()


def test_of_a_class_its_examples_are_gone_on_with(tmp_path) -> None:
    of = small(NUMBERS, condition="label")
    test = of.dataset(root=None, trust=()).test
    arrays = draw(of, Complete(), tmp_path, n=3, label=1).arrays
    known = {row.tobytes() for row in test.x[test.y == 1].numpy()}
    assert {row.tobytes() for row in arrays["originals"]} == known


def test_both_stand_side_by_side_with_a_mark() -> None:
    a, b, c = (LINES.symbols.index(symbol) for symbol in "abc")
    originals = torch.tensor([[a, b, c, 0, 0], [a, a, a, a, 0]])
    done = torch.tensor([[a, b, 0, 0, 0], [a, a, b, b, b]])
    kept = torch.tensor([1, 2])
    text = side_by_side(LINES, originals, done, kept, (torch.tensor([4, 5]), torch.tensor([3, 5])))
    lines = text.split("\n")
    assert f"a{END}bc | a{END}b" in lines
    assert f"aa{END}aa | aa{END}bbb" in lines
    numbers = side_by_side(NUMBERS, originals, done, kept, (torch.tensor([4, 5]), torch.tensor([3, 5])))
    assert f"1 {END} 2 3 0 | 1 {END} 2 0" in numbers.split("\n")


def test_no_control_character_is_in_the_text(tmp_path) -> None:
    drawn = draw(small(CHARACTERS), Complete(), tmp_path, n=9)
    text = drawn.files["txt"]().decode()
    assert all(char.isprintable() or char == "\n" for char in text)
    assert max(map(len, text.split("\n"))) <= 2 * 60 + 3


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ("top", "keep=top: is of pictures; of tokens data keep the beginning, a share such as keep=0.5"),
        ("mask.png", "is of pictures"),
        ("0", "give a share between 0 and 1"),
        ("1", "give a share between 0 and 1"),
        ("nan", "give a share between 0 and 1"),
        ("0.01", "keep=0.01: of at most 12 steps nothing is kept; give a larger share"),
    ],
)
def test_what_keeps_nothing_is_refused(keep, said, tmp_path) -> None:
    with pytest.raises(ConfigError, match=said):
        draw(small(NUMBERS), Complete(keep=keep), tmp_path)


def test_a_roll_is_drawn_below_what_it_goes_on_from(tmp_path, monkeypatch) -> None:
    piano = Frames(12, 4, 2, first_key=60)
    drawn = draw(small(piano), Complete(), tmp_path, n=5)
    seen = []
    monkeypatch.setattr(continued, "figure", lambda space, x, lengths, names: seen.append((x, lengths, names)) or x)
    drawn.picture()
    ((x, lengths, names),) = seen
    assert len(x) == len(lengths) == len(names) == 2 * (rolls.SHOWN // 2)
    for i in range(rolls.SHOWN // 2):
        assert np.array_equal(x[2 * i], drawn.arrays["originals"][i])
        assert np.array_equal(x[2 * i + 1], drawn.arrays["completions"][i])
        assert lengths[2 * i : 2 * i + 2].tolist() == [drawn.arrays["original_lengths"][i], drawn.arrays["lengths"][i]]
        assert names[2 * i : 2 * i + 2] == [
            f"original {i + 1}", f"completion {i + 1}, drawn after {drawn.arrays['kept'][i]} frames",
        ]  # fmt: skip

"""Runs that stand in another text, against looking for every one of them."""

from __future__ import annotations

import time

import numpy as np
import pytest

from genlab.evaluation.statistics.copies import longest_runs


def by_hand(text: np.ndarray, known: np.ndarray) -> int:
    words = [" ".join(map(str, each)) for each in (text.tolist(), known.tolist())]
    inside = f" {words[1]} "
    found = 0
    for start in range(len(text)):
        while (
            start + found < len(text) and f" {' '.join(map(str, text[start : start + found + 1].tolist()))} " in inside
        ):
            found += 1
    return found


@pytest.mark.parametrize("symbols", [2, 5, 200])
def test_the_longest_run_is_that_which_a_search_by_hand_finds(symbols: int) -> None:
    rng = np.random.default_rng(symbols)
    known = rng.integers(symbols, size=300)
    texts = [rng.integers(symbols, size=n) for n in (0, 1, 7, 8, 9, 60)]
    texts += [np.concatenate([texts[5][:20], known[200:230], texts[5][20:30]]), known[-25:], known]
    texts += [np.full(12, symbols + 1)]
    found = longest_runs(texts, known)
    assert found.length.tolist() == [by_hand(text, known) for text in texts]
    assert found.length[-2] == 300
    for text, length, place in zip(texts, found.length, found.place, strict=True):
        assert by_hand(text[place : place + length], known) == length


def test_a_run_ends_where_the_known_text_is_interrupted() -> None:
    known = np.array([*range(20), -1, *range(20, 40)])
    assert longest_runs([np.arange(40)], known).length.tolist() == [20]
    assert longest_runs([np.arange(3)], known[:0]).length.tolist() == [0]


@pytest.mark.slow
def test_ten_million_symbols_take_seconds() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(1, 27, size=(3000, 6))
    known = words[rng.zipf(1.3, size=1_700_000) % 3000].ravel()
    texts = [words[rng.zipf(1.3, size=43) % 3000].ravel() for _ in range(400)]
    texts[0] = known[5_000_000:5_000_256]
    begun = time.process_time()
    found = longest_runs(texts, known).length
    assert time.process_time() - begun < 30
    assert found[0] == 256
    assert 10 < np.median(found) < 60

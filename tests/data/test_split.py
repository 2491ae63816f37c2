from __future__ import annotations

import numpy as np
import pytest

from genlab.data.split import by_name, held_out, name_hash
from genlab.errors import ConfigError


def test_held_out_is_a_frozen_partition():
    kept, held = held_out(60_000, 5000, seed=1998)
    assert np.array_equal(np.sort(np.concatenate((kept, held))), np.arange(60_000))
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held) > 0).all()
    assert held_out(10, 3, seed=0)[1].tolist() == [2, 4, 8]  # NumPy's frozen stream: the same everywhere


@pytest.mark.parametrize("size", [0, -1, 10, 11])
def test_held_out_refuses(size):
    with pytest.raises(ConfigError, match="val_size"):
        held_out(10, size, seed=0)


def test_by_name_is_a_stable_partition():
    names = [f"{i:05d}.png" for i in range(5000)]
    parts = by_name(names, (0.1, 0.2))
    assert sorted(name for part in parts for name in part) == names
    assert [abs(len(part) / 5000 - share) < 0.02 for part, share in zip(parts, (0.1, 0.2, 0.7), strict=True)]
    more = by_name([*names, *(f"new{i}.png" for i in range(1000))], (0.1, 0.2))
    for part, larger in zip(parts, more, strict=True):
        assert set(part) <= set(larger)
    assert by_name(names[::-1], (0.1, 0.2))[0] == parts[0][::-1]


@pytest.mark.parametrize("n", range(3, 12))
def test_no_part_is_empty(n):
    for start in range(20):
        parts = by_name([f"{start}-{i}" for i in range(n)], (0.1, 0.1))
        assert all(parts)
        assert sum(map(len, parts)) == n
        assert len(parts[2]) == max(map(len, parts))


def test_name_hash_is_frozen():
    assert name_hash("a") == 0x40F89E395B66422F
    assert name_hash("a") != name_hash("b")
    assert name_hash("\udcff") >= 0  # names that are no text

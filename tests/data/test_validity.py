"""Data are looked at once, when they are made: what no model can learn from is told by its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from genlab import build
from genlab.data import Dataset, DataSpec, Split, toy2d
from genlab.errors import DataError

MODULE = """
import numpy as np, torch
from genlab.data import Dataset, DataSpec, Split

def table(path):
    x = torch.from_numpy(np.genfromtxt(path, delimiter=",", dtype=np.float32))
    return Dataset("table", DataSpec((3,), None), Split(x[:6]), Split(x[6:8]), Split(x[8:]))
"""


@pytest.mark.parametrize("cell", ["", "inf", "-inf", "nan"])
def test_an_empty_cell_of_a_users_table_is_named(tmp_path, monkeypatch, cell):
    (tmp_path / "mytables.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    rows = [[f"{value:.2f}" for value in row] for row in np.random.RandomState(0).randn(10, 3)]
    node = {"_target_": "mytables.table", "path": str(tmp_path / "t.csv"), "batch_size": 2}
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, rows)))
    assert len(build.dataset(node, trust=["mytables"]).train) == 6
    rows[7][2] = cell
    (tmp_path / "t.csv").write_text("\n".join(map(",".join, rows)))
    with pytest.raises(DataError, match=r"table, val: row 1, column 2 is -?(nan|inf) \(1 such value") as caught:
        build.dataset(node, trust=["mytables"])
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_every_split_and_both_domains_are_looked_at(part, monkeypatch):
    monkeypatch.setattr("genlab.data.validity.CHUNK", 8)  # several chunks
    d = toy2d(num_train=20, num_val=20, num_test=20)
    x = getattr(d, part).x.clone()
    x[13, 1] = torch.inf
    with pytest.raises(DataError, match=f"{part}: row 13, column 1 is inf"):
        replace(d, **{part: Split(x)})
    with pytest.raises(DataError, match=f"{part}: row 13, column 1 is inf"):
        replace(d, **{part: Split(getattr(d, part).x, x_b=x)})


def test_a_picture_of_floats_is_named_by_channel_row_and_column():
    x = torch.zeros(4, 1, 5, 6)
    x[2, 0, 3, 4] = torch.nan
    with pytest.raises(DataError, match="example 2, channel 0, row 3, column 4 is nan"):
        Dataset("p", DataSpec((1, 5, 6), None), Split(x), Split(x[:1]), Split(x[:1]))


def test_shapes_and_labels_fit_the_type():
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 2, 1])
    spec = DataSpec((2,), None, num_classes=2)
    good = Split(x[:2], y[:2])
    assert len(Dataset("d", spec, good, good, good).train) == 2
    for bad, words in (
        (Split(x, y), "label 2 in row 2, but the classes are 0 to 1"),
        (Split(x, -y), "label -2 in row 2"),
        (Split(x, y[:2]), "4 examples, but 2 labels"),
        (Split(torch.zeros(4, 3)), r"of shape \(3,\), the data's type says \(2,\)"),
        (Split(x[:0]), "holds no examples"),
    ):
        with pytest.raises(DataError, match=words):
            Dataset("d", spec, good, good, bad)

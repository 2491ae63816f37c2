"""``metric=memorisation`` of models whose copying is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from sklearn.datasets import load_digits
from torch import Tensor, nn

from genlab.data import DENSITIES
from genlab.data.images.binarise import binarise, binarise_once
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.metrics import METRICS, Subject
from genlab.models.capabilities import GenerativeModel
from genlab.restore import Loaded


class Copier(GenerativeModel):
    """A share of what it draws are training examples, the others examples that nobody has seen."""

    def __init__(self, data: Dataset, unseen: Tensor, share: float) -> None:
        super().__init__()
        self.spec = data.spec
        self.data, self.unseen, self.share = data, unseen, share
        self.nothing = nn.Parameter(torch.zeros(()))

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        old = torch.rand(n, generator=generator) < self.share
        index = torch.randint(len(self.data.train), (n,), generator=generator)
        copies = self.data.as_seen(Split(self.data.train.x[index]), seed=int(index[0])).x
        new = self.unseen[torch.randint(len(self.unseen), (n,), generator=generator)]
        return torch.where(old.view(n, *[1] * (copies.dim() - 1)), copies, new)


def digits_of(levels: int) -> tuple[Dataset, Tensor]:
    """Digits of 24x24 pixels, 8-bit or binarised afresh; and some that are in no split."""
    x = torch.from_numpy(load_digits().images)[:, None]
    x = nn.functional.interpolate(x * 16, scale_factor=3, mode="bicubic").clamp(0, 255).round().to(torch.uint8)
    x = ((x.int() - 60) * 2).clamp(0, 255).to(torch.uint8)
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    train, test, unseen = x[:700], x[700:1200], x[1200:]
    if levels == 2:
        test, unseen = binarise_once(test, seed=1), binarise_once(unseen, seed=2)
    spec = DataSpec((1, 24, 24), levels)
    transform = binarise if levels == 2 else None
    return Dataset("digits", spec, Split(train), Split(test), Split(test), train_transform=transform), unseen


def plane_of(_: int) -> tuple[Dataset, Tensor]:
    x = DENSITIES["eight_gaussians"].sample(2000, generator=torch.Generator().manual_seed(0))
    return Dataset("plane", DataSpec((2,), None), Split(x[:800]), Split(x[800:1200]), Split(x[800:1200])), x[1200:]


@pytest.mark.parametrize(
    ("make", "levels", "least"),
    [(digits_of, 256, 1.0), (digits_of, 2, 0.97), (plane_of, 0, 1.0)],
    ids=["8-bit", "binarised", "plane"],
)
def test_a_model_that_copies_is_told_from_one_that_does_not(
    make: Callable[[int], tuple[Dataset, Tensor]], levels: int, least: float, tmp_path: Path
) -> None:
    data, unseen = make(levels)
    found, methods = {}, ""
    for share in (0.0, 0.5, 1.0):
        model = Copier(data, unseen, share)
        loaded = Loaded(tmp_path, {}, data.spec, 0, model)
        of = Subject(loaded, model, data, {"split": "test", "seed": 0}, Console(quiet=True), tmp_path)
        memorisation, near = METRICS["memorisation"](n=500, space="data").compute(of)
        found[share] = memorisation.value, near.value
        methods = f"{memorisation.method} {near.method}"
    assert found[0.0] == pytest.approx((0.5, 0.05), abs=0.06)
    assert found[1.0][0] >= least
    assert found[0.5] == pytest.approx([(found[0.0][i] + found[1.0][i]) / 2 for i in (0, 1)], abs=0.06)
    if levels == 2:  # and the record says what it would see
        seen = re.search(r"draws training examples anew has (\d\.\d+).* (\d\.\d+) for nothing but new draws", methods)
        assert seen is not None
        assert [float(each) for each in seen.groups()] == pytest.approx(found[1.0], abs=0.06)
    else:
        assert found[1.0][1] > 0.95
        assert "anew" not in methods

"""Our statistics and grids against torchmetrics and torchvision: equal, or ours is the more correct one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.data.dataset import DataSpec
from genlab.evaluation.artefacts import grids
from genlab.evaluation.statistics import detect, frechet, inception_score, kernels

Two = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def features() -> Two:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 6, generator=generator), torch.randn(150, 6, generator=generator) * 1.5 + 0.3
    return x.double(), y.double()


def test_auroc_and_average_precision_are_those_of_torchmetrics(features: Two) -> None:
    """Equal; ours has DeLong's standard error, knows ties, and imports nothing."""
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    inside, outside = features[0][:, 0], features[1][:, 0]
    for digits in (12, 0):  # without ties, and with many
        a, b = inside.round(decimals=digits), outside.round(decimals=digits)
        # between 0 and 1 and in the same order: torchmetrics takes other scores through a sigmoid
        scores = torch.cat([a, b])
        scores = (scores - scores.min()) / (scores.max() - scores.min())
        target = torch.cat([torch.zeros(len(a)), torch.ones(len(b))]).long()
        assert detect.auroc(a, b).value == pytest.approx(binary_auroc(scores, target).item(), abs=1e-6)
        expected = binary_average_precision(scores, target).item()
        assert detect.average_precision(a, b) == pytest.approx(expected, abs=1e-6)


def test_auroc_of_log_likelihoods_is_not_squashed() -> None:
    """Ours is the more correct one: torchmetrics puts scores of -2000 nats through a sigmoid, where they are all 0."""
    from torchmetrics.functional.classification import binary_auroc

    inside, outside = -torch.arange(2000.0, 2050.0), -torch.arange(1000.0, 1050.0)
    target = torch.cat([torch.zeros(50), torch.ones(50)]).long()
    assert detect.auroc(inside, outside).value == 1
    assert binary_auroc(torch.cat([inside, outside]), target).item() == 0.5


def test_the_frechet_distance_is_that_of_torchmetrics(features: Two) -> None:
    """Equal; ours has a standard error, and symmetric eigensolves in place of a general one of a product."""
    from torchmetrics.image.fid import _compute_fid

    x, y = (frechet.moments(each) for each in features)
    expected = _compute_fid(x.mean, x.covariance, y.mean, y.covariance).item()
    assert frechet.distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_few_examples_is_that_of_torchmetrics() -> None:
    """Ours is at least as correct: of singular covariances, of the same examples twice, it is 0 to within roundings."""
    from torchmetrics.image.fid import _compute_fid

    x = torch.randn(4, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    of = frechet.moments(x)
    theirs = abs(_compute_fid(of.mean, of.covariance, of.mean, of.covariance).item())
    assert frechet.distance(of, of) == pytest.approx(0, abs=1e-6)
    assert theirs == pytest.approx(0, abs=1e-5)


def test_the_kernel_distance_is_that_of_torchmetrics(features: Two) -> None:
    """Equal on the same examples; ours takes all of them where KID averages over random subsets, which adds noise."""
    from torchmetrics.image.kid import poly_mmd

    x, y = features[0][:150], features[1]
    expected = poly_mmd(x, y).item()
    assert kernels.mmd(x, y, kernels.polynomial(6)).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`", "ignore:The ``compute`` method")
def test_the_inception_score_is_that_of_torchmetrics() -> None:
    """Equal on the same parts; torchmetrics shuffles by the global generator first, so that ours alone repeats."""
    from torchmetrics.image.inception import InceptionScore

    logits = 3 * torch.randn(100, 7, generator=torch.Generator().manual_seed(2))
    metric = InceptionScore(feature=_Logits(7), splits=5)
    metric.features.append(logits)
    torch.manual_seed(0)
    theirs = metric.compute()[0].item()
    torch.manual_seed(0)
    shuffled = logits[torch.randperm(len(logits))]
    assert inception_score.inception_score(shuffled, splits=5).value == pytest.approx(theirs, rel=1e-5)


class _Logits(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [2, 7, 12])
def test_a_grid_is_that_of_torchvision(n: int, channels: int, tmp_path: Path) -> None:
    """The same bytes; ours needs no two seconds of import, frames a single image too, and enlarges small ones."""
    from torchvision.utils import make_grid

    generator = torch.Generator().manual_seed(n)
    x = torch.randint(256, (n, channels, 32, 300), generator=generator, dtype=torch.uint8)
    ours = grids.grid(x, DataSpec((channels, 32, 300), 256), columns=3)
    theirs = make_grid(x, nrow=3, padding=1, pad_value=64).permute(1, 2, 0).numpy()
    assert np.array_equal(ours, theirs)

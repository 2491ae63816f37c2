"""Laws of the model itself: what its network says, whatever it predicts, is one denoiser; coordinates; conditions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.models import Diffusion
from genlab.models.paths import spread_over
from tests.contracts.catalogue import off_identity

PLANE = DataSpec((2,), None)


class Says(nn.Module):
    """A network that answers as it is told, whatever it is asked."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.levels: list[Tensor] = []

    def forward(self, x: Tensor, level: Tensor, context: Tensor | None) -> Tensor:
        self.levels.append(level)
        return self.answer


@pytest.mark.parametrize("schedule", ["linear", "cosine", "learned"])
@pytest.mark.parametrize("prediction", ["epsilon", "x", "v"])
def test_noise_data_and_their_mix_are_one_denoiser(schedule: str, prediction: str) -> None:
    model = Diffusion(PLANE, schedule=schedule, prediction=prediction, width=8, blocks=1).double()
    g = torch.Generator().manual_seed(0)
    clean, eps = torch.randn(2, 6, 2, generator=g, dtype=torch.float64)
    t = torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
    alpha, sigma = spread_over(model.path.alpha(t), clean), spread_over(model.path.sigma(t), clean)
    answer = {"epsilon": eps, "x": clean, "v": alpha * eps - sigma * clean}[prediction]
    model.network = says = Says(answer.detach())
    found = model.expected(alpha * clean + sigma * eps, t, None)
    assert torch.allclose(found, clean, atol=1e-5)
    (level,) = says.levels
    assert (level.diff() > 0).all(), "the network is told how much noise there is"
    assert 0 <= level.min() <= level.max() <= 1


@torch.no_grad()
def test_a_stretch_of_the_data_is_taken_off_the_bound() -> None:
    torch.manual_seed(0)
    model = off_identity(Diffusion(PLANE, width=8, blocks=1)).eval()
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))

    def bound(x: Tensor) -> Tensor:
        return model.log_prob_bound(x, 8, generator=torch.Generator().manual_seed(2))

    before = bound(x)
    model.location.fill_(3.0)
    model.spread.fill_(2.0)
    assert torch.allclose(bound(3 + 2 * x), before - 2 * math.log(2), atol=1e-4)


@torch.no_grad()
def test_each_example_of_the_bound_has_its_own_condition() -> None:
    torch.manual_seed(0)
    model = off_identity(Diffusion(DataSpec((2,), None, 3), condition="label", width=8, blocks=1)).eval()
    off_identity(model)
    x, y = torch.randn(4, 2), torch.tensor([0, 2, 1, 1])

    def bound(rows: slice) -> Tensor:
        own = [torch.Generator().manual_seed(i) for i in range(4)][rows]
        return model.log_prob_bound(x[rows], 6, y[rows], generator=own)

    alone = torch.cat([bound(slice(i, i + 1)) for i in range(4)])
    assert torch.allclose(bound(slice(0, 4)), alone, atol=1e-4)
    swapped = model.log_prob_bound(x, 6, y.flip(0), generator=[torch.Generator().manual_seed(i) for i in range(4)])
    assert (swapped - alone).abs().max() > 1e-3

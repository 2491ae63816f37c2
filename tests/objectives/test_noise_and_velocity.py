"""What diffusion and flow matching learn: the bound itself, its weights, the velocity; who pairs noise, who hides c."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.models import Diffusion, flow_matching
from genlab.models.diffusion.flow_matching import ContinuousFlow
from genlab.models.paths import Straight
from genlab.objectives import DenoisingScoreMatching, FlowMatching, denoising_score_matching
from genlab.objectives import flow_matching as of_flow_matching
from tests.contracts.catalogue import off_identity

PLANE, LABELLED = DataSpec((2,), None), DataSpec((2,), None, 3)
POINT = torch.tensor([0.7, -1.2])


@pytest.mark.parametrize("schedule", ["linear", "cosine", "learned"])
@torch.no_grad()
def test_the_weighting_of_the_bound_is_the_bound(schedule: str) -> None:
    torch.manual_seed(0)
    model = off_identity(Diffusion(PLANE, schedule=schedule, width=8, blocks=1)).eval()
    model.anchored.fill_(value=True)
    batch = Batch(torch.randn(256, 2, generator=torch.Generator().manual_seed(1)))
    objective = DenoisingScoreMatching()
    losses = torch.stack([objective(model, batch, step=0).value for _ in range(200)])
    bounds = torch.stack([-model.log_prob_bound(batch.x, 8).mean() for _ in range(30)])
    error = (losses.var() / len(losses) + bounds.var() / len(bounds)).sqrt()
    assert error < 0.2
    assert abs(losses.mean() - bounds.mean()) < 4 * error


@pytest.mark.parametrize("weighting", ["simple", "edm"])
def test_other_weightings_are_of_the_noise_and_of_the_data_behind_both(weighting: str, monkeypatch) -> None:
    model = Diffusion(PLANE, width=8, blocks=1)
    seen: list[Tensor] = []

    def error(model: Diffusion, u: Tensor, t: Tensor, *_: object, **__: object) -> Tensor:
        seen.append(t)
        return torch.ones(len(u))

    monkeypatch.setattr(denoising_score_matching, "noise_error", error)
    value = DenoisingScoreMatching(weighting=weighting)(model, Batch(torch.randn(400, 2)), step=0).value.item()
    (t,) = seen
    alpha, sigma = model.path.alpha(t), model.path.sigma(t)
    weight = torch.ones(400) if weighting == "simple" else 1 + (sigma / alpha).square()
    assert value == pytest.approx(weight.mean().item() / 2, rel=1e-4)
    ratio = (sigma / alpha).log()
    if weighting == "edm":  # log-normal, for data of a standard deviation of 1
        assert ratio.mean().item() == pytest.approx(-1.2 + 0.693, abs=0.05)
        assert ratio.std().item() == pytest.approx(1.2, abs=0.05)


class ToAPoint(ContinuousFlow):
    """The velocity of data that are a single point."""

    def flow(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        return (x - self.from_data(POINT)) / t[:, None]


@pytest.mark.parametrize("coupling", ["independent", "ot"])
def test_the_right_velocity_has_no_loss_and_no_other(coupling: str) -> None:
    model = flow_matching(PLANE, width=8, blocks=1)
    model.__class__ = ToAPoint
    batch, objective = Batch(POINT.expand(64, 2)), FlowMatching(coupling=coupling)
    assert objective(model, batch, step=0).value.item() < 1e-6
    batch = Batch(POINT + torch.randn(64, 2))
    assert objective(model, batch, step=0).value.item() > 0.1


def test_noise_is_paired_by_the_least_sum_of_squared_distances(monkeypatch) -> None:
    data, noise = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0))

    def cost(order: Tensor) -> float:
        return (data - noise[order]).square().sum().item()

    best = min(cost(torch.tensor(order)) for order in itertools.permutations(range(5)))
    assert cost(of_flow_matching.paired(data, noise)) == pytest.approx(best)
    # and the loss is told of these pairs
    met: list[tuple[Tensor, Tensor]] = []
    monkeypatch.setattr(Straight, "add_noise", lambda self, x, t, eps: met.append((x, eps)) or x)
    FlowMatching(coupling="ot")(flow_matching(PLANE, width=8, blocks=1), Batch(torch.randn(20, 2)), step=0)
    ((x, eps),) = met
    again = of_flow_matching.paired(x, eps)
    assert torch.equal(again, torch.arange(20)), "paired already"


@pytest.mark.parametrize(
    "objective", [DenoisingScoreMatching(), DenoisingScoreMatching(weighting="edm"), FlowMatching()]
)
@torch.no_grad()
def test_a_step_hides_the_condition_of_those_whom_the_model_says(objective) -> None:
    build = flow_matching if isinstance(objective, FlowMatching) else Diffusion
    torch.manual_seed(0)
    model = off_identity(off_identity(build(LABELLED, width=8, blocks=1, condition="label")))
    x = torch.randn(32, 2)

    def loss(label: int) -> Tensor:
        torch.manual_seed(1)
        return objective(model, Batch(x, torch.full((32,), label)), step=0).value

    model.null_dropout = 0.0
    assert not torch.equal(loss(0), loss(2))
    model.null_dropout = 1.0
    assert torch.equal(loss(0), loss(2))

"""Laws of the energy-based model: gradients, contrastive divergence, replay, normalisation on a grid, chains."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genlab.data.batches import Batch
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError, TrainingError
from genlab.evaluation.energies import energies
from genlab.models import EBM, VAE, GridNormalised
from genlab.models.capabilities import UnnormalisedDensity
from genlab.objectives import ContrastiveDivergence
from genlab.objectives.base import Loss

PLANE, GREY = DataSpec((2,), None), DataSpec((1, 9, 7), 17)
BOX = (-3.0, 3.0, -3.0, 3.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plane_ebm(**settings: object) -> EBM:
    torch.manual_seed(0)
    return EBM(PLANE, hidden=[16, 16], chain_steps=10, **settings)  # type: ignore[arg-type]


def grey_ebm(**settings: object) -> EBM:
    torch.manual_seed(0)
    return EBM(GREY, channels=4, hidden=[8], chain_steps=6, **settings)  # type: ignore[arg-type]


def pictures(n: int) -> Tensor:
    return torch.randint(17, (n, 1, 9, 7), generator=seeded(3), dtype=torch.uint8)


class Quadratic(UnnormalisedDensity):
    """A correlated Gaussian whose normaliser is known."""

    spec = PLANE

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.precision = torch.nn.Parameter(torch.tensor([[2.0, 0.6], [0.6, 1.0]]) / scale**2)

    def energy(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return 0.5 * ((x @ self.precision) * x).sum(1) + 7.0

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(n, 2, generator=generator)


@pytest.mark.parametrize("build", [plane_ebm, grey_ebm])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_gradient_of_the_energy_against_finite_differences(build, spectral_norm: bool) -> None:
    model = build(spectral_norm=spectral_norm).double().eval()
    u = 0.8 * torch.rand(3, *model.spec.event_shape, generator=seeded(), dtype=torch.float64)
    # `energy_of_chain` ends in float32, the network itself does not
    assert torch.autograd.gradcheck(model.network, u.requires_grad_(), atol=1e-6)


def test_the_base_measure_of_vectors_is_a_standard_normal_in_the_data_s_own_units() -> None:
    model = plane_ebm()
    for parameter in model.network.parameters():
        torch.nn.init.zeros_(parameter)
    data = torch.randn(5000, 2, generator=seeded()) * torch.tensor([3.0, 0.2]) + torch.tensor([10.0, -1.0])
    model.anchor(data)
    model.anchor(data + 100)  # only the first call counts
    known = GridNormalised(model, bounds=(0.0, 20.0, -2.0, 0.0))
    expected = torch.distributions.Normal(data.mean(0), data.std(0, correction=0)).log_prob(data[:50]).sum(1)
    assert torch.allclose(known.log_prob(data[:50]).float(), expected, atol=1e-3)


def test_levels_and_the_chain_s_coordinates_are_inverse_to_each_other() -> None:
    for levels in (2, 17, 256):
        model = EBM(DataSpec((1, 4, 4), levels), channels=2, hidden=[4])
        x = torch.randint(levels, (9, 1, 4, 4), generator=seeded(), dtype=torch.uint8)
        u = model.to_chain(x)
        assert u.min() >= -1
        assert u.max() <= 1
        assert torch.equal(model.to_data(u), x)
        assert torch.equal(model.to_data(u + 0.49 * 2 / (levels - 1)), x), "the nearest level"


def test_grid_normalised_meets_a_known_normaliser_and_samples_it() -> None:
    truth = torch.distributions.MultivariateNormal(
        torch.zeros(2), precision_matrix=torch.tensor([[2.0, 0.6], [0.6, 1.0]])
    )
    x = truth.sample((200,))
    known = GridNormalised(Quadratic(), bounds=BOX)
    assert torch.allclose(known.log_prob(x), truth.log_prob(x).double(), atol=1e-5)
    assert known.log_prob(x).dtype == torch.float64
    assert known.log_prob(torch.tensor([[1e3, 0.0]])).item() == -math.inf
    coarse = GridNormalised(Quadratic(), bounds=BOX, resolution=40)  # half a cell is far more than the errors below
    drawn = coarse.sample(40_000, generator=seeded())
    assert torch.allclose(drawn.T.cov(), truth.covariance_matrix, atol=0.03)
    assert drawn.mean(0).abs().max() < 0.03


def test_grid_normalised_sums_to_one_and_converges_as_the_grid_doubles() -> None:
    model = plane_ebm()
    for parameter in model.network.parameters():
        torch.nn.init.normal_(parameter, std=0.7, generator=seeded(1))
    coarse, fine, finest = (GridNormalised(model, bounds=BOX, resolution=r) for r in (60, 120, 240))
    dx, dy = fine._cell
    assert abs(fine.log_prob(fine._centres()).exp().sum().item() * dx * dy - 1) < 1e-6
    first, second = (abs(a.log_normaliser - finest.log_normaliser) for a in (coarse, fine))
    assert second < 1e-4
    assert second <= max(first, 1e-6)


def test_the_box_widens_until_it_holds_the_mass_or_says_that_none_does() -> None:
    assert GridNormalised(Quadratic(), bounds=BOX).box[1] < 7
    wide = GridNormalised(Quadratic(scale=6.0), bounds=BOX)
    assert wide.box[1] > 20
    assert abs(wide.log_normaliser - (math.log(2 * math.pi) - 0.5 * math.log(1.64) + 2 * math.log(6) - 7)) < 1e-4
    with pytest.raises(TrainingError, match="cannot be normalised"):
        GridNormalised(Quadratic(scale=1e4), bounds=BOX)


def replayed(model: EBM, **settings: object) -> ContrastiveDivergence:
    torch.manual_seed(4)
    objective = ContrastiveDivergence(**{"steps": 2, "replay_size": 32, **settings})  # type: ignore[arg-type]
    objective.prepare(model)
    return objective


@pytest.mark.parametrize("build", [plane_ebm, grey_ebm])
def test_contrastive_divergence_descends_the_energy_of_data_and_ascends_that_of_samples(build) -> None:
    model = build()
    # all chains take part, so that the replay buffer afterwards is the samples of the step
    objective = replayed(model, data_noise=0.0, energy_penalty=0.0, reinit=0.0)
    x = pictures(32) if model.spec.levels is not None else torch.randn(32, 2, generator=seeded())
    loss = objective(model, Batch(x), step=0)
    with torch.no_grad():
        before = [model.energy(x).mean(), model.energy_of_chain(objective.replay).mean()]
    assert torch.allclose(torch.stack([loss.terms["energy_data"], loss.terms["energy_samples"]]), torch.stack(before))
    assert torch.allclose(loss.value, before[0] - before[1], atol=1e-6)
    parameters = list(model.parameters())
    slope = torch.autograd.grad(loss.value, parameters)
    of_data = torch.autograd.grad(model.energy(x).mean(), parameters)
    of_samples = torch.autograd.grad(model.energy_of_chain(objective.replay).mean(), parameters)
    for whole, down, up in zip(slope, of_data, of_samples, strict=True):
        assert torch.allclose(whole, down - up, atol=1e-5)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, slope, strict=True):
            parameter -= 1e-2 * gradient
        after = [model.energy(x).mean(), model.energy_of_chain(objective.replay).mean()]
    assert after[0] - after[1] < before[0] - before[1]


def test_the_energy_penalty_weighs_both_squares() -> None:
    model = plane_ebm()
    x = torch.randn(8, 2, generator=seeded())
    objective = replayed(model, energy_penalty=0.25, reinit=0.0, replay_size=8)
    loss = objective(model, Batch(x), step=0)
    squares = model.energy(x).square().mean() + model.energy_of_chain(objective.replay).square().mean()
    gap = loss.terms["energy_data"] - loss.terms["energy_samples"]
    assert torch.allclose(loss.value, gap + 0.25 * squares, atol=1e-6)


def test_no_gradient_flows_through_or_stays_behind_a_chain() -> None:
    model = grey_ebm(spectral_norm=True)
    objective = replayed(model)
    model.train()
    before = copy.deepcopy(model.state_dict())
    negatives, _ = objective.negatives(model, 8)
    assert not negatives.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()), "a power iteration"
    assert model.training
    model.eval().evolve(negatives, steps=1)
    assert not model.training


def test_reinit_is_the_share_of_chains_that_start_again_from_noise() -> None:
    model = plane_ebm(step_size=1e-12)  # chains that stay where they are
    for reinit, low, high in ((0.0, 0, 0), (1.0, 400, 400), (0.25, 65, 135)):
        objective = replayed(model, replay_size=400, reinit=reinit)
        objective.replay.fill_(9.0)
        moved, _ = objective.negatives(model, 400)
        fresh = int((moved - 9.0).abs().gt(0.01).any(1).sum())
        assert low <= fresh <= high
        assert int((objective.replay - 9.0).abs().gt(0.01).any(1).sum()) == fresh


def test_chains_go_on_where_they_stopped() -> None:
    model = plane_ebm(step_size=1e-12)
    objective = replayed(model, replay_size=64, reinit=0.0)
    objective.replay.copy_(torch.arange(128.0).view(64, 2))
    drawn, _ = objective.negatives(model, 20)
    rows = drawn[:, 0].div(2).round().long()
    assert len(set(rows.tolist())) == 20, "a chain is drawn at most once a step"
    assert torch.allclose(objective.replay, torch.arange(128.0).view(64, 2), atol=1e-3), "and put back in its place"


def test_a_replay_buffer_smaller_than_a_batch_is_refused() -> None:
    model = plane_ebm()
    with pytest.raises(ConfigError, match="give at least 33"):
        replayed(model)(model, Batch(torch.randn(33, 2)), step=0)
    with pytest.raises(ConfigError, match="it fits model=ebm"):
        ContrastiveDivergence().prepare(VAE(PLANE, hidden=[4]))


def test_divergence_is_a_wide_gap_or_a_number_that_is_none() -> None:
    objective = ContrastiveDivergence(max_gap=5.0)

    def loss(value: float, data: float, samples: float) -> Loss:
        terms = {"energy_data": torch.tensor(data), "energy_samples": torch.tensor(samples)}
        return Loss(torch.tensor(value), terms)

    assert not objective.diverged(loss(1.0, 3.0, -1.9))
    assert objective.diverged(loss(1.0, 3.0, -2.1))
    assert objective.diverged(loss(1.0, -3.0, 2.1))
    assert objective.diverged(loss(math.nan, 0.0, 0.0))
    assert objective.diverged(loss(0.0, math.nan, 0.0))
    assert objective.diverged(loss(0.0, math.inf, math.inf))


def test_a_retreat_shortens_the_chain_s_steps() -> None:
    model = plane_ebm(noise=0.0)
    u = torch.ones(4, 2)
    whole = model.evolve(u, steps=1) - u
    said = ContrastiveDivergence().retreat(model, rollbacks=2)
    assert "0.25 of the chain's step" in said
    assert torch.allclose(model.evolve(u, steps=1) - u, whole / 4, atol=1e-6)
    assert ContrastiveDivergence().retreat(model, rollbacks=3) == ContrastiveDivergence().retreat(model, rollbacks=9)


def test_the_energy_sees_data_with_the_noise_that_was_asked_for(monkeypatch) -> None:
    model, batch = grey_ebm(), Batch(torch.full((200, 1, 9, 7), 8, dtype=torch.uint8))
    plain, seen = model.to_chain(batch.x), []
    energy = EBM.energy_of_chain
    monkeypatch.setattr(EBM, "energy_of_chain", lambda self, u, c=None: seen.append(u) or energy(self, u, c))
    for noise in (0.0, 0.05, 0.1):
        objective = ContrastiveDivergence(steps=1, replay_size=200, data_noise=noise)
        objective.prepare(model)
        torch.manual_seed(0)
        objective(model, batch, step=0)
        moved = seen[-1][:200] - plain  # the last that is asked for is the loss's: data, then samples
        assert moved.std().item() == pytest.approx(noise, rel=0.03)


def test_spectral_norm_bounds_every_weight_and_averages_like_any_other() -> None:
    model = grey_ebm(spectral_norm=True).train()
    for parameter in model.parameters():
        parameter.data.mul_(5)
    for _ in range(30):
        model.energy(pictures(4))  # a power iteration each
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert layers
    for layer in layers:
        assert abs(torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() - 1) < 0.05
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=False)
    for _ in range(3):
        for parameter in model.parameters():
            parameter.data.add_(0.1)
        averaged.update_parameters(model)
    again = grey_ebm(spectral_norm=True)
    again.load_state_dict(averaged.module.state_dict())
    models = (averaged.module.eval(), again.eval(), model.eval())
    energies = [each.energy(pictures(4)) for each in models]
    assert torch.equal(energies[0], energies[1])
    assert not torch.equal(energies[0], energies[2])
    assert torch.equal(*(each.sample(4, generator=seeded()) for each in models[:2]))


@pytest.mark.parametrize("build", [plane_ebm, grey_ebm])
def test_a_path_begins_at_noise_and_ends_at_the_samples(build) -> None:
    model = build()
    path = model.path(5, frames=4, generator=seeded())
    assert path.shape == (4, 5, *model.spec.event_shape)
    assert torch.equal(path[0], model.to_data(model.start(5, generator=seeded())))
    assert torch.equal(path[-1], model.sample(5, generator=seeded()))
    assert path.dtype == model.sample(1).dtype


def test_a_path_from_given_pictures_starts_there_and_keeps_what_is_kept() -> None:
    model, x = grey_ebm(noise=0.3), pictures(5)  # noise of several levels at every step
    assert torch.equal(model.path(5, frames=3, start=x, generator=seeded())[0], x)
    keep = torch.zeros(9, 7, dtype=torch.bool)
    keep[:4] = True
    path = model.path(5, frames=3, start=x, keep=keep, generator=seeded())
    assert all(torch.equal(frame[:, :, :4], x[:, :, :4]) for frame in path)
    assert not torch.equal(path[0][:, :, 4:], x[:, :, 4:])
    assert not torch.equal(path[0][:, :, 4:], path[-1][:, :, 4:])


def test_energies_rank_data_below_noise_when_the_model_does() -> None:
    data = torch.randn(300, 2, generator=seeded()) * 0.1
    split = Split(data)
    found = energies(Quadratic(), Dataset("a", PLANE, split, split, split), n=200, seed=0)
    assert [found[name]["n"] for name in ("data", "samples", "noise")] == [200, 128, 200]
    assert found["data"]["mean"] == pytest.approx(Quadratic().energy(data[:200]).mean().item())
    assert found["data"]["mean"] < found["noise"]["mean"] < found["samples"]["mean"]
    assert found["data_below_noise"]["probability"] > 0.7
    assert 0 < found["data_below_noise"]["standard_error"] < 0.05


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (DataSpec((2,), None), {"network": "conv"}, "needs images"),
        (DataSpec((3, 8, 8), 256, None, "paired"), {}, "one set of examples"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(spec: DataSpec, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EBM(spec, **settings)

"""What a model is given decides what it draws and scores: densities given a label or a vector, and their chains."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.dataset import DataSpec, Split
from genlab.data.spaces import Label, Vector
from genlab.errors import ConfigError
from genlab.models import (
    DCGAN,
    EBM,
    GAN,
    IDF,
    VAE,
    ConditionalVAE,
    GridNormalised,
    NaiveBayes,
    PixelCNN,
    histogram,
    nice,
    realnvp,
)
from genlab.models.capabilities import GenerativeModel
from genlab.models.conditions import condition
from genlab.objectives import ContrastiveDivergence, MaximumLikelihood
from tests.contracts.catalogue import off_identity
from tests.contracts.test_every_model import seeded

LABELLED = DataSpec((2,), None, 3)
GIVEN = DataSpec((2,), None, condition=Vector(2))
CENTRES = torch.tensor([[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]])


def mesh(half: float, cells: int) -> tuple[Tensor, float]:
    """Centres of the cells of a square of side ``2 half``, and a cell's area."""
    along = (torch.arange(cells) + 0.5) / cells * 2 * half - half
    return torch.cartesian_prod(along, along), (2 * half / cells) ** 2


@pytest.mark.parametrize("build", [realnvp, nice])
@pytest.mark.parametrize("c", [torch.tensor(0), torch.tensor(2), torch.tensor([0.5, -1.0])], ids=str)
@torch.no_grad()
def test_a_conditional_flow_is_a_density_for_every_condition(build: Callable, c: Tensor) -> None:
    torch.manual_seed(0)
    kind, spec = ("vector", GIVEN) if c.dim() else ("label", LABELLED)
    model = off_identity(build(spec, couplings=4, hidden=[16], condition=kind)).eval()
    points, area = mesh(20.0, 400)
    log_prob = model.log_prob(points, c.expand(len(points), *c.shape))
    assert (log_prob.double().exp().sum() * area).item() == pytest.approx(1, abs=5e-3)
    # and draws of this condition have the mean of this density
    drawn = model.sample(40_000, c.expand(40_000, *c.shape), generator=seeded()).mean(0)
    mean = (points * log_prob.exp()[:, None]).sum(0) * area
    assert (drawn - mean).abs().max() < 0.06


def clusters(n: int, seed: int = 0) -> Batch:
    g = seeded(seed)
    y = torch.randint(3, (n,), generator=g)
    return Batch(CENTRES[y] + 0.2 * torch.randn(n, 2, generator=g), y)


def train(model: GenerativeModel, objective: torch.nn.Module, batches: list[Batch], lr: float = 3e-3) -> None:
    torch.manual_seed(1)
    objective.prepare(model)
    optimiser = torch.optim.Adam(model.parameters(), lr)
    for step, batch in enumerate(batches):
        optimiser.zero_grad()
        objective(model, batch, step=step).value.backward()
        optimiser.step()
    model.eval()


def test_samples_of_a_class_are_of_the_class() -> None:
    torch.manual_seed(0)
    model = realnvp(LABELLED, couplings=4, hidden=[32], condition="label")
    train(model, MaximumLikelihood(), [clusters(256, seed) for seed in range(300)], lr=5e-3)
    y = torch.arange(300) % 3
    drawn = model.sample(300, y, generator=seeded())
    assert (torch.cdist(drawn, CENTRES).argmin(1) == y).double().mean() > 0.97
    scores = torch.stack([model.log_prob(drawn, torch.full_like(y, label)) for label in range(3)], 1)
    assert (scores.argmax(1) == y).double().mean() > 0.97  # Bayes' rule with equal priors


def test_samples_follow_a_vector() -> None:
    """``p(x | c) = N(c, 0.1^2)``, learned by a flow that is given c."""
    torch.manual_seed(0)
    model = realnvp(GIVEN, couplings=4, hidden=[64], condition="vector")

    def batch(seed: int) -> Batch:
        c = 2 * torch.rand(256, 2, generator=seeded(seed)) - 1
        return Batch(c + 0.1 * torch.randn(256, 2, generator=seeded(seed + 10_000)), c=c)

    train(model, MaximumLikelihood(), [batch(seed) for seed in range(600)], lr=5e-3)
    for c in (torch.tensor([0.5, -0.5]), torch.tensor([-0.8, 0.2])):
        drawn = model.sample(2000, c.expand(2000, 2), generator=seeded())
        assert (drawn.mean(0) - c).abs().max() < 0.05
        assert drawn.std(0).min() > 0.07
        assert drawn.std(0).max() < 0.15
    test = batch(99_999)
    exact = math.log(2 * math.pi * 0.1**2) + 1  # the entropy of N(c, 0.1^2 I) in the plane
    assert -model.log_prob(test.x, test.c).mean().item() == pytest.approx(exact, abs=0.25)


def test_chains_keep_the_condition_that_they_started_with() -> None:
    torch.manual_seed(0)
    model = EBM(LABELLED, hidden=[16], condition="label", step_size=1e-12)
    objective = ContrastiveDivergence(steps=1, replay_size=64, reinit=0.0)
    objective.prepare(model)
    y = torch.full((20,), 2)
    _, first = objective.negatives(model, 20, y)
    assert torch.equal(first, y), "a chain from noise takes the class of an example"
    assert int(objective.known.sum()) == 20
    states = objective.replay.clone()
    held = objective.known.clone()
    for _ in range(20):
        objective.negatives(model, 20, torch.zeros(20, dtype=torch.int64))
    assert objective.known.all()
    assert (objective.replay_c[held] == 2).all(), "and has it for as long as it goes on"
    assert (objective.replay_c[~held] == 0).all()
    assert torch.allclose(objective.replay[held], states[held], atol=1e-3)
    again = ContrastiveDivergence(steps=1, replay_size=64, reinit=1.0)
    again.prepare(model)
    for label in (2, 1):
        _, own = again.negatives(model, 20, torch.full((20,), label))
        assert (own == label).all(), "one that starts again takes that of the example now"


def test_an_energy_of_each_class_is_normalised_by_itself_and_draws_its_class() -> None:
    torch.manual_seed(0)
    model = EBM(LABELLED, hidden=[32, 32], condition="label", chain_steps=100)
    model.anchor(clusters(2000).x)
    train(model, ContrastiveDivergence(replay_size=512), [clusters(128, seed) for seed in range(300)])
    y = torch.arange(300) % 3
    drawn = model.sample(300, y, generator=seeded())
    assert (torch.cdist(drawn, CENTRES).argmin(1) == y).double().mean() > 0.9
    known = GridNormalised(model, bounds=(-3.0, 3.0, -3.0, 2.0), resolution=200)
    assert known.given == Label(3)
    xmin, xmax, ymin, ymax = known.box
    x, y_ = (torch.linspace(low, high, 301) for low, high in ((xmin, xmax), (ymin, ymax)))
    points, area = torch.cartesian_prod(x, y_), (xmax - xmin) * (ymax - ymin) / 300**2
    for label in range(3):
        p = known.log_prob(points, torch.full((len(points),), label)).detach().exp()
        assert (p.sum() * area).item() == pytest.approx(1, abs=0.02)
        mean = known.sample(2000, torch.full((2000,), label), generator=seeded()).mean(0)
        assert (mean - CENTRES[label]).norm() < 0.6


@pytest.mark.parametrize(
    "build",
    [
        lambda spec: VAE(spec, condition="label"),
        lambda spec: realnvp(spec, condition="label"),
        lambda spec: nice(spec, condition="label"),
        lambda spec: IDF(spec, condition="label"),
        lambda spec: EBM(spec, condition="label"),
        lambda spec: GAN(spec, condition="label"),
        lambda spec: DCGAN(spec, condition="label"),
        lambda spec: PixelCNN(spec, condition="label"),
        lambda spec: histogram(spec, condition="label"),
    ],
)
def test_data_without_labels_are_refused_in_one_sentence(build: Callable) -> None:
    with pytest.raises(ConfigError, match=r"^model.condition=label needs labels, this data has none; it fits data="):
        build(DataSpec((1, 8, 8), 2))


def test_data_without_a_vector_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model.condition=vector needs a vector .*, this data has none"):
        realnvp(LABELLED, condition="vector")


def test_the_earlier_names_stand_for_the_option() -> None:
    assert ConditionalVAE(LABELLED).given == Label(3)
    assert isinstance(histogram(DataSpec((1, 2, 2), 2, 3), condition="label"), NaiveBayes)


def test_a_condition_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no c"):
        VAE(LABELLED).sample(3, torch.arange(3))


def test_what_a_model_is_given_comes_from_the_labels_or_the_vectors_of_examples() -> None:
    x, y, c = torch.zeros(4, 2), torch.arange(4) % 3, torch.ones(4, 2)
    split = Split(x, y, c=c)
    assert condition(VAE(LABELLED), split) is None
    assert condition(VAE(LABELLED, condition="label"), split) is y
    assert condition(VAE(GIVEN, condition="vector"), split) is c
    with pytest.raises(ValueError, match="given a vector of each example"):
        condition(VAE(GIVEN, condition="vector"), Split(x, y))

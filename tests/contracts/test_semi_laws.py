"""Laws of the semi-supervised VAE: the bound without a label, the labels that it is given, and what they teach."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.data import digits
from genlab.data.batches import Batch
from genlab.data.dataset import Dataset, Split
from genlab.data.labelled import labelled_examples
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models import SemiVAE
from genlab.objectives import SemiSupervised


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny() -> SemiVAE:
    torch.manual_seed(0)
    model = SemiVAE(DataSpec((1, 2, 2), 2, 3), latent_dim=2, hidden=[16])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape)
    return model


PICTURES = torch.cartesian_prod(*[torch.tensor([0, 1])] * 4).to(torch.uint8).view(16, 1, 2, 2)


@torch.no_grad()
def test_the_bound_without_a_label_is_below_the_likelihood_of_all_classes_together() -> None:
    model = tiny()
    joint = torch.stack(
        [model.log_prob_bound(PICTURES, 3000, torch.full((16,), y), generator=seeded()) for y in range(3)], 1
    )
    exact = joint.logsumexp(1) - math.log(3)
    assert abs(exact.double().exp().sum().item() - 1) < 0.02
    objective = SemiSupervised(labelled=3, weight=0.0)
    bounds = []
    objective.x_labelled, objective.y_labelled = PICTURES[:3], torch.arange(3)
    for seed in range(300):
        torch.manual_seed(seed)
        bounds.append(-objective(model, Batch(PICTURES), step=0).terms["unlabelled"])
    assert torch.stack(bounds).mean() < exact.mean() + 0.01
    log_q = model.class_log_probs(PICTURES)
    assert torch.allclose(log_q.exp().sum(1), torch.ones(16))


@torch.no_grad()
def test_a_classifier_that_is_bayes_rule_makes_the_bound_that_of_all_classes_together(monkeypatch) -> None:
    """``sum_y q (b_y + log p(y) - log q)`` is ``log sum_y p(y) exp b_y`` there, and less with any other."""
    model, bounds = tiny(), torch.randn(16, 3, generator=seeded())
    objective = SemiSupervised(labelled=3)
    objective.x_labelled, objective.y_labelled = PICTURES[:3], torch.arange(3)
    monkeypatch.setattr(model, "class_bounds", lambda x: bounds)

    def unlabelled(log_q: torch.Tensor) -> float:
        monkeypatch.setattr(model, "class_log_probs", lambda x: log_q[: len(x)])
        return objective(model, Batch(PICTURES), step=0).terms["unlabelled"].item()

    least = -(bounds.logsumexp(1).mean().item() - math.log(3))
    assert unlabelled(bounds.log_softmax(1)) == pytest.approx(least, abs=1e-5)
    assert unlabelled((2 * bounds).log_softmax(1)) > least + 0.01


@torch.no_grad()
def test_labels_of_the_batch_are_not_looked_at() -> None:
    spec = DataSpec((1, 2, 2), 2, 3)
    split = Split(PICTURES, torch.arange(16) % 3)
    objective, model = SemiSupervised(labelled=6), tiny()
    objective.see(Dataset("any", spec, split, split, split))
    values = []
    for y in (split.y, (split.y + 1) % 3, None):
        torch.manual_seed(0)
        values.append(objective(model, Batch(PICTURES, y), step=0).value)
    assert torch.equal(values[0], values[1])
    assert torch.equal(values[0], values[2])
    assert objective.y_labelled.bincount().tolist() == [2, 2, 2]
    assert "x_labelled" in objective.state_dict(), "a resumed run has its labels"


def test_as_many_labels_of_each_class_are_chosen_by_the_seed() -> None:
    data = digits()
    chosen = labelled_examples(data.train, data.spec, 50, seed=0)
    assert data.train.y[chosen].bincount().tolist() == [5] * 10
    assert torch.equal(chosen, labelled_examples(data.train, data.spec, 50, seed=0))
    assert not torch.equal(chosen, labelled_examples(data.train, data.spec, 50, seed=1))
    for n in (15, 10_000):
        with pytest.raises(ConfigError, match=f"objective.labelled={n}: .* multiple"):
            labelled_examples(data.train, data.spec, n, seed=0)


@torch.no_grad()
def test_z_is_independent_of_the_class() -> None:
    model = tiny()
    one, two = (model.sample_latents(5, torch.full((5,), y), generator=seeded()) for y in (0, 2))
    assert torch.equal(one, two)


def test_examples_without_labels_teach_the_classifier() -> None:
    """Two clusters in the plane, one label of each at its edge: the classifier alone cuts through them."""
    torch.manual_seed(0)
    y = torch.arange(600) % 2
    x = torch.stack([6.0 * y - 3, torch.zeros(600)], 1) + torch.randn(600, 2, generator=seeded())
    x[0], x[1] = torch.tensor([-2.0, 2.0]), torch.tensor([2.0, 2.2])
    data = Split(x, y)
    model = SemiVAE(DataSpec((2,), None, 2), latent_dim=2, hidden=[32])
    objective = SemiSupervised(labelled=2, weight=5.0)
    objective.see(Dataset("any", model.spec, Split(x, y), data, data))
    objective.x_labelled, objective.y_labelled = x[:2].clone(), y[:2].clone()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(300):
        optimiser.zero_grad()
        objective(model, Batch(x), step=step).value.backward()
        optimiser.step()
    with torch.no_grad():
        assert (model.class_log_probs(x).argmax(1) == y).double().mean() > 0.97

"""Bayes' rule on models whose posteriors are known in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec, Label, Split
from genlab.evaluation.bayes import class_log_likelihoods, class_log_posterior, class_log_prior
from genlab.evaluation.strangeness import negative_log_likelihoods
from genlab.models import VAE
from genlab.models.capabilities import ExactLikelihood
from genlab.seeding import derive

SPEC = DataSpec((2,), None, 3)
MEANS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
SETTINGS = {"num_particles": 7, "split_name": "test", "seed": 0}


class Normals(ExactLikelihood):
    """``p(x | y) = N(x; m_y, I)``."""

    def __init__(self) -> None:
        super().__init__()
        self.spec, self.given = SPEC, Label(3)
        self.means = nn.Parameter(MEANS.clone())

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        return -0.5 * (x - self.means[c]).square().sum(1) - math.log(2 * math.pi)


def points(n: int = 50) -> Split:
    g = torch.Generator().manual_seed(0)
    return Split(3 * torch.randn(n, 2, generator=g), torch.randint(3, (n,), generator=g))


def test_the_posterior_of_a_mixture_of_normals_is_the_softmax_of_its_linear_discriminants() -> None:
    split = points()
    prior = class_log_prior(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    assert torch.allclose(prior.exp(), torch.tensor([1 / 2, 1 / 6, 1 / 3], dtype=torch.float64))
    found = class_log_posterior(class_log_likelihoods(Normals(), split, batch_size=8, **SETTINGS), prior)
    discriminants = split.x.double() @ MEANS.double().T - 0.5 * MEANS.double().square().sum(1) + prior
    assert torch.allclose(found, discriminants.log_softmax(1), atol=1e-5)


def test_an_unconditional_likelihood_is_the_sum_over_classes_and_asks_for_no_labels() -> None:
    x = points().x
    prior = class_log_prior(torch.tensor([0, 0, 0, 1, 2, 2]), 3)
    found = negative_log_likelihoods(Normals(), Split(x), log_prior=prior, batch_size=8, **SETTINGS)
    components = [
        weight * torch.exp(-0.5 * (x - mean).square().sum(1)) / (2 * math.pi)
        for weight, mean in zip((1 / 2, 1 / 6, 1 / 3), MEANS, strict=True)
    ]
    assert torch.allclose(found, -torch.stack(components).sum(0).log().double(), atol=1e-5)


def test_a_class_that_is_not_there_is_never_chosen_and_nothing_possible_leaves_the_prior() -> None:
    prior = class_log_prior(torch.tensor([0, 0, 2]), 3)
    log_likelihoods = torch.tensor([[0.0, 9.0, 0.0], [-math.inf] * 3], dtype=torch.float64)
    found = class_log_posterior(log_likelihoods, prior).exp()
    assert torch.allclose(found, torch.tensor([[2 / 3, 0, 1 / 3]] * 2, dtype=torch.float64))


def test_bounds_have_the_same_noise_for_every_class_and_for_any_batch_size() -> None:
    torch.manual_seed(0)
    model = VAE(SPEC, latent_dim=2, hidden=[8], condition="label")
    for parameter in model.net.parameters():
        nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():  # nothing of the model depends on the class: neither may its bounds
        model.net.encoder[0].weight[:, 2:] = 0
        model.net.decoder[0].weight[:, 2:] = 0
    one, other = (class_log_likelihoods(model, points(), batch_size=size, **SETTINGS) for size in (1, 16))
    assert torch.allclose(one, other, atol=1e-5)
    assert torch.allclose(one, one[:, :1].expand_as(one), atol=1e-5)
    assert one.std(0)[0] > 0.1
    torch.nn.init.normal_(model.prior.weight)
    assert class_log_likelihoods(model, points(), batch_size=16, **SETTINGS).std(1).min() > 1e-3


def test_bounds_are_those_of_the_model_with_each_example_s_own_random_numbers() -> None:
    torch.manual_seed(0)
    model, split = VAE(SPEC, latent_dim=2, hidden=[8], condition="label"), points(20)
    table = class_log_likelihoods(model, split, batch_size=20, **SETTINGS)
    for label in range(3):
        generators = [torch.Generator().manual_seed(derive(0, "test", i)) for i in range(20)]
        bound = model.log_prob_bound(split.x, 7, torch.full((20,), label), generator=generators)
        assert torch.allclose(table[:, label], bound.double(), atol=1e-5)

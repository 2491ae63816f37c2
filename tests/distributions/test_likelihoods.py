from __future__ import annotations

import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import Bernoulli, Binomial, DiscretisedLogistic, Gaussian, softplus_sum


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_softplus_sum_is_the_sum_of_softplus() -> None:
    for size in (1, 7, 48, 784, 1000):
        logits = torch.randn(5, size, generator=seeded(), dtype=torch.float64) * 15
        expected = torch.log1p(logits.exp()).sum(-1)
        assert torch.allclose(softplus_sum(logits), expected, rtol=1e-12)
        single = softplus_sum(logits.float()).double()
        assert torch.allclose(single, expected, rtol=2e-6, atol=1e-5)


def test_bernoulli_agrees_with_torch_and_its_gradient_with_finite_differences() -> None:
    likelihood = Bernoulli(DataSpec((1, 4, 4), 2))
    x = torch.randint(2, (3, 1, 4, 4), generator=seeded()).double()
    logits = torch.randn(3, 1, 1, 4, 4, generator=seeded(), dtype=torch.float64) * 4
    expected = -F.binary_cross_entropy_with_logits(logits[:, 0], x, reduction="none").sum((1, 2, 3))
    assert torch.allclose(likelihood.log_prob(x, logits), expected)
    logits.requires_grad_()
    assert torch.allclose(likelihood.log_prob(x, logits), expected), "the path with a gradient differs"
    assert torch.autograd.gradcheck(lambda params: likelihood.log_prob(x, params), (logits,))
    particles = torch.randn(3, 2, 1, 1, 4, 4, generator=seeded(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda params: likelihood.log_prob(x[:, None], params), (particles,))
    assert torch.autograd.gradgradcheck(lambda params: likelihood.log_prob(x, params), (logits,))
    assert torch.autograd.gradcheck(likelihood.of_all_levels, (logits,)), "levels that share their logits"
    soft = torch.rand(3, 1, 4, 4, generator=seeded(), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(likelihood.log_prob, (soft, logits)), "the gradient of brightness"


def test_bernoulli_is_exact_far_from_the_data() -> None:
    likelihood = Bernoulli(DataSpec((2,), 2))
    logits = torch.tensor([[[-300.0, 300.0]], [[300.0, -300.0]]]).requires_grad_()
    value = likelihood.log_prob(torch.tensor([[0, 1], [0, 1]]), logits)
    value.sum().backward()
    assert value.tolist() == [0.0, -600.0]
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [0.0, 0.0, -1.0, 1.0]


def test_discretised_logistic_sums_to_one_over_the_levels() -> None:
    for levels in (2, 17, 256):
        likelihood = DiscretisedLogistic(DataSpec((1,), levels))
        params = torch.randn(50, 2, 1, generator=seeded(), dtype=torch.float64) * 3
        every = torch.arange(levels).view(levels, 1, 1)
        total = likelihood.log_prob(every, params[None]).exp().sum(0)
        assert torch.allclose(total, torch.ones_like(total), atol=1e-9)


def test_discretised_logistic_is_stable_far_from_the_data() -> None:
    likelihood = DiscretisedLogistic(DataSpec((1,), 256))
    params = torch.tensor([[40.0], [-30.0]]).view(1, 2, 1).requires_grad_()
    value = likelihood.log_prob(torch.zeros(1, 1), params)
    value.sum().backward()
    assert value.isfinite().all()
    assert params.grad.isfinite().all()


def test_discretised_logistic_samples_follow_their_probabilities() -> None:
    likelihood = DiscretisedLogistic(DataSpec((1,), 5))
    params = torch.tensor([[0.2], [0.7]]).view(1, 2, 1)
    p = likelihood.log_prob(torch.arange(5).view(5, 1), params.expand(5, 2, 1)).exp()
    n = 40_000
    drawn = likelihood.sample(params.expand(n, 2, 1), generator=seeded()).flatten()
    counted = torch.bincount(drawn.long(), minlength=5) / n
    assert torch.allclose(counted, p, atol=4 * 0.5 / n**0.5)


def test_the_mean_of_a_discretised_logistic_is_the_sum_over_its_levels() -> None:
    for levels in (2, 3, 17, 256):
        likelihood = DiscretisedLogistic(DataSpec((1,), levels))
        params = torch.randn(200, 2, 1, generator=seeded()) * torch.tensor([[2.0], [6.0]])
        every = torch.arange(levels).view(levels, 1, 1)
        p = likelihood.log_prob(every, params[None].double()).exp()
        expected = (p * every[..., 0]).sum(0)[:, None]
        mean = likelihood.mean(params)
        assert mean.shape == (200, 1)
        assert torch.allclose(mean.double(), expected, rtol=1e-5, atol=1e-4), levels


def test_the_mean_of_a_discretised_logistic_is_that_of_its_samples() -> None:
    likelihood = DiscretisedLogistic(DataSpec((1,), 256))
    params = torch.tensor([[-0.9082], [1.0]]).view(1, 2, 1)  # at level 11.7, and mass piled up on level 0
    drawn = likelihood.sample(params.expand(100_000, 2, 1), generator=seeded()).float()
    error = (drawn.std() / len(drawn) ** 0.5).item()
    assert abs(likelihood.mean(params).item() - drawn.mean().item()) < 4 * error
    assert abs(drawn.mean().item() - 11.7) > 20 * error, "the location would pass for it"


def test_the_mean_takes_no_more_memory_than_its_parameters_do() -> None:
    likelihood = DiscretisedLogistic(DataSpec((1, 16, 16), 256))
    params = torch.randn(8, 2, 1, 16, 16, generator=seeded())
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        likelihood.mean(params)
    largest = max(abs(event.cpu_memory_usage) for event in profiled.events())
    assert largest <= params.nbytes


def test_gaussian_agrees_with_torch_and_its_deviation_is_bounded() -> None:
    likelihood = Gaussian(DataSpec((3,), None))
    params = torch.randn(4, 2, 3, generator=seeded()) * 100
    location, log_std = likelihood.location_log_std(params)
    x = location + torch.randn(4, 3, generator=seeded()) * log_std.exp()
    expected = torch.distributions.Normal(location, log_std.exp()).log_prob(x).sum(-1)
    assert torch.allclose(likelihood.log_prob(x, params), expected, atol=1e-3)
    low, high = likelihood.log_std_bounds
    assert log_std.min() >= low
    assert log_std.max() <= high


def test_a_binomial_sums_to_one_over_the_levels_and_of_two_levels_is_bernoulli() -> None:
    for levels in (2, 17, 256):
        likelihood = Binomial(DataSpec((1,), levels))
        params = 3 * torch.randn(50, 1, 1, generator=seeded(), dtype=torch.float64)
        x = torch.arange(levels)[:, None, None].double()
        p = likelihood.log_prob(x, params).exp()
        assert torch.allclose(p.sum(0), torch.ones(50, dtype=torch.float64), atol=1e-9)
        mean = (x[:, :, 0] * p).sum(0)
        assert torch.allclose(likelihood.mean(params).double().flatten(), mean, rtol=1e-5)
        drawn = likelihood.sample(params[:1].expand(20_000, -1, -1), generator=seeded()).double()
        assert abs(drawn.mean() - mean[0]) < 5 * drawn.std() / 20_000**0.5
    coin = DataSpec((4,), 2)
    x, params = torch.randint(2, (3, 4), generator=seeded()).double(), torch.randn(3, 1, 4, generator=seeded()).double()
    assert torch.allclose(Binomial(coin).log_prob(x, params), Bernoulli(coin).log_prob(x, params))

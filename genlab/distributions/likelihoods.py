"""Distributions of one example given a network's output: ``p(x | parameters)``.

Each maps parameters ``(..., P, *event_shape)`` to log-probabilities in nats, summed over the event's dimensions, in
float32 or better and outside autocast. Which one is right follows from the data: a density read at integer pixels
is not a likelihood of the picture, so real and integer data never share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError


class Likelihood(nn.Module):
    """Base: how many parameters a dimension has, and what they mean.

    Args:
        spec: the data's type.
    """

    num_params: int

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.event_dims = tuple(range(-len(spec.event_shape), 0))

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Log-probability in nats: ``x (..., *event)`` given ``params (..., P, *event)``, broadcast; ``(...)``."""
        dtype = torch.promote_types(params.dtype, torch.float32)
        if not torch.is_autocast_enabled(params.device.type):
            return self._log_prob(x.to(dtype), params.to(dtype))
        with torch.autocast(params.device.type, enabled=False):
            return self._log_prob(x.to(dtype), params.to(dtype))

    def of_all_levels(self, params: Tensor) -> Tensor:
        """``(B, D, L)`` nats of each of L levels of each value, of integer data; ``params (B, P, *event)``."""
        assert self.spec.levels is not None
        ones = [1] * len(self.event_dims)  # a value is an event of its own: they are independent
        each = params.flatten(2).transpose(1, 2).reshape(1, -1, self.num_params, *ones)
        x = torch.arange(self.spec.levels, device=params.device).view(-1, 1, *ones)
        return self.log_prob(x, each).T.reshape(len(params), -1, self.spec.levels)

    def _log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} is abstract")

    def mean(self, params: Tensor) -> Tensor:
        """``E[x]``, ``(..., *event) float``, on the data's own scale."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def sample(self, params: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """A draw ``(..., *event)``, of the data's `DataSpec.dtype`."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def _split(self, params: Tensor) -> tuple[Tensor, ...]:
        return params.unbind(-len(self.spec.event_shape) - 1)


def softplus_sum(logits: Tensor) -> Tensor:
    """``sum_i log(1 + exp(l_i))`` over the last dimension, with one logarithm for up to 64 of them.

    ``log(1 + e^l) = max(l, 0) - log sigmoid(|l|)``, and as each ``sigmoid(|l|)`` is in [1/2, 1], a product of 64 is at
    least 2^-64: the logarithm, the dearest operation of a Bernoulli decoder, is taken of products. The sum of the
    larger of l and 0 is half of that of ``l + |l|``, which needs no array of its own.
    """
    factors = logits.abs()
    larger = 0.5 * (logits.sum(-1) + factors.sum(-1))
    factors = factors.sigmoid_()
    for _ in range(6):
        half, odd = divmod(factors.shape[-1], 2)
        if odd or half == 0:
            break
        factors = factors[..., :half] * factors[..., half:]
    return larger - factors.log_().sum(-1)


class _BernoulliLogProb(torch.autograd.Function):
    """Few logarithms forward, and backward ``d/dl = x - sigmoid(l)``, which needs none; x has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor) -> Tensor:
        ctx.save_for_backward(x, logits)
        return (x * logits).sum(-1) - softplus_sum(logits)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        x, logits = ctx.saved_tensors
        return None, (x - logits.sigmoid()) * grad[..., None]


class Bernoulli(Likelihood):
    """Binary data: ``log p(x) = sum_i x_i l_i - softplus(l_i)`` with logits ``l``."""

    num_params = 1

    def _log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        logits = params.flatten(-len(self.event_dims) - 1)  # P = 1; a view, whose gradient costs nothing
        x = x.flatten(-len(self.event_dims))
        if x.requires_grad or (logits.requires_grad and logits.device.type != "cpu"):  # one fused kernel each way
            x = x.expand_as(logits)
            return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        found: Tensor = _BernoulliLogProb.apply(x, logits)
        return found

    def mean(self, params: Tensor) -> Tensor:
        """``P(x = 1)``."""
        return torch.sigmoid(self._split(params)[0].float())

    def sample(self, params: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Pixels 0 or 1."""
        p = self.mean(params)
        return torch.bernoulli(p, generator=generator).to(torch.uint8)


class Binomial(Likelihood):
    """Integer data of L levels as the number of successes in L - 1 trials, with logits ``l``.

        log P(x) = log C(L - 1, x) + x l - (L - 1) log(1 + exp(l)),     E[x] = (L - 1) sigmoid(l)

    But for the first term this is L - 1 times the cross-entropy of the brightness ``x / (L - 1)``, and of two levels it
    is `Bernoulli`. Its one parameter learns the mean; its spread follows from it, and is small.
    """

    num_params = 1

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        if spec.levels is None:
            raise ConfigError("a binomial likelihood needs integer data; real data wants gaussian")
        self.trials = spec.levels - 1
        k = torch.arange(spec.levels, dtype=torch.float64)
        ways = k.new_tensor(spec.levels).lgamma() - (k + 1).lgamma() - (spec.levels - k).lgamma()
        self.register_buffer("ways", ways, persistent=False)  # log C(L - 1, k)
        self.ways: Tensor

    def _log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        logits = self._split(params)[0]
        ways = self.ways[x.long()].to(logits.dtype)
        logits, share = torch.broadcast_tensors(logits, x / self.trials)
        cross = F.binary_cross_entropy_with_logits(logits, share, reduction="none")
        return (ways - self.trials * cross).sum(self.event_dims)

    def mean(self, params: Tensor) -> Tensor:
        """``E[x]``, on the scale 0 ... L - 1."""
        return self.trials * torch.sigmoid(self._split(params)[0].float())

    def sample(self, params: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Integer levels."""
        p = torch.sigmoid(self._split(params)[0].float())
        return torch.binomial(torch.full_like(p, self.trials), p, generator=generator).to(self.spec.dtype)


def log_logistic_bin(x: Tensor, location: Tensor, log_scale: Tensor, *, levels: int) -> Tensor:
    """Log-probability of level x under a logistic distribution integrated over each level's bin (Kingma et al., 2016).

    Levels are mapped to ``c = 2 x / (L - 1) - 1`` with bins of half-width ``h = 1 / (L - 1)``; the outer bins reach
    to infinity, so the L probabilities sum to 1. With ``a = (c + h - mu) / s`` and ``b = (c - h - mu) / s``

        P(x) = sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),

    whose logarithm has no cancellation. "Improved Variational Inference with Inverse Autoregressive Flow", D. P.
    Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever, M. Welling, 2016, https://arxiv.org/abs/1606.04934
    """
    half = 1.0 / (levels - 1)
    inverse_scale = torch.exp(-log_scale)
    centred = (2 * half) * x - 1 - location
    log_upper = F.logsigmoid((centred + half) * inverse_scale)
    log_lower = F.logsigmoid((half - centred) * inverse_scale)
    log_width = torch.log(-torch.expm1(-2 * half * inverse_scale))
    inner = log_upper + log_lower + log_width
    return torch.where(x == 0, log_upper, torch.where(x == levels - 1, log_lower, inner))


def expected_level(cdf: Callable[[Tensor], Tensor], first: Tensor, step: Tensor, *, levels: int) -> Tensor:
    """``E[x]`` of a level x, in ``[0, L - 1]``: no location, where bins are wide or the ends hold mass, tells it.

        E[x] = sum_(k=1)^(L-1) P(x >= k),   P(x >= k) = cdf(first - (k - 1) step)

    A level is added at a time: the memory is that of a few pictures.

    Args:
        cdf: of the noise, symmetric about 0 and of scale 1; it may write to what it is given.
        first: ``(...)``, from the lower end of level 1 to the location, in scales.
        step: the width of a level, in scales; broadcast to ``first``.
        levels: L.
    """
    total = cdf(first.clone())
    for k in range(1, levels - 1):
        total = total + cdf(torch.add(first, step, alpha=-k))
    return total


class DiscretisedLogistic(Likelihood):
    """Integer data of L levels: a logistic distribution integrated over each level's bin (see `log_logistic_bin`)."""

    num_params = 2
    log_scale_bounds = (-6.0, 2.0)

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        if spec.levels is None:
            raise ConfigError("model.likelihood=discretised_logistic needs integer data; real data wants gaussian")
        self.levels = spec.levels

    def location_log_scale(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Of the logistic distribution, on the scale from -1 to 1, each ``(..., *event)``."""
        low, high = self.log_scale_bounds
        location, raw = self._split(params)
        return location, low + (high - low) * torch.sigmoid(raw)

    def _log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        location, log_scale = self.location_log_scale(params)
        value = log_logistic_bin(x, location, log_scale, levels=self.levels)
        return value.sum(self.event_dims)

    def mean(self, params: Tensor) -> Tensor:
        """``E[x]`` on the scale 0 ... L - 1, by `expected_level`."""
        location, log_scale = self.location_log_scale(params.float())
        half, inverse_scale = 1 / (self.levels - 1), torch.exp(-log_scale)
        first = (location + 1 - half) * inverse_scale
        return expected_level(torch.Tensor.sigmoid_, first, 2 * half * inverse_scale, levels=self.levels)

    def sample(self, params: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Integer levels, see `DataSpec.dtype`."""
        location, log_scale = self.location_log_scale(params.float())
        u = torch.rand(location.shape, generator=generator, device=location.device).clamp(1e-6, 1 - 1e-6)
        value = location + log_scale.exp() * torch.logit(u)
        return ((value + 1) * ((self.levels - 1) / 2)).round().clamp(0, self.levels - 1).to(self.spec.dtype)


class Gaussian(Likelihood):
    """Real data: independent normals whose standard deviation is learned within bounds.

    Without a lower bound the likelihood of a decoder that reproduces its training points is unbounded.

    Args:
        spec: the data's type.
        variance: "network" (per point and dimension, from the decoder) or "shared" (one number).
    """

    log_std_bounds = (-5.0, 2.0)

    def __init__(self, spec: DataSpec, *, variance: str = "network") -> None:
        super().__init__(spec)
        if spec.levels is not None:
            raise ConfigError(
                f"model.likelihood=gaussian is a density on reals, no likelihood of {spec.levels}-level data; "
                "use discretised_logistic" + (" or bernoulli" if spec.levels == 2 else "")
            )
        self.num_params = 2 if variance == "network" else 1
        self.raw_log_std = nn.Parameter(torch.zeros(())) if variance == "shared" else None

    def location_log_std(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, each ``(..., *event)`` (the latter a scalar when shared)."""
        location, *own = self._split(params)
        raw = own[0] if self.raw_log_std is None else self.raw_log_std
        low, high = self.log_std_bounds
        return location, low + (high - low) * torch.sigmoid(raw)

    def _log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        location, log_std = self.location_log_std(params)
        z = (x - location) * torch.exp(-log_std)
        return (-0.5 * z.square() - log_std - 0.9189385332046727).sum(self.event_dims)

    def mean(self, params: Tensor) -> Tensor:
        """The mean."""
        return self.location_log_std(params.float())[0]

    def sample(self, params: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Real values, float32."""
        location, log_std = self.location_log_std(params.float())
        noise = torch.randn(location.shape, generator=generator, device=location.device)
        return location + log_std.exp() * noise


def for_spec(spec: DataSpec, *, kind: str = "auto", variance: str = "network") -> Likelihood:
    """The likelihood that fits the data: Bernoulli (binary), discretised logistic (integers), Gaussian (reals).

    Raises:
        ConfigError: ``kind`` asks for one that is no likelihood of this data.
    """
    if kind == "auto":
        kind = "gaussian" if spec.levels is None else "bernoulli" if spec.levels == 2 else "discretised_logistic"
    if kind == "gaussian":
        return Gaussian(spec, variance=variance)
    if kind == "discretised_logistic":
        return DiscretisedLogistic(spec)
    if spec.levels != 2:
        have = "real" if spec.levels is None else f"{spec.levels}-level"
        raise ConfigError(f"model.likelihood=bernoulli needs binary data, this is {have}; use data=binarized_mnist")
    return Bernoulli(spec)

"""Distributions of a pixel's channels given what a causal network says about it.

Each knows ``log p(x_c | x_<c, network)`` of every channel c, in float32 or better, and how to draw a pixel from numbers
that are drawn beforehand: two samplers that are given the same numbers draw the same picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.data.spaces import DataSpec
from genlab.distributions.likelihoods import log_logistic_bin

MIN_LOG_SCALE = -7.0
"""Of a mixture component, as in PixelCNN++: narrower ones only make the gradient explode."""


def uniform(*shape: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in (0, 1), float32, drawn where the generator is and moved to where ``like`` is."""
    device = like.device if generator is None else generator.device
    u = torch.rand(*shape, generator=generator, device=device)
    return u.clamp_min_(2**-25).to(like.device)  # rand() has 24 bits and can be 0, whose logit is infinite


class PixelOutput(ABC):
    """Base.

    Attributes:
        groups: how many groups of channels the network keeps apart (see `genlab.models.pixelcnn.causal`): all channels
        of a group
            are drawn from one evaluation of the network.
        num_outputs: what the network has to say about a pixel, over all groups.
        num_noise: how many random numbers a pixel takes.
    """

    groups: int
    num_outputs: int
    num_noise: int

    def __init__(self, spec: DataSpec) -> None:
        assert spec.levels is not None
        self.levels = spec.levels
        self.dtype = spec.dtype
        self.channels = spec.event_shape[0]

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """Nats of each channel of each pixel: ``x (B, C, H, W) uint8``, ``out (B, num_outputs, H, W)``."""
        with torch.autocast(out.device.type, enabled=False):
            return self._log_prob(x, out.to(torch.promote_types(out.dtype, torch.float32)))

    @abstractmethod
    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor: ...

    @abstractmethod
    def noise(self, width: int, n: int, *, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """The random numbers of a row of ``n`` pictures, ``(width, num_noise, n)``."""

    @abstractmethod
    def draw(self, group: int, out: Tensor, noise: Tensor) -> Tensor:
        """Channels of ``group``: ``(C / groups, n)`` levels, given its outputs and a pixel's noise."""

    @abstractmethod
    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """What every level of a group's next channel has, ``(B, levels, ...)`` nats but for a constant of each pixel.

        Args:
            out: ``(B, num_outputs / groups, ...)``, the outputs of the group.
            before: ``(B, k, ...)`` levels of the group's first k channels, which come before that one.
        """


class Binary(PixelOutput):
    """Two levels: ``p(x = 1) = sigmoid(l)`` with one logit ``l`` for each channel.

    ``x = [l > e]`` with ``e`` logistic, as ``P(e < l) = sigmoid(l)``.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.groups = self.num_outputs = self.num_noise = self.channels

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(out, x.to(out.dtype), reduction="none")

    def noise(self, width: int, n: int, *, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Logistic numbers, one for each channel."""
        return uniform(width, self.num_noise, n, like=like, generator=generator).logit()

    def draw(self, group: int, out: Tensor, noise: Tensor) -> Tensor:
        """0 or 1."""
        return out > noise[group : group + 1]

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `PixelOutput.every`."""
        return torch.cat([torch.zeros_like(out), out], 1)


class Categorical(PixelOutput):
    """L levels: ``p(x = v) = softmax(l)_v`` with L logits for each channel.

    ``x`` is the number of levels whose cumulative probability is below a uniform number.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.groups = self.num_noise = self.channels
        self.num_outputs = self.channels * self.levels

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        logits = out.unflatten(1, (self.channels, self.levels)).transpose(1, 2)
        return -F.cross_entropy(logits, x.long(), reduction="none")

    def noise(self, width: int, n: int, *, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """Uniform numbers, one for each channel."""
        return uniform(width, self.num_noise, n, like=like, generator=generator)

    def draw(self, group: int, out: Tensor, noise: Tensor) -> Tensor:
        """0 ... L - 1; the last cumulative probability is 1 but for rounding, and is not looked at."""
        cumulative = torch.softmax(out.float(), 0).cumsum(0)[:-1]
        return (cumulative < noise[group]).sum(0, keepdim=True)

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `PixelOutput.every`."""
        return out


class LogisticMixture(PixelOutput):
    """A mixture of K discretised logistics whose means move with the pixel's earlier channels.

        p(x) = sum_k pi_k prod_c Logistic[bin of x_c](mu_kc, s_kc),
        mu_kc = m_kc + sum_{d<c} tanh(a_kcd) x_d,        x on the scale -1 ... 1.

    So the network need not know a pixel's earlier channels, and all of them are drawn from one evaluation.
    "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications",
    T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, 2017, https://arxiv.org/abs/1701.05517

    Args:
        spec: the data's type.
        num_mixtures: K.
    """

    groups = 1

    def __init__(self, spec: DataSpec, *, num_mixtures: int) -> None:
        super().__init__(spec)
        self.k = num_mixtures
        self.sizes = (1, self.channels, self.channels, self.channels * (self.channels - 1) // 2)
        self.num_outputs = self.k * sum(self.sizes)
        self.num_noise = self.k + self.channels

    def _unit(self, x: Tensor) -> Tensor:
        return x * (2 / (self.levels - 1)) - 1

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        out = out.unflatten(1, (self.k, -1))  # (B, K, P, H, W)
        logit, location, log_scale, coefficient = out.split(self.sizes, 2)
        x = x[:, None].to(out.dtype)  # (B, 1, C, H, W)
        mean = self._means(location, coefficient, self._unit(x), dim=2)
        each = log_logistic_bin(x, mean, log_scale.clamp_min(MIN_LOG_SCALE), levels=self.levels)
        joint = (logit.log_softmax(1) + each.cumsum(2)).logsumexp(1)  # log p(x_0 ... x_c), (B, C, H, W)
        return torch.cat([joint[:, :1], joint.diff(dim=1)], 1)

    def _means(self, location: Tensor, coefficient: Tensor, x: Tensor, *, dim: int) -> Tensor:
        means, weights, levels = list(location.split(1, dim)), coefficient.tanh().split(1, dim), x.split(1, dim)
        for c in range(1, self.channels):
            for d in range(c):
                means[c] = means[c] + weights[c * (c - 1) // 2 + d] * levels[d]
        return torch.cat(means, dim)

    def noise(self, width: int, n: int, *, like: Tensor, generator: torch.Generator | None) -> Tensor:
        """K Gumbel numbers, which choose the component, and C logistic ones."""
        u = uniform(width, self.num_noise, n, like=like, generator=generator)
        return torch.cat([-torch.log(-torch.log(u[:, : self.k])), u[:, self.k :].logit()], 1)

    def draw(self, group: int, out: Tensor, noise: Tensor) -> Tensor:
        """All channels, 0 ... L - 1: the component first, then channel by channel."""
        out = out.float().unflatten(0, (self.k, -1))  # (K, P, n)
        chosen = (out[:, 0] + noise[: self.k]).argmax(0)
        _, location, log_scale, coefficient = out.gather(0, chosen.expand_as(out[:1]))[0].split(self.sizes)
        offset = log_scale.clamp_min(MIN_LOG_SCALE).exp() * noise[self.k :]
        x = torch.zeros_like(location)
        for c in range(self.channels):  # the means of later channels move with the levels of earlier ones
            value = self._means(location, coefficient, self._unit(x), dim=0)[c] + offset[c]
            x[c] = ((value + 1) * ((self.levels - 1) / 2)).round().clamp(0, self.levels - 1)
        return x

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `PixelOutput.every`: ``p(x_c | x_<c) = sum_k p(k | x_<c) p(x_c | x_<c, k)``."""
        out = out.unflatten(1, (self.k, -1))  # (B, K, P, ...)
        logit, location, log_scale, coefficient = out.split(self.sizes, 2)
        log_scale, c = log_scale.clamp_min(MIN_LOG_SCALE), before.shape[1]
        known = before[:, None].to(out.dtype)
        # the means of channels up to c: those after it move with levels that nobody knows yet
        unit = torch.cat([self._unit(known), torch.zeros_like(location[:, :, c:])[:, :1]], 2)
        mean = self._means(location, coefficient, unit, dim=2)
        each = log_logistic_bin(known, mean[:, :, :c], log_scale[:, :, :c], levels=self.levels)
        weight = (logit.log_softmax(1)[:, :, 0] + each.sum(2))[:, :, None]  # (B, K, 1, ...)
        level = torch.arange(self.levels, dtype=out.dtype, device=out.device)
        level = level.view(-1, *[1] * (out.dim() - 3))
        own = log_logistic_bin(level, mean[:, :, c : c + 1], log_scale[:, :, c : c + 1], levels=self.levels)
        return (weight + own).logsumexp(1)


def for_pixels(spec: DataSpec, *, kind: str, num_mixtures: int) -> PixelOutput:
    """The distribution ``kind`` of the pixels of ``spec``: "categorical" or "logistic_mixture"."""
    if kind == "logistic_mixture":
        return LogisticMixture(spec, num_mixtures=num_mixtures)
    return Binary(spec) if spec.levels == 2 else Categorical(spec)

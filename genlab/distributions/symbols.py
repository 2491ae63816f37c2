"""Distributions of one step of a sequence given what a causal model says about it.

Each gives ``log p(x_t | x_<t)`` in float32 or better, and draws a step from uniform numbers that are drawn beforehand:
two samplers that are given the same numbers draw the same sequence.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.data.spaces import Frames, Space
from genlab.distributions.likelihoods import log_logistic_bin
from genlab.distributions.pixels import MIN_LOG_SCALE
from genlab.errors import ConfigError


class SymbolOutput(ABC):
    """Base.

    Attributes:
        num_outputs: what the model has to say about a step.
        num_noise: how many uniform numbers a step takes.
    """

    num_outputs: int
    num_noise: int

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """Nats of each value: ``x (B, L)`` or ``(B, L, W)`` integers, ``out (B, L, num_outputs)``; shaped as ``x``."""
        with torch.autocast(out.device.type, enabled=False):
            return self._log_prob(x, out.to(torch.promote_types(out.dtype, torch.float32)))

    @abstractmethod
    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor: ...

    @abstractmethod
    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """A step ``(n,)`` or ``(n, W) int64`` from ``out (n, num_outputs)`` and uniform numbers ``u (n, num_noise)``.

        Raises:
            ConfigError: ``top_k`` or ``top_p`` of a distribution whose values have no order of likelihood to cut.
        """

    @abstractmethod
    def likeliest(self, out: Tensor) -> Tensor:
        """The likeliest value of each step: ``out (..., num_outputs)`` to ``(...)`` or ``(..., W) int64``."""

    @abstractmethod
    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """What each level of the next w values of a step has, ``(..., w, levels)`` nats but for a constant of each.

        These w are independent given what is known: all that are left of a step, or the next one.

        Args:
            out: ``(..., num_outputs)``.
            before: ``(..., k)``, the step's first k values.
        """


class Categorical(SymbolOutput):
    """``p(x = v) = softmax(l)_v`` with a logit for each of ``levels`` values.

    ``x`` is the number of values whose cumulative probability does not exceed a uniform number. ``top_k`` and ``top_p``
    ("The Curious Case of Neural Text Degeneration", A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, 2020,
    https://arxiv.org/abs/1904.09751) leave the others out.
    """

    num_noise = 1

    def __init__(self, levels: int) -> None:
        self.levels = self.num_outputs = levels

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        flat = F.cross_entropy(out.flatten(0, -2), x.flatten().long(), reduction="none")
        return -flat.view(x.shape)

    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """``(n,)``, 0 ... levels - 1."""
        logits = out.double() / temperature
        if top_k is not None and top_k < self.levels:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        p = logits.softmax(1)
        if top_p is not None and top_p < 1:
            p = nucleus(p, top_p)
        cumulative = p.cumsum(1)
        # of what is left, the last value with any probability at the latest
        return (cumulative <= u.double() * cumulative[:, -1:]).sum(1).clamp_max(self.levels - 1)

    def likeliest(self, out: Tensor) -> Tensor:
        """``(...)``, 0 ... levels - 1; of equal ones the first."""
        return out.argmax(-1)

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `SymbolOutput.every`."""
        return out[..., None, :]


def nucleus(p: Tensor, top_p: float) -> Tensor:
    """``p (n, levels)`` without the least likely values that the likeliest, ``top_p`` together, can do without."""
    ordered, index = p.sort(stable=True, dim=1, descending=True)
    before = ordered.cumsum(1) - ordered  # the likeliest value always stays
    return torch.zeros_like(p).scatter_(1, index, ordered * (before < top_p))


class BernoulliFrames(SymbolOutput):
    """W values of 0 or 1, independent given the past: ``p(x_w = 1) = sigmoid(l_w)``."""

    def __init__(self, width: int) -> None:
        self.num_outputs = self.num_noise = width

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(out, x.to(out.dtype), reduction="none")

    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """``(n, W)``, 0 or 1."""
        no_cut("a frame of independent values", top_k, top_p)
        return (u < torch.sigmoid(out.double() / temperature)).long()

    def likeliest(self, out: Tensor) -> Tensor:
        """``(..., W)``, 1 where that has more than one half."""
        return (out > 0).long()

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `SymbolOutput.every`."""
        return torch.stack([torch.zeros_like(out), out], -1)


class CategoricalFrames(SymbolOutput):
    """W values of ``levels`` each, independent given the past."""

    def __init__(self, width: int, levels: int) -> None:
        self.width, self.each = width, Categorical(levels)
        self.num_outputs, self.num_noise = width * levels, width

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        return self.each.log_prob(x, out.unflatten(-1, (self.width, -1)))

    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """``(n, W)``, 0 ... levels - 1."""
        logits = out.unflatten(-1, (self.width, -1)).flatten(0, 1)
        values = self.each.draw(logits, u.reshape(-1, 1), temperature=temperature, top_k=top_k, top_p=top_p)
        return values.view(len(out), self.width)

    def likeliest(self, out: Tensor) -> Tensor:
        """``(..., W)``, 0 ... levels - 1."""
        return out.unflatten(-1, (self.width, -1)).argmax(-1)

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `SymbolOutput.every`."""
        return out.unflatten(-1, (self.width, -1))


class LogisticMixture(SymbolOutput):
    """``p(x) = sum_k pi_k Logistic[bin of x](mu_k, s_k)``: levels that lie on a line, such as those of sound.

    "PixelCNN++", T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, 2017, https://arxiv.org/abs/1701.05517; of sound:
    "Parallel WaveNet", A. van den Oord and others, 2018, https://arxiv.org/abs/1711.10433

    Args:
        levels: number of values; they lie on the scale -1 ... 1.
        num_mixtures: number of components.
    """

    num_noise = 2

    def __init__(self, levels: int, num_mixtures: int) -> None:
        self.levels = levels
        self.num_outputs = 3 * num_mixtures

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        logit, mean, log_scale = out.chunk(3, -1)
        each = log_logistic_bin(
            x[..., None].to(out.dtype), mean, log_scale.clamp_min(self._narrowest), levels=self.levels
        )
        return (logit.log_softmax(-1) + each).logsumexp(-1)

    @property
    def _narrowest(self) -> float:
        """The least log-scale: of 256 levels that of PixelCNN++, and as many bins wide of any other number."""
        return MIN_LOG_SCALE - math.log(max(1.0, (self.levels - 1) / 255))

    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """``(n,)``, 0 ... levels - 1; the temperature sharpens the choice of a component, and its width."""
        no_cut("a mixture of logistics", top_k, top_p)
        logit, mean, log_scale = out.double().chunk(3, 1)
        p = (logit / temperature).softmax(1).cumsum(1)
        chosen = (p <= u[:, :1].double() * p[:, -1:]).sum(1, keepdim=True).clamp_max(p.shape[1] - 1)
        scale = log_scale.clamp_min(self._narrowest).gather(1, chosen).exp() * temperature
        value = mean.gather(1, chosen) + scale * u[:, 1:].double().logit()
        return ((value[:, 0] + 1) * ((self.levels - 1) / 2)).round().clamp(0, self.levels - 1).long()

    def likeliest(self, out: Tensor) -> Tensor:
        """``(...)``, 0 ... levels - 1, of which every one is tried."""
        best, at = out.new_full(out.shape[:-1], -torch.inf), out.new_zeros(out.shape[:-1], dtype=torch.int64)
        for level in range(self.levels):
            found = self.log_prob(torch.full_like(at, level), out)
            at, best = torch.where(found > best, level, at), torch.maximum(found, best)
        return at

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `SymbolOutput.every`."""
        level = torch.arange(self.levels, device=out.device).expand(*out.shape[:-1], -1)
        return self.log_prob(level, out[..., None, :])[..., None, :]


def no_cut(what: str, top_k: int | None, top_p: float | None) -> None:
    """Refuse to leave values out where the likeliest of all are not known.

    Raises:
        ConfigError: one of both was asked for.
    """
    for name, value in (("top_k", top_k), ("top_p", top_p)):
        if value is not None:
            lacks = f"needs a probability of each value of a step, {what} has none"
            raise ConfigError(f"{name}={value}: {lacks}; leave it out, and set temperature below 1 for likelier steps")


def for_symbols(space: Space, *, kind: str, num_mixtures: int) -> SymbolOutput:
    """The distribution of a step of ``space``: "categorical" or "logistic_mixture"; of frames, of independent values.

    Raises:
        ConfigError: a mixture of logistics over values that have no order.
    """
    assert space.levels is not None
    if isinstance(space, Frames):
        if kind == "logistic_mixture":
            raise ConfigError("model.output=logistic_mixture is of single values; frames take model.output=categorical")
        return BernoulliFrames(space.width) if space.levels == 2 else CategoricalFrames(space.width, space.levels)
    if kind == "logistic_mixture":
        if space.kind == "tokens":
            raise ConfigError("model.output=logistic_mixture needs levels that lie on a line; tokens are names")
        return LogisticMixture(space.levels, num_mixtures)
    return Categorical(space.levels)

"""Particles of models that draw one pixel after the other: how they are drawn, and what measurements say of them.

`Steered` ones are drawn with an eye on what was measured (`genlab.inverse.lookahead`), which also says how they are
weighed. `Drawn` ones are drawn by the model alone, and weighed as soon as all pixels that a measurement sees are there,

    w <- w * N(y_j; a_j u, noise^2),      or of a pixel that is kept exactly   w <- w * p(x_i | x_<i).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.distributions.symbols import Categorical
from genlab.inverse.lookahead import Lookahead
from genlab.inverse.observation import Observation, to_unit, typed
from genlab.inverse.operators import Mask
from genlab.models.capabilities import Autoregressive
from genlab.models.codable import Codable, Unfolding


def kept_exactly(observation: Observation) -> Tensor | None:
    """``(H, W) bool`` on the CPU: the pixels that are known exactly; None where there are none of that kind."""
    operator = observation.operator
    if not isinstance(operator, Mask) or observation.noise > 0:
        return None
    each = operator.keep.cpu().expand(operator.event)
    return each.all(0) if bool((each.all(0) == each.any(0)).all()) else None


@dataclass(frozen=True)
class Start:
    """``each`` copies of every example.

    Attributes:
        observation: with each row ``each`` times.
        x: ``(B * each, C, H, W)`` typed, with what is kept in its place.
        kept: ``(H, W) bool``, what never changes.
        each: K.
    """

    observation: Observation
    x: Tensor
    kept: Tensor
    each: int

    @classmethod
    def begin(cls, model: Autoregressive, observation: Observation, each: int) -> Start:
        """``each`` of every example, of which nothing is drawn yet."""
        spec, kept = model.spec, kept_exactly(observation)
        if kept is None:
            assert spec.levels is not None
            if observation.noise == 0:
                observation = observation.at_least(0.5 / max(1, spec.levels - 1))
            x = torch.zeros(len(observation), *spec.event_shape, dtype=spec.dtype, device=observation.y.device)
            kept = torch.zeros(spec.event_shape[1:], dtype=torch.bool)
        else:
            x = typed(observation.operator.adjoint(observation.y), spec)
        return cls(observation.repeated(each), x.repeat_interleave(each, 0), kept.to(x.device), each)


def _ready(start: Start) -> Tensor:
    """``(M,) int64``: the last row that each measurement sees."""
    operator, width = start.observation.operator, start.kept.shape[1]
    sees = operator.adjoint(torch.eye(operator.count)).flatten(2).abs().sum(1) > 0
    place = torch.arange(sees.shape[1])
    return (torch.where(sees, place, 0).amax(1) // width).to(start.x.device)


class Drawn:
    """Particles that are drawn from the model, and weighed afterwards.

    Attributes:
        x: ``(B * K, C, H, W)``, as far as they are drawn.
        telling: rows after which there is something to weigh, ``(R,) int64``.
    """

    def __init__(
        self, model: Autoregressive, start: Start, c: Tensor | None, generator: torch.Generator | None
    ) -> None:
        self.model, self.start, self.c, self.generator = model, start, c, generator
        self.x, self.ready, self.begin = start.x, _ready(start), 0
        self.telling = start.kept.any(1).nonzero()[:, 0] if start.kept.any() else self.ready.unique()
        self.row = torch.arange(start.kept.shape[0], device=start.x.device)[:, None]

    def draw(self, end: int) -> Tensor:
        """Rows up to ``end``; what they add to the logarithm of the weights, ``(B * K,)``."""
        begin, kept = self.begin, self.start.kept
        self.x = self.model.complete(self.x, kept | (self.row < begin), self.c, generator=self.generator)
        self.begin = end
        if kept.any():
            terms = self.model.log_prob_per_dim(self.x, self.c)[..., begin:end, :].double()
            return (terms * kept[begin:end]).flatten(1).sum(1)
        seen = self.start.observation
        now = (self.ready >= begin) & (self.ready < end)
        misses = seen.residual(to_unit(self.x, self.model.spec).to(seen.y))[:, now].double()
        return -0.5 * misses.square().sum(1) / seen.noise**2

    def choose(self, index: Tensor) -> None:
        """Go on with particles ``index (B * K,)``."""
        self.x = self.x[index]


class Steered:
    """Particles whose values are drawn with an eye on the measurements; see `genlab.inverse.lookahead`.

    Attributes:
        x: ``(B * K, C, H, W)``, as far as they are drawn.
        telling: rows after which there is something to weigh: all.
    """

    def __init__(
        self, model: Autoregressive, start: Start, c: Tensor | None, generator: torch.Generator | None
    ) -> None:
        assert isinstance(model, Codable)
        self.model, self.start, self.c, self.generator = model, start, c, generator
        self.look = Lookahead(model, start.observation, c, generator)
        self.chosen = Categorical(len(self.look.levels))
        self.values = model.values(start.x).long()
        height, width = start.kept.shape
        self.row = self.look.order % (height * width) // width
        self.kept = start.kept.flatten()[self.look.order % (height * width)]
        self.begin, self.telling = 0, torch.arange(height, device=start.x.device)
        self.ahead = torch.zeros(len(start.x), dtype=torch.float64, device=start.x.device)
        """What the weights have of the Gaussian and not of the likelihood, in nats."""
        self.reading: Unfolding | None = None
        self.said: Tensor

    @property
    def x(self) -> Tensor:
        """See the class."""
        flat = torch.zeros_like(self.start.x).flatten(1)
        flat[:, self.look.order] = self.values.to(flat.dtype)
        return flat.view(self.start.x.shape)

    def draw(self, end: int) -> Tensor:
        """Rows up to ``end``; what they add to the logarithm of the weights, ``(B * K,)``."""
        stop = int((self.row < end).sum())
        gained = torch.zeros_like(self.ahead)
        done = self.begin
        if (
            self.reading is None
        ):  # again from the start: particles have changed places, and what was read of each has not
            self.reading, done = self.model.unfold(len(self.values), self.c), 0
            self.said = next(self.reading)
        while done < stop:
            width = self.said.shape[1]
            for k in range(width):
                if self.begin <= done + k:
                    gained += self._value(done + k, self.said[:, k].double().log_softmax(1))
            told, done = self.values[:, done : done + width], done + width
            try:
                self.said = self.reading.send(told)
            except StopIteration:
                break
        self.begin = done
        if done < len(self.row):
            return gained
        return gained + self._likelihood() - self.ahead

    def _value(self, i: int, log_p: Tensor) -> Tensor:
        """Draw value i of each, or take the one that is kept, with ``log_p (B * K, L)``; what the weights gain."""
        if self.kept[i]:
            level = self.values[:, i]
            expected = self.look.tell(i, level)
            self.ahead -= expected
            return log_p.gather(1, level[:, None])[:, 0] - expected
        ratio = self.look.ratio(i)
        both = log_p + ratio
        gained = both.logsumexp(1)
        level = self.chosen.draw(both, uniform(len(both), 1, self.generator, both.device))
        self.values[:, i] = level
        self.look.tell(i, level)
        self.ahead += ratio.gather(1, level[:, None])[:, 0]
        return gained

    def _likelihood(self) -> Tensor:
        if self.kept.any():
            return torch.zeros_like(self.ahead)
        seen = self.start.observation
        misses = seen.residual(to_unit(self.x, self.model.spec).to(seen.y)).double()
        return -0.5 * misses.square().sum(1) / seen.noise**2

    def choose(self, index: Tensor) -> None:
        """Go on with particles ``index (B * K,)``."""
        if bool((index == torch.arange(len(index), device=index.device)).all()):
            return
        self.reading = None
        self.values, self.ahead = self.values[index], self.ahead[index]
        self.look.choose(index)


def uniform(n: int, m: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """``(n, m) float64`` random numbers of 0 to 1."""
    where = device if generator is None else generator.device
    return torch.rand(n, m, generator=generator, device=where, dtype=torch.float64).to(device)

"""What models of sequences share: terms, masks, and drawing step by step.

    p(x) = prod_t p(x_t | x_1 ... x_(t-1))

A model says two things: the terms of whole examples at once (`SequenceModel.terms`), and what comes next to who reads
step by step (`Reader`). Both are the same distribution, and the laws compare them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from genlab.data.dataset import DataSpec
from genlab.data.fits import require
from genlab.data.lengths import mask
from genlab.data.spaces import InTime, Waveform
from genlab.distributions.pixels import uniform
from genlab.distributions.symbols import SymbolOutput
from genlab.errors import ConfigError
from genlab.models.capabilities import Sequential
from genlab.models.codable import Codable, Unfolding
from genlab.models.conditions import check_condition
from genlab.models.sequence import in_steps
from genlab.ops.bars import Progress, no_bar

AT_ONCE = 1 << 23
"""Probabilities that are said together."""


class Reader(ABC):
    """Reads n sequences step by step; it keeps what it has read, so that a step costs the same however many were read.

    Attributes:
        outputs: ``(n, num_outputs)``, what `SymbolOutput` needs of the next step given all that was read.
    """

    outputs: Tensor

    @abstractmethod
    def read(self, x: Tensor) -> None:
        """Read further steps, ``(n, T)`` or ``(n, T, W)`` integers."""


class SequenceModel(Sequential, Codable):
    """What the models of this family share.

    Attributes:
        output: the distribution of a step.
    """

    needs = ("one set", "tokens | waveform | recordings | frames | image | vector", "integers")
    needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}

    output: SymbolOutput

    def __init__(self, spec: DataSpec, *, condition: str | None = None) -> None:
        super().__init__()
        self.spec = spec
        require(type(self), spec, condition=condition)
        self.length, self.width = in_steps.length(spec.space), in_steps.width(spec.space)

    @abstractmethod
    def terms(self, x: Tensor, c: Tensor | None) -> Tensor:
        """``log p(x_t | x_<t)`` in nats of steps ``x (B, L)`` or ``(B, L, W)``, in its shape; c was checked."""

    @abstractmethod
    def reader(self, n: int, c: Tensor | None) -> Reader:
        """Who has read nothing yet of n sequences; c was checked."""

    def outputs(self, x: Tensor, c: Tensor | None) -> Tensor:
        """``(B, L, num_outputs)``, what `output` needs of each step given those before it; c was checked."""
        reader = self.reader(len(x), c)
        found = [reader.outputs]
        for t in range(x.shape[1] - 1):
            reader.read(x[:, t : t + 1])
            found.append(reader.outputs)
        return torch.stack(found, 1)

    def likeliest(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The likeliest value of each step of ``x (B, L)`` or ``(B, L, W)`` given those before it, in its shape."""
        check_condition(self.given, c)
        return self.output.likeliest(self.outputs(x, c))

    def log_prob_per_dim(self, x: Tensor, c: Tensor | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """``log p(x_t | x_<t)`` in nats, ``(B, *event_shape)``, 0 in the padding.

        Raises:
            ValueError: the condition is missing, or nobody asked for it.
        """
        return in_steps.from_steps(self.spec.space, self._terms(x, c, lengths, whole=True))

    def log_prob(self, x: Tensor, c: Tensor | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """``log p(x)``, ``(B,)`` nats per example; of ragged examples given their lengths."""
        return self._terms(x, c, lengths).flatten(1).sum(1)

    def _terms(self, x: Tensor, c: Tensor | None, lengths: Tensor | None, *, whole: bool = False) -> Tensor:
        """Terms of steps; without ``whole`` perhaps fewer than ``x`` has, the others being padding."""
        check_condition(self.given, c)
        s = in_steps.to_steps(self.spec.space, x)
        if lengths is None:
            return self.terms(s, c)
        lengths = self._in_steps(lengths)
        long = s.shape[1]
        # padding costs as much as examples; on an accelerator, where a step is recorded, shapes have to stay
        most = long if s.device.type == "cuda" else max(1, int(lengths.max()))
        inside = mask(lengths, most)
        terms = self.terms(s[:, :most], c)
        terms = torch.where(inside if terms.dim() == 2 else inside[..., None], terms, 0.0)
        return terms if not whole or most == long else torch.cat([terms, terms.new_zeros(s[:, most:].shape)], 1)

    def _in_steps(self, lengths: Tensor) -> Tensor:
        space = self.spec.space
        return lengths * space.channels if isinstance(space, Waveform) else lengths

    def values(self, x: Tensor) -> Tensor:
        """Step by step, ``(B, D)``."""
        return in_steps.to_steps(self.spec.space, x).flatten(1)

    def distributions(self, x: Tensor, c: Tensor | None = None) -> Iterator[Tensor]:
        """See `Codable.distributions`: a piece for some steps."""
        check_condition(self.given, c)
        steps = in_steps.to_steps(self.spec.space, x)
        assert self.spec.levels is not None
        size = max(1, AT_ONCE // (len(x) * (self.width or 1) * self.spec.levels))
        known = steps[..., None] if self.width is None else steps
        for out, part in zip(self.outputs(steps, c).split(size, 1), known.split(size, 1), strict=True):
            said: list[Tensor] = []
            at = 0
            while at < part.shape[2]:
                said.append(self.output.every(out, part[..., :at]))
                at += said[-1].shape[2]
            yield torch.cat(said, 2).flatten(1, 2)

    @torch.no_grad()
    def unfold(self, n: int, c: Tensor | None = None, *, length: int | None = None) -> Unfolding:
        """See `Codable.unfold`."""
        check_condition(self.given, c)
        total = self._asked(length)
        reader = self.reader(n, c)
        x = torch.zeros(n, total, self.width or 1, dtype=torch.int64, device=reader.outputs.device)
        steps = x[..., 0] if self.width is None else x
        for t in range(total):
            at = 0
            while at < x.shape[2]:
                told = yield self.output.every(reader.outputs, x[:, t, :at])
                x[:, t, at : at + told.shape[1]] = told
                at += told.shape[1]
            if t + 1 < total:
                reader.read(steps[:, t : t + 1])
        return in_steps.from_steps(self.spec.space, steps).to(self.spec.dtype)

    def sample(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``n`` draws of the data's shape, step by step; what comes after an end is 0."""
        return self.draw(n, c, generator=generator, progress=progress)

    def draw(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        length: int | None = None,
        prompt: Tensor | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
        heard: Callable[[Tensor], None] | None = None,
    ) -> Tensor:
        """See `Sequential.draw`.

        Raises:
            ConfigError: a length of data that has no time, a prompt that leaves no room, or a cut that the model's
                distribution does not know.
        """
        total = self._asked(length)
        kept, first = None, 0
        if prompt is not None:
            kept = in_steps.to_steps(self.spec.space, prompt.expand(n, *prompt.shape[-len(self.spec.event_shape) :]))
            first = kept.shape[1]
            if first > total:
                raise ConfigError(f"length={total}: the prompt alone has {first} steps; give more than that")
        cut = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return self._drawn(n, total, c, cut, kept, first, generator=generator, progress=progress, heard=heard)

    def complete(
        self,
        x: Tensor,
        keep: Tensor,
        c: Tensor | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """``x (B, *event_shape)`` with all but the kept steps drawn anew; see `Autoregressive.complete`.

        ``keep`` is bool, broadcast to the examples; a frame is kept as a whole where all of its values are.
        """
        space = self.spec.space
        held = in_steps.to_steps(space, keep.to(x.device).expand_as(x))
        held = held if self.width is None else held.all(2)
        given = in_steps.to_steps(space, x)
        first = int(held.long().cumprod(1).sum(1).min())  # steps that all examples begin with
        cut = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return self._drawn(len(x), held.shape[1], c, cut, given, first, held, generator=generator, progress=progress)

    def _asked(self, length: int | None) -> int:
        """Steps of a draw."""
        space = self.spec.space
        if length is None:
            return self.length
        if not isinstance(space, InTime):
            raise ConfigError(f"length={length}: {space.kind} data has no length to choose")
        return length * space.channels if isinstance(space, Waveform) else length

    @torch.no_grad()
    def _drawn(
        self,
        n: int,
        total: int,
        c: Tensor | None,
        cut: dict,
        kept: Tensor | None,
        first: int,
        held: Tensor | None = None,
        *,
        generator: torch.Generator | None,
        progress: Progress | None = None,
        heard: Callable[[Tensor], None] | None = None,
    ) -> Tensor:
        """``(n, total)`` steps as examples: the first are read at once, of the others those stay that are ``held``."""
        check_condition(self.given, c)
        like = next(self.parameters())
        shape = () if self.width is None else (self.width,)
        x = torch.zeros(n, total, *shape, dtype=torch.int64, device=like.device)
        # all numbers of an example at once: how many steps are drawn after it changes nothing of what it is
        u = uniform(total, n, self.output.num_noise, like=like, generator=generator)
        open_ = torch.ones(n, dtype=torch.bool, device=like.device)
        end = getattr(self.spec.space, "end", None)
        with torch.autocast(like.device.type, enabled=False):
            reader = self.reader(n, c)
            if first and kept is not None:
                x[:, :first] = kept[:, :first].long()
                self._tell(x[:, :first], heard)
                reader.read(x[:, :first])
            times: Iterable[int] = range(first, total)
            for t in (progress or no_bar)(times, total - first):
                drawn = self.output.draw(reader.outputs, u[t], **cut)
                if held is not None and kept is not None:
                    stay = held[:, t] if self.width is None else held[:, t, None]
                    drawn = torch.where(stay, kept[:, t].long(), drawn)
                drawn = torch.where(open_, drawn, 0) if end is not None else drawn
                x[:, t] = drawn
                if heard is not None:
                    heard(drawn)
                if end is not None:
                    open_ = open_ & (drawn != end)
                    if not bool(open_.any()):
                        break
                if t + 1 < total:
                    reader.read(x[:, t : t + 1])
        return in_steps.from_steps(self.spec.space, x).to(self.spec.dtype)

    @staticmethod
    def _tell(x: Tensor, heard: Callable[[Tensor], None] | None) -> None:
        for t in range(x.shape[1] if heard is not None else 0):
            assert heard is not None
            heard(x[:, t])

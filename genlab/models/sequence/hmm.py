"""Hidden Markov models: a state that moves by chance and shows in what it emits, fitted by EM.

    p(x) = sum_z p(z_1) p(x_1 | z_1) prod_(t>1) p(z_t | z_(t-1)) p(x_t | z_t)

All that is known of what was read is the distribution of the state. How it is fitted:
`genlab.models.sequence.forward_backward`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genlab.data.lengths import mask
from genlab.data.overlapping import overlap, stream
from genlab.data.spaces import DataSpec, Split
from genlab.distributions.symbols import SymbolOutput, for_symbols
from genlab.models.classical.base import Fit, Fitted
from genlab.models.sequence import in_steps
from genlab.models.sequence.base import Reader, SequenceModel
from genlab.models.sequence.forward_backward import Chain, Counts, added, expected, forward
from genlab.models.sequence.mixture_of_frames import MixtureOfFrames, within_frame
from genlab.ops.bars import Progress, no_bar
from genlab.signatures.ranges import Positive, PositiveFloat

AT_ONCE = 2**22
"""Numbers that a pass keeps of each kind: 32 MiB; more examples are read one part after the other."""

READ_STEPS = 2**20
"""``max_examples=auto``: examples of as many steps together."""

PATIENCE = 3
"""Passes in turn that may gain nothing before the fit ends."""

TRIED = 50
"""Steps that are looked at for each state, to begin with different ones."""

Part = tuple[Tensor, Tensor]
"""Steps ``(B, L, K)``, and which of them are no padding, ``(B, L)``."""


class HMM(SequenceModel, Fitted):
    """A hidden Markov model of symbols, or of frames whose values are independent given the state; exact.

    Args:
        spec: the data's type.
        states: how many.
        iterations: passes of EM at most.
        tolerance: nats per step that a pass has to gain on held-out examples.
        smoothing: observations of every start, transition and value that are added to those made.
        restarts: how many times to begin anew; what held-out examples are likeliest under is kept.
        max_examples: training examples read; "auto" is as many as have a million steps.

    Raises:
        ConfigError: the data are no sequences of integer levels.
    """

    needs_with = {}

    log_start: Tensor
    log_transition: Tensor
    log_emission: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        states: Positive = 32,
        iterations: Positive = 100,
        tolerance: PositiveFloat = 1e-4,
        smoothing: PositiveFloat = 0.1,
        restarts: Positive = 1,
        max_examples: Positive | Literal["auto"] = "auto",
    ) -> None:
        super().__init__(spec)
        assert spec.levels is not None
        self.states, self.iterations, self.tolerance = states, iterations, tolerance
        self.smoothing, self.restarts, self.max_examples = smoothing, restarts, max_examples
        width = self.width or 1
        self.learned("log_start", states)
        self.learned("log_transition", states, states)
        self.learned("log_emission", states, width, spec.levels)
        self.output: SymbolOutput = (
            for_symbols(spec.space, kind="categorical", num_mixtures=0)
            if self.width is None
            else MixtureOfFrames(width, spec.levels, states)
        )

    @property
    def chain(self) -> Chain:
        """The probabilities; what is held are their logarithms."""
        held = (self.log_start, self.log_transition, self.log_emission)
        return Chain(*(each.double().softmax(-1) for each in held))

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """EM from each of the beginnings, until held-out examples are no likelier; the best of all passes is kept."""
        examples, notes = self._read(train, generator)
        held_out, _ = self._read(val, generator)
        parts, others = list(self._parts(*examples)), list(self._parts(*held_out))
        best, passes = -math.inf, 0
        turns = iter(progress(range(self.restarts * self.iterations), self.restarts * self.iterations))
        for _ in range(self.restarts):
            chain = beginning(parts, self.chain, self.smoothing, generator=generator)
            own, worse = -math.inf, 0
            for number in range(1, self.iterations + 1):
                next(turns, None)
                chain = improved(chain, parts, self.smoothing)[0]
                score = sum(forward(chain, x, inside).log_norm.sum().item() for x, inside in others)
                score /= sum(int(inside.sum()) for _, inside in others)
                worse = worse + 1 if score < own + self.tolerance else 0
                own = max(own, score)
                if score > best:
                    best, passes = score, number
                    self._hold(chain)
                if worse == PATIENCE:
                    break
        return Fit({"passes": passes}, notes)

    def _hold(self, chain: Chain) -> None:
        for name, value in zip(("log_start", "log_transition", "log_emission"), chain, strict=True):
            self.fill(name, value.log())

    def _read(self, split: Split, generator: torch.Generator) -> tuple[tuple[Tensor, Tensor], tuple[str, ...]]:
        """Steps ``(n, L, K)`` and their lengths, of as many examples as are read; and the sentence that says so."""
        s, lengths = in_steps.to_steps(self.spec.space, split.x), split.lengths
        if overlap(s):  # windows on one text: each part of it once
            text = stream(s)
            s = text[: len(text) // self.length * self.length].view(-1, self.length)
        steps = torch.full((len(s),), s.shape[1]) if lengths is None else self._in_steps(lengths)
        mean = steps.double().mean().item()
        limit = max(1, int(READ_STEPS / mean)) if self.max_examples == "auto" else self.max_examples
        notes: tuple[str, ...] = ()
        if len(s) > limit:
            notes = (f"hmm reads {limit:,} of {len(s):,} training examples (model.max_examples)",)
            index = torch.randperm(len(s), generator=generator)[:limit].sort().values
            s, steps = s[index], steps[index]
        return (s if self.width is not None else s[..., None], steps), notes

    def _parts(self, s: Tensor, lengths: Tensor) -> Iterator[Part]:
        """Examples of about one length together, as many as fit in memory."""
        order = lengths.argsort(stable=True)
        while len(order):
            longest = int(lengths[order[-1]])
            size = max(1, AT_ONCE // (longest * self.states))
            index, order = order[-size:], order[:-size]
            yield s[index, :longest], mask(lengths[index], longest)

    def terms(self, x: Tensor, c: Tensor | None) -> Tensor:
        """See `SequenceModel.terms`; a value of a frame is given those before it in the frame, too."""
        chain = self.chain
        size = max(1, AT_ONCE // (x.shape[1] * self.states))
        parts = [self._terms_of(chain, part) for part in x.split(size)]
        return torch.cat(parts).to(self.log_start.dtype)

    def _terms_of(self, chain: Chain, x: Tensor) -> Tensor:
        if self.width is None:
            return forward(chain, x[..., None]).log_norm
        predicted, log_e = forward(chain, x).predicted.log(), chain.emission.log()
        keys = torch.arange(self.width, device=x.device)
        each = [
            within_frame(predicted[:, t], log_e[:, keys, x[:, t].long()].transpose(0, 1)) for t in range(x.shape[1])
        ]
        return torch.stack(each, 1)

    def reader(self, n: int, c: Tensor | None) -> Reader:
        """See `SequenceModel.reader`."""
        return _HMMReader(self, n)


class _HMMReader(Reader):
    """Keeps the distribution of the next state."""

    def __init__(self, model: HMM, n: int) -> None:
        self.model, self.chain = model, model.chain
        self.state = self.chain.start.expand(n, -1)
        self._say()

    def read(self, x: Tensor) -> None:
        """See `Reader.read`."""
        x = x if self.model.width is not None else x[..., None]
        passed = forward(self.chain._replace(start=self.state), x)
        self.state = passed.filtered[:, -1] @ self.chain.transition
        self._say()

    def _say(self) -> None:
        emission = self.chain.emission
        if self.model.width is None:
            out = (self.state @ emission[:, 0]).log()
        else:
            out = torch.cat([self.state.log(), emission.log().flatten().expand(len(self.state), -1)], 1)
        self.outputs = out.to(self.model.log_start.dtype)


def improved(chain: Chain, parts: list[Part], smoothing: float) -> tuple[Chain, float]:
    """A pass of EM: the next chain, and ``log p(x) + log_prior`` of the present one, which never falls."""
    counts: Counts = added(expected(chain, x, inside) for x, inside in parts)
    return counts.most_likely(smoothing), (counts.log_prob + chain.log_prior(smoothing)).item()


def beginning(parts: list[Part], like: Chain, smoothing: float, *, generator: torch.Generator) -> Chain:
    """Where EM begins: a state emits one step that was seen half of the time, and else about what all steps are.

    Each has another step: two states that are alike would stay so.
    """
    states, width, levels = like.emission.shape

    def around(p: Tensor) -> Tensor:
        p = p * (torch.rand(p.shape, generator=generator, dtype=torch.float64) + 4)
        return p / p.sum(-1, keepdim=True)

    seen = torch.cat([x[inside] for x, inside in parts])
    some = seen[torch.randint(len(seen), (TRIED * states,), generator=generator)]
    others = list(dict.fromkeys(map(tuple, some.tolist())))
    own = torch.tensor([others[s % len(others)] for s in range(states)])
    counts = torch.stack([seen[:, k].int().bincount(minlength=levels) for k in range(width)]).double() + smoothing
    emission = (one_hot(own, levels) + around(counts.expand(states, -1, -1))) / 2
    return Chain(around(torch.ones_like(like.start)), around(torch.ones_like(like.transition)), emission)

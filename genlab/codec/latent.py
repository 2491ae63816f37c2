"""Bits back by a model with latents, on a stack of bits (ANS).

    bits = -log2 p(x | z) - log2 p(z) + log2 q(z | x),     -ELBO on average

Who writes an example first draws its latents from the posterior by taking bits off the stack, then puts the example
and the latents on it by the model; who reads takes latents and example off, and puts the bits back. So examples are
chained, and are read in the opposite order. The first one finds no bits on the stack but those that are put there to
begin with.

All levels of latents are drawn before anything is written. Bit-Swap takes turns, and needs fewer bits to begin with,
where posteriors ``q(z_l | z_<l)`` go up a Markov chain; here they go down, and as ``q(z_l | z_>l, x)`` all need the
example, it cannot be written before the last of them has been drawn. HiLLoC does the same as this.

Bits that were written are random only as far as latents are distributed as their prior says. Latents that lie on top
would be drawn again for the next example, nearly the same ones; so the words of the stack are scrambled by a pad, known
to the reader, before each draw.

"Practical Lossless Compression with Latent Variables using Bits Back Coding", J. Townsend, T. Bird, D. Barber, 2019,
https://arxiv.org/abs/1901.04866
"HiLLoC: Lossless Image Compression with Hierarchical Latent Variable Models", J. Townsend, T. Bird, J. Kunze,
D. Barber, 2020, https://arxiv.org/abs/1912.09953
"Bit-Swap: Recursive Bits-Back Coding for Lossless Compression with Hierarchical Latent Variables", F. H. Kingma,
P. Abbeel, J. Ho, 2019, https://arxiv.org/abs/1905.06845
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genlab.codec import gaussians
from genlab.codec.coded import Coded, Coder, Examples, Written, as_bytes, as_words
from genlab.codec.frequencies import categorical, weights
from genlab.codec.stack import Stack, first_words
from genlab.errors import DataError
from genlab.models.conditions import rows
from genlab.models.latent_coding import Descent, GaussianLatents, LevelNormals
from genlab.models.vae.vae import DiagonalNormal, gaussian_kl
from genlab.ops.bars import Progress

MOST_WORDS = 1 << 28
"""That a stack may begin with."""


class _TooFewError(Exception):
    """The stack ran out of bits to draw latents by."""


class _Chain:
    """A stack that examples are written on.

    Attributes:
        ideal: nats that the model says, at the latents that were drawn.
        lowest: words of the stack after the first examples' latents were drawn.
        first: bits from there to the end of the first examples.
        latents: of the first examples.
        seconds: of the coder.
    """

    def __init__(self, words: int, span: int) -> None:
        self.stack = Stack(first_words(words), span)
        self.ideal = self.seconds = self.first = 0.0
        self.lowest: int | None = None
        self.latents = 0

    def write(self, model: GaussianLatents, x: Tensor, c: Tensor | None, *, step: int) -> None:
        """Examples beside each other."""
        self.stack.scramble(step)
        descent = model.descend(len(x), c, x=x.to(next(model.parameters()).dtype))
        level, drawn, kl = next(descent), [], 0.0
        while True:
            assert level.q is not None
            kl += float(gaussian_kl(DiagonalNormal(*level.q), DiagonalNormal(*level.p)).sum())
            start = time.perf_counter()
            k = gaussians.pop(self.stack.coder, gaussians.posterior_of(level))
            self.seconds += time.perf_counter() - start
            if self.stack.is_empty:
                raise _TooFewError
            drawn.append(k)
            try:
                level = descent.send(gaussians.latents_of(level, k))
            except StopIteration as end:
                log_p = end.value.flatten(0, 1)
                break
        low = self.stack.bits
        values = x.flatten().long()
        self.ideal += kl - float(log_p.log_softmax(1).gather(1, values[:, None]).sum())
        start = time.perf_counter()
        self.stack.coder.encode_reverse(values.to(torch.int32).numpy(), categorical(), weights(log_p))
        for k in reversed(drawn):
            gaussians.push(self.stack.coder, k)
        self.seconds += time.perf_counter() - start
        if self.lowest is None:
            self.lowest, self.first = math.ceil(low / 32), self.stack.bits - low
            self.latents = sum(map(len, drawn))


@dataclass(frozen=True)
class LatentCoder(Coder):
    """See the module.

    Attributes:
        lanes: examples that go through the model together: more are faster, and need so many times the bits to begin
            with.
    """

    lanes: int = 1

    @torch.no_grad()
    def encode(self, model: nn.Module, examples: Examples, *, progress: Progress) -> Coded:
        """See `Coder.encode`.

        ``bits`` has what all take without those to begin with (``net``), and what all would take if each were as dear
        as the first ones, which come with theirs (``first``).
        """
        assert isinstance(model, GaussianLatents)
        n, lanes = len(examples.x), min(self.lanes, len(examples.x))
        words, span = _enough(model, examples, lanes)
        while True:
            chain = _Chain(words, span)
            try:
                for start in progress(range(0, n, lanes), -(-n // lanes)):
                    part = slice(start, start + lanes)
                    chain.write(model, examples.x[part], rows(examples.c, part), step=start)
                break
            except _TooFewError:  # a later example draws more than the first
                words *= 2
        payload = as_bytes(chain.stack.words())
        net = chain.stack.bits - 32 * words
        bits = {"net": float(net), "first": chain.first * n / lanes}
        facts = {"lanes": lanes, "start": words, "span": span}
        return Coded(payload, facts, chain.ideal / math.log(2), bits, seconds=chain.seconds)

    @torch.no_grad()
    def decode(self, model: nn.Module, written: Written, *, progress: Progress) -> Tensor:
        """See `Coder.decode`; as examples are chained, no more than the lanes go through the model together."""
        assert isinstance(model, GaussianLatents)
        n, c = written.n, written.c
        lanes, words, span = (written.facts[name] for name in ("lanes", "start", "span"))
        if any(type(each) is not int or not 0 < each < MOST_WORDS for each in (lanes, words, span)) or lanes > n:
            raise ValueError("lanes, and words to begin with")
        whole = as_words(written.payload)
        if len(whole) == 0 or whole[-1] == 0:
            raise DataError("the payload is cut: a stack does not end with zeros")
        stack = Stack(whole, span)
        starts, found = list(range(0, n, lanes)), []
        for start in progress(reversed(starts), len(starts)):
            part = slice(start, min(start + lanes, n))
            stack.renew()
            found.append(_read(model, stack.coder, part.stop - start, rows(c, part), written.at_once))
            stack.scramble(start)
        if not np.array_equal(stack.words(), first_words(words)):
            raise DataError("the payload does not end where it began: it is none that this model has written")
        return torch.cat(found[::-1])


def _enough(model: GaussianLatents, examples: Examples, lanes: int) -> tuple[int, int]:
    """Words that the first examples draw their latents by, and those that examples take at most."""
    words = 1 << 8
    x = examples.x[:lanes]
    while True:
        chain = _Chain(words, words)
        try:
            chain.write(model, x, rows(examples.c, slice(lanes)), step=0)
        except _TooFewError:
            words *= 2
            continue
        assert chain.lowest is not None
        # a value takes 24 bits at most
        return words - chain.lowest + 4, chain.latents + x.numel() + 8


def _read(model: GaussianLatents, coder: Any, n: int, c: Tensor | None, at_once: int | None) -> Tensor:
    """Examples beside each other, and their bits back on the stack."""
    parts = [len(own) for own in torch.arange(n).split(at_once or n)]
    given = [None] * len(parts) if c is None else list(c.split(parts))
    drawn: list[np.ndarray] = []

    def take(level: LevelNormals) -> np.ndarray:
        drawn.append(gaussians.read(coder, level.p[0].numel()))
        return drawn[-1]

    said = _side_by_side([model.descend(size, own) for size, own in zip(parts, given, strict=True)], take)
    values = coder.decode(categorical(), weights(said.flatten(0, 1)))
    x = torch.from_numpy(values).view(n, *model.spec.event_shape).to(model.spec.dtype)
    dtype = next(model.parameters()).dtype
    descents = [
        model.descend(size, own, x=each.to(dtype)) for size, own, each in zip(parts, given, x.split(parts), strict=True)
    ]
    posteriors: list[gaussians.Posterior] = []

    def again(level: LevelNormals) -> np.ndarray:
        posteriors.append(gaussians.posterior_of(level))
        return drawn[len(posteriors) - 1]

    _side_by_side(descents, again)
    for q, k in zip(reversed(posteriors), reversed(drawn), strict=True):
        gaussians.push_back(coder, q, k)
    return x


def _side_by_side(descents: list[Descent], numbers: Callable[[LevelNormals], np.ndarray]) -> Tensor:
    """Parts of a lane's examples go down together: ``numbers`` gives those of all from a level of all."""
    levels = [next(each) for each in descents]
    while True:
        whole = LevelNormals(_joined([each.p for each in levels]), _all([each.q for each in levels]))
        k = numbers(whole)
        sizes = [each.p[0].numel() for each in levels]
        own = np.split(k, np.cumsum(sizes)[:-1])
        following, said = [], []
        for descent, level, each in zip(descents, levels, own, strict=True):
            try:
                following.append(descent.send(gaussians.latents_of(level, each)))
            except StopIteration as end:
                said.append(end.value)
        if said:
            return torch.cat(said)
        levels = following


def _joined(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    mean, log_var = (torch.cat(each) for each in zip(*pairs, strict=True))
    return mean, log_var


def _all(pairs: list[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, Tensor] | None:
    known = [each for each in pairs if each is not None]
    return _joined(known) if known else None

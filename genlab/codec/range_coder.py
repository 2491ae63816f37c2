"""Range coding by a model that says the distribution of each value given those before it.

    bits = sum_i -log2 p(x_i | x_<i) + at most 64

Examples are written in blocks; within a block value after value, and of each value example after example, so that one
step of the model tells a value of all of them. Who writes knows all values, and asks for all distributions in one pass
where the model can do that; who reads goes step by step, at the cost of drawing samples.

"Range encoding: an algorithm for removing redundancy from a digitised message", G. N. N. Martin, 1979
"Understanding Entropy Coding With Asymmetric Numeral Systems (ANS): a Statistician's Perspective", R. Bamler, 2022,
https://arxiv.org/abs/2201.01741 (constriction)
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from genlab.codec.coded import Coded, Coder, Examples, Written, as_bytes, as_words
from genlab.codec.frequencies import categorical, constriction, weights
from genlab.data.lengths import ending, time_axis, within
from genlab.data.spaces import InTime
from genlab.models.codable import Codable, Unfolding
from genlab.models.conditions import rows
from genlab.ops.bars import Progress

TOGETHER = 256
"""Examples of a block, at most."""

PROBABILITIES = 1 << 26
"""Of a block, at most: half a gigabyte."""


class RangeCoder(Coder):
    """See the module."""

    @torch.no_grad()
    def encode(self, model: nn.Module, examples: Examples, *, progress: Progress) -> Coded:
        """See `Coder.encode`."""
        assert isinstance(model, Codable)
        together = _together(model, examples.x)
        encoder, family = constriction().stream.queue.RangeEncoder(), categorical()
        ideal = seconds = 0.0
        blocks = list(_blocks(model, examples, together))
        bar = iter(progress(range(sum(b.places for b in blocks)), sum(b.places for b in blocks)))
        for block in blocks:
            known = model.values(block.x).long()
            at = 0
            for piece in _said(model, block, known):
                wide = piece.shape[1]
                counts = block.inside[:, at : at + wide].T.flatten()
                values = known[:, at : at + wide].T.flatten()[counts]
                log_p = piece.transpose(0, 1).flatten(0, 1)[counts]
                ideal -= float(log_p.log_softmax(1).gather(1, values[:, None]).sum())
                start = time.perf_counter()
                if len(values):
                    encoder.encode(values.to(torch.int32).numpy(), family, weights(log_p))
                seconds += time.perf_counter() - start
                at += wide
                _tick(bar, wide)
        _tick(bar, 1)
        payload = as_bytes(encoder.get_compressed())
        return Coded(payload, {"together": together}, ideal / math.log(2), seconds=seconds)

    @torch.no_grad()
    def decode(self, model: nn.Module, written: Written, *, progress: Progress) -> Tensor:
        """See `Coder.decode`."""
        assert isinstance(model, Codable)
        decoder = constriction().stream.queue.RangeDecoder(as_words(written.payload))
        family, found, n, lengths = categorical(), [], written.n, written.lengths
        longest = None if lengths is None else int(lengths.max())
        shape = list(model.spec.event_shape)
        if longest is not None:
            shape[time_axis(model.spec.space) - 1] = longest
        blank = Examples(torch.zeros(n, *shape, dtype=model.spec.dtype), lengths, written.c)
        blocks = list(_blocks(model, blank, written.facts["together"]))
        bar = iter(progress(range(sum(b.places for b in blocks)), sum(b.places for b in blocks)))
        end = ending(model.spec.space) if lengths is None else None
        for block in blocks:
            reading = _side_by_side(model, block, written.at_once or len(block.x))
            at, piece = 0, next(reading)
            while True:
                wide = piece.shape[1]
                counts = block.inside[:, at : at + wide].T.flatten()
                told = torch.zeros(len(counts), dtype=torch.int64)
                if bool(counts.any()):
                    table = weights(piece.transpose(0, 1).flatten(0, 1)[counts])
                    told[counts] = torch.from_numpy(decoder.decode(family, table)).long()
                if end is not None:
                    block.inside[:, at + 1 :] &= (told != end)[:, None]  # what comes after an end is padding
                at += wide
                _tick(bar, wide)
                try:
                    piece = reading.send(told.view(wide, -1).T)
                except StopIteration as over:
                    found.append(over.value)
                    break
        _tick(bar, 1)
        return torch.cat([_padded(model, x, blank.x) for x in found])


class _Block:
    """Examples that are written together.

    Attributes:
        x, c: of them; without padding that all of them have.
        length: steps of an example, of data in time; else None.
        longer: whether these are more than the data's own.
        inside: ``(b, D) bool`` by values: what is of an example.
        places: values of an example.
    """

    def __init__(self, model: Codable, x: Tensor, lengths: Tensor | None, c: Tensor | None) -> None:
        space = model.spec.space
        self.length, self.longer = None, False
        if isinstance(space, InTime):
            axis = time_axis(space)
            x = x if lengths is None else x.narrow(axis, 0, int(lengths.max()))
            self.length = x.shape[axis]
            self.longer = self.length > space.shape[axis - 1]
        self.x, self.c = x, c
        self.inside = model.values(within(space, x, lengths))
        self.places = self.inside.shape[1]


def _together(model: Codable, x: Tensor) -> int:
    assert model.spec.levels is not None
    if x[0].numel() > model.spec.dim:  # longer than the data's own: read step by step, one value of each at a time
        return min(TOGETHER, len(x))
    return max(1, min(TOGETHER, PROBABILITIES // (x[0].numel() * model.spec.levels), len(x)))


def _blocks(model: Codable, examples: Examples, together: int) -> Iterator[_Block]:
    for start in range(0, len(examples.x), together):
        part = slice(start, start + together)
        yield _Block(model, examples.x[part], rows(examples.lengths, part), rows(examples.c, part))


def _said(model: Codable, block: _Block, known: Tensor) -> Iterator[Tensor]:
    """Pieces of what is said of known values: in one pass, or step by step of sequences longer than the data's.

    A model that forgets (a transformer beyond its window) has to be read as its reader reads.
    """
    if not block.longer:
        yield from model.distributions(block.x, block.c)
        return
    reading = model.unfold(len(block.x), block.c, length=block.length)
    at, piece = 0, next(reading)
    while True:
        yield piece
        told = known[:, at : at + piece.shape[1]]
        at += piece.shape[1]
        try:
            piece = reading.send(told)
        except StopIteration:
            return


def _side_by_side(model: Codable, block: _Block, at_once: int) -> Unfolding:
    """`Codable.unfold` of a block, ``at_once`` examples going through the model together."""
    parts = torch.arange(len(block.x)).split(at_once)
    readings = [model.unfold(len(part), rows(block.c, part), length=block.length) for part in parts]
    pieces = [next(reading) for reading in readings]
    while True:
        told = (yield torch.cat(pieces)).split([len(part) for part in parts])
        pieces, done = [], []
        for reading, own in zip(readings, told, strict=True):
            try:
                pieces.append(reading.send(own))
            except StopIteration as over:
                done.append(over.value)
        if done:
            return torch.cat(done)


def _padded(model: Codable, x: Tensor, like: Tensor) -> Tensor:
    """Examples of a block as long as those of all."""
    space = model.spec.space
    if not isinstance(space, InTime):
        return x
    axis = time_axis(space)
    more = list(x.shape)
    more[axis] = like.shape[axis] - x.shape[axis]
    return torch.cat([x, x.new_zeros(more)], axis)


def _tick(bar: Iterator[int], count: int) -> None:
    for _ in range(count):
        next(bar, None)

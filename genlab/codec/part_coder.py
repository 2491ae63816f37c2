"""Range coding by a model that maps examples to integers, part by part.

    bits = sum_i -log2 P(z_i | z_<i) + at most 64

The integers have no bounds of their own: the least and the greatest that occur are told, and a part's tables are of
those between them. Probabilities outside are lost by nobody: tables add up to one, so that a file may be shorter than
the exact likelihood says.

"Integer Discrete Flows and Lossless Compression", E. Hoogeboom, J. W. T. Peters, R. van den Berg, M. Welling, 2019,
https://arxiv.org/abs/1905.07376
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn

from genlab.codec.coded import Coded, Coder, Examples, Written, as_bytes, as_words
from genlab.codec.frequencies import MOST_LEVELS, categorical, constriction, weights
from genlab.errors import ConfigError
from genlab.models.conditions import rows
from genlab.models.integer_parts import IntegerParts
from genlab.ops.bars import Progress

TOGETHER = 256
"""Examples of a block, at most."""

PROBABILITIES = 1 << 24
"""Of a table, at most: half a gigabyte with what it is computed from."""


class IntegerCoder(Coder):
    """See the module."""

    @torch.no_grad()
    def encode(self, model: nn.Module, examples: Examples, *, progress: Progress) -> Coded:
        """See `Coder.encode`.

        Raises:
            ConfigError: integers of more values than tables have.
        """
        assert isinstance(model, IntegerParts)
        blocks = list(zip(examples.x.split(TOGETHER), _conditions(examples.c, len(examples.x)), strict=True))
        found = [model.to_integers(x, c) for x, c in blocks]
        low = min(int(part.min()) for parts in found for part in parts)
        high = max(int(part.max()) for parts in found for part in parts)
        if high - low >= MOST_LEVELS:
            raise ConfigError(
                f"{type(model).__name__} maps these examples to integers from {low} to {high}; a coder's tables take "
                f"{MOST_LEVELS} values: train it longer, or at a lower optim.lr"
            )
        encoder, family = constriction().stream.queue.RangeEncoder(), categorical()
        ideal = seconds = 0.0
        for (x, c), parts in progress(zip(blocks, found, strict=True), len(blocks)):
            ideal -= float(model.log_prob(x, c).sum())
            for i, part in enumerate(parts):
                for own in _pieces(part, high - low + 1):
                    table = _table(model, [known[own] for known in parts[:i]], own, rows(c, own), low, high)
                    start = time.perf_counter()
                    encoder.encode((part[own].flatten() - low).to(torch.int32).numpy(), family, table)
                    seconds += time.perf_counter() - start
        payload = as_bytes(encoder.get_compressed())
        return Coded(payload, {"low": low, "high": high}, ideal / math.log(2), seconds=seconds)

    @torch.no_grad()
    def decode(self, model: nn.Module, written: Written, *, progress: Progress) -> Tensor:
        """See `Coder.decode`."""
        assert isinstance(model, IntegerParts)
        low, high, n, c = written.facts["low"], written.facts["high"], written.n, written.c
        if type(low) is not int or type(high) is not int or not 0 <= high - low < MOST_LEVELS:
            raise ValueError("integers from where to where")
        decoder = constriction().stream.queue.RangeDecoder(as_words(written.payload))
        family, found = categorical(), []
        sizes = [min(TOGETHER, n - start) for start in range(0, n, TOGETHER)]
        for size, given in progress(zip(sizes, _conditions(c, n), strict=True), len(sizes)):
            parts: list[Tensor] = []
            for shape in model.part_shapes:
                part = torch.zeros(size, *shape, dtype=torch.int64)
                for own in _pieces(part, high - low + 1):
                    known = [each[own] for each in parts]
                    table = _table(model, known, own, rows(given, own), low, high, written.at_once)
                    told = torch.from_numpy(decoder.decode(family, table)).long() + low
                    part[own] = told.view(-1, *shape)
                parts.append(part)
            for own in torch.arange(size).split(written.at_once or size):
                found.append(model.from_integers([part[own] for part in parts], rows(given, own)))
        return torch.cat(found)


def _conditions(c: Tensor | None, n: int) -> list[Tensor | None]:
    return [rows(c, slice(start, start + TOGETHER)) for start in range(0, n, TOGETHER)]


def _pieces(part: Tensor, values: int) -> list[slice]:
    """Examples whose tables are made together."""
    count = max(1, PROBABILITIES // (part[0].numel() * values))
    return [slice(start, min(start + count, len(part))) for start in range(0, len(part), count)]


def _table(
    model: IntegerParts,
    known: list[Tensor],
    own: slice,
    c: Tensor | None,
    low: int,
    high: int,
    at_once: int | None = None,
) -> np.ndarray:
    """Weights of all values of the next part of some examples, ``at_once`` of them together."""
    n = own.stop - own.start
    tables = []
    for index in torch.arange(n).split(at_once or n):
        part = model.next_part([each[index] for each in known], len(index), rows(c, index))
        tables.append(weights(part.log_probs(low, high).flatten(0, -2)))
    return np.concatenate(tables)

"""N-grams: a symbol depends on the few before it, and its probability is counted.

    p(x_t | x_1 ... x_(t-1)) = p(x_t | x_(t-n+1) ... x_(t-1))

"Prediction and Entropy of Printed English", C. E. Shannon, 1951, https://doi.org/10.1002/j.1538-7305.1951.tb01366.x;
how counts become probabilities: `genlab.models.sequence.smoothing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.data.lengths import mask
from genlab.data.overlapping import overlap, stream
from genlab.data.spaces import DataSpec, Image, Split, Waveform
from genlab.distributions.symbols import for_symbols
from genlab.errors import ConfigError
from genlab.models.classical.base import Fit, Fitted
from genlab.models.conditions import given_by, width
from genlab.models.sequence import in_steps
from genlab.models.sequence.base import Reader, SequenceModel
from genlab.models.sequence.context_tree import ContextTree
from genlab.models.sequence.smoothing import Smoothing, discounts, kneser_ney, witten_bell
from genlab.ops.bars import Progress, no_bar
from genlab.signatures.ranges import Positive

MOST_GRAMS = 2**25
"""Distinct n-grams of all orders at most: 1 GiB."""

AT_ONCE = 2**18
"""Steps of them that are looked up together."""

HIGHEST = 32
"""``order=auto`` tries at most this order."""

JUDGED = 2**20
"""Steps of held-out examples that choose the order, at most."""


class NGram(SequenceModel, Fitted):
    """Counts of n-grams of all orders up to the highest, smoothed; exact.

    The channels of a moment or of a pixel have counts of their own, as have the keys of a frame, each of which is a
    sequence by itself, and the labels, if they are the condition. Where training examples are overlapping windows on
    one text, that text is counted once, and the beginning of a window is an unknown place in it; otherwise examples
    begin in a context of their own.

    Args:
        spec: the data's type.
        order: n: a symbol and the n - 1 before it; "auto": by the likelihood of held-out examples.
        smoothing: "kneser_ney" or "witten_bell".
        condition: "label", or None.

    Raises:
        ConfigError: the data are no sequences of integer levels, or have no labels to be the condition.
    """

    needs_with = {"condition=label": ("labels",)}

    discounts: Tensor
    contexts: Tensor
    grams: Tensor
    counts: Tensor
    followers: Tensor
    begins: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        order: Positive | Literal["auto"] = "auto",
        smoothing: Smoothing = "kneser_ney",
        condition: Literal["label"] | None = None,
    ) -> None:
        super().__init__(spec, condition=condition)
        self.given = given_by(condition, spec)
        self.output = for_symbols(spec.space, kind="categorical", num_mixtures=0)
        self.order, self.smoothing = order, smoothing
        assert spec.levels is not None
        self.symbols = spec.levels
        self.channels = spec.space.channels if isinstance(spec.space, Image | Waveform) else 1
        self.places = self.width or self.channels
        self.num_roots = self.places * (width(self.given) or 1)
        self.learned("discounts", 2, 0, 3)
        self.learned("contexts", 0, dtype=torch.int64)
        self.learned("grams", 0, dtype=torch.int64)
        self.learned("counts", 2, 0, dtype=torch.int32)
        self.learned("followers", 2, 0, 4, dtype=torch.int32)
        self.learned("begins", 1, dtype=torch.int32)  # 1: the beginning of an example is a context

    def fit(self, train: Split, val: Split, *, generator: torch.Generator, progress: Progress = no_bar) -> Fit:
        """Count the n-grams of one order after the other, until held-out examples are no likelier than before.

        Raises:
            ConfigError: more n-grams than fit in memory.
        """
        tree = self._planted(train)
        if self.order != "auto":
            for _ in progress(range(self.order - 1), self.order - 1):
                if tree.size > MOST_GRAMS:
                    raise ConfigError(
                        f"model.order={self.order}: there are {tree.size:,} different n-grams of order {tree.order} "
                        "and below, which do not fit in memory; give a lower order"
                    )
                if not tree.grow():
                    break
            self._hold(tree, tree.order)
            return Fit({})
        self._hold(tree, 1)
        held_out = list(self._held_out(val, generator))
        scores: list[float] = []
        for _ in progress(range(HIGHEST), HIGHEST):
            scores.append(sum(self._deeper(of).log()[inside].sum().item() for of, inside in held_out))
            best = int(np.argmax(scores))
            if best < len(scores) - 1 or tree.size > MOST_GRAMS or not tree.grow():
                break
            self._hold(tree, tree.order)
        self._hold(tree, best + 1)
        return Fit({"order": best + 1})

    def _planted(self, train: Split) -> ContextTree:
        """The tree of the training examples, yet of order 1."""
        s = in_steps.to_steps(self.spec.space, train.x)
        one = self.given is None and overlap(s)
        self.fill("begins", torch.tensor([0 if one else 1], dtype=torch.int32))
        x = self._rows(stream(s)[None] if one else s)
        inside = self._inside(train, len(x), x.shape[2])
        roots = self._roots(torch.arange(x.shape[2]), train.y if self.given is not None else None).expand_as(x)
        marked = np.full((*x.shape[:2], x.shape[2] + 1), self.symbols, np.min_scalar_type(self.symbols))
        marked[..., 1:] = x.numpy()
        keep = np.broadcast_to(F.pad(inside, (1, 0), value=not one).numpy(), marked.shape)
        of_roots = np.broadcast_to(F.pad(roots.int(), (1, 0)).numpy(), marked.shape)
        return ContextTree(marked[keep], of_roots[keep], symbols=self.symbols, num_roots=self.num_roots)

    def _hold(self, tree: ContextTree, order: int) -> None:
        """Take over what was counted."""
        tables = tree.tables(order)
        for name in ("contexts", "grams", "counts", "followers"):
            self.fill(name, torch.from_numpy(getattr(tables, name)))
        self.fill("discounts", discounts(torch.from_numpy(tables.tallies)))

    def _held_out(self, val: Split, generator: torch.Generator) -> Iterator[tuple[_Descent, Tensor]]:
        """What the orders are compared on, in pieces; with what of it is no padding."""
        some = torch.randperm(len(val), generator=generator)[: max(1, JUDGED // self.spec.dim)].sort().values
        for index in some.split(max(1, AT_ONCE // self.spec.dim)):
            part = Split(val.x[index], lengths=None if val.lengths is None else val.lengths[index])
            x = self._rows(in_steps.to_steps(self.spec.space, part.x)).long()
            c = None if self.given is None or val.y is None else val.y[index]
            yield self._descent(x, c), self._inside(part, len(x), x.shape[2]).expand_as(x)

    def _rows(self, s: Tensor) -> Tensor:
        """Steps as sequences of single symbols: ``(B, 1, L)``, of frames ``(B, W, L)``."""
        return s[:, None] if self.width is None else s.transpose(1, 2)

    def _inside(self, split: Split, n: int, length: int) -> Tensor:
        """``(n, 1, L) bool``: what is no padding."""
        if split.lengths is None:
            return torch.ones(n, 1, length, dtype=torch.bool)
        return mask(self._in_steps(split.lengths), length)[:, None]

    def _roots(self, t: Tensor, c: Tensor | None) -> Tensor:
        """The empty contexts of steps ``t (T,)``: ``(B or 1, W or 1, T)``."""
        roots = t[None, None] % self.channels
        if self.width is not None:
            roots = roots + torch.arange(self.width, device=t.device)[:, None]
        return roots if c is None else roots + c.to(t.device)[:, None, None] * self.places

    def _descent(self, x: Tensor, c: Tensor | None) -> _Descent:
        """Whole sequences ``x (B, K, L)``, of which nothing is said yet."""
        t = torch.arange(x.shape[2], device=x.device)
        roots = self._roots(t, c).expand_as(x)
        return _Descent(x, _shifted(x, self.symbols), roots, t + self.begins, symbols=self.symbols)

    def _deeper(self, of: _Descent) -> Tensor:
        """``p(x | past)`` by the model of the next order; of less where the past is shorter."""
        if of.level:
            of.lower = of.own if self.smoothing == "witten_bell" else self._smoothed(1, of)
            key = of.context * (self.symbols + 1) + of.older(of.level)
            of.context = _found(self.contexts, key, first=self.num_roots)
        of.gram = _found(self.grams, of.context * self.symbols + of.x)
        of.level += 1
        of.own = self._smoothed(0, of)
        of.p = of.own if of.level == 1 else torch.where(of.known >= of.level - 1, of.own, of.p)
        return of.p

    def _smoothed(self, kind: int, of: _Descent) -> Tensor:
        """By counts of a kind: 0 of symbols, 1 of what was before them."""
        count = torch.where(of.gram >= 0, self.counts[kind][of.gram], 0).double()
        followers = torch.where(of.context[..., None] >= 0, self.followers[kind][of.context], 0).double()
        if self.smoothing == "witten_bell":
            return witten_bell(count, followers, of.lower)
        return kneser_ney(count, followers, of.lower, self.discounts[kind, of.level - 1].double())

    def _said(self, of: _Descent) -> Tensor:
        """``log p(x | past)`` by the highest order."""
        for _ in range(self.discounts.shape[1]):
            self._deeper(of)
        return of.p.log().to(self.discounts.dtype)

    def terms(self, x: Tensor, c: Tensor | None) -> Tensor:
        """See `SequenceModel.terms`."""
        rows, size = self._rows(x), max(1, AT_ONCE // max(1, x[0].numel()))
        starts = range(0, len(x), size)
        given = [None if c is None else c[start : start + size] for start in starts]
        parts = [
            self._said(self._descent(part.long(), each)) for part, each in zip(rows.split(size), given, strict=True)
        ]
        terms = torch.cat(parts)
        return terms[:, 0] if self.width is None else terms.transpose(1, 2)

    def reader(self, n: int, c: Tensor | None) -> Reader:
        """See `SequenceModel.reader`."""
        return _NGramReader(self, n, c)

    def outputs(self, x: Tensor, c: Tensor | None) -> Tensor:
        """See `SequenceModel.outputs`."""
        older = _shifted(self._rows(x).long(), self.symbols)
        size = max(1, AT_ONCE // (len(x) * self.places * self.symbols))
        steps = torch.arange(x.shape[1], device=x.device).split(size)
        return torch.cat([self._every(t, lambda m, t=t: older(m)[..., t], len(x), c) for t in steps], 1)  # type: ignore[misc]

    def _every(self, t: Tensor, older: Callable[[int], Tensor], n: int, c: Tensor | None) -> Tensor:
        """What `output` needs of the steps ``t (T,)`` of n sequences, ``(n, T, num_outputs)``."""
        every = torch.arange(self.symbols, device=t.device)
        roots = self._roots(t, c)[..., None].expand(n, self.width or 1, len(t), self.symbols)
        of = _Descent(
            every.expand_as(roots), lambda m: older(m)[..., None], roots, t[:, None] + self.begins, symbols=self.symbols
        )
        log_p = self._said(of).transpose(1, 2)
        binary = self.width is not None and self.symbols == 2
        return log_p[..., 1] - log_p[..., 0] if binary else log_p.flatten(2)


class _Descent:
    """Symbols, their contexts of a length, and what the models of order 1, 2, ... say of them.

    Attributes:
        x: ``(...)`` symbols.
        older: gives the symbols a number of steps before them, V at the beginning and before it.
        known: how long a context can be.
        level: the order that has spoken last.
        context: of ``level - 1`` symbols, -1 where it was never seen.
        gram: the place of context and symbol among all n-grams, -1 likewise.
        own: ``p(x | context)`` by that order.
        p: by the order of the longest context that there is, at most that one.
        lower: by the order below, as that order is mixed with it.
    """

    gram: Tensor
    own: Tensor
    p: Tensor

    def __init__(
        self, x: Tensor, older: Callable[[int], Tensor], roots: Tensor, known: Tensor, *, symbols: int
    ) -> None:
        self.x, self.older, self.context, self.known = x, older, roots, known
        self.lower = torch.full((), 1 / symbols, dtype=torch.float64, device=x.device)
        self.level = 0


class _NGramReader(Reader):
    """Keeps the last symbols."""

    def __init__(self, model: NGram, n: int, c: Tensor | None) -> None:
        self.model, self.c, self.count = model, c, 0
        kept = model.discounts.shape[1] - 1
        self.past = torch.full((n, model.width or 1, kept), model.symbols, device=model.grams.device)
        self._say()

    def read(self, x: Tensor) -> None:
        """See `Reader.read`."""
        self.past = torch.cat([self.past, self.model._rows(x).long()], 2)[..., x.shape[1] :]
        self.count += x.shape[1]
        self._say()

    def _say(self) -> None:
        t = torch.tensor([self.count], device=self.past.device)
        self.outputs = self.model._every(t, lambda m: self.past[..., -m, None], len(self.past), self.c)[:, 0]


def _shifted(x: Tensor, beginning: int) -> Callable[[int], Tensor]:
    return lambda m: F.pad(x, (m, 0), value=beginning)[..., : x.shape[-1]]


def _found(keys: Tensor, key: Tensor, *, first: int = 0) -> Tensor:
    """Where each ``key`` is among ascending ``keys``, counted from ``first``; -1 where it is not."""
    if len(keys) == 0:
        return torch.full_like(key, -1)
    at = torch.searchsorted(keys, key).clamp_max(len(keys) - 1)
    return torch.where(keys[at] == key, at + first, -1)

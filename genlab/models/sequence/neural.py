"""What networks of sequences share: how a step is read, a causal body, and how the next step is said.

    h_t = E x_(t-1) + V c,      h_1 = s + V c,      f = body(h),      output_t = W f_t

with ``s``, a vector that is learned, in place of what came before the first step.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec, Space
from genlab.distributions.symbols import for_symbols
from genlab.models import conditions
from genlab.models.conditions import context, given_by
from genlab.models.sequence import in_steps
from genlab.models.sequence.base import Reader, SequenceModel
from genlab.nn.layers import Linear

Output = Literal["categorical", "logistic_mixture"]
"""Values of a family's option ``output``."""

EMBEDDED = 4096
"""Levels up to which each has a vector of its own; more are read as one number each."""


class Steps(nn.Module):
    """What a network reads of a step: ``(B, T)`` or ``(B, T, W)`` integers to ``(B, T, width)``.

    Args:
        space: of the data.
        width: of the network.
    """

    def __init__(self, space: Space, width: int) -> None:
        super().__init__()
        assert space.levels is not None
        values = in_steps.width(space)
        named = values is None and (space.levels <= EMBEDDED or space.kind == "tokens")
        self.scale = space.levels - 1
        self.embedding = nn.Embedding(space.levels, width) if named else None
        self.linear = None if named else Linear(values or 1, width)
        self.single = values is None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.embedding is not None:
            return self.embedding(x if x.dtype == torch.int64 else x.int())
        assert self.linear is not None
        x = x[..., None] if self.single else x
        return self.linear(x.to(self.linear.weight.dtype) * (2 / self.scale) - 1)


class NeuralSequence(SequenceModel):
    """A causal network of sequences.

    Args:
        spec: the data's type.
        width: of the network's features.
        output: "categorical", or "logistic_mixture" of single levels that lie on a line.
        num_mixtures: components of the mixture.
        condition: "label" or "vector", or None.
    """

    def __init__(
        self, spec: DataSpec, *, width: int, output: Output, num_mixtures: int, condition: conditions.Condition | None
    ) -> None:
        super().__init__(spec, condition=condition)
        self.given = given_by(condition, spec)
        self.output = for_symbols(spec.space, kind=output, num_mixtures=num_mixtures)
        self.steps = Steps(spec.space, width)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        given = conditions.width(self.given)
        self.context = Linear(given, width, bias=False) if given else None
        self.head = Linear(width, self.output.num_outputs)

    @abstractmethod
    def body(self, h: Tensor, memory: Any | None = None) -> Tensor:
        """``(B, T, width) -> (B, T, width)``, causal: what it says of a step does not depend on later ones.

        Args:
            h: steps from the first on, or those that follow what ``memory`` holds.
            memory: what `memory` made; it is read, and brought up to these steps. None: nothing is kept.
        """

    @abstractmethod
    def memory(self, n: int) -> Any:
        """What the body keeps of n sequences, of which nothing was read yet."""

    @property
    def window(self) -> int | None:
        """Steps that the body reads at most, 2 or more; None: any number."""
        return None

    def terms(self, x: Tensor, c: Tensor | None) -> Tensor:
        """See `SequenceModel.terms`."""
        return self.output.log_prob(x, self.outputs(x, c))

    def outputs(self, x: Tensor, c: Tensor | None) -> Tensor:
        """See `SequenceModel.outputs`."""
        read = torch.cat([self.start.expand(len(x), 1, -1), self.steps(x[:, :-1])], 1)
        return self.head(self.body(self._given(read, c)))

    def _given(self, h: Tensor, c: Tensor | None) -> Tensor:
        given = context(self.given, c)
        return h if self.context is None or given is None else h + self.context(given.to(h.dtype))[:, None]

    def reader(self, n: int, c: Tensor | None) -> Reader:
        """See `SequenceModel.reader`."""
        return _NeuralReader(self, n, c)


class _NeuralReader(Reader):
    """Reads through a body's memory.

    A body of a limited window forgets when it is full: it begins anew with the later half of the window, as if the
    sequence had begun there, which is what an example cut from a long text looks like.
    """

    def __init__(self, model: NeuralSequence, n: int, c: Tensor | None) -> None:
        self.model, self.n, self.c = model, n, c
        self.held: Tensor | None = None
        self._begin()

    def _begin(self) -> None:
        self.memory = self.model.memory(self.n)
        self.count = 1
        self._take(self.model.start.expand(self.n, 1, -1))

    def _take(self, h: Tensor) -> None:
        f = self.model.body(self.model._given(h, self.c), self.memory)
        self.outputs = self.model.head(f[:, -1])

    def read(self, x: Tensor) -> None:
        """See `Reader.read`."""
        window = self.model.window
        if window is None:
            self._take(self.model.steps(x))
            return
        before = x[:, :0] if self.held is None else self.held
        while x.shape[1]:
            room = window - self.count
            if room == 0:
                kept = before[:, before.shape[1] - (window - 1) // 2 :]
                self._begin()
                before = kept
                if kept.shape[1]:
                    self._take(self.model.steps(kept))
                    self.count += kept.shape[1]
                continue
            part, x = x[:, :room], x[:, room:]
            self._take(self.model.steps(part))
            self.count += part.shape[1]
            before = torch.cat([before, part], 1)[:, -window:]
        self.held = before

"""Recurrent networks: a state that is carried from step to step.

    s_t = cell(s_(t-1), h_t),      p(x_(t+1) | x_1 ... x_t) from s_t

"Finding Structure in Time", J. L. Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1; "Long Short-Term Memory",
S. Hochreiter, J. Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735; "Learning Phrase Representations using
RNN Encoder-Decoder for Statistical Machine Translation", K. Cho and others, 2014, https://arxiv.org/abs/1406.1078
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genlab.data.spaces import DataSpec
from genlab.models.conditions import Condition
from genlab.models.sequence.neural import NeuralSequence, Output
from genlab.signatures.ranges import Positive, Unit

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS: dict[str, Callable[..., Any]] = {"lstm": torch.lstm_cell, "gru": torch.gru_cell, "rnn": torch.rnn_tanh_cell}


class RNN(NeuralSequence):
    """A recurrent network of sequences.

    Args:
        spec: the data's type.
        cell: "lstm", "gru" or "rnn" (Elman's, with tanh).
        layers: of cells, one above the other.
        width: of each layer's state.
        dropout: between layers and before the output.
        truncate: steps through which gradients flow; the state is carried on beyond them (truncated backpropagation
            through time, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
            Trajectories", R. J. Williams, J. Peng, 1990, https://doi.org/10.1162/neco.1990.2.4.490); None: through all.
        output: "categorical", or "logistic_mixture" of levels on a line.
        num_mixtures: components of the mixture.
        condition: "label" or "vector", or None.

    Raises:
        ConfigError: the data are no sequences of integer levels, or lack the condition.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        layers: Positive = 2,
        width: Positive = 256,
        dropout: Unit = 0.0,
        truncate: Positive | None = None,
        output: Output = "categorical",
        num_mixtures: Positive = 10,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(spec, width=width, output=output, num_mixtures=num_mixtures, condition=condition)
        self.truncate = truncate
        self.cell = cell
        self.cells = CELLS[cell](width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.drop = nn.Dropout(dropout)
        if cell == "lstm":  # remember at first: "An Empirical Exploration of Recurrent Network Architectures" (2015)
            for name, bias in self.cells.named_parameters():
                if name.startswith("bias_ih"):
                    nn.init.ones_(bias.data[width : 2 * width])

    def memory(self, n: int) -> list[Any]:
        """The state of all layers."""
        return [None]

    def body(self, h: Tensor, memory: list[Any] | None = None) -> Tensor:
        """See `NeuralSequence.body`."""
        state = None if memory is None else memory[0]
        if memory is not None and h.shape[1] == 1 and not self.training:
            out, memory[0] = self._step(h[:, 0], state)
            return out[:, None]
        size = self.truncate if self.training and self.truncate is not None else h.shape[1]
        said = []
        for part in h.split(size, 1):
            out, state = self.cells(part, state)
            said.append(out)
            state = _cut(state)
        if memory is not None:
            memory[0] = state
        return self.drop(said[0] if len(said) == 1 else torch.cat(said, 1))

    def _step(self, h: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step, ``(B, width)``: the same as a pass over it, which takes ten times as long to prepare on a CPU."""
        if state is None:
            zeros = h.new_zeros(self.cells.num_layers, *h.shape)
            state = (zeros, zeros) if self.cell == "lstm" else zeros
        every: list[Any] = []
        for i, weights in enumerate(self.cells.all_weights):
            before = (state[0][i], state[1][i]) if self.cell == "lstm" else state[i]
            every.append(STEPS[self.cell](h, before, *weights))
            h = every[-1][0] if self.cell == "lstm" else every[-1]
        if self.cell == "lstm":
            return h, tuple(torch.stack(part) for part in zip(*every, strict=True))
        return h, torch.stack(every)


def _cut(state: Any) -> Any:
    """The same state, through which no gradient flows."""
    return tuple(each.detach() for each in state) if isinstance(state, tuple) else state.detach()

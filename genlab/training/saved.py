"""The state of a module and its optimisers, put back where it lies."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Saved:
    """Everything that a step changes in a module and its optimisers, to be put back in its place."""

    def __init__(self, module: nn.Module, optimisers: list[torch.optim.Optimizer]) -> None:
        self.optimisers = optimisers
        self.tensors = [(tensor, tensor.detach().clone()) for tensor in (*module.parameters(), *module.buffers())]
        self.moments = {id(tensor): tensor.clone() for tensor in self._moments()}

    def _moments(self) -> Iterator[Tensor]:
        for optimiser in self.optimisers:
            for state in optimiser.state.values():
                yield from (value for value in state.values() if isinstance(value, Tensor))

    @torch.no_grad()
    def restore(self) -> None:
        """All tensors as they were; moments that did not exist are zero, which is where an optimiser begins."""
        for tensor, before in self.tensors:
            tensor.copy_(before)
        for tensor in self._moments():
            if id(tensor) in self.moments:
                tensor.copy_(self.moments[id(tensor)])
            else:
                tensor.zero_()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None

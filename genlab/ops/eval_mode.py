"""A network in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """No running statistics move, no power iteration is made, no unit drops out; the mode is restored afterwards."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)

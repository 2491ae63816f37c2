"""CUDA graphs: what a function of fixed buffers launches, recorded once and launched again as one.

A small network's step is thousands of kernels of a few microseconds, and the host cannot launch them as fast as the
device runs them. A recorded function reads and writes the same memory in every replay, so it must be a function of
tensors that stay where they are; it must not look at a value on the way, which would wait for the device.

A recorded kernel takes its random numbers from the generator that was there when it was recorded, in the state that
generator has when the graph is replayed: seeded before a replay, they are those of the seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch


class Recorded(NamedTuple):
    """A graph, and what the function gave when it was recorded: tensors that each replay writes anew."""

    graph: torch.cuda.CUDAGraph
    result: Any


def take_from(generator: torch.Generator) -> None:
    """While recording: from here on PyTorch's own random numbers are those of ``generator``."""
    _default(generator.device).graphsafe_set_state(generator.graphsafe_get_state())


def record(
    function: Callable[[], Any], *, device: torch.device, generators: Sequence[torch.Generator] = (), pool: Any = None
) -> Recorded:
    """Record what ``function`` launches, without running it.

    Args:
        function: of tensors that stay where they are; it has run before, so that nothing is set up on the way.
        device: a CUDA device.
        generators: all that it takes random numbers from, PyTorch's own excepted, which must be replaced
            (`take_from`) before the first one is taken.
        pool: memory shared with graphs that are never replayed at the same time.

    Raises:
        RuntimeError: the function does what cannot be recorded; PyTorch's random state is as before.
    """
    default = _default(device)
    before = default.graphsafe_get_state()
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    try:
        # a recording that fails leaves the generator that it began with unusable: not PyTorch's own
        default.graphsafe_set_state(torch.Generator(device).graphsafe_get_state())
        with torch.cuda.graph(graph, pool=pool):
            result = function()
    finally:
        default.graphsafe_set_state(before)
    # PyTorch has set the generators' seeds on the stream of the recording: a replay on another must not come first
    torch.cuda.synchronize(device)
    return Recorded(graph, result)


class Repeated:
    """``function()`` again and again: at the first call as it is, then on a CUDA device as a graph.

    Args:
        function: of tensors that stay where they are, on ``device``; its random numbers are drawn outside.
        device: where it runs; on others than CUDA, and while a graph is being recorded, it is simply called.
    """

    def __init__(self, function: Callable[[], object], *, device: torch.device) -> None:
        self.function = function
        self.device = device
        self._called = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._plain = device.type != "cuda" or torch.cuda.is_current_stream_capturing()

    def __call__(self) -> None:
        """Once more."""
        if self._graph is not None:
            self._graph.replay()
            return
        if self._plain or not self._called:
            self._called = True
            self.function()
            return
        try:
            self._graph = record(self.function, device=self.device).graph
        except RuntimeError as error:
            self._plain = True
            warnings.warn(f"runs kernel by kernel: {first_line(cause(error))}", stacklevel=2)
            self.function()
            return
        self._graph.replay()


def cause(error: BaseException) -> BaseException:
    """The first of a chain of errors: what a recording fails of, and not how it ends."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def first_line(error: BaseException) -> str:
    """What an error says, without the rest."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _default(device: torch.device) -> torch.Generator:
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.cuda.default_generators[index]

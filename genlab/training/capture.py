"""Steps on an accelerator for which nothing waits: on CUDA one recorded graph each, replayed with new numbers.

A step is a function of buffers that stay where they are. The batch's indices, the step's number, the learning rates
and the average's weight go in; losses come out, and weights, moments and averages move on where they lie. Random
numbers come from generators seeded by (seed, step, use) before every replay, so a step draws the same numbers whichever
process takes it, and a resumed run goes on with the bits of the straight one.

The first step of a run is not recorded: it is where models look at data once (activation normalisation, the scale of
vectors). On other devices than CUDA the same function is called at every step in place of a replay.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genlab.data.batches import BatchLoader
from genlab.ops.graphs import cause, first_line, record, take_from
from genlab.seeding import derive
from genlab.training import accelerator
from genlab.training.feed import Feed, feed
from genlab.training.late import LateLosses, Names, flat, names_of
from genlab.training.saved import Saved

if TYPE_CHECKING:
    from genlab.training.base import Stepwise

WARM_UP = 2
"""Steps before a recording, whose effects are undone: libraries are loaded, kernels chosen, moments allocated."""


class Clock:
    """The numbers of a step that a recorded one reads from memory.

    Attributes:
        rates: each optimiser's learning rate, float32.
        weight: of the newest weights in their moving average, float32.
        uses: of random numbers within a step, as `Stepwise.reseed` names them.
        recording: whether random numbers come from ``uses``.
    """

    def __init__(self, optimisers: int, device: torch.device) -> None:
        self.rates = [torch.zeros((), device=device) for _ in range(optimisers)]
        self.weight = torch.zeros((), device=device)
        self.uses: dict[tuple[str, ...], torch.Generator] = {}
        self.recording = False
        self._device = device
        self._known: dict[int, float] = {}

    def set(self, rates: list[float], weight: float) -> None:
        """The numbers of the next step, without waiting."""
        for where, value in [*zip(self.rates, rates, strict=True), (self.weight, weight)]:
            if self._known.get(id(where)) != value:
                self._known[id(where)] = value
                where.fill_(value)

    def take(self, use: tuple[str, ...]) -> bool:
        """Note a use of random numbers; whether they now come from its generator."""
        if use not in self.uses:
            self.uses[use] = torch.Generator(self._device)
        if self.recording:
            take_from(self.uses[use])
        return self.recording

    def average(self, averaged: AveragedModel, model: nn.Module) -> None:
        """Move the average towards the model: ``a <- a + w (m - a)``, buffers copied."""
        with torch.no_grad():
            old: list[Tensor] = list(averaged.module.parameters())
            new: list[Tensor] = list(model.parameters())
            difference = torch._foreach_sub(new, old)
            torch._foreach_mul_(difference, self.weight)
            torch._foreach_add_(old, difference)
            for there, here in zip(averaged.module.buffers(), model.buffers(), strict=True):
                there.copy_(here)
            averaged.n_averaged += 1


class Turn(NamedTuple):
    """One kind of step, recorded.

    Attributes:
        graph: None where steps are called and not replayed.
        names, numbers: of the losses that a replay writes.
        kept: what the module shows of such a step: tensors that a replay writes anew.
    """

    graph: torch.cuda.CUDAGraph | None
    names: Names
    numbers: Tensor
    kept: dict[str, Any]


class DeviceSteps:
    """Takes a module's steps one by one, recorded where that can be done.

    Args:
        module: whose steps.
        loader: of the batches, from the module's first step on.
        capture: record them.
        half: run the networks in bfloat16.
        report: is told, once and in one line, why steps are not recorded.

    Attributes:
        refused: why steps are not recorded; None: they are.
        number: of the step, int64 on the device.
        inexact: kernels that give other bits each time although the same were asked for.
    """

    number: Tensor

    def __init__(
        self, module: Stepwise, loader: BatchLoader, *, capture: bool, half: bool, report: Callable[[str], None]
    ) -> None:
        self.module = module
        self.loader = loader
        self.half = half
        self.report = report
        self.refused = None if capture else "trainer.capture=false"
        self.inexact: set[str] = set()
        self.late: LateLosses | None = None
        self._feed: Feed | None = None
        self._turns: dict[Any, Turn] = {}

    def take(self) -> None:
        """The next step of the run, whose number the module knows."""
        if self._feed is None or self.late is None:
            self._begin()
        assert self._feed is not None
        assert self.late is not None
        module, step = self.module, self.module.batches_done
        self._feed.fill(step)
        self.number.fill_(step)
        turn = None
        if step > 0 and self.refused is None:
            turn = self._turns.get(module.turn()) or self._record(step)
        self._feed.seed(step)
        if turn is None:
            names, numbers = self._run(step)
            self.late.push(step, names, numbers)
            return
        self._clock.set([o.param_groups[0]["lr"] for o in self._optimisers], 1 - module.decay)
        if turn.graph is None:
            with self._by_the_clock():
                names, numbers = self._run(step)
            kept = {}
        else:
            for use, generator in self._clock.uses.items():
                generator.manual_seed(derive(module.seed, "step", step, module.global_rank, *use))
            turn.graph.replay()
            names, numbers, kept = turn.names, turn.numbers, turn.kept
        for name, value in kept.items():
            setattr(module, name, value)
        module.schedule()
        self.late.push(step, names, numbers)

    def settle(self) -> None:
        """Wait until all losses have arrived, and judge them."""
        if self.late is not None:
            self.late.settle()

    def when_known(self, call: Callable[[], None]) -> None:
        """Call when the losses of the latest step have arrived."""
        if self.late is None:
            call()
        else:
            self.late.after(self.module.batches_done - 1, call)

    def forget(self) -> None:
        """Record anew: tensors of the optimisers have moved."""
        self._turns.clear()

    def _begin(self) -> None:
        module = self.module
        self._device = module.device
        self._feed = feed(self.loader, module.device)
        self._optimisers: list[torch.optim.Optimizer] = module.trainer.optimizers
        self.number = torch.zeros((), dtype=torch.int64, device=module.device)
        self._clock = Clock(len(self._optimisers), module.device)
        self._pool = torch.cuda.graph_pool_handle() if module.device.type == "cuda" else None
        self.late = LateLosses(module.device, module.arrive)

    def _run(self, step: int) -> tuple[Names, Tensor]:
        """The step as it stands, kernel by kernel; its losses by name and in one tensor."""
        assert self._feed is not None
        module = self.module
        known = copy.copy(module.last)
        # PyTorch orders a backward pass by numbers that each thread counts for itself: with one of its own for the
        # device, the order of a sum of second derivatives would depend on how many passes the process has behind it
        one_thread = torch.autograd.set_multithreading_enabled(False)
        with one_thread, torch.autocast(self._device.type, torch.bfloat16, enabled=self.half):
            module.reseed(step)
            module.step(self._feed.batch())
        losses = module.losses()
        module.last = known  # what has arrived: a look at what has not would wait
        return names_of(losses), flat(losses)

    def _record(self, step: int) -> Turn | None:
        """Record the kind of step that ``step`` is; None, and say why, where that cannot be done."""
        module, clock = self.module, self._clock
        key = module.turn()
        clock.set([o.param_groups[0]["lr"] for o in self._optimisers], 1 - module.decay)
        shown = {name: getattr(module, name) for name in module.SHOWN}
        known = copy.copy(module.last)
        for state in (state for optimiser in self._optimisers for state in optimiser.state.values()):
            if "step" in state:
                state["step"] = state["step"].to(self._device)
        saved = Saved(module, self._optimisers)
        try:
            with self._by_the_clock():
                self._warm_up(step)
                saved.restore()
                turn = self._recorded(step)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            saved.restore()
            self.refused = first_line(cause(error))
            self.report(f"steps run kernel by kernel: {self.refused}")
            return None
        finally:
            kept = {name: getattr(module, name) for name in module.SHOWN}
            for name, value in shown.items():
                setattr(module, name, value)
            module.last = known
        self._turns[key] = turn._replace(kept=kept if turn.graph is not None else {})
        return self._turns[key]

    def _warm_up(self, step: int) -> None:
        with accelerator.beside(self._device), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(WARM_UP):
                self._run(step)
        self.inexact |= accelerator.without_order(caught)

    def _recorded(self, step: int) -> Turn:
        if self._device.type != "cuda":
            return Turn(None, (), torch.empty(0), {})
        assert self._feed is not None
        generators = [*self._clock.uses.values(), *self._feed.generators.values()]
        self._clock.recording = True
        try:
            graph, (names, numbers) = record(
                lambda: self._run(step), device=self._device, generators=generators, pool=self._pool
            )
        finally:
            self._clock.recording = False
        return Turn(graph, names, numbers, {})

    @contextmanager
    def _by_the_clock(self) -> Iterator[None]:
        """Numbers of the step come from the clock, on CUDA also the optimisers'; outside they are as everywhere."""
        self.module.clock = self._clock
        groups = [group for optimiser in self._optimisers for group in optimiser.param_groups]
        rates = [group["lr"] for group in groups]
        cuda = self._device.type == "cuda"
        try:
            if cuda:
                for optimiser, rate in zip(self._optimisers, self._clock.rates, strict=True):
                    for group in optimiser.param_groups:
                        group["lr"] = rate
                        if "capturable" in group:
                            group["capturable"] = True
            yield
        finally:
            self.module.clock = None
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate
                if cuda and "capturable" in group:
                    group["capturable"] = False

"""``metric=throughput``: examples per second in training and in sampling, parameters, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

import torch

from genlab import build
from genlab.data.batches import BatchLoader
from genlab.evaluation.cost import machine, peak_memory, rate
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import Estimate
from genlab.metrics.base import Metric
from genlab.metrics.subject import CHUNK, Subject, draw_chunk, record
from genlab.models.capabilities import GenerativeModel
from genlab.objectives.base import Objective
from genlab.seeding import derive
from genlab.signatures.ranges import PositiveFloat

BATCHES = 8
"""Batches that the timed training steps go through in turn."""

STEPS, DRAWS = 10, 2
"""Runs at least."""


class Throughput(Metric):
    """Examples per second in training, samples per second, parameters, peak memory.

    Args:
        seconds: of each measurement.
    """

    needs = (GenerativeModel,)

    def __init__(self, *, seconds: PositiveFloat = 2.0) -> None:
        self.seconds = seconds

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Rates, the number of parameters, the memory."""
        yield from _measured(subject, self.seconds)


def _measured(subject: Subject, seconds: float) -> list[Record]:
    model = subject.loaded.model
    device = next(model.parameters()).device
    where = machine(device)
    records = []
    with peak_memory(device) as peak, torch.random.fork_rng():
        torch.manual_seed(derive(subject.seed, "throughput"))
        step = _training_step(subject)
        if step is not None:
            run, batch_size = step
            with torch.enable_grad():
                found = rate(run, examples=batch_size, device=device, seconds=seconds, at_least=STEPS)
            method = f"training_rate: loss, gradient and update of batches of {batch_size}; {where}"
            records.append(_record(subject, "training_rate", found, "examples/s", batch_size, method))
        found = rate(lambda: draw_chunk(subject, 0), examples=CHUNK, device=device, seconds=seconds, at_least=DRAWS)
    method = f"sampling_rate: {CHUNK} samples at a time; {where}"
    records.append(_record(subject, "sampling_rate", found, "samples/s", CHUNK, method))
    count = sum(parameter.numel() for parameter in model.parameters())
    records.append(_record(subject, "parameters", float(count), "numbers", 1, None, kind="exact"))
    what = "training and sampling" if step is not None else "sampling"
    method = f"peak_memory: {peak.method}, of {what}; {peak.before:.0f} MiB before, "
    method += f"what earlier metrics left among them; {where}"
    records.append(_record(subject, "peak_memory", peak.mib, "MiB", 1, method))
    return records


def _record(
    subject: Subject,
    metric: str,
    found: Estimate | float,
    unit: str,
    n: int,
    method: str | None,
    kind: str = "estimate",
) -> Record:
    return record(subject, metric, found, unit=unit, n=n, kind=kind, method=method, of_samples=False)


def _training_step(subject: Subject) -> tuple[Callable[[], None], int] | None:
    """A step of training on a copy of the model, and its batch size; None for what has not one loss to descend."""
    config, trust = subject.loaded.config, subject.config["trust"]
    if config.get("objective") is None or config.get("optim") is None:
        return None
    objective = build.objective(config["objective"], trust=trust)
    if not isinstance(objective, Objective):
        return None
    model = build.model(config["model"], subject.data.spec, trust=trust)
    assert isinstance(model, GenerativeModel)
    model.load_state_dict(subject.loaded.model.state_dict())
    device = next(subject.loaded.model.parameters()).device
    model.to(device).train()
    objective.prepare(model)
    objective.to(device)
    optimiser = build.optimiser(config["optim"]).build(model.parameters(), fused=True)
    loader = BatchLoader(
        subject.data.train,
        batch_size=config["data"]["batch_size"],
        seed=subject.seed,
        num_steps=BATCHES,
        transform=subject.data.train_transform,
    )
    batches = cycle([batch.to(device) for batch in loader])
    step = subject.loaded.step

    def run() -> None:
        optimiser.zero_grad()
        objective(model, next(batches), step=step).value.backward()
        optimiser.step()

    return run, loader.batch_size

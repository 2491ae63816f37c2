"""One protocol for likelihood: nats per example, the same for any batch size and any number of ranks.

Every example has random numbers of its own, seeded by its index; per-example values are gathered in index order in
float64, and only then averaged. Nothing is padded, nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from genlab.data.batches import Batch, ordered
from genlab.data.spaces import Label, Split
from genlab.errors import ConfigError
from genlab.evaluation.rates import rate
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import influence
from genlab.models.capabilities import (
    ExactLikelihood,
    GenerativeModel,
    ItemisedBound,
    LikelihoodBound,
)
from genlab.models.conditions import condition, log_prob
from genlab.models.levels import LatentLevels
from genlab.models.numerical import AveragedBound, LikelihoodEstimate, Numerical
from genlab.ops.bars import Progress
from genlab.ops.eval_mode import evaluating
from genlab.ops.float32 import float32_products
from genlab.seeding import derive

PerExample = Callable[[GenerativeModel, Batch, list[torch.Generator]], dict[str, Tensor]]


def _world() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def per_example(
    model: GenerativeModel,
    split: Split,
    values: PerExample,
    *,
    split_name: str,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """Values of every example of a split, shared between the ranks of the process group if there is one.

    Args:
        model: in the state in which it is scored; set to eval mode meanwhile.
        split: the examples.
        values: ``(model, batch, one generator per example) -> {name: (B,)}``.
        split_name: part of each example's seed.
        batch_size: changes memory and speed only.
        seed: of the examples' generators.
        progress: draws a bar.

    Returns:
        ``{name: (N,) float64}`` in index order, the same on every rank.
    """
    pool = [torch.Generator() for _ in range(min(batch_size, len(split)))]

    def compute(index: Tensor, batch: Batch) -> dict[str, Tensor]:
        seeds = [derive(seed, split_name, i) for i in index.tolist()]
        return values(model, batch, [g.manual_seed(own) for g, own in zip(pool, seeds, strict=False)])

    return over(model, split, compute, batch_size=batch_size, progress=progress)


@torch.no_grad()
def over(
    model: GenerativeModel,
    split: Split,
    compute: Callable[[Tensor, Batch], dict[str, Tensor]],
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> dict[str, Tensor]:
    """As `per_example`, of ``compute(index, batch)``, which takes no random numbers."""
    rank, world = _world()
    device = next(model.parameters()).device
    result: dict[str, Tensor] = {}
    batches: Iterable = ordered(split, batch_size=batch_size, rank=rank, world_size=world)
    if progress is not None and rank == 0:
        batches = progress(batches, math.ceil(len(split) / world / batch_size))
    with evaluating(model), float32_products(exact=True):
        for index, batch in batches:
            for name, value in compute(index, batch.to(device)).items():
                column = result.setdefault(name, torch.zeros(len(split), dtype=torch.float64))
                column[index] = value.double().cpu()
    if world > 1:
        for name in sorted(result):
            shared = result[name].to(device)
            distributed.all_reduce(shared)
            result[name] = shared.cpu()
    return result


def _bound(
    model: GenerativeModel, batch: Batch, num_particles: int, generators: list[torch.Generator]
) -> dict[str, Tensor]:
    """Named parts per example that add up to the bound; the whole, as ``model``, where it is not itemised."""
    itemised = isinstance(model, ItemisedBound)
    score: Any = model.log_prob_bound_terms if itemised else model.log_prob_bound
    parts = score(batch.x, num_particles, condition(model, batch), generator=generators)
    return parts if itemised else {"model": parts}


def _total(table: dict[str, Tensor]) -> Tensor:
    """The sum of the parts of each example, ``(N,) float64``."""
    return torch.stack(list(table.values())).sum(0)


def conditional(model: GenerativeModel) -> bool | str:
    """As `Record.conditional` has it."""
    return model.given is not None and (isinstance(model.given, Label) or model.given.kind)


def mean_and_error(values: Tensor) -> tuple[float, float | None]:
    """Mean and its standard error, ``(N,) float64``; of a single example nothing is known of the error: None."""
    n = len(values)
    return values.mean().item(), (values.std().item() / math.sqrt(n) if n > 1 else None)


def nll(
    model: GenerativeModel,
    split: Split,
    *,
    split_name: str,
    num_particles: int,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Record:
    """Mean negative log-likelihood in nats per example: exact where the model knows it, else an upper bound.

    Raises:
        ConfigError: the model has no likelihood; the message names what it can be asked for.
    """
    return scored(
        model,
        split,
        split_name=split_name,
        num_particles=num_particles,
        batch_size=batch_size,
        seed=seed,
        progress=progress,
    ).record


class Scored(NamedTuple):
    """A likelihood as a record, and the nats of each example, ``(N,) float64``."""

    record: Record
    nats: Tensor


def scored(
    model: GenerativeModel,
    split: Split,
    *,
    split_name: str,
    num_particles: int,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Scored:
    """See `nll`."""
    if isinstance(model, ExactLikelihood):
        particles, kind = None, "exact"

        def values(model: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
            return {"model": -log_prob(model, batch)}
    elif isinstance(model, LikelihoodBound):
        particles, kind = num_particles, "upper bound"
        if isinstance(model, AveragedBound):
            particles = model.draws(num_particles)
        if isinstance(model, LikelihoodEstimate):
            kind = "estimate"

        def values(model: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
            parts = _bound(model, batch, num_particles, generators)
            return {name: -part for name, part in parts.items()}
    else:
        raise ConfigError(f"metric=nll needs a likelihood; {type(model).__name__} has none")

    table = per_example(
        model, split, values, split_name=split_name, batch_size=batch_size, seed=seed, progress=progress
    )
    total = _total(table)
    value, error = mean_and_error(total)
    record = Record(
        metric="nll",
        value=value,
        unit="nats per example",
        kind=kind,
        n=len(split),
        standard_error=error,
        split=split_name,
        seed=seed,
        num_particles=particles,
        conditional=conditional(model),
        terms={name: column.mean().item() for name, column in table.items()},
        method=model.method if isinstance(model, Numerical) else None,
        influence=influence(total),
        rate=rate(model.spec.space, split, total),
    )
    return Scored(record, total)


def bpd(record: Record, model: GenerativeModel) -> Record:
    """The same likelihood in bits per dimension: ``nll / (D ln 2)``, for integer data only; of sequences its rate.

    Raises:
        ConfigError: real data, whose density has no bits.
    """
    spec = model.spec
    if spec.levels is None:
        raise ConfigError("metric=bpd needs integer data, this is real; use metric=nll")
    if record.rate is not None:
        return record.rated("bpd")
    unit = spec.space.unit
    return record.scaled(unit.scale, metric="bpd", unit=unit.name)


def elbo(
    model: GenerativeModel,
    split: Split,
    *,
    split_name: str,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Record:
    """Mean evidence lower bound in nats per example with its terms, one posterior sample per example.

    Raises:
        ConfigError: the model has no ELBO; the message names what it can be asked for.
    """
    if not isinstance(model, ItemisedBound) and not hasattr(model, "elbo_terms"):
        others = "metric=nll" if isinstance(model, ExactLikelihood | LikelihoodBound) else "sampling"
        raise ConfigError(
            f"metric=elbo needs a latent-variable bound; {type(model).__name__} has none, it has {others}"
        )

    def values(model: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
        if isinstance(model, LatentLevels):
            parts = model.level_terms(batch.x, condition(model, batch), generator=generators)
            levels = {f"kl_{level}": -kl for level, kl in enumerate(parts.kl.unbind(1), start=1)}
            return {"reconstruction": parts.reconstruction, **levels}
        if isinstance(model, ItemisedBound):
            return _bound(model, batch, 1, generators)
        terms = model.elbo_terms(batch.x, condition(model, batch), generator=generators)  # type: ignore[operator]
        return {"reconstruction": terms.reconstruction, "kl": -terms.kl}

    table = per_example(
        model, split, values, split_name=split_name, batch_size=batch_size, seed=seed, progress=progress
    )
    value, error = mean_and_error(_total(table))
    return Record(
        metric="elbo",
        value=value,
        unit="nats per example",
        kind="lower bound",
        n=len(split),
        standard_error=error,
        split=split_name,
        seed=seed,
        num_particles=1,
        conditional=conditional(model),
        terms={name: column.mean().item() for name, column in table.items()},
    )

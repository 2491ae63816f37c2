"""The number that a model can honestly be given on this data, if there is one."""

from __future__ import annotations

from typing import cast

from torch import nn

from genlab.data.spaces import Dataset
from genlab.evaluation import likelihood
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged
from genlab.models.capabilities import ExactLikelihood, GenerativeModel, LikelihoodBound, UnnormalisedDensity
from genlab.models.grid_normalised import GridNormalised, extent, on_plane
from genlab.ops.bars import Progress


def has_likelihood(model: nn.Module) -> bool:
    """Whether `with_likelihood` gives a model."""
    return isinstance(model, ExactLikelihood | LikelihoodBound) or on_plane(model)


def with_likelihood(model: nn.Module, data: Dataset) -> GenerativeModel | None:
    """The model where it knows its likelihood or a bound, an energy on the plane normalised on a grid, else None.

    Raises:
        TrainingError: an energy that cannot be normalised.
    """
    if isinstance(model, ExactLikelihood | LikelihoodBound):
        return model
    if on_plane(model):
        return GridNormalised(cast(UnnormalisedDensity, model), bounds=extent(data.train.x))
    return None


def validate(
    model: nn.Module,
    data: Dataset,
    *,
    split: str,
    num_particles: int,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Record | None:
    """The ``nll`` of a split by `likelihood.nll`, `judged`; None for a model that has no likelihood on this data."""
    known = with_likelihood(model, data)
    if known is None:
        return None
    examples = data.split(split)
    record = likelihood.nll(
        known,
        examples,
        split_name=split,
        num_particles=num_particles,
        batch_size=batch_size,
        seed=seed,
        progress=progress,
    )
    return judged(record, data, examples)

"""Class-conditional models as classifiers, by Bayes' rule.

    p(y | x) = p(x | y) p(y) / p(x),        p(x) = sum_y p(x | y) p(y),        p(y): class frequencies of training

Where the model knows but a bound on ``log p(x | y)``, the bound takes its place, with the same random numbers for every
class: what differs between the classes is then the model and not the noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.spaces import Label, Split
from genlab.evaluation.likelihood import per_example
from genlab.models.capabilities import ExactLikelihood, GenerativeModel, LikelihoodBound
from genlab.models.conditions import lengths
from genlab.ops.bars import Progress


def class_log_prior(y: Tensor, num_classes: int) -> Tensor:
    """``log p(y)`` by the frequencies of ``y: (n,)``, ``(C,)`` float64; -inf for a class that is not there."""
    return (torch.bincount(y, minlength=num_classes).double() / len(y)).log()


def class_log_likelihoods(
    model: GenerativeModel,
    split: Split,
    *,
    num_particles: int,
    split_name: str,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Tensor:
    """``log p(x | y)``, or a bound on it, of every example and class: ``(N, C)`` float64 nats.

    Args:
        model: given a label, with a likelihood or a bound.
        split: the examples; their labels are not looked at.
        num_particles: of a bound.
        split_name: part of each example's seed.
        batch_size: changes memory and speed only.
        seed: of the random numbers of a bound.
        progress: draws a bar.
    """
    assert isinstance(model.given, Label)
    classes = model.given.num_classes

    def values(_: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
        states = [generator.get_state() for generator in generators]
        found = {}
        for label in range(classes):
            y = torch.full((len(batch.x),), label, device=batch.x.device)
            if isinstance(model, ExactLikelihood):
                found[str(label)] = model.log_prob(batch.x, y, **lengths(model, batch))
                continue
            assert isinstance(model, LikelihoodBound)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            found[str(label)] = model.log_prob_bound(batch.x, num_particles, y, generator=generators)
        return found

    table = per_example(
        model, split, values, split_name=split_name, batch_size=batch_size, seed=seed, progress=progress
    )
    return torch.stack([table[str(label)] for label in range(classes)], 1)


def class_log_posterior(log_likelihoods: Tensor, log_prior: Tensor) -> Tensor:
    """``log p(y | x)``, ``(N, C)``; the prior itself where no class can have made the example."""
    joint = log_likelihoods + log_prior
    impossible = joint.isneginf().all(1, keepdim=True)
    return torch.where(impossible, log_prior, joint).log_softmax(1)

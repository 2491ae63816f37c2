"""Scores that say how strange an example is to a model; higher is stranger.

    likelihood   -log p(x), in nats
    complexity   -log2 p(x) - L(x), L(x) the bits of a general compressor: what is unlikely but for its complexity
                 (Serra et al., 2020)
    typicality   |-log p(x) - H|, H the mean over training examples: too likely is strange as well
                 (Nalisnick et al., 2019b, for single examples)
    energy       E(x)

A likelihood alone is known to fail: models of complex pictures find simpler ones of another kind likelier than their
own (Nalisnick et al., 2019a).

"Do Deep Generative Models Know What They Don't Know?", E. Nalisnick, A. Matsukawa, Y. W. Teh, D. Gorur,
B. Lakshminarayanan, 2019a, https://arxiv.org/abs/1810.09136
"Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality", E. Nalisnick, A. Matsukawa,
Y. W. Teh, B. Lakshminarayanan, 2019b, https://arxiv.org/abs/1906.02994
"Input complexity and out-of-distribution detection with likelihood-based generative models", J. Serra, D. Alvarez,
V. Gomez, O. Slizovskaia, J. Nunez, J. Luque, 2020, https://arxiv.org/abs/1909.11480
"""

from __future__ import annotations

import io
import math
import zlib

import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import ConfigError
from genlab.evaluation.bayes import class_log_likelihoods
from genlab.evaluation.energies import noise
from genlab.evaluation.likelihood import per_example
from genlab.models.capabilities import (
    ExactLikelihood,
    GenerativeModel,
    LikelihoodBound,
    UnnormalisedDensity,
)
from genlab.models.conditions import log_prob
from genlab.ops.bars import Progress
from genlab.seeding import derive

PNG_FRAME = 57
"""Bytes of any PNG that say nothing of its pixels: signature, header, the frames of data and end."""

OWN = ("inverted", "dimmed", "shuffled", "noise")
"""Strange sets that are made of the data themselves."""


def own_strange(name: str, split: Split, spec: DataSpec, *, seed: int) -> Split:
    """A strange set of as many examples as the split has.

    Args:
        name: "inverted": black for white; "dimmed": half of each level, which is simpler; "shuffled": the pixels of
            each picture in an order of its own; "noise": uniform over all levels, or over the extent of real data.
        split: the data.
        spec: its type.
        seed: of the random ones.

    Raises:
        ConfigError: real data, whose inverse nobody knows; dimmed black and white, which is one black picture.
    """
    generator = torch.Generator().manual_seed(derive(seed, name))
    if name == "noise":
        return Split(noise(spec, split.x, len(split), generator=generator))
    if spec.levels is None:
        raise ConfigError(f"metric.ood.data={name} is made of levels, this data is real; use metric.ood.data=noise")
    if name == "inverted":
        return Split(spec.levels - 1 - split.x)
    if name == "dimmed" and spec.levels == 2:
        raise ConfigError(
            "metric.ood.data=dimmed halves levels, and of two of them leaves black pictures only; "
            "use metric.ood.data=inverted"
        )
    if name == "dimmed":
        return Split(split.x // 2)
    flat = split.x.flatten(2) if split.x.ndim > 2 else split.x[:, None]
    order = torch.rand(len(flat), 1, flat.shape[2], generator=generator).argsort(2)
    return Split(flat.gather(2, order.expand_as(flat)).view_as(split.x))


def compressed_bits(x: Tensor) -> Tensor:
    """Bits of each picture ``(B, C, H, W)`` by zlib or, of bytes where that is less, PNG without a frame; ``(B,)``."""
    from PIL import Image

    def png(picture: Tensor) -> int:
        array = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
        buffer = io.BytesIO()
        Image.fromarray(array.numpy()).save(buffer, format="PNG", optimize=True)
        return len(buffer.getvalue()) - PNG_FRAME

    sizes = []
    for picture in x.cpu().contiguous():
        size = len(zlib.compress(picture.numpy().tobytes(), 9))
        sizes.append(min(size, png(picture)) if len(picture) in {1, 3} and picture.dtype == torch.uint8 else size)
    return 8 * torch.tensor(sizes, dtype=torch.float64)


def negative_log_likelihoods(
    model: GenerativeModel,
    split: Split,
    *,
    log_prior: Tensor | None,
    num_particles: int,
    split_name: str,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Tensor:
    """``-log p(x)`` or a bound on it, ``(N,)`` float64 nats; labels are not looked at.

    A class-conditional model has ``p(x) = sum_y p(x | y) p(y)`` with ``log_prior: (C,)``: strange examples have no
    label of the data's.
    """
    if model.given is not None:
        assert log_prior is not None
        log_likelihoods = class_log_likelihoods(
            model,
            split,
            num_particles=num_particles,
            split_name=split_name,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
        )
        return -(log_likelihoods + log_prior).logsumexp(1)

    def values(model: GenerativeModel, batch: Batch, generators: list[torch.Generator]) -> dict[str, Tensor]:
        if isinstance(model, ExactLikelihood):
            return {"model": -log_prob(model, batch)}
        assert isinstance(model, LikelihoodBound)
        return {"model": -model.log_prob_bound(batch.x, num_particles, generator=generators)}

    table = per_example(
        model, split, values, split_name=split_name, batch_size=batch_size, seed=seed, progress=progress
    )
    return table["model"]


def energy_scores(model: UnnormalisedDensity, split: Split, *, batch_size: int) -> Tensor:
    """``E(x)``, ``(N,)`` float64."""

    def values(_: GenerativeModel, batch: Batch, __: list[torch.Generator]) -> dict[str, Tensor]:
        return {"energy": model.energy(batch.x)}

    return per_example(model, split, values, split_name="", batch_size=batch_size, seed=0)["energy"]


def same_kind(data: Dataset, spec: DataSpec) -> bool:
    """Whether a model of ``spec`` can be asked about the data; the classes need not be the same."""
    return (data.spec.event_shape, data.spec.levels, data.spec.layout) == (spec.event_shape, spec.levels, spec.layout)


def likelihood_scores(nll: Tensor, *, typical: float, x: Tensor | None) -> dict[str, Tensor]:
    """``likelihood``, ``typicality`` and, for pictures ``x``, ``complexity``, ``(N,)`` each.

    Args:
        nll: ``(N,)`` nats.
        typical: H, the mean over training examples.
        x: ``(N, C, H, W) uint8``, or None for real data.
    """
    found = {"likelihood": nll, "typicality": (nll - typical).abs()}
    return found if x is None else {**found, "complexity": nll / math.log(2) - compressed_bits(x)}

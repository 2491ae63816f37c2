"""Which examples of a split have labels where only a few do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from genlab.errors import ConfigError
from genlab.seeding import derive

if TYPE_CHECKING:
    from genlab.data.dataset import DataSpec, Split


def labelled_examples(split: Split, spec: DataSpec, n: int, *, seed: int) -> torch.Tensor:
    """Indices of ``n`` examples, as many of each class, in index order.

    Raises:
        ConfigError: ``n`` is no multiple of the number of classes, or a class has too few examples.
    """
    assert split.y is not None
    assert spec.num_classes is not None
    each, rest = divmod(n, spec.num_classes)
    least = int(split.y.bincount(minlength=spec.num_classes).min())
    if rest or each > least:
        raise ConfigError(
            f"objective.labelled={n}: there are as many of each of the {spec.num_classes} classes; give a multiple of "
            f"that, {least * spec.num_classes} at most"
        )
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(derive(seed, "labelled")))
    chosen = [order[split.y[order] == label][:each] for label in range(spec.num_classes)]
    return torch.cat(chosen).sort().values

"""Fewer examples than a split has, by a seed: what a costly measurement looks at."""

from __future__ import annotations

import torch

from genlab.data.spaces import Dataset, Split
from genlab.seeding import derive


def subset(split: Split, limit: int, *, seed: int) -> Split:
    """``limit`` examples of one set, drawn without replacement, in the split's order; all where there are no more."""
    if len(split) <= limit:
        return Split(split.x, split.y)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(derive(seed, "subset")))
    index = order[:limit].sort().values
    return Split(split.x[index], None if split.y is None else split.y[index])


def training_subset(data: Dataset, limit: int, *, seed: int) -> Split:
    """`subset` of the training split as training sees it: dynamically binarised pictures are binarised once."""
    return data.as_seen(subset(data.train, limit, seed=seed), seed=seed)

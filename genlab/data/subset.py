"""Fewer examples than a split has, by a seed: what a costly measurement looks at."""

from __future__ import annotations

from dataclasses import replace

import torch

from genlab.data.batches import beside
from genlab.data.dataset import Dataset, Split
from genlab.data.mapped import gather
from genlab.seeding import derive


def subset(split: Split, limit: int, *, seed: int) -> Split:
    """``limit`` examples of one set, drawn without replacement, in the split's order; all where there are no more."""
    if len(split) <= limit:
        return replace(split, x_b=None, y_b=None)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(derive(seed, "subset")))
    index = order[:limit].sort().values
    return Split(gather(split.x, index), **beside(split, index))


def training_subset(data: Dataset, limit: int, *, seed: int) -> Split:
    """`subset` of the training split as training sees it: dynamically binarised pictures are binarised once."""
    return data.as_seen(subset(data.train, limit, seed=seed), seed=seed)

"""What data-parallel processes exchange; in a single process nothing."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def world() -> tuple[int, int]:
    """This process's rank and the number of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gathered(x: Tensor) -> Tensor:
    """The parts of all ranks, one after the other; ``x`` itself where there is one process."""
    size = world()[1]
    if size == 1:
        return x
    parts = [torch.empty_like(x) for _ in range(size)]
    distributed.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def average(tensors: Iterable[Tensor]) -> None:
    """Put in the place of each tensor its mean over the ranks, in one exchange."""
    size = world()[1]
    tensors = list(tensors)
    if size == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= size
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))

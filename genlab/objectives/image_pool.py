"""A memory of generated pictures, so that a discriminator does not forget what it has seen.

"Learning from Simulated and Unsupervised Images through Adversarial Training", A. Shrivastava, T. Pfister, O. Tuzel,
J. Susskind, W. Wang, R. Webb, 2017, https://arxiv.org/abs/1612.07828
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.errors import ConfigError
from genlab.ops.collectives import gathered, world


class ImagePool(nn.Module):
    """Up to ``size`` earlier pictures, as buffers: they reach the checkpoint.

    While it fills, it keeps each picture and gives it back. Then each picture is, with probability 1/2, exchanged for
    one of the pool, drawn at random, and otherwise given back and not kept.

    Slots belong to ranks by turns (slot i to rank i mod world size); what each rank has exchanged is gathered, so that
    the pool is the same on all of them.

    Args:
        size: number of pictures; 0 gives every picture back.
        shape: of a picture.
    """

    pictures: Tensor
    count: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))  # of the pictures of one rank

    @torch.no_grad()
    def exchange(self, x: Tensor) -> Tensor:
        """``(B, *shape)``: each picture or an earlier one.

        Raises:
            ConfigError: the pool is smaller than a batch.
        """
        n = len(x)
        if len(self.pictures) == 0:
            return x
        rank, ranks = world()
        own = len(range(rank, len(self.pictures), ranks))
        if own < n:
            raise ConfigError(
                f"objective.pool_size={len(self.pictures)} is smaller than the {n} x {ranks} pictures of a step; "
                f"give at least {n * ranks}, or 0 for no pool"
            )
        # no look at a value: an accelerator need not wait. The slots of a batch are distinct, full or filling.
        full = self.count >= own
        drawn = torch.randperm(own, device=x.device)[:n]
        filling = (self.count + torch.arange(n, device=x.device)) % own
        slots = torch.where(full, drawn, filling) * ranks + rank
        swapped = full & (torch.rand(n, device=x.device) < 0.5)
        old = self.pictures[slots]
        given = torch.where(_rows(swapped, x), old, x)
        kept = torch.where(_rows(swapped | ~full, x), x, old)
        self.pictures[gathered(slots)] = gathered(kept)
        self.count += n
        return given


def _rows(choice: Tensor, x: Tensor) -> Tensor:
    return choice.view(-1, *(1,) * (x.dim() - 1))

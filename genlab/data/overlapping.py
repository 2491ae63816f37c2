"""Windows on a stream that overlap: a view of it, which is moved and measured as the stream, not as many copies.

``stream.unfold(0, length, step)`` of a million tokens is a tensor of sixteen millions, length 256 and step 16, that
takes the memory of one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def overlap(x: Tensor) -> bool:
    """Whether rows of ``x`` share values."""
    return x.dim() == 2 and len(x) > 1 and x.stride(1) == 1 and x.stride(0) < x.shape[1]


def stream(x: Tensor) -> Tensor:
    """What the windows ``x (N, L)`` are of, in one piece and each value once: ``(M,)``, no copy.

    Of windows that do not overlap all of them, one after the other.
    """
    if not overlap(x):
        return x.flatten()
    return x.as_strided(((len(x) - 1) * x.stride(0) + x.shape[1],), (1,))


def moved(x: Tensor, device: torch.device) -> Tensor:
    """``x`` on a device, as a view there too."""
    return stream(x).to(device).as_strided(x.shape, x.stride()) if overlap(x) else x.to(device)


def memory(x: Tensor) -> int:
    """Bytes that ``x`` takes where it is `moved`."""
    return stream(x).nbytes if overlap(x) else x.nbytes

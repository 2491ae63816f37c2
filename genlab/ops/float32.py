"""How exact products of float32 matrices are on a GPU: 24 bits, or the 11 of TF32 at several times the speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def float32_products(*, exact: bool) -> Iterator[None]:
    """Products and convolutions of float32 with all their bits (likelihoods), or with TF32 (training)."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions

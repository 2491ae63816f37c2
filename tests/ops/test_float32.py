"""How exact products in float32 are, and that it is as before afterwards."""

from __future__ import annotations

import torch

from genlab.ops.float32 import float32_products


def test_products_are_as_exact_as_before_afterwards() -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    with float32_products(exact=False):
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("high", True)
        with float32_products(exact=True):
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)
        assert torch.get_float32_matmul_precision() == "high"
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before

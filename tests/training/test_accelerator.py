"""When steps are recorded, and what is said of kernels whose bits are not repeated."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from genlab.training import accelerator

OPTIONS = {"precision": "bf16-mixed", "accumulate_grad_batches": 1}
CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "options", "ranks", "said"),
    [
        (CUDA, {}, 1, None),
        (CUDA, {"precision": "32-true"}, 1, None),
        (torch.device("cpu"), {}, 1, "this is cpu"),
        (CUDA, {}, 2, "data-parallel"),
        (CUDA, {"precision": "16-mixed"}, 1, "16-mixed"),
        (CUDA, {"accumulate_grad_batches": 2}, 1, "accumulate_grad_batches"),
    ],
)
def test_what_cannot_be_recorded_says_why(
    device: torch.device, options: dict[str, Any], ranks: int, said: str | None
) -> None:
    why = accelerator.why_not(device, {**OPTIONS, **options}, ranks=ranks)
    assert (why is None) if said is None else (why is not None and said in why)


def test_kernels_without_a_fixed_order_are_named() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("put_", "put_", "grid_sample"):
            warnings.warn(f"{name} does not have a deterministic implementation, but you set", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert accelerator.without_order(caught) == {"put_", "grid_sample"}


def test_nothing_is_set_up_where_there_is_no_gpu() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    accelerator.set_up(torch.device("cpu"), deterministic=not before)
    assert torch.are_deterministic_algorithms_enabled() == before

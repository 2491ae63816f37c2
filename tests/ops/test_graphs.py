"""Functions that are called again and again, and what is said when one cannot be recorded."""

from __future__ import annotations

import pytest
import torch

from genlab.ops.graphs import Repeated, cause, first_line


def test_a_function_is_repeated_on_the_cpu_as_it_is() -> None:
    state = torch.zeros(2)
    again = Repeated(lambda: state.add_(1), device=torch.device("cpu"))
    for _ in range(3):
        again()
    assert state.tolist() == [3, 3]


def test_the_first_of_a_chain_of_errors_is_what_is_told() -> None:
    def fail() -> None:
        try:
            raise RuntimeError("a look at a value\nand more")
        finally:
            raise RuntimeError("capture invalidated")

    with pytest.raises(RuntimeError) as caught:
        fail()
    assert first_line(cause(caught.value)) == "a look at a value"

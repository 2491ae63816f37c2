from __future__ import annotations

import io

import pytest
from rich.console import Console

from genlab.progress import bar


@pytest.mark.parametrize("width", [80, 100, 140])
def test_counts_loss_terms_and_time_left_fit_any_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    with bar(console) as progress:
        progress.add_task("train", total=3600, completed=360, text="loss 84.93  reconstruction 73.29  kl 11.63")
        progress.refresh()
    line = out.getvalue()
    for part in ("360/3600", "loss 84.93", "reconstruction 73.29", "kl 11.63", "ETA -:--:--"):
        assert part in line

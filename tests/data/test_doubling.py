"""The sides that doubling reaches."""

from __future__ import annotations

from genlab.data.doubling import doublings


def test_doublings_give_the_side() -> None:
    reached = {field << count: count for field in (4, 5, 6, 7) for count in range(1, 6)}
    assert {8, 16, 28, 32, 64, 128} <= reached.keys()
    for side in range(140):
        assert doublings(side) == (reached.get(side) if 8 <= side <= 128 else None)

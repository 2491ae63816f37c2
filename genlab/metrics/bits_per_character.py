"""``metric=bits_per_character``: likelihood of text in bits per character."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._sequences import Context, per_symbol
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject


class BitsPerCharacter(Metric):
    """Bits per character of text: bits of the split over the characters that it writes, whatever its tokens are.

    Runs on one text whose tokens are bytes, characters or pieces of words compare by it.

    Args:
        context: tokens before each one that is scored, at least: the windows of the split are put together to the text
            again, and overlap; 0: each window by itself, as training sees it. "half": half a window, where examples
            are windows of a text.
    """

    needs = (_needs.text, _needs.likelihood)
    better = "lower"
    shared = True

    def __init__(self, *, context: Context = "half") -> None:
        self.context = context

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        yield per_symbol(subject, self.context, "characters", "bits_per_character", "bits/character", bits=True)

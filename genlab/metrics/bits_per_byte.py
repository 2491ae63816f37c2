"""``metric=bits_per_byte``: likelihood of text in bits per byte."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._sequences import Context, per_symbol
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject


class BitsPerByte(Metric):
    """Bits per byte of text: bits of the split over the bytes of its UTF-8, whatever its tokens are.

    General compressors are measured by it; it is less than bits per character where these have several bytes.

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
        yield per_symbol(subject, self.context, "bytes", "bits_per_byte", "bits/byte", bits=True)

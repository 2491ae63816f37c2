"""``metric=perplexity``: among how many tokens a model hesitates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics._sequences import Context, per_symbol
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject

MOST = 700.0
"""Nats per token of which exp is still a number."""


class Perplexity(Metric):
    """Perplexity of tokens: exp of the nats per token, among how many equally likely tokens a model hesitates.

    It depends on what a token is: models of other tokens do not compare by it, but by metric=bits_per_character.

    Args:
        context: tokens before each one that is scored, at least: the windows of the split are put together to the text
            again, and overlap; 0: each window by itself, as training sees it. "half": half a window, where examples
            are windows of a text.
    """

    needs = (_needs.tokens, _needs.likelihood)
    better = "lower"
    shared = True

    def __init__(self, *, context: Context = "half") -> None:
        self.context = context

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        found = per_symbol(subject, self.context, "tokens", "perplexity", "nats/token", bits=False)
        value = math.exp(min(found.value, MOST))
        error = None if found.standard_error is None else value * found.standard_error
        influence = None if found.influence is None else tuple(value * each for each in found.influence)
        yield replace(found, value=value, standard_error=error, influence=influence, unit="tokens", terms={}, rate=None)

"""``metric=next_symbol_accuracy``: how often the likeliest next value is the true one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from genlab.data.spaces import Frames
from genlab.evaluation import stepwise
from genlab.evaluation.likelihood import conditional
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.estimate import gathered, ratio
from genlab.metrics import _needs
from genlab.metrics._sequences import Context, context_of, told, windows
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable, record
from genlab.models.sequence.base import SequenceModel


class NextSymbolAccuracy(Metric):
    """Share of steps whose likeliest value, given those before, is the true one; of a piano roll of its notes.

    Of frames of 0 and 1 it is the frame-level accuracy ``TP / (TP + FP + FN)``, summed over all frames and keys, of the
    frame in which each key is held that is likelier held than not: "Evaluation of Multiple-F0 Estimation and Tracking
    Systems", M. Bay, A. F. Ehmann, J. S. Downie, 2009. "Modeling Temporal Dependencies in High-Dimensional Sequences",
    N. Boulanger-Lewandowski, Y. Bengio, P. Vincent, 2012, https://arxiv.org/abs/1206.6392 has it in expectation over
    frames that are drawn, which is less.

    Args:
        context: of text, tokens before each one that is scored, at least; as metric.bits_per_character.context.
    """

    needs = (_needs.foresees,)
    better = "higher"
    shared = True

    def __init__(self, *, context: Context = "half") -> None:
        self.context = context

    def compute(self, subject: Subject) -> Iterator[Record]:
        """One record."""
        model, space = subject.loaded.model, subject.data.spec.space
        assert isinstance(model, SequenceModel)
        before = context_of(subject, self.context, self.name)
        given = windows(subject, before)
        right, of = stepwise.foreseen(
            model, given, batch_size=subject.config["batch_size"], progress=subject.bar(self.name)
        )
        if not of.sum():
            raise Unanswerable(f"metric={self.name}: no key is ever held, nor likelier held than not")
        value, error, each = ratio(right, of)
        notes = isinstance(space, Frames) and space.levels == 2
        what = "TP / (TP + FP + FN) over all frames" if notes else "the likeliest value of each step"
        yield replace(
            record(
                subject,
                self.name,
                value,
                unit="accuracy of notes" if notes else "share correct",
                n=len(of),
                kind="exact",
                method=f"{what}; {told(before)}",
                of_samples=False,
            ),
            standard_error=error,
            influence=gathered(each),
            conditional=conditional(model),
        )

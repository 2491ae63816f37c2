"""``metric=rank_histogram``: whether the truth could be one of the ensemble."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from genlab.evaluation.artefacts.foresight import rank_bars
from genlab.evaluation.ensembles import measured
from genlab.evaluation.needs import ensemble, past_frames
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.verification import ranks
from genlab.metrics._forecasts import forecasts
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable, record
from genlab.seeding import derive
from genlab.signatures.ranges import Frames, Positive


class RankHistogram(Metric):
    """Ensembles of frames: the share of ranks that must move for the truth to be any member (0 best); a figure.

    The histogram of the truth's rank among the members of its pixel is flat where truth and members are alike: a U says
    that members are too much alike, a slope that they are too low or too high. What does not differ is not counted.

    Args:
        n: examples; None: all, up to 256.
        members: draws of the ensemble.
    """

    needs = (past_frames, ensemble)
    better = "lower"

    def __init__(self, *, n: Positive | None = None, members: Frames = 10) -> None:
        self.n = n
        self.members = members

    def compute(self, subject: Subject) -> Iterator[Record]:
        """How far from flat it is, how often the truth is outside of the ensemble, and the histogram."""
        found = forecasts(subject, self.n, self.members)
        generator = torch.Generator().manual_seed(derive(subject.seed, "ranks"))
        counts = torch.zeros(self.members + 1, dtype=torch.float64)
        for some, one in zip(found.members.unbind(1), found.truth, strict=True):
            counts += ranks(measured(found.space, some), measured(found.space, one), generator=generator)
        if not counts.sum():
            raise Unanswerable("metric=rank_histogram: members and truth are the same everywhere")
        shares, flat = counts / counts.sum(), 1 / len(counts)
        moved = (shares - flat).clamp_min(0).sum().item()
        outside = (shares[0] + shares[-1]).item()
        n, about = len(found.truth), f"{self.members} members, all frames, {int(counts.sum()):,} pixels"
        yield record(
            subject, "rank_histogram", moved, unit="share", n=n, method=f"{about}; 0 where it is flat", of_samples=False
        )
        expected = f"{about}; {2 * flat:.3g} where the truth is as a member"
        yield record(subject, "outside_ensemble", outside, unit="share", n=n, method=expected, of_samples=False)
        subject.picture("rank_histogram", rank_bars(shares))

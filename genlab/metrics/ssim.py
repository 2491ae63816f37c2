"""``metric=ssim``: the structural similarity of forecasts and truth, persistence beside it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.evaluation.needs import past_frames
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.likeness import WINDOW, similarities
from genlab.metrics._forecasts import Terms, drawn, forecasts, plain, scores, told
from genlab.metrics._needs import integers
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, Unanswerable
from genlab.signatures.ranges import Positive


class SSIM(Metric):
    """Forecasts of frames: structural similarity with the truth, of pictures as they are drawn; persistence.

    "Image Quality Assessment: From Error Visibility to Structural Similarity", Z. Wang and others, 2004,
    https://doi.org/10.1109/TIP.2003.819861

    Args:
        n: examples; None: all, up to 256.
        members: draws of the ensemble whose mean is the forecast, of models that draw.
    """

    needs = (past_frames, integers)
    better = "higher"

    def __init__(self, *, n: Positive | None = None, members: Positive = 10) -> None:
        self.n = n
        self.members = members

    def compute(self, subject: Subject) -> Iterator[Record]:
        """The four numbers, and a picture of the similarity against time."""
        found = forecasts(subject, self.n, self.members)
        space = found.space
        if min(space.height, space.width) < WINDOW:
            raise Unanswerable(f"metric=ssim: pictures of {space.height}x{space.width} are smaller than its window")
        top = (space.levels or 256) - 1
        shown = found.truth.flatten(0, 1).float() / top

        def of(members: Tensor) -> Terms:
            total = torch.zeros(found.truth.shape)
            for each in members:
                total += each.float()
            each = similarities(total.flatten(0, 1) / (top * len(members)), shown)
            return plain(each.view(found.truth.shape[:2]))

        scored = scores(subject, found, "ssim", of, unit="1 if the same", method=told(found, "mean of {}"))
        yield from scored.records
        drawn(subject, found, "ssim", "1 if the same", {"structural similarity": scored.along})

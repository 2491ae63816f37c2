"""``metric=codecs``: what compressors that know nothing of the data need for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from genlab.data.spaces import Dataset, is_text
from genlab.evaluation import compressors, order_zero
from genlab.evaluation.rates import rate
from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record
from genlab.models.capabilities import ExactLikelihood, GenerativeModel, LikelihoodBound

ORDER_ZERO = "order_0"


class Codecs(Metric):
    """Baselines of the data alone: what gzip, bz2 and xz need for the split, in the unit of the model's number.

    Sequences also have the model of order 0, which knows only how frequent each value is in training (of a piano roll,
    each key), and text what a compressor needs for the split after it has read the training part.
    """

    needs = (_needs.integers, GenerativeModel)

    @classmethod
    def at_end(cls, model: nn.Module, data: Dataset, *, seed: int) -> dict[str, Any]:
        """The model of order 0, beside the number of a sequence."""
        if not (isinstance(model, ExactLikelihood | LikelihoodBound) and order_zero.knows(data.spec.space)):
            return {}
        return {"baselines": {ORDER_ZERO: _order_zero(data, "test", seed=seed).to_dict()}}

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Order 0, each compressor alone, and given the training part."""
        data, space, split = subject.data, subject.data.spec.space, subject.split
        if order_zero.knows(space):
            yield _order_zero(data, subject.split_name, seed=subject.seed)
        content = compressors.content(space, split)
        before = compressors.content(space, data.train) if is_text(space) else None
        asked: list[tuple[str, bytes | None]] = [(name, None) for name in compressors.COMPRESSORS]
        if before is not None and subject.split_name != "train":
            asked += [(name, before) for name in compressors.COMPRESSORS]
        for name, known in subject.bar("codecs")(asked, len(asked)):
            yield record(
                subject,
                name if known is None else f"{name}_given_train",
                compressors.per_unit(space, split, compressors.sizes(name, content, known)),
                unit=space.unit.name,
                n=len(split),
                kind="exact",
                method="compressors: their whole output; given the training part, what it grows by when they go on",
                of_samples=False,
            )


def _order_zero(data: Dataset, split_name: str, *, seed: int) -> Record:
    """The model of order 0, as a record of its rate."""
    space, split = data.spec.space, data.split(split_name)
    nats = order_zero.nats(space, data.train, split)
    return Record(
        metric=ORDER_ZERO,
        value=nats.mean().item(),
        unit="nats per example",
        kind="exact",
        n=len(split),
        standard_error=None,
        split=split_name,
        seed=seed,
        method=f"{ORDER_ZERO}: each value by itself, as frequent as in training (one added to each count)",
        rate=rate(space, split, nats),
    ).rated(ORDER_ZERO)

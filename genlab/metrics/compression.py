"""``metric=compression``: what a real file takes, beside what the model says and what other compressors need."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from genlab.codec import material
from genlab.codec.files import at_rate, compress
from genlab.data.spaces import Split, is_text
from genlab.data.subset import subset
from genlab.evaluation import compressors, picture_codecs
from genlab.evaluation.record import Record
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record
from genlab.models.conditions import rows
from genlab.signatures.ranges import Positive


class Compression(Metric):
    """Bits per unit of a real file, as genlab compress writes it, and of what gzip, PNG and others need.

    The file is written, read again and found equal. Beside its whole size stand the coder's part without the head, and
    the length that the model's likelihood says; of latents coded by bits back the net rate, without the initial bits.

    Args:
        n: how many examples, drawn by the seed (of one text its first windows); "all": the whole split.
        lanes: pieces that one long text is cut into.
    """

    needs = (_needs.codable,)
    better = "lower"

    def __init__(self, *, n: Positive | Literal["all"] = 1000, lanes: Positive = 16) -> None:
        self.n = n
        self.lanes = lanes

    def missing(self) -> str | None:
        """The coder's library."""
        there = importlib.util.find_spec("constriction") is not None
        return None if there else f"metric={self.name} needs constriction: pip install 'genlab[codec]'"

    def compute(self, subject: Subject) -> Iterator[Record]:
        """The file, its parts, and other compressors on the same examples."""
        spec, model = subject.data.spec, subject.loaded.model
        n = None if self.n == "all" else self.n
        split = _examples(subject, n)
        content = material.of_split(model, spec, split, n=None, lanes=self.lanes)
        done = compress(model, spec, content, name=subject.loaded.config["name"], progress=subject.bar("compression"))
        unit = spec.space.unit.name

        def told(name: str, bits: float, kind: str, method: str) -> Record:
            value = at_rate(spec, bits, done.units)
            return record(subject, name, value, unit=unit, n=len(split), kind=kind, method=method, of_samples=False)

        yield told("compression", 8 * len(done.file), "exact", "genlab compress: the whole file, read again and equal")
        yield told("compression_payload", 8 * len(done.coded.payload), "exact", "of it the coder's part")
        yield told("compression_ideal", done.coded.ideal, "exact", "the model's own length of the same examples")
        for name, bits in done.coded.bits.items():
            yield told(f"compression_{name}", bits, "exact", "bits back: see docs/compression.md")
        whole = compressors.content(spec.space, split)
        for name in compressors.COMPRESSORS:
            yield told(name, 8 * compressors.sizes(name, whole), "exact", "its whole output")
        for name, size, what in picture_codecs.sizes(spec.space, split.x, split.lengths):
            yield told(name, 8 * size, "exact", what)


def _examples(subject: Subject, n: int | None) -> Split:
    """Those that are compressed: drawn by the seed, of one text its beginning."""
    split = subject.split
    if n is None or n >= len(split):
        return split
    if is_text(subject.data.spec.space) and split.lengths is None:
        return replace(split, x=split.x[:n], y=rows(split.y, slice(n)), c=rows(split.c, slice(n)))
    return subset(split, n, seed=subject.seed)

"""Histogram: which class a kind of data gets."""

from __future__ import annotations

from typing import Literal

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.models.classical.base import flat
from genlab.models.classical.cells import GridHistogram
from genlab.models.classical.tables import NaiveBayes, PixelHistogram
from genlab.signatures.ranges import Positive, PositiveFloat

needs = ("one set", "image | vector | waveform | video", "vector | integers", "three dimensions or fewer | integers")
# of reals on a grid: with 64 cells a side it has 2^18 of them in three dimensions, 2^24 in four
needs_with = {"condition=label": ("image", "labels")}


def histogram(
    spec: DataSpec,
    *,
    bins: Positive | Literal["auto"] = "auto",
    smoothing: PositiveFloat | Literal["auto"] = "auto",
    condition: Literal["label"] | None = None,
) -> PixelHistogram | NaiveBayes | GridHistogram:
    """`PixelHistogram` for pictures, `NaiveBayes` given their label, `GridHistogram` for vectors; all exact.

    Raises:
        ConfigError: the data does not fit, or there are too many bins for it.
    """
    require(histogram, spec, condition=condition)
    if condition is not None:
        return NaiveBayes(spec, bins=bins, smoothing=smoothing)
    kind = GridHistogram if flat(spec) == spec else PixelHistogram
    return kind(spec, bins=bins, smoothing=smoothing)

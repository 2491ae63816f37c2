"""The name of before of `genlab.models.paths`."""

from genlab.models.paths import (
    Cosine,
    GaussianPath,
    LinearLogSNR,
    Straight,
    VarianceExploding,
    VariancePreserving,
    spread_over,
)

__all__ = [
    "Cosine",
    "GaussianPath",
    "LinearLogSNR",
    "Straight",
    "VarianceExploding",
    "VariancePreserving",
    "spread_over",
]

"""``metric=mode_coverage``: whether samples reach every mode of a mixture."""

from __future__ import annotations

from collections.abc import Iterator

from genlab.data.sources.densities import GaussianMixture
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.modes import PERFECT, RADIUS, modes
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, number_of_samples, record, samples
from genlab.signatures.ranges import Positive


class ModeCoverage(Metric):
    """Share of a mixture's modes that samples reach, and share of samples that are on one.

    Args:
        n: samples.
    """

    needs = (_needs.known_modes,)
    better = "higher"

    def __init__(self, *, n: Positive | None = 2500) -> None:
        self.n = n

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Both shares."""
        density = _needs.density_of(subject.loaded)
        assert isinstance(density, GaussianMixture)
        n = number_of_samples(subject, self.n)
        found = modes(samples(subject, n), density.centres, density.sigma)
        count = len(density.centres)
        near = f"within {RADIUS:g} standard deviations"
        covered = record(
            subject,
            "mode_coverage",
            found.coverage,
            unit="share of modes",
            n=n,
            method=f"mode_coverage: {found.covered} of {count} modes have a sample {near}",
        )
        on_a_mode = record(
            subject,
            "samples_on_modes",
            found.on_a_mode,
            unit="share",
            n=n,
            method=f"samples_on_modes: {near} of a mode; {PERFECT:.4f} of p itself are",
        )
        yield from (covered, on_a_mode)

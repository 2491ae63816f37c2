"""``metric=mode_coverage``, ``sliced_wasserstein``, ``mmd``: samples of vectors compared with data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from genlab.data.sources.densities import GaussianMixture
from genlab.data.sources.toy2d import DENSITIES
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.kernels import gaussian, median_distance, mmd
from genlab.evaluation.statistics.modes import PERFECT, RADIUS, modes
from genlab.evaluation.statistics.transport import sliced_wasserstein
from genlab.metrics.divergences import density_of
from genlab.metrics.subject import (
    Metric,
    Subject,
    at_least,
    no_samples,
    number_of_samples,
    record,
    samples,
    some,
    training_examples,
)
from genlab.restore import Loaded
from genlab.seeding import derive


def _no_modes(loaded: Loaded) -> str | None:
    if isinstance(density_of(loaded), GaussianMixture):
        return None
    have = [name for name, density in DENSITIES.items() if isinstance(density, GaussianMixture)]
    return f"a density with modes (data=toy2d data.name={' or '.join(have)})"


def _no_vectors(loaded: Loaded) -> str | None:
    return "vectors (pictures have metric=kernel_distance)" if loaded.spec.is_image else no_samples(loaded)


def _mode_coverage(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    density = density_of(subject.loaded)
    assert isinstance(density, GaussianMixture)
    n = number_of_samples(subject, options)
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
    return [covered, on_a_mode]


def _both_sides(subject: Subject, options: Mapping[str, Any], name: str) -> tuple[Tensor, Tensor]:
    """As many samples as examples of the split, and these."""
    n = min(number_of_samples(subject, options), len(subject.split))
    at_least(2, n, metric=name, what="examples on both sides", why="it")
    return samples(subject, n), some(subject.split, n, seed=derive(subject.seed, "reference"))


def _sliced_wasserstein(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    drawn, real = _both_sides(subject, options, "sliced_wasserstein")
    projections, seed = options["projections"], derive(subject.seed, "projections")
    estimate = sliced_wasserstein(drawn, real, projections=projections, seed=seed)
    method = f"sliced_wasserstein: W_2 along {projections} lines"
    train = some(training_examples(subject), len(real), seed=seed)
    if len(train) == len(real):
        floor = sliced_wasserstein(train, real, projections=projections, seed=seed, resamples=2).value
        method += f"; as many training examples have {floor:.4f}"
    return [record(subject, "sliced_wasserstein", estimate, unit="units of the data", n=len(real), method=method)]


def _mmd(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    drawn, real = _both_sides(subject, options, "mmd")
    bandwidth = median_distance(real)
    estimate = mmd(drawn, real, gaussian(bandwidth))
    method = f"mmd: unbiased, Gaussian kernel, bandwidth {bandwidth:.4g}, the median distance of the split's examples"
    return [record(subject, "mmd", estimate, unit="squared MMD", n=len(real), method=method)]


MODE_COVERAGE = Metric(lacks=_no_modes, run=_mode_coverage)
SLICED_WASSERSTEIN = Metric(lacks=_no_vectors, run=_sliced_wasserstein)
MMD = Metric(lacks=_no_vectors, run=_mmd)

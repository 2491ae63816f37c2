"""Schemas of the metrics of ``genlab eval``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from genlab.config.schema.nodes import Node, Positive, PositiveFloat, Shown, Text


class Particles(Node):
    """Options of a likelihood metric."""

    num_particles: Positive | None


class Probe(Node):
    """Options of the linear probe."""

    max_train: Positive


class Vote(Probe):
    """Options of the vote of nearest neighbours."""

    k: Positive


class Bayes(Probe):
    """Options of the classification by Bayes' rule."""

    num_particles: Positive
    max_examples: Positive


class OOD(Node):
    """Options of anomaly detection."""

    data: Text
    root: Text | None
    num_particles: Positive
    max_examples: Positive


class Count(Node):
    """How many examples are looked at."""

    n: Positive


class Drawn(Node):
    """How many samples the grid shows."""

    n: Shown


class Samples(Node):
    """Options of a metric of samples."""

    n: Positive | None


class Neighbours(Samples):
    """Options of a metric of samples and their nearest neighbours."""

    k: Positive


class Divergence(Samples):
    """Options of a divergence from a known density."""

    resolution: Annotated[int, Field(ge=4)]
    num_particles: Positive


class Projections(Samples):
    """Options of the sliced Wasserstein distance."""

    projections: Positive


class Distances(Samples):
    """Options of a metric of distances."""

    space: Literal["auto", "features", "data"]


class Inception(Samples):
    """Options of a metric in Inception's features."""

    weights: Text | None


class Throughput(Node):
    """Options of the throughput."""

    seconds: PositiveFloat


class Metrics(Node):
    """The metrics and their options; the names that are present are what is computed."""

    all: Node | None = None
    nll: Particles | None = None
    bpd: Particles | None = None
    elbo: Node | None = None
    energy: Count | None = None
    probe: Probe | None = None
    knn_accuracy: Vote | None = None
    bayes: Bayes | None = None
    ood: OOD | None = None
    translation: Node | None = None
    pictures: Drawn | None = None
    kl: Divergence | None = None
    reverse_kl: Divergence | None = None
    js: Divergence | None = None
    tv: Divergence | None = None
    fcd: Samples | None = None
    kernel_distance: Samples | None = None
    precision: Neighbours | None = None
    recall: Neighbours | None = None
    density: Neighbours | None = None
    coverage: Neighbours | None = None
    mode_coverage: Samples | None = None
    sliced_wasserstein: Projections | None = None
    mmd: Samples | None = None
    diversity: Distances | None = None
    memorisation: Distances | None = None
    throughput: Throughput | None = None
    fid: Inception | None = None
    kid: Inception | None = None
    inception_score: Inception | None = None

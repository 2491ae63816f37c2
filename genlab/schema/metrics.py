"""Schemas of the metrics of ``genlab eval``."""

from __future__ import annotations

from genlab.schema.nodes import Node, Positive, Text


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
    pictures: Count | None = None

"""Schemas of the metrics of ``genlab eval``."""

from __future__ import annotations

from genlab.schema.nodes import Node, Positive


class Particles(Node):
    """Options of a likelihood metric."""

    num_particles: Positive | None


class Metrics(Node):
    """The metrics and their options; the names that are present are what is computed."""

    all: Node | None = None
    nll: Particles | None = None
    bpd: Particles | None = None
    elbo: Node | None = None

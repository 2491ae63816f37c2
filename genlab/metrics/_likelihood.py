"""What nll, bpd and elbo share: one protocol, one computation."""

from __future__ import annotations

from typing import Any

from genlab.evaluation import likelihood
from genlab.evaluation.likelihood import Scored
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged
from genlab.metrics.subject import Subject

PARTICLES = 500
"""Importance samples per example of a bound, where neither nll nor bpd says how many."""


def settings(subject: Subject, name: str) -> dict[str, Any]:
    """Of a likelihood's computation; ``name`` stands before the bar."""
    return {
        "split_name": subject.split_name,
        "batch_size": subject.config["batch_size"],
        "seed": subject.seed,
        "progress": subject.bar(name),
    }


def nll(subject: Subject, num_particles: int | None = None) -> Record:
    """The negative log-likelihood of the split; see `scored`."""
    return scored(subject, num_particles).record


def scored(subject: Subject, num_particles: int | None = None) -> Scored:
    """The likelihood of the split and of each example, computed once: nll, bpd and others tell it in several units.

    ``num_particles`` None: as nll or bpd was asked for, so that one table never shows two numbers of particles unasked,
    or `PARTICLES`.
    """
    asked = [
        num_particles,
        *((subject.config["metric"].get(name) or {}).get("num_particles") for name in ("nll", "bpd")),
    ]
    particles = next((n for n in asked if n is not None), PARTICLES)

    def compute() -> Scored:
        found = likelihood.scored(subject.model, subject.split, num_particles=particles, **settings(subject, "nll"))
        return found._replace(record=judged(found.record, subject.data, subject.split))

    return subject.once(("nll", particles), compute)

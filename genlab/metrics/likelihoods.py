"""``metric=nll``, ``bpd``, ``elbo``: likelihood under one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.evaluation import likelihood
from genlab.evaluation.record import Record
from genlab.evaluation.reference import judged
from genlab.evaluation.validate import has_likelihood
from genlab.metrics.subject import Metric, Subject
from genlab.models.capabilities import LikelihoodBound
from genlab.restore import Loaded

PARTICLES = 500
"""Importance samples per example of a bound, where neither nll nor bpd says how many."""


def _settings(subject: Subject, name: str) -> dict[str, Any]:
    return {
        "split_name": subject.split_name,
        "batch_size": subject.config["batch_size"],
        "seed": subject.seed,
        "progress": subject.bar(name),
    }


def _particles(subject: Subject, options: Mapping[str, Any]) -> int:
    """Of these options, or of the other of nll and bpd: one table never shows two numbers of particles unasked."""
    asked = [options, *(subject.config["metric"].get(name) or {} for name in ("nll", "bpd"))]
    return next((n for each in asked if (n := each.get("num_particles")) is not None), PARTICLES)


def _nll(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    particles = _particles(subject, options)
    settings = _settings(subject, "nll")
    # nll and bpd are one computation in two units
    return [
        subject.once(
            ("nll", particles),
            lambda: judged(
                likelihood.nll(subject.model, subject.split, num_particles=particles, **settings),
                subject.data,
                subject.split,
            ),
        )
    ]


def _bpd(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    return [likelihood.bpd(record, subject.model) for record in _nll(subject, options)]


def _elbo(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    return [likelihood.elbo(subject.model, subject.split, **_settings(subject, "elbo"))]


def _no_likelihood(loaded: Loaded) -> str | None:
    return None if has_likelihood(loaded.model) else "a likelihood"


def _no_bits(loaded: Loaded) -> str | None:
    return "integer data" if loaded.spec.levels is None else _no_likelihood(loaded)


def _no_bound(loaded: Loaded) -> str | None:
    return None if isinstance(loaded.model, LikelihoodBound) else "a bound on the likelihood"


NLL = Metric(lacks=_no_likelihood, run=_nll, shared=True)
BPD = Metric(lacks=_no_bits, run=_bpd, shared=True)
ELBO = Metric(lacks=_no_bound, run=_elbo, shared=True)

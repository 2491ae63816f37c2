"""The metrics of ``genlab eval``: adding one is adding a file, an entry to `METRICS`, its YAML and its schema."""

from genlab.commands.metrics import likelihoods, pictures, toy
from genlab.commands.metrics.common import Metric, Subject

METRICS: dict[str, Metric] = {
    "nll": likelihoods.NLL,
    "bpd": likelihoods.BPD,
    "elbo": likelihoods.ELBO,
    "kl": toy.KL,
    "reverse_kl": toy.REVERSE_KL,
    "js": toy.JS,
    "tv": toy.TV,
    "fcd": pictures.FCD,
    "kernel_distance": pictures.KERNEL_DISTANCE,
    "precision": pictures.PRECISION,
    "recall": pictures.RECALL,
    "density": pictures.DENSITY,
    "coverage": pictures.COVERAGE,
}

__all__ = ["METRICS", "Metric", "Subject"]

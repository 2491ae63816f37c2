"""The metrics of ``genlab eval``: adding one is adding a file, an entry to `METRICS`, its YAML and its schema."""

from genlab.commands.metrics import likelihoods
from genlab.commands.metrics.common import Metric, Subject

METRICS: dict[str, Metric] = {
    "nll": likelihoods.NLL,
    "bpd": likelihoods.BPD,
    "elbo": likelihoods.ELBO,
}

__all__ = ["METRICS", "Metric", "Subject"]

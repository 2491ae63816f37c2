"""The metrics of ``genlab eval``: adding one is adding a file, an entry to `METRICS`, its YAML and its schema."""

from genlab.commands.metrics import bayes, energy, gallery, likelihoods, ood, representation
from genlab.commands.metrics.common import Metric, Subject

METRICS: dict[str, Metric] = {
    "nll": likelihoods.NLL,
    "bpd": likelihoods.BPD,
    "elbo": likelihoods.ELBO,
    "energy": energy.ENERGY,
    "probe": representation.PROBE,
    "knn_accuracy": representation.KNN_ACCURACY,
    "bayes": bayes.BAYES,
    "ood": ood.OOD,
    "pictures": gallery.PICTURES,
}

__all__ = ["METRICS", "Metric", "Subject"]

"""The metrics of ``genlab eval``: adding one is adding a file, an entry to `METRICS`, its YAML and its schema."""

from genlab.metrics import (
    bayes,
    cost,
    divergences,
    energy,
    gallery,
    inception,
    likelihoods,
    novelty,
    ood,
    points,
    representation,
    sets,
    translation,
)
from genlab.metrics.subject import Metric, Subject

METRICS: dict[str, Metric] = {
    "nll": likelihoods.NLL,
    "bpd": likelihoods.BPD,
    "elbo": likelihoods.ELBO,
    "energy": energy.ENERGY,
    "probe": representation.PROBE,
    "knn_accuracy": representation.KNN_ACCURACY,
    "bayes": bayes.BAYES,
    "ood": ood.OOD,
    "translation": translation.TRANSLATION,
    "pictures": gallery.PICTURES,
    "kl": divergences.KL,
    "reverse_kl": divergences.REVERSE_KL,
    "js": divergences.JS,
    "tv": divergences.TV,
    "mode_coverage": points.MODE_COVERAGE,
    "sliced_wasserstein": points.SLICED_WASSERSTEIN,
    "mmd": points.MMD,
    "fcd": sets.FCD,
    "kernel_distance": sets.KERNEL_DISTANCE,
    "precision": sets.PRECISION,
    "recall": sets.RECALL,
    "density": sets.DENSITY,
    "coverage": sets.COVERAGE,
    "fid": inception.FID,
    "kid": inception.KID,
    "inception_score": inception.INCEPTION_SCORE,
    "diversity": novelty.DIVERSITY,
    "memorisation": novelty.MEMORISATION,
    "throughput": cost.THROUGHPUT,
}

__all__ = ["METRICS", "Metric", "Subject"]

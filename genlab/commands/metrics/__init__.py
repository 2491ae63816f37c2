"""The metrics of ``genlab eval``: adding one is adding a file, an entry to `METRICS`, its YAML and its schema."""

from genlab.commands.metrics import (
    bayes,
    cost,
    energy,
    gallery,
    inception,
    likelihoods,
    novelty,
    ood,
    pictures,
    representation,
    toy,
    translation,
    vectors,
)
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
    "translation": translation.TRANSLATION,
    "pictures": gallery.PICTURES,
    "kl": toy.KL,
    "reverse_kl": toy.REVERSE_KL,
    "js": toy.JS,
    "tv": toy.TV,
    "mode_coverage": vectors.MODE_COVERAGE,
    "sliced_wasserstein": vectors.SLICED_WASSERSTEIN,
    "mmd": vectors.MMD,
    "fcd": pictures.FCD,
    "kernel_distance": pictures.KERNEL_DISTANCE,
    "precision": pictures.PRECISION,
    "recall": pictures.RECALL,
    "density": pictures.DENSITY,
    "coverage": pictures.COVERAGE,
    "fid": inception.FID,
    "kid": inception.KID,
    "inception_score": inception.INCEPTION_SCORE,
    "diversity": novelty.DIVERSITY,
    "memorisation": novelty.MEMORISATION,
    "throughput": cost.THROUGHPUT,
}

__all__ = ["METRICS", "Metric", "Subject"]

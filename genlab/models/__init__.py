"""The families of generative models, one file each."""

from genlab.models.classical import NaiveBayes, gmm, histogram, kde, knn, ppca
from genlab.models.vae import VAE, ConditionalVAE

__all__ = ["VAE", "ConditionalVAE", "NaiveBayes", "gmm", "histogram", "kde", "knn", "ppca"]

"""The families of generative models, one file each."""

from genlab.models.ebm import EBM
from genlab.models.grid import GridNormalised
from genlab.models.vae import VAE, ConditionalVAE

__all__ = ["EBM", "VAE", "ConditionalVAE", "GridNormalised"]

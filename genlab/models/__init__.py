"""The families of generative models, one file each."""

from genlab.models.dequantised import Dequantised
from genlab.models.flow import Flow
from genlab.models.nice import nice
from genlab.models.realnvp import realnvp
from genlab.models.vae import VAE, ConditionalVAE

__all__ = ["VAE", "ConditionalVAE", "Dequantised", "Flow", "nice", "realnvp"]

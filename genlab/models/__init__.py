"""The families of generative models, one file each."""

from genlab.models.vae import VAE, ConditionalVAE

__all__ = ["VAE", "ConditionalVAE"]

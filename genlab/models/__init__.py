"""The families of generative models, one file each."""

from genlab.models.gated_pixelcnn import ConditionalGatedPixelCNN, GatedPixelCNN
from genlab.models.pixelcnn import PixelCNN
from genlab.models.vae import VAE, ConditionalVAE

__all__ = ["VAE", "ConditionalGatedPixelCNN", "ConditionalVAE", "GatedPixelCNN", "PixelCNN"]

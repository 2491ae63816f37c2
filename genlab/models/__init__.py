"""The families of generative models, one file each; the names of before ``condition`` was an option stand for it."""

from functools import partial

from genlab.models.classical import NaiveBayes, gmm, histogram, kde, knn, ppca
from genlab.models.ebm.ebm import EBM
from genlab.models.flow.dequantised import Dequantised
from genlab.models.flow.flow import Flow
from genlab.models.flow.nice import nice
from genlab.models.flow.realnvp import realnvp
from genlab.models.gan.dcgan import DCGAN
from genlab.models.gan.gan import GAN
from genlab.models.grid_normalised import GridNormalised
from genlab.models.pixelcnn.gated import GatedPixelCNN
from genlab.models.pixelcnn.pixelcnn import PixelCNN
from genlab.models.translation.cyclegan import CycleGAN
from genlab.models.translation.pix2pix import Pix2Pix
from genlab.models.vae.vae import VAE

ConditionalDCGAN = partial(DCGAN, condition="label")
ConditionalGatedPixelCNN = partial(GatedPixelCNN, condition="label")
ConditionalVAE = partial(VAE, condition="label")

__all__ = [
    "DCGAN",
    "EBM",
    "GAN",
    "VAE",
    "ConditionalDCGAN",
    "ConditionalGatedPixelCNN",
    "ConditionalVAE",
    "CycleGAN",
    "Dequantised",
    "Flow",
    "GatedPixelCNN",
    "GridNormalised",
    "NaiveBayes",
    "Pix2Pix",
    "PixelCNN",
    "gmm",
    "histogram",
    "kde",
    "knn",
    "nice",
    "ppca",
    "realnvp",
]

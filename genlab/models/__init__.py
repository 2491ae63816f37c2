"""The families of generative models, one file each."""

from genlab.models.classical import NaiveBayes, gmm, histogram, kde, knn, ppca
from genlab.models.cvae import ConditionalVAE
from genlab.models.cyclegan import CycleGAN
from genlab.models.dcgan import DCGAN, ConditionalDCGAN
from genlab.models.dequantised import Dequantised
from genlab.models.ebm import EBM
from genlab.models.flow import Flow
from genlab.models.gan import GAN
from genlab.models.gated_pixelcnn import ConditionalGatedPixelCNN, GatedPixelCNN
from genlab.models.grid import GridNormalised
from genlab.models.nice import nice
from genlab.models.pix2pix import Pix2Pix
from genlab.models.pixelcnn import PixelCNN
from genlab.models.realnvp import realnvp
from genlab.models.vae import VAE

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

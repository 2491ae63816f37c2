"""The families of generative models, one file each; the names of before ``condition`` was an option stand for it."""

from typing import TYPE_CHECKING

from genlab.signatures.names import lazy

if TYPE_CHECKING:
    from genlab.models.classical.gmm import gmm
    from genlab.models.classical.histogram import histogram
    from genlab.models.classical.kde import kde
    from genlab.models.classical.knn import knn
    from genlab.models.classical.ppca import ppca
    from genlab.models.classical.tables import NaiveBayes
    from genlab.models.diffusion.dae import DAE
    from genlab.models.diffusion.diffusion import Diffusion
    from genlab.models.diffusion.flow_matching import flow_matching
    from genlab.models.ebm.ebm import EBM
    from genlab.models.flow.dequantised import Dequantised
    from genlab.models.flow.flow import Flow
    from genlab.models.flow.idf import IDF
    from genlab.models.flow.nice import nice
    from genlab.models.flow.realnvp import realnvp
    from genlab.models.gan.dcgan import DCGAN
    from genlab.models.gan.gan import GAN
    from genlab.models.grid_normalised import GridNormalised
    from genlab.models.pixelcnn.gated_pixelcnn import GatedPixelCNN
    from genlab.models.pixelcnn.pixelcnn import PixelCNN
    from genlab.models.sequence.hmm import HMM
    from genlab.models.sequence.ngram import NGram
    from genlab.models.sequence.rnn import RNN
    from genlab.models.sequence.tcn import TCN
    from genlab.models.sequence.transformer import Transformer
    from genlab.models.sequence.wavenet import WaveNet
    from genlab.models.translation.cyclegan import CycleGAN
    from genlab.models.translation.pix2pix import Pix2Pix
    from genlab.models.vae.ladder_vae import LadderVAE
    from genlab.models.vae.semi_vae import SemiVAE
    from genlab.models.vae.vae import VAE
    from genlab.models.vae.vdvae import VDVAE
    from genlab.models.video.convlstm import ConvLSTM

EARLIER = {
    "ConditionalDCGAN": ("DCGAN", {"condition": "label"}),
    "ConditionalGatedPixelCNN": ("GatedPixelCNN", {"condition": "label"}),
    "ConditionalVAE": ("VAE", {"condition": "label"}),
}
"""Names of before: which class each is, and the options that it is another name for."""

__all__, __getattr__, __dir__ = lazy(
    __name__,
    __file__,
    given=EARLIER,
)

"""DCGAN: the game of Goodfellow et al. (2014) between convolutional networks.

"Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", A. Radford, L. Metz,
S. Chintala, 2016, https://arxiv.org/abs/1511.06434
"Conditional Generative Adversarial Nets", M. Mirza, S. Osindero, 2014, https://arxiv.org/abs/1411.1784
"Spectral Normalization for Generative Adversarial Networks", T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, 2018,
https://arxiv.org/abs/1802.05957
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.models.conditions import given_by, width
from genlab.models.ebm.energy_networks import spectrally_normalised
from genlab.models.gan.dcgan_networks import Discriminator, Generator, Norm
from genlab.models.gan.implicit import ImplicitModel
from genlab.signatures.ranges import Positive


class DCGAN(ImplicitModel):
    """Convolutional GAN for pictures of 8x8 to 128x128.

    The sides are a power of two times 4, as in the paper, or 5, 6 or 7: MNIST's 28x28 grow from a field of 7x7, and
    nothing is padded, cropped or resized. Given a label, the generator reads it beside z, and the discriminator
    projects on it.

    Args:
        spec: the data's type.
        latent_dim: size of z.
        channels: width of both networks at the pictures' side; twice as wide at each halving, at most 8 times.
        norm: of the discriminator: "batch", "layer" (for penalties on gradients), "none"; "auto": "batch", with
            spectral normalisation "none".
        spectral_norm: the largest singular value of each of the discriminator's weights is 1.
        condition: "label", or None.

    Raises:
        ConfigError: no pictures, or of a size that no field can be doubled to; no labels where they are a condition.
    """

    needs = ("one set", "image", "a size that doubling reaches")
    needs_with = {"condition=label": ("labels",)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: Positive = 100,
        channels: Positive = 64,
        norm: Norm | Literal["auto"] = "auto",
        spectral_norm: bool = False,
        condition: Literal["label"] | None = None,
    ) -> None:
        require(DCGAN, spec, condition=condition)
        given = given_by(condition, spec)
        networks = _networks(
            spec, latent_dim, channels, norm, spectral_norm=spectral_norm, num_classes=width(given) or None
        )
        super().__init__(spec, latent_dim=latent_dim, given=given, **networks)


def _networks(
    spec: DataSpec,
    latent_dim: int,
    channels: int,
    norm: Norm | Literal["auto"],
    *,
    spectral_norm: bool,
    num_classes: int | None,
) -> dict[str, nn.Module]:
    own: Norm = ("none" if spectral_norm else "batch") if norm == "auto" else norm
    discriminator = Discriminator(spec.event_shape, channels=channels, norm=own, num_classes=num_classes)
    return {
        "generator": Generator(spec.event_shape, channels=channels, inputs=latent_dim + (num_classes or 0)),
        "discriminator": spectrally_normalised(discriminator) if spectral_norm else discriminator,
    }

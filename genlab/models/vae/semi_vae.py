"""The semi-supervised variational autoencoder M2, which learns a class from a few labels and many examples.

    p(x, y, z) = p(y) p(z) p(x | y, z),    q(y, z | x) = q(y | x) q(z | x, y),    p(y) = 1 / C.

Of an example whose class is not known it is summed over, and the bound is

    log p(x) >= sum_y q(y | x) (ELBO(x | y) + log p(y)) + H(q(y | x)).

"Semi-supervised Learning with Deep Generative Models", D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling, 2014,
https://arxiv.org/abs/1406.5298
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from genlab.data.fits import require
from genlab.data.spaces import DataSpec
from genlab.models.classifying import ClassBound
from genlab.models.vae.vae import VAE, as_real, default_hidden
from genlab.nn.networks import ConvEncoder, mlp
from genlab.signatures.ranges import Positive


class SemiVAE(VAE, ClassBound):
    """M2: a VAE that is given the class, and a classifier that tells it where nobody does.

    As a model of ``p(x | y)`` it draws of each class, and its bound is given the label; training needs few of them.

    Args:
        spec: the data's type, with labels; decides likelihood and network.
        latent_dim: dimensions of z, which is what the class does not say.
        hidden: widths of the MLP's hidden layers in encoder and classifier; the decoder mirrors them. "auto": two of
            500 for pictures, three of 128 for vectors.
        network: "mlp", "conv", or "auto": "conv" for pictures in colour or of more than 1024 numbers.
        channels: width of the convolutional networks at full resolution.
        likelihood: "bernoulli", "discretised_logistic", "gaussian", or "auto" (what fits the data).
        variance: of the Gaussian likelihood, "network" or "shared".

    Raises:
        ConfigError: likelihood, network and data do not fit each other.
    """

    needs = ("one set", "image | vector | waveform | video", "labels")  # type: ignore[assignment]
    needs_with = {
        "network=conv": ("image",),
        "likelihood=bernoulli": ("binary",),
        "likelihood=discretised_logistic": ("integers",),
        "likelihood=gaussian": ("reals",),
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: Positive | Literal["auto"] = "auto",
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        network: Literal["auto", "mlp", "conv"] = "auto",
        channels: Positive = 32,
        likelihood: Literal["auto", "bernoulli", "discretised_logistic", "gaussian"] = "auto",
        variance: Literal["network", "shared"] = "shared",
    ) -> None:
        require(SemiVAE, spec, network=network, likelihood=likelihood)
        super().__init__(
            spec,
            latent_dim=latent_dim,
            hidden=hidden,
            network=network,
            channels=channels,
            likelihood=likelihood,
            variance=variance,
            condition="label",
        )
        self.prior = None  # z is what the class does not say
        assert spec.num_classes is not None
        self.num_classes = spec.num_classes
        self._hidden, self._channels = hidden, channels
        self.classifier = self.new_classifier()

    def new_classifier(self) -> nn.Module:
        """``q(y | x)`` with first weights: ``x (B, *event) -> (B, C)`` logits."""
        if not self.net.flat:
            layers: nn.Module = ConvEncoder(self.spec.event_shape, channels=self._channels, outputs=self.num_classes)
            return nn.Sequential(Scaled(self.net.scale), layers)
        hidden = self._hidden
        if hidden == "auto":
            hidden = default_hidden(self.spec)
        return nn.Sequential(Scaled(self.net.scale), nn.Flatten(), mlp(self.spec.dim, hidden, self.num_classes))

    def class_log_probs(self, x: Tensor) -> Tensor:
        """``log q(y | x)``, ``(B, C)`` nats."""
        return self.classifier(x).float().log_softmax(1)

    def class_bounds(self, x: Tensor) -> Tensor:
        """``ELBO(x | y)`` of every class, ``(B, C)`` nats; one draw of z for each."""
        y = torch.arange(self.num_classes, device=x.device).repeat(len(x))
        return self.elbo(x.repeat_interleave(self.num_classes, 0), y).view(len(x), self.num_classes)


class Scaled(nn.Module):
    """Typed examples as real numbers, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """``factor x``."""
        return as_real(x) * self.factor

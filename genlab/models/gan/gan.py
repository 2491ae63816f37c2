"""GAN: a generator learns from a discriminator what its samples lack.

    min_G max_D  E_data[log D(x)] + E_z[log(1 - D(G(z)))],   z ~ N(0, I)

With the best discriminator the value is ``2 JS(p_data, p_G) - log 4``. Both networks are perceptrons here; for
convolutions see `DCGAN`, for the losses `genlab.objectives.Adversarial`.

"Generative Adversarial Nets", I. J. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair,
A. Courville, Y. Bengio, 2014, https://arxiv.org/abs/1406.2661
"Conditional Generative Adversarial Nets", M. Mirza, S. Osindero, 2014, https://arxiv.org/abs/1411.1784
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn

from genlab.bijectors.coupling import beside
from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Space, Vector
from genlab.models.conditions import context, given_by, width
from genlab.models.gan.implicit import ImplicitModel
from genlab.nn.networks import mlp
from genlab.signatures.ranges import Positive

_leaky = partial(nn.LeakyReLU, 0.2)


class _Judge(nn.Sequential):
    """``(B, *event_shape) -> (B,)`` logits, of pairs with a condition where there is one."""

    def __init__(self, given: Space | None, judged: nn.Module) -> None:
        super().__init__(nn.Flatten(), judged, nn.Flatten(0))
        self.given = given

    def forward(self, u: Tensor, c: Tensor | None = None) -> Tensor:
        return super().forward(beside(u.flatten(1), context(self.given, c)))


class GAN(ImplicitModel):
    """GAN of perceptrons, for vectors and small pictures; a condition is an input of both (Mirza & Osindero, 2014).

    Args:
        spec: the data's type.
        latent_dim: size of z; "auto": 64 for pictures, 8 for vectors.
        hidden: widths of the generator's hidden layers; the discriminator has them in reverse; "auto": [256, 512] for
            pictures, [128, 128, 128] for vectors.
        condition: what both are given: "label", "vector", or None.

    Raises:
        ConfigError: data of two domains, or without the condition.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        latent_dim: Positive | Literal["auto"] = "auto",
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        require(GAN, spec, condition=condition)
        if latent_dim == "auto":
            latent_dim = 8 if isinstance(spec.space, Vector) else 64
        if hidden == "auto":
            hidden = (128, 128, 128) if isinstance(spec.space, Vector) else (256, 512)
        given = given_by(condition, spec)
        made: list[nn.Module] = [mlp(latent_dim + width(given), hidden, spec.dim, activation=_leaky)]
        if spec.levels is not None:
            made.append(nn.Tanh())
        judged = mlp(spec.dim + width(given), hidden[::-1], 1, activation=_leaky)
        super().__init__(
            spec,
            latent_dim=latent_dim,
            generator=nn.Sequential(*made, nn.Unflatten(1, spec.event_shape)),
            discriminator=_Judge(given, judged),
            given=given,
        )

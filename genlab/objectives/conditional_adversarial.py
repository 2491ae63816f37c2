"""What pix2pix minimises: a conditional game, and the distance to the truth.

With a generator ``G(x, z)`` and a discriminator whose logits ``D(x, y)`` are of a pair's patches,

    L_D = 1/2 E softplus(-D(x, y)) + 1/2 E softplus(D(x, G(x, z)))
    L_G = E softplus(-D(x, G(x, z))) + lambda E |y - G(x, z)|,

the absolute value as a mean over pixels, on the scale -1 ... 1. The discriminator's loss is halved so that it does not
run ahead of the generator.

"Image-to-Image Translation with Conditional Adversarial Networks", P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, 2017,
https://arxiv.org/abs/1611.07004
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.translation.pix2pix import Pix2Pix
from genlab.objectives.base import Loss, Step
from genlab.objectives.players import Game, Player
from genlab.objectives.two_player import LOSSES
from genlab.signatures.ranges import NonNegativeFloat


class ConditionalAdversarial(Game):
    """A discriminator tells true pairs from translated ones; the generator is also held to the truth.

    Args:
        loss: "non_saturating" as above, or "least_squares"; see `genlab.objectives.two_player`.
        l1_weight: lambda.
    """

    needs = (Pix2Pix,)
    played_by = ("discriminator", "generator")

    def __init__(
        self,
        *,
        loss: Literal["non_saturating", "least_squares"] = "non_saturating",
        l1_weight: NonNegativeFloat = 100.0,
    ) -> None:
        super().__init__()
        self.losses = LOSSES[loss]
        self.l1_weight = l1_weight

    @property
    def players(self) -> tuple[Player, ...]:
        """The discriminator and the generator."""
        return Player("discriminator", ("discriminator",)), Player("generator", ("generator",), moves=True)

    def moves(self, model: nn.Module, batch: Batch, *, step: Step) -> dict[str, Tensor]:
        """``fake = G(x, z)``."""
        assert isinstance(model, Pix2Pix)
        return {"fake": model.generator(model.to_network(batch.x)).float()}

    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: Step) -> Loss:
        """The generator's loss with its terms ``gan`` and ``l1``, or the discriminator's with its accuracies."""
        assert isinstance(model, Pix2Pix)
        x, y = _pair(model, batch)
        on_fake = model.discriminator(torch.cat([x, moves["fake"]], 1)).float()
        if player == "generator":
            gan, l1 = self.losses.generator(on_fake).mean(), (y - moves["fake"]).abs().mean()
            return Loss(gan + self.l1_weight * l1, {"gan": gan.detach(), "l1": l1.detach()})
        on_real = model.discriminator(torch.cat([x, y], 1)).float()
        terms = {
            "accuracy_real": (on_real > self.losses.threshold).float().mean(),
            "accuracy_fake": (on_fake <= self.losses.threshold).float().mean(),
        }
        return Loss(self.losses.discriminator(on_real, on_fake) / 2, terms)

    def spread(self, model: nn.Module, batch: Batch, moves: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Translations are to be as diverse as their targets."""
        assert isinstance(model, Pix2Pix)
        return {"translations": (moves["fake"], _pair(model, batch)[1])}


def _pair(model: Pix2Pix, batch: Batch) -> tuple[Tensor, Tensor]:
    assert batch.x_b is not None
    return model.to_network(batch.x), model.to_network(batch.x_b)

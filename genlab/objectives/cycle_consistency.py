"""Cycle consistency: what CycleGAN minimises.

With generators ``G: A -> B`` and ``F: B -> A`` and discriminators ``D_A``, ``D_B``, whose judgements are means over
patches (least squares: Mao et al., 2017, https://arxiv.org/abs/1611.04076),

    L_generators = E (D_B(G(a)) - 1)^2 + E (D_A(F(b)) - 1)^2
                   + lambda (E |F(G(a)) - a| + E |G(F(b)) - b|)
                   + lambda mu (E |F(a) - a| + E |G(b) - b|)
    L_discriminators = sum over X in {A, B} of 1/2 E (D_X(x) - 1)^2 + 1/2 E D_X(x')^2,

x' a translation into X, from a pool of earlier ones. Absolute values are means over pixels, on the scale -1 ... 1.

"Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", J.-Y. Zhu, T. Park, P. Isola,
A. A. Efros, 2017, https://arxiv.org/abs/1703.10593
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.translation.cyclegan import CycleGAN
from genlab.objectives.base import Loss, Step
from genlab.objectives.image_pool import ImagePool
from genlab.objectives.players import Game, Player
from genlab.objectives.two_player import LOSSES
from genlab.signatures.ranges import NonNegative, NonNegativeFloat


class CycleConsistency(Game):
    """Two generators against two discriminators.

    Args:
        cycle_weight: lambda.
        identity_weight: mu: how much a generator should leave alone what is in its domain already. Zero in the paper's
            objective; 0.5 keeps the colours of a photograph made from a painting (section 5.2), and would keep black
            black where it is to become white.
        pool_size: how many earlier translations into each domain are remembered; 0: none.
    """

    needs = (CycleGAN,)
    played_by = ("generators", "discriminators")

    pool_a: ImagePool
    pool_b: ImagePool

    def __init__(
        self,
        *,
        cycle_weight: NonNegativeFloat = 10.0,
        identity_weight: NonNegativeFloat = 0.0,
        pool_size: NonNegative = 50,
    ) -> None:
        super().__init__()
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.pool_size = pool_size
        self.squares = LOSSES["least_squares"]

    @property
    def players(self) -> tuple[Player, ...]:
        """The generators as one, and the discriminators as one."""
        return (
            Player("generators", ("a_to_b", "b_to_a"), moves=True),
            Player("discriminators", ("discriminator_a", "discriminator_b")),
        )

    def prepare(self, model: nn.Module) -> None:
        """Make the pools.

        Raises:
            ConfigError: the model does not play this game.
        """
        super().prepare(model)
        assert isinstance(model, CycleGAN)
        self.pool_a, self.pool_b = (ImagePool(self.pool_size, model.spec.event_shape) for _ in "ab")

    def moves(self, model: nn.Module, batch: Batch, *, step: Step) -> dict[str, Tensor]:
        """``fake_b = G(a)`` and ``fake_a = F(b)``; also ``same_b = G(b)`` and ``same_a = F(a)`` if they count."""
        assert isinstance(model, CycleGAN)
        a, b = _domains(model, batch)
        if not self.identity_weight:
            return {"fake_a": model.b_to_a(b).float(), "fake_b": model.a_to_b(a).float()}
        # one pass for both: instance normalisation keeps pictures apart
        fake_b, same_b = model.a_to_b(torch.cat([a, b])).float().chunk(2)
        fake_a, same_a = model.b_to_a(torch.cat([b, a])).float().chunk(2)
        return {"fake_a": fake_a, "fake_b": fake_b, "same_a": same_a, "same_b": same_b}

    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: Step) -> Loss:
        """The generators' loss with all its terms unweighted, or the discriminators' with their accuracies."""
        assert isinstance(model, CycleGAN)
        a, b = _domains(model, batch)
        return self._generators(model, a, b, moves) if player == "generators" else self._judges(model, a, b, moves)

    def _generators(self, model: CycleGAN, a: Tensor, b: Tensor, moves: dict[str, Tensor]) -> Loss:
        terms = {
            "gan_a": (model.discriminator_a(moves["fake_a"]).float() - 1).square().mean(),
            "gan_b": (model.discriminator_b(moves["fake_b"]).float() - 1).square().mean(),
            "cycle_a": (model.b_to_a(moves["fake_b"]).float() - a).abs().mean(),
            "cycle_b": (model.a_to_b(moves["fake_a"]).float() - b).abs().mean(),
        }
        value = terms["gan_a"] + terms["gan_b"] + self.cycle_weight * (terms["cycle_a"] + terms["cycle_b"])
        if self.identity_weight:
            terms |= {
                "identity_a": (moves["same_a"] - a).abs().mean(),
                "identity_b": (moves["same_b"] - b).abs().mean(),
            }
            value = value + self.cycle_weight * self.identity_weight * (terms["identity_a"] + terms["identity_b"])
        return Loss(value, {name: term.detach() for name, term in terms.items()})

    def _judges(self, model: CycleGAN, a: Tensor, b: Tensor, moves: dict[str, Tensor]) -> Loss:
        fake_a, fake_b = self.pool_a.exchange(moves["fake_a"]), self.pool_b.exchange(moves["fake_b"])
        value, terms = torch.zeros((), device=a.device), {}
        for domain, judge, real, fake in (
            ("a", model.discriminator_a, a, fake_a),
            ("b", model.discriminator_b, b, fake_b),
        ):
            on_real, on_fake = judge(real).float(), judge(fake).float()
            value = value + self.squares.discriminator(on_real, on_fake)
            terms[f"accuracy_real_{domain}"] = (on_real > self.squares.threshold).float().mean()
            terms[f"accuracy_fake_{domain}"] = (on_fake <= self.squares.threshold).float().mean()
        return Loss(value, terms)

    def spread(self, model: nn.Module, batch: Batch, moves: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Translations into a domain are to be as diverse as its pictures."""
        assert isinstance(model, CycleGAN)
        a, b = _domains(model, batch)
        return {"translations_a": (moves["fake_a"], a), "translations_b": (moves["fake_b"], b)}


def _domains(model: CycleGAN, batch: Batch) -> tuple[Tensor, Tensor]:
    assert batch.x_b is not None
    return model.to_network(batch.x), model.to_network(batch.x_b)

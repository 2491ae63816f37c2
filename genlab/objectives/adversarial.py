"""The game of a generator against a discriminator: losses in `two_player`, penalties in `penalties`."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.errors import ConfigError
from genlab.models.gan.implicit import ImplicitModel
from genlab.objectives.base import Loss, Step, condition
from genlab.objectives.penalties import gradient_penalty, r1
from genlab.objectives.players import Game, Player
from genlab.objectives.two_player import DIVERGENCES, LOSSES
from genlab.ops.collectives import gathered
from genlab.signatures.ranges import NonNegativeFloat, Positive, Unit


class Adversarial(Game):
    """A discriminator tells data from samples, a generator makes samples that it cannot tell.

    Args:
        loss: "minimax", "non_saturating", "least_squares", "hinge", "wasserstein_gp" or "f_gan".
        divergence: of "f_gan": "kl", "reverse_kl", "js", "total_variation", "pearson" or "hellinger".
        r1: weight gamma of ``gamma / 2 E |grad V(x)|^2`` on data.
        gp_weight: of the gradient penalty of "wasserstein_gp".
        n_critic: updates of the discriminator for each of the generator.
        label_smoothing: s: the discriminator is to say ``1 - s`` of data, and 0 of samples as ever.

    Raises:
        ConfigError: label smoothing of a loss without labels.
    """

    needs = (ImplicitModel,)
    played_by = ("discriminator", "generator")

    def __init__(
        self,
        *,
        loss: Literal[
            "minimax", "non_saturating", "least_squares", "hinge", "wasserstein_gp", "f_gan"
        ] = "non_saturating",
        divergence: Literal["kl", "reverse_kl", "js", "total_variation", "pearson", "hellinger"] = "js",
        r1: NonNegativeFloat = 0.0,
        gp_weight: NonNegativeFloat = 10.0,
        n_critic: Positive = 1,
        label_smoothing: Unit = 0.0,
    ) -> None:
        super().__init__()
        self.losses = DIVERGENCES[divergence].losses() if loss == "f_gan" else LOSSES[loss]
        if label_smoothing and self.losses.smoothed is None:
            raise ConfigError(
                f"objective.label_smoothing={label_smoothing}: objective.loss={loss} has no labels; it is for minimax, "
                "non_saturating and least_squares"
            )
        self.r1 = r1
        self.gp_weight = gp_weight if loss == "wasserstein_gp" else 0.0
        self.n_critic = n_critic
        self.label_smoothing = label_smoothing

    @property
    def players(self) -> tuple[Player, ...]:
        """The discriminator, and every ``n_critic`` updates the generator."""
        return (
            Player("discriminator", ("discriminator",)),
            Player("generator", ("generator",), every=self.n_critic, moves=True),
        )

    def prepare(self, model: nn.Module) -> None:
        """Check that the model plays this game.

        Raises:
            ConfigError: it does not, or its discriminator has no slope at an example of its own.
        """
        super().prepare(model)
        assert isinstance(model, ImplicitModel)
        batchnorm = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.discriminator.modules())
        if batchnorm and (self.r1 or self.gp_weight):
            raise ConfigError(
                "objective: a gradient penalty needs a discriminator that sees examples one by one, batch "
                "normalisation mixes them; set model.norm=layer or model.norm=none"
            )

    def moves(self, model: nn.Module, batch: Batch, *, step: Step) -> dict[str, Tensor]:
        """As many samples as the batch has examples (and of its classes): ``fake``, in the network's coordinates."""
        assert isinstance(model, ImplicitModel)
        if not model.is_anchored:
            model.anchor(gathered(batch.x))
        return {"fake": model.generate(model.sample_latents(len(batch.x)), condition(model, batch))}

    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: Step) -> Loss:
        """The generator's loss, or the discriminator's with its accuracies on ``real`` and ``fake`` and penalties."""
        assert isinstance(model, ImplicitModel)
        c, fake = condition(model, batch), moves["fake"]
        on_fake = model.judge(fake, c)
        if player == "generator":
            return Loss(self.losses.generator(on_fake).mean(), {})
        real = model.to_network(batch.x)
        on_real = model.judge(real, c)
        value = self.losses.discriminator(on_real, on_fake, smoothing=self.label_smoothing)
        terms = {
            "accuracy_real": (on_real > self.losses.threshold).float().mean(),
            "accuracy_fake": (on_fake <= self.losses.threshold).float().mean(),
        }
        if self.gp_weight:
            terms["gradient_penalty"] = gradient_penalty(lambda u: model.judge(u, c), real, fake)
            value = value + self.gp_weight * terms["gradient_penalty"]
        if self.r1:
            terms["r1"] = r1(lambda u: model.judge(u, c), real)
            value = value + self.r1 * terms["r1"]
        return Loss(value, {name: term.detach() for name, term in terms.items()})

    def spread(self, model: nn.Module, batch: Batch, moves: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """The samples are to be as diverse as the data."""
        assert isinstance(model, ImplicitModel)
        return {"samples": (moves["fake"], model.to_network(batch.x))}

"""Training as a game: players with optimisers of their own take turns (GAN and its kin)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.errors import ConfigError
from genlab.objectives.base import Loss
from genlab.objectives.players import Game, Player
from genlab.ops.collectives import average
from genlab.training.base import Stepwise, check_finite, drop_gradients
from genlab.training.optim import OptimiserRecipe


@dataclass
class Held:
    """A batch that waits for the update it belongs to.

    Attributes:
        batch: the data.
        step: of training, which seeds its random numbers.
        moves: what the players look at, once somebody has.
        attached: whether the moves still have their graph.
    """

    batch: Batch
    step: int
    moves: dict[str, Tensor] | None = field(default=None)
    attached: bool = False


class GameLoss(Stepwise):
    """An update: each player whose turn it is takes one step down its own loss while the others stand still.

    A player's turn is bit for bit without effect on the others' weights, gradients and optimisers. Running statistics
    of batch normalisation are no weights: whoever looks through a network in training mode moves them, as in the plain
    loop, so a discriminator's also see the pictures of the generator's turn.

    To accumulate, an update keeps its batches and every player runs over all of them, so that the second player sees
    the first one's update in all of its gradient and not in a part of it. The moves are then made twice, and move the
    running statistics of a generator twice.

    Args:
        model, objective: what is trained, and the game that trains it.
        players: how each player is updated, by name; the order is that of the updates.
        compiled: compile the players' networks.
        measure_every: measure the players' gradients at every so-many-th step, or where the update ends that it is
            part of; None: never.
        seed, num_batches, accumulate, clip, ema_decay, fused: as in `Stepwise`.

    Attributes:
        last: each player's loss at its latest turn.
        norms: norms of the gradients of the players whose turn the latest step was, before clipping, if measured.
        seen: the batch and the moves of the latest step, if measured; None otherwise.
        updates_done: number of updates that are behind the current weights, whoever's turn they were.

    Raises:
        ConfigError: ``players`` does not name the game's players.
    """

    objective: Game
    SHOWN: ClassVar[tuple[str, ...]] = ("norms", "seen")

    def __init__(
        self,
        model: nn.Module,
        objective: Game,
        *,
        players: Mapping[str, OptimiserRecipe],
        seed: int,
        num_batches: int,
        accumulate: int = 1,
        clip: float | None = None,
        ema_decay: float | None = None,
        compiled: bool = False,
        fused: bool = True,
        measure_every: int | None = None,
    ) -> None:
        super().__init__(
            model,
            objective,
            recipes={f"lr/{name}": recipe for name, recipe in players.items()},
            seed=seed,
            num_batches=num_batches,
            accumulate=accumulate,
            clip=clip,
            ema_decay=ema_decay,
            fused=fused,
        )
        known = {player.name: player for player in objective.players}
        if known.keys() != players.keys():
            raise ConfigError(f"players: {type(objective).__name__} is played by {', '.join(known)}")
        self.turns = [known[name] for name in players]
        assert sum(player.moves for player in self.turns) <= 1
        self.measure_every = measure_every
        self.last: dict[str, Loss] = {}
        self.norms: dict[str, Tensor] = {}
        self.seen: tuple[Batch, dict[str, Tensor]] | None = None
        self._held: list[Held] = []
        self._own: dict[str, list[nn.Parameter]] = {}
        for player in self.turns:
            parameters = (p for name in player.modules for p in model.get_submodule(name).parameters())
            self._own[player.name] = [p for p in parameters if p.requires_grad]
        owned = [id(p) for own in self._own.values() for p in own]
        if sorted(owned) != sorted(id(p) for p in model.parameters() if p.requires_grad):
            raise ValueError("each parameter of the model must be exactly one player's own")
        if compiled:
            for name in (name for player in self.turns for name in player.modules):
                model.get_submodule(name).compile()

    def parameters_of(self, name: str) -> Iterable[nn.Parameter]:
        """The player's own."""
        return self._own[name.removeprefix("lr/")]

    @property
    def updates_done(self) -> int:
        """The last of a run may be of fewer batches."""
        return -(-self.batches_done // self.accumulate)

    def turn(self) -> Any:
        """Whose turn it is, and whether it is measured."""
        return (tuple(self._due()), self._measured(1))

    def _due(self) -> list[bool]:
        update = self.batches_done // self.accumulate
        return [(update + 1) % player.every == 0 for player in self.turns]

    def _measured(self, held: int) -> bool:
        """Whether an update that ends here, of so many batches, is measured."""
        end, every = self.batches_done + 1, self.measure_every
        return every is not None and end // every > (end - held) // every

    def losses(self) -> dict[str, Loss]:
        """Of those whose turn it was."""
        return {player.name: self.last[player.name] for player, now in zip(self.turns, self._due(), strict=True) if now}

    def arrive(self, step: int, losses: dict[str, Loss]) -> None:
        """Each is its player's latest."""
        for name, loss in losses.items():
            self.last[name] = loss
            check_finite(loss, step=step, name=f"loss of {name}", remedy=f"players.{name}.lr")

    def scalars(self) -> dict[str, float]:
        """The players' losses under their names, and the losses' terms, each of its player's latest turn."""
        found = {}
        for name, loss in self.last.items():
            found[name] = loss.value.item()
            found |= {term: value.item() for term, value in loss.terms.items()}
        return found

    def step(self, batch: Batch) -> None:
        """Hold the batch; at the last one of an update, let the players move."""
        if self.seen is not None:
            self.norms, self.seen = {}, None
        self._held.append(Held(batch, self.batches_done))
        if not self.ends_update():
            return
        held, self._held = self._held, []
        measured, due = self._measured(len(held)), self._due()
        # with one batch its moves are made once, attached if anyone due needs that; with several they are made again
        # for the player who needs their graphs, which would not fit in memory together
        attach = len(held) == 1 and any(player.moves for player, now in zip(self.turns, due, strict=True) if now)
        plugin = self.trainer.precision_plugin
        scaler = plugin.scaler if isinstance(plugin, MixedPrecision) else None
        for player, optimiser, now in zip(self.turns, self.trainer.optimizers, due, strict=True):
            if not now:
                continue
            drop_gradients(optimiser)
            for each in held:
                self._backward(player, each, attach=attach, share=1 / len(held))
            gradients = [p.grad for p in self._own[player.name] if p.grad is not None]
            average(gradients)
            if scaler is not None:
                scaler.unscale_(optimiser)
            if measured:
                self.norms[player.name] = torch.nn.utils.get_total_norm(gradients)
            self.on_before_optimizer_step(optimiser)
            optimiser.step() if scaler is None else scaler.step(optimiser)
        if scaler is not None and any(due):
            scaler.update()  # once, when all players have used the same scale
        if measured and held[-1].moves is not None:
            self.seen = (held[-1].batch, held[-1].moves)
        self.end_update()

    def _backward(self, player: Player, held: Held, *, attach: bool, share: float) -> None:
        """Add the gradient of a player's loss on one batch to those of its parameters."""
        moves = self._moves(player, held, attach=attach)
        self.reseed(held.step, player.name)
        with self._alone(player), self.synchronised(updates=False):  # `average` is what synchronises
            loss = self.objective.loss(player.name, self.model, held.batch, moves, step=self.position(held.step))
            self.last[player.name] = Loss(loss.value.detach(), loss.terms)
            self.judge(loss, step=held.step, name=f"loss of {player.name}", remedy=f"players.{player.name}.lr")
            # the trainer's autocast is still on, and would take the second derivatives of float32 penalties in half
            # precision; what was half in the forward pass stays so, and the scaler scales whatever the region
            with torch.autocast(self.device.type, enabled=False):
                self.manual_backward(loss.value if share == 1 else loss.value * share)

    def _moves(self, player: Player, held: Held, *, attach: bool) -> dict[str, Tensor]:
        """The moves on one batch as ``player`` sees them; they are those before the update, whoever asks first."""
        if held.moves is None or (player.moves and not held.attached):
            held.attached = attach or player.moves
            maker = next(each for each in self.turns if each.moves) if held.attached else None
            self.reseed(held.step)
            with torch.no_grad() if maker is None else self._alone(maker):
                held.moves = self.objective.moves(self.model, held.batch, step=self.position(held.step))
        moves = held.moves
        detached = {name: value.detach() for name, value in moves.items()}
        if not player.moves:
            return detached
        held.moves, held.attached = detached, False  # the graph goes with the backward pass
        return moves

    @contextmanager
    def _alone(self, player: Player) -> Iterator[None]:
        """Gradients for one player's parameters; for the others' no work, and theirs stay as they are."""
        others = [p for name, own in self._own.items() if name != player.name for p in own]
        for parameter in others:
            parameter.requires_grad = False
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the losses: between two turns of a player, a resumed run logs those of the turn before."""
        checkpoint["game"] = {
            name: {"value": loss.value.item(), "terms": {term: value.item() for term, value in loss.terms.items()}}
            for name, loss in self.last.items()
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Inverse of `on_save_checkpoint`."""
        for name, loss in checkpoint["game"].items():
            terms = {term: torch.tensor(value) for term, value in loss["terms"].items()}
            self.last[name] = Loss(torch.tensor(loss["value"]), terms)

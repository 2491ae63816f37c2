"""The contract of a game: players with parameters and losses of their own, who all look at the same moves.

A generator that plays against a discriminator is a game of two players,

    min_phi L_D(phi; x, G(z; theta)),    min_theta L_G(theta; D(.; phi)),

and its moves are the pictures ``G(z; theta)``: made once for every batch, judged by both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.objectives.base import Goal, Loss, Step


@dataclass(frozen=True)
class Player:
    """Who plays with which parameters.

    Attributes:
        name: the key of its optimiser in the config's ``players``.
        modules: names of the model's submodules whose parameters are its own; no two players share any.
        every: its turn comes at every so-many-th update (with several critic steps, the generator's).
        moves: its loss is also minimised through the moves, which it makes; true of at most one player.
    """

    name: str
    modules: tuple[str, ...]
    every: int = 1
    moves: bool = False


class Game(Goal, ABC):
    """An objective of several players.

    In an update each player in turn takes one step down its own loss while the others stand still. The moves are
    those before the update: no player sees what another's step would have changed in them.
    """

    @property
    @abstractmethod
    def players(self) -> tuple[Player, ...]:
        """All players; the order of their updates is the config's."""

    @abstractmethod
    def moves(self, model: nn.Module, batch: Batch, *, step: Step) -> dict[str, Tensor]:
        """What the players look at, for example generated pictures; may be made again, with the same random state.

        It must not change buffers of the game: what remembers earlier moves (an image pool) belongs in `loss`, which
        is computed once for each player and batch.
        """

    @abstractmethod
    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: Step) -> Loss:
        """What ``player`` minimises, with its named terms.

        Args:
            player: its name.
            model: only the parameters of ``player`` require gradients.
            batch: the data.
            moves: attached to their graph for the player who makes them, detached for the others.
            step: of training, counted from 0; a tensor in a recorded step (see `Objective.forward`).
        """

    def spread(self, model: nn.Module, batch: Batch, moves: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """``(made, real)`` by name: moves and the data that they should be as diverse as; watched during training."""
        return {}

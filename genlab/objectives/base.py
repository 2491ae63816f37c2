"""The contract of an objective."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.models.conditions import condition
from genlab.objectives import trainable

if TYPE_CHECKING:
    from genlab.data.spaces import Dataset

__all__ = ["Goal", "Loss", "Objective", "Recoverable", "Step", "condition"]

Step = int | Tensor
"""A training step, counted from 0; on an accelerator a tensor, as it is recorded and run again with other numbers."""


class Loss(NamedTuple):
    """What a training step minimises.

    Attributes:
        value: scalar, in nats per example where it is a likelihood or a bound.
        terms: its named parts, detached scalars, for the log.
    """

    value: Tensor
    terms: dict[str, Tensor]


class Goal(nn.Module):
    """What training is for: one loss (`Objective`) or a game of several (`genlab.objectives.players.Game`).

    A module, so that replay buffers and image pools are buffers and reach the checkpoint. Data-parallel ranks do not
    copy these buffers to each other: each goal keeps its own the same on all of them.

    Attributes:
        needs: the classes that a model has to be of; ``A | B`` are alternatives.
    """

    needs: ClassVar[tuple[type | UnionType, ...]] = ()

    def prepare(self, model: nn.Module) -> None:
        """Check the model, make the buffers whose shape depends on it; called once, before the first step or a resume.

        Raises:
            ConfigError: it is not what this `needs`.
        """
        trainable.require(self, model)

    def see(self, data: Dataset) -> None:
        """Keep what it needs of the data beyond its batches; called once, before the first step or a resume.

        Raises:
            ConfigError: the data has not what its options ask for.
        """


class Objective(Goal):
    """One loss for all parameters."""

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss of ``model`` on ``batch`` at training step ``step``, counted from 0.

        On an accelerator the step may be recorded and run again with other numbers (`genlab.ops.graphs`): then ``step``
        is a tensor, and nothing may wait for a value.
        """
        raise TypeError(f"{type(self).__name__} is abstract")


class Recoverable(Objective):
    """An objective whose training can diverge, and which knows how to go on more carefully from an earlier state."""

    def diverged(self, loss: Loss) -> bool:
        """Whether a step with this loss has left the rails."""
        raise TypeError(f"{type(self).__name__} is abstract")

    def retreat(self, model: nn.Module, *, rollbacks: int) -> str:
        """Make ``model``, whose weights are those of an earlier step again, more careful, and say how.

        Args:
            model: to go on with.
            rollbacks: 1, 2, ...
        """
        raise TypeError(f"{type(self).__name__} is abstract")

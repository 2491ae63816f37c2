"""Training with one loss and one optimiser: VAE, PixelCNN, flow, energy-based model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from genlab.data.batches import Batch
from genlab.objectives.base import Loss, Objective, Recoverable
from genlab.training.base import Stepwise, check_finite, drop_gradients
from genlab.training.optim import OptimiserRecipe


class SingleLoss(Stepwise):
    """``step -> loss -> gradient -> update`` of built objects.

    Args:
        model, objective: what is trained, and ``(model, batch, step) -> Loss``.
        optimiser: how.
        compiled: run the loss through ``torch.compile``.
        seed, num_batches, accumulate, clip, ema_decay, fused: as in `Stepwise`.

    Attributes:
        last: the loss of the latest step.
    """

    _loss: Callable[..., Loss]

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        optimiser: OptimiserRecipe,
        seed: int,
        num_batches: int,
        accumulate: int = 1,
        clip: float | None = None,
        ema_decay: float | None = None,
        compiled: bool = False,
        fused: bool = True,
    ) -> None:
        super().__init__(
            model,
            objective,
            recipes={"lr": optimiser},
            seed=seed,
            num_batches=num_batches,
            accumulate=accumulate,
            clip=clip,
            ema_decay=ema_decay,
            fused=fused,
        )
        self.last: Loss | None = None
        # not as a submodule: the objective and its buffers would stand in every checkpoint twice
        object.__setattr__(self, "_loss", torch.compile(objective) if compiled else objective)

    def parameters_of(self, name: str) -> Iterable[nn.Parameter]:
        """All parameters: there is one optimiser."""
        return self.model.parameters()

    def losses(self) -> dict[str, Loss]:
        """The one."""
        assert self.last is not None
        return {"loss": self.last}

    def arrive(self, step: int, losses: dict[str, Loss]) -> None:
        """Judged unless a guard does."""
        self.last = losses["loss"]
        if not isinstance(self.objective, Recoverable):
            check_finite(self.last, step=step, name="loss", remedy="optim.lr")

    def scalars(self) -> dict[str, float]:
        """The loss and its terms."""
        if self.last is None:
            return {}
        return {"loss": self.last.value.item(), **{name: term.item() for name, term in self.last.terms.items()}}

    def step(self, batch: Batch) -> None:
        """Loss, gradient and, unless gradients still accumulate, update."""
        optimiser: LightningOptimizer = self.optimizers()  # type: ignore[assignment]
        if self.pending == 0:
            drop_gradients(optimiser.optimizer)
        updates = self.ends_update()

        def backward() -> Tensor:
            with self.synchronised(updates=updates):
                loss = self.loss(batch)
                self.manual_backward(loss.value if self.sharing == 1 else loss.value / self.sharing)
            return loss.value

        if not updates:
            backward()
            return
        optimiser.step(closure=backward)
        self.end_update()

    def loss(self, batch: Batch) -> Loss:
        """The objective on one batch, checked.

        Raises:
            TrainingError: a non-finite loss; the weights are those of the step before. A `Recoverable` objective has
                a guard in place of that, which looks at it after the step, and goes back.
        """
        loss = self._loss(self.model, batch, step=self.position(self.batches_done))
        self.last = loss
        if not isinstance(self.objective, Recoverable):
            self.judge(loss, step=self.batches_done)
        return loss

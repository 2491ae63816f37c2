"""Watches over a game: its losses may look well while a player has stopped, or while all samples are one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.evaluation.collapse import COLLAPSED, diversity, message
from genlab.training.callbacks.in_turn import StepCallback

PATIENCE = 5
"""So many looks in a row must agree: a game at its start, or between two phases, is not ill."""

FEW = 8
"""A batch of fewer is gathered over several looks: a distance between two pictures says little of all."""

GATHERED, SIDE = 16, 16
"""Examples gathered at most, and the side to which pictures are averaged down meanwhile: checkpoints hold them."""

STILL = 1e-6
"""Relative distance that weights move between two looks; less is no learning (float32 resolves 6e-8)."""

CONSTANT = 1e-4
"""Relative spread of a loss over `PATIENCE` looks; less is a game in which nothing happens."""


class Watch(StepCallback):
    """Where the module measures, logs the norms of the gradients and how diverse the samples are, and warns.

    A game is reported, once per episode and without being stopped, when for `PATIENCE` looks the samples have been
    nearly the same (collapsed), when a player's weights have not moved (frozen), or when all losses are constant.

    Args:
        report: is told each warning, in one line.

    Attributes:
        warnings: ``{"step", "message"}`` of each so far.
    """

    def __init__(self, *, report: Callable[[str], None]) -> None:
        self.report = report
        self.warnings: list[dict[str, Any]] = []
        self._looks: dict[str, int] = {}
        self._weights: dict[str, Tensor] = {}
        self._turns: dict[str, int] = {}  # that each player had had by then
        self._moved: dict[str, int] = {}  # the step at which its weights were last found to have moved
        self._losses: list[dict[str, float]] = []
        self._gathered: dict[str, list[Tensor]] = {}  # by name, what was made in the latest looks, and the data

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know to warn when the straight one would."""
        return {
            "warnings": self.warnings,
            "looks": self._looks,
            "weights": self._weights,
            "turns": self._turns,
            "moved": self._moved,
            "losses": self._losses,
            "gathered": self._gathered,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.warnings, self._looks = state_dict["warnings"], state_dict["looks"]
        self._weights, self._losses = state_dict["weights"], state_dict["losses"]
        # older checkpoints have none of these
        self._turns, self._moved = state_dict.get("turns", {}), state_dict.get("moved", {})
        self._gathered = state_dict.get("gathered", {})

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Note where the weights start."""
        if not self._weights:
            self._weights = _signatures(pl_module)

    def end_step(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Look if the module has measured this step."""
        if pl_module.seen is None or not trainer.is_global_zero:
            return
        pl_module.settle()
        step = pl_module.batches_done
        metrics = {f"gradient/{name}": norm.item() for name, norm in pl_module.norms.items()}
        diversities = self._diversities(pl_module.objective.spread(pl_module.model, *pl_module.seen))
        metrics |= {f"diversity/{name}": value for name, value in diversities.items()}
        before = len(self.warnings)
        frozen, unknown = self._frozen(pl_module)
        ill = {**self._collapsed(diversities), **frozen, **self._constant(pl_module)}
        for warning in self._agreed(ill, unknown):
            self.warnings.append({"step": step, "message": warning})
            self.report(f"watch    step {step}: {warning}")
        if len(self.warnings) > before:
            metrics["warnings"] = len(self.warnings)
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=step)

    def _agreed(self, ill: dict[str, str], unknown: set[str]) -> Iterator[str]:
        """The messages whose `PATIENCE`-th look in a row this is; a look at what is ``unknown`` counts for nothing."""
        kept = {name: looks for name, looks in self._looks.items() if name in unknown}
        self._looks = {**kept, **{name: self._looks.get(name, 0) + 1 for name in ill}}
        for name, warning in ill.items():
            if self._looks[name] == PATIENCE:
                yield warning

    def _diversities(self, spread: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
        """How diverse what was made is; of small batches, once enough looks have been gathered."""
        found = {}
        for name, pair in spread.items():
            if min(map(len, pair)) >= FEW:
                found[name] = diversity(*pair)
                continue
            before = self._gathered.get(name) or [x[:0] for x in map(_small, pair)]
            self._gathered[name] = [
                torch.cat([old, _small(x)])[-GATHERED:] for old, x in zip(before, pair, strict=True)
            ]
            if min(map(len, self._gathered[name])) >= FEW:
                found[name] = diversity(*self._gathered[name])
        return found

    def _collapsed(self, diversities: dict[str, float]) -> dict[str, str]:
        return {f"collapsed {name}": message(name, value) for name, value in diversities.items() if value < COLLAPSED}

    def _frozen(self, module: Any) -> tuple[dict[str, str], set[str]]:
        """Who stood still although it had a turn since it was last looked at; and who had none."""
        frozen, unknown, step = {}, set(), module.batches_done
        now = _signatures(module)
        for player in module.turns:
            name, turns = player.name, module.updates_done // player.every
            if turns == self._turns.get(name, 0):
                unknown.add(f"frozen {name}")
                continue
            distance = float((now[name] - self._weights[name]).norm())
            self._weights[name], self._turns[name] = now[name], turns
            if distance > STILL * float(now[name].norm()):
                self._moved[name] = step
                continue
            still = step - self._moved.get(name, 0)
            frozen[f"frozen {name}"] = f"the {name} stands still: its weights have not moved for {still} steps"
        return frozen, unknown

    def _constant(self, module: Any) -> dict[str, str]:
        self._losses = [*self._losses, {name: loss.value.item() for name, loss in module.last.items()}][-PATIENCE:]
        players = self._losses[-1]
        columns = [[look[name] for look in self._losses if name in look] for name in players]
        constant = all(max(column) - min(column) <= CONSTANT * max(map(abs, column)) for column in columns)
        if len(self._losses) < 2 or not constant:
            return {}
        return {"constant": f"nothing happens: the losses of {' and '.join(players)} are constant"}


def _small(x: Tensor) -> Tensor:
    """Examples on the CPU, pictures averaged down to at most `SIDE` pixels."""
    x = x.detach().float().cpu()
    return x if x.ndim < 4 else F.adaptive_avg_pool2d(x, (min(SIDE, x.shape[2]), min(SIDE, x.shape[3])))


def _signatures(module: Any) -> dict[str, Tensor]:
    """Some weights of each tensor of each player, on the CPU: enough to see whether they move."""
    return {
        player.name: torch.cat(
            [p.detach().flatten()[:64].float().cpu() for p in module.parameters_of(f"lr/{player.name}")]
        )
        for player in module.turns
    }

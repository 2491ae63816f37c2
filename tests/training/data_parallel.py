"""A few steps of one model in so many processes, as rank by rank each would take them: see `test_data_parallel`.

``python data_parallel.py MODEL PROCESSES FILE`` writes losses and weights of rank 0 to the file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from genlab.data.batches import BatchLoader
from genlab.data.spaces import DataSpec, Split
from genlab.models import GAN, VAE, PixelCNN, realnvp
from genlab.objectives import ELBO, Adversarial, MaximumLikelihood
from genlab.ops import random
from genlab.ops.collectives import average
from genlab.training import base
from genlab.training.base import Stepwise
from genlab.training.game import GameLoss
from genlab.training.optim import OptimiserRecipe
from genlab.training.single import SingleLoss
from genlab.training.windows import Windows

STEPS, BATCH = 8, 12
LR = {"vae": 1e-3, "pixelcnn": 1e-2, "realnvp": 1e-2, "gan": 1e-1}
PICTURES, PLANE = DataSpec((1, 8, 8), 17), DataSpec((2,), None)
SETTINGS: dict[str, Any] = {"seed": 0, "num_batches": STEPS, "clip": 2.0, "ema_decay": 0.9}


def module(name: str) -> tuple[Stepwise, DataSpec]:
    """What is trained, with weights that are the same in every process, and on what."""
    torch.manual_seed(0)
    # Adam makes rounding large where a gradient is nearly zero
    recipe = OptimiserRecipe("sgd", lr=LR[name.partition(",")[0]])
    match name:
        case "vae":
            model = VAE(PICTURES, hidden=[16], latent_dim=3)
            return SingleLoss(model, ELBO(), optimiser=recipe, **SETTINGS), PICTURES
        case "vae, accumulating":
            model = VAE(PICTURES, hidden=[16], latent_dim=3)
            return SingleLoss(model, ELBO(), optimiser=recipe, accumulate=2, **SETTINGS), PICTURES
        case "pixelcnn":
            model = PixelCNN(PICTURES, channels=4, blocks=1)
            return SingleLoss(model, MaximumLikelihood(), optimiser=recipe, **SETTINGS), PICTURES
        case "realnvp":
            model = realnvp(PLANE, couplings=3, hidden=[8])
            return SingleLoss(model, MaximumLikelihood(), optimiser=recipe, **SETTINGS), PLANE
        case "realnvp, batch":
            model = realnvp(PICTURES, channels=4, blocks=1, scales=2, norm="batch")
            return SingleLoss(model, MaximumLikelihood(), optimiser=recipe, **SETTINGS), PICTURES
        case "gan":  # a DCGAN's generator is normalised by the examples of each process
            model = GAN(PLANE, latent_dim=3, hidden=[16])
            players = dict.fromkeys(("discriminator", "generator"), recipe)
            return GameLoss(model, Adversarial(r1=0.1), players=players, **SETTINGS), PLANE
    raise ValueError(name)


def share_noise(rank: int, processes: int) -> None:
    """Let each rank draw the whole batch's random numbers and keep its part, where it draws its own otherwise."""
    drawn, derived = random._filled, base.derive

    def part(fill: Any, batch: int, *rest: Any) -> Tensor:
        return drawn(fill, processes * batch, *rest)[rank * batch : (rank + 1) * batch]

    def of_the_first(seed: int, use: str, step: int, _: int, *more: str) -> int:
        return derived(seed, use, step, 0, *more)

    random._filled = part
    base.derive = of_the_first  # type: ignore[assignment]


def run(name: str, processes: int) -> dict[str, Any]:
    """Losses of each step, averaged over the processes, and the weights at the end, of the running average too."""
    trained, spec = module(name)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    rank, source = trainer.global_rank, torch.Generator().manual_seed(0)
    if spec.levels is None:
        x = torch.randn(70, *spec.event_shape, generator=source)
    else:
        x = torch.randint(spec.levels, (70, *spec.event_shape), dtype=torch.uint8, generator=source)
    if processes > 1:
        share_noise(rank, processes)
    batch = BATCH // processes
    loader = BatchLoader(Split(x), batch_size=batch, seed=0, num_steps=STEPS, rank=rank, world_size=processes)
    seen: list[Tensor] = []
    step = trained.step

    def looked_at(batch: Any) -> None:
        step(batch)
        losses = [loss.value.detach().clone() for loss in trained.losses().values()]
        average(losses)
        seen.append(torch.stack(losses))

    trained.step = looked_at  # type: ignore[method-assign]
    trainer.fit(trained, train_dataloaders=Windows(loader, size=1))
    assert trained.averaged is not None
    return {"losses": torch.stack(seen), "weights": trained.state_dict(), "rank": rank}


if __name__ == "__main__":
    found = run(sys.argv[1], int(sys.argv[2]))
    if found["rank"] == 0:
        torch.save(found, Path(sys.argv[3]))

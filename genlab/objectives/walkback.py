"""Training of what restores examples: from noise on an example, and from where a chain walks from there.

"Extracting and Composing Robust Features with Denoising Autoencoders", P. Vincent, H. Larochelle, Y. Bengio,
P.-A. Manzagol, 2008, https://doi.org/10.1145/1390156.1390294
"Generalized Denoising Auto-Encoders as Generative Models", Y. Bengio, L. Yao, G. Alain, P. Vincent, 2013,
https://arxiv.org/abs/1305.6663 (section 4: walkback)
"""

from __future__ import annotations

import torch
from torch import nn

from genlab.data.batches import Batch
from genlab.models.diffusion.dae import Restores
from genlab.models.scaled import Scaled
from genlab.objectives.base import Loss, Objective, Step, condition
from genlab.ops.collectives import gathered
from genlab.signatures.ranges import Positive


class Walkback(Objective):
    """``loss = -mean_k log P(x | x~_k)`` along a chain that starts at x: ``x~_1`` is x with noise, and so on.

    A chain that leaves the data learns the way back.

    Args:
        steps: of the chain; 1 is the denoising autoencoder of Vincent et al. (2008).
    """

    needs = (Restores,)

    def __init__(self, *, steps: Positive = 1) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, model: nn.Module, batch: Batch, *, step: Step) -> Loss:
        """The loss, in nats per example; its one term is the loss itself."""
        assert isinstance(model, Restores)
        if isinstance(model, Scaled):
            model.anchor(gathered(batch.x))
        c, x, losses = condition(model, batch), batch.x, []
        for k in range(self.steps):
            noisy = model.corrupt(x)
            losses.append(-model.log_prob_behind(batch.x, noisy, c).mean())
            if k + 1 < self.steps:
                with torch.no_grad():
                    x = model.restore(noisy, c)
        value = torch.stack(losses).mean()
        return Loss(value, {"reconstruction": value.detach()})

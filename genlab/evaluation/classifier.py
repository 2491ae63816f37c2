"""A small classifier of a data set's own labels, whose features stand in for Inception's where that does not fit.

Distances between pictures are measured in features that know what matters in them. Inception knows photographs; digits
of 8x8 pixels it was never shown. A classifier that is trained on the data's training split knows them, and its last
hidden layer gives the features. Distances in different classifiers' features do not compare: its hash names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.batches import BatchLoader
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.nn.networks import ConvEncoder

FEATURES = 64
CHANNELS = 16
STEPS = 1000
BATCH = 128
LR = 2e-3
WEIGHT_DECAY = 1e-2
SMOOTHING = 0.1
SEED = 0
RECIPE = (1, FEATURES, CHANNELS, STEPS, BATCH, LR, WEIGHT_DECAY, SMOOTHING, SEED)
"""All that the weights depend on beside the data; the first number counts changes of the code."""

PICTURES_AT_ONCE = 500


class Classifier(nn.Module):
    """Residual convolutions down to `FEATURES` numbers, and a linear map of them to the classes.

    Each feature has mean 0 and variance 1 over the training split (batch normalisation without a learned scale), so
    that distances do not grow with the certainty of the classifier.

    Args:
        spec: labelled pictures.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        assert spec.levels is not None
        assert spec.num_classes is not None
        self.scale = 2 / (spec.levels - 1)
        self.encoder = ConvEncoder(spec.event_shape, channels=CHANNELS, outputs=FEATURES)
        self.standardise = nn.BatchNorm1d(FEATURES, affine=False)
        self.head = nn.Linear(FEATURES, spec.num_classes)

    def features(self, x: Tensor) -> Tensor:
        """``(B, C, H, W) uint8 -> (B, FEATURES) float32``."""
        return self.standardise(self.encoder(x.float() * self.scale - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes, ``(B, num_classes)``."""
        return self.head(F.silu(self.features(x)))

    @property
    def weights(self) -> np.ndarray:
        """All learned numbers in one row, ``(W,) float32``."""
        return torch.cat([value.flatten() for value in self._learned()]).numpy()

    @weights.setter
    def weights(self, row: np.ndarray) -> None:
        own = self._learned()
        parts = torch.from_numpy(row.copy()).split([value.numel() for value in own])
        for value, part in zip(own, parts, strict=True):
            value.copy_(part.view_as(value))

    def _learned(self) -> list[Tensor]:
        return [value for value in self.state_dict().values() if value.is_floating_point()]

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return hashlib.sha256(self.weights.tobytes()).hexdigest()


def untrained(spec: DataSpec) -> Classifier:
    """A classifier with weights from `SEED`, whatever the state of PyTorch's own generator, which stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return Classifier(spec)


@torch.enable_grad()
def trained(data: Dataset, *, progress: Callable[[Iterable, int], Iterable]) -> Classifier:
    """Fit a classifier to the training split on the CPU: the same weights on the same machine.

    Cross-entropy with smoothed labels, AdamW, the learning rate falling to 0 along a cosine over `STEPS` steps.
    """
    model = untrained(data.spec).train()
    loader = BatchLoader(data.train, batch_size=BATCH, seed=SEED, num_steps=STEPS, transform=data.train_transform)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for batch in progress(loader, STEPS):
        assert batch.y is not None
        optimiser.zero_grad()
        F.cross_entropy(model(batch.x), batch.y, label_smoothing=SMOOTHING).backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: Classifier, split: Split) -> float:
    """Share of the split's pictures whose label has the largest logit."""
    assert split.y is not None
    guesses = torch.cat([model(part).argmax(1) for part in split.x.split(PICTURES_AT_ONCE)])
    return (guesses == split.y).double().mean().item()

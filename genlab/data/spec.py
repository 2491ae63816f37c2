"""What a data set is, as far as a model needs to know."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

Layout = Literal["single", "unpaired", "paired"]


@dataclass(frozen=True)
class DataSpec:
    """The type of one example; it flows into the model, so that no config states an image size twice.

    Attributes:
        event_shape: ``(C, H, W)`` of an image, ``(D,)`` of a vector.
        levels: number of integer values of a pixel (2 for binary, 256 for 8-bit); None for real data.
        num_classes: number of labels, None where there are none.
        layout: "single" (one set), "unpaired" (two domains, CycleGAN) or "paired" (A and B aligned, pix2pix).
    """

    event_shape: tuple[int, ...]
    levels: int | None
    num_classes: int | None = None
    layout: Layout = "single"

    @property
    def is_image(self) -> bool:
        """Whether an example is a picture ``(C, H, W)``."""
        return len(self.event_shape) == 3

    @property
    def dim(self) -> int:
        """Number of dimensions D: what bits/dim divides by."""
        return math.prod(self.event_shape)

    def to_dict(self) -> dict[str, object]:
        """Plain types, as a checkpoint holds them."""
        return {
            "event_shape": list(self.event_shape),
            "levels": self.levels,
            "num_classes": self.num_classes,
            "layout": self.layout,
        }

    @classmethod
    def from_dict(cls, value: dict) -> DataSpec:
        """Inverse of `to_dict`."""
        return cls(tuple(value["event_shape"]), value["levels"], value["num_classes"], value.get("layout", "single"))


@dataclass(frozen=True)
class Split:
    """One split in memory (or memory-mapped): batches are gathered from it by index.

    Attributes:
        x: ``(N, C, H, W) uint8`` images or ``(N, D) float32`` vectors; domain A of a translation set.
        y: ``(N,) int64`` labels, or None.
        x_b: domain B: ``(N, C, H, W)`` if paired, ``(M, C, H, W)`` if unpaired; None otherwise.
        y_b: ``(M,) int64`` labels of domain B, or None.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None
    x_b: torch.Tensor | None = None
    y_b: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """A data set, decoded: its type and its three splits.

    Attributes:
        name: for messages and folder names.
        spec: the type of one example.
        train, val, test: the splits; test is the official one where there is one.
        train_transform: ``(x, generator) -> x`` applied to training batches only (dynamic binarisation, random crops).
        density: the true density where it is known (toy data): has ``log_prob(x)``, ``entropy``, ``bounds``.
        notes: sentences that the user should read once (pictures converted, files skipped, split improvised).
    """

    name: str
    spec: DataSpec
    train: Split
    val: Split
    test: Split
    train_transform: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None
    density: object | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

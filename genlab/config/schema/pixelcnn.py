"""Schemas of the PixelCNN family."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from genlab.config.schema.nodes import NonNegative, Positive, Target


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("must be odd, so that a kernel has a centre")
    return size


class PixelCNN(Target):
    """`genlab.models.PixelCNN` and `genlab.models.GatedPixelCNN`."""

    channels: Positive
    blocks: NonNegative
    kernel_size: Annotated[int, Field(ge=3), AfterValidator(_odd)]
    head_channels: Positive
    output: Literal["categorical", "logistic_mixture"]
    num_mixtures: Positive
    condition: Literal["label"] | None = None


TARGETS: dict[str, type[Target]] = {
    "genlab.models.PixelCNN": PixelCNN,
    "genlab.models.GatedPixelCNN": PixelCNN,
}

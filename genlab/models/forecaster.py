"""What a forecaster can do: tell the frames to be expected. It is one forecast, where samples make an ensemble."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from genlab.models.capabilities import GenerativeModel


class Forecaster(GenerativeModel):
    """Knows ``E[future | past]``; its ``given`` is the `Video` of the past."""

    @abstractmethod
    def forecast(self, c: Tensor) -> Tensor:
        """Past frames ``(B, P, C, H, W)`` -> the expected ones, ``(B, F, C, H, W) float``, on the data's own scale."""

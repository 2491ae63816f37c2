"""What a checkpoint must have for a metric or a task: a capability of its model, or what a function looks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from torch import nn

from genlab.data.spaces import DataSpec, Image
from genlab.models.capabilities import (
    Autoregressive,
    DecodesLatents,
    EncodesLatents,
    GenerativeModel,
    LikelihoodBound,
    SamplesByChain,
    Tempered,
    Translator,
    Truncated,
    UnnormalisedDensity,
)


class Trained(Protocol):
    """What needs look at: a model, the config that it was trained with, and the type of its data."""

    @property
    def model(self) -> nn.Module: ...  # noqa: D102

    @property
    def config(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def spec(self) -> DataSpec: ...  # noqa: D102


Need = type | Callable[[Any], str | None]
"""A capability that the model must have; or what says what a `Trained` lacks, after "needs", None for nothing."""

CAPABILITIES: dict[type, str] = {
    GenerativeModel: "a model that samples",
    LikelihoodBound: "a bound on the likelihood",
    UnnormalisedDensity: "an energy",
    EncodesLatents: "an encoder",
    DecodesLatents: "a decoder of latents",
    Autoregressive: "a model that draws one pixel after another (model=pixelcnn)",
    SamplesByChain: "a model that samples by a chain (model=ebm)",
    Tempered: "a model with a density to sharpen (model=realnvp)",
    Truncated: "a generator of latents (model=gan or model=dcgan)",
    Translator: "a model that translates pictures",
}
"""How messages name them."""


def lacking(needs: Iterable[Need], trained: Trained) -> str | None:
    """The first of ``needs`` that is not met, in words that follow "needs" (``"an encoder"``); None: all are."""
    for need in needs:
        if not isinstance(need, type):
            found = need(trained)
        elif isinstance(trained.model, need):
            found = None
        else:
            found = CAPABILITIES.get(need, f"a model that is a {need.__name__}")
        if found is not None:
            return found
    return None


def pictures(trained: Trained) -> str | None:
    """Pictures."""
    return None if isinstance(trained.spec.space, Image) else "pictures"

"""What a checkpoint must have for a metric or a task: a capability of its model, or what a function looks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, Protocol, get_args

from torch import nn

from genlab.data.spaces import DataSpec, Image, InTime, Tokens, Video
from genlab.models.capabilities import (
    Autoregressive,
    DecodesLatents,
    EncodesLatents,
    GenerativeModel,
    LikelihoodBound,
    SamplesByChain,
    Sequential,
    Tempered,
    Truncated,
    UnnormalisedDensity,
)
from genlab.models.diffusion.sampling import SamplesAlongPath
from genlab.models.forecaster import Forecaster
from genlab.models.levels import LatentLevels
from genlab.models.translating import Translator


class Trained(Protocol):
    """What needs look at: a model, the config that it was trained with, and the type of its data."""

    @property
    def model(self) -> nn.Module: ...  # noqa: D102

    @property
    def config(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def spec(self) -> DataSpec: ...  # noqa: D102


Need = type | UnionType | Callable[[Any], str | None]
"""A capability that the model must have, or one of several (``Tempered | Sequential``); or what says what a `Trained`
lacks, after "needs", None for nothing."""

CAPABILITIES: dict[type, str] = {
    GenerativeModel: "a model that samples",
    LikelihoodBound: "a bound on the likelihood",
    UnnormalisedDensity: "an energy",
    EncodesLatents: "an encoder",
    DecodesLatents: "a decoder of latents",
    LatentLevels: "levels of latents (model=ladder_vae or model=vdvae)",
    Autoregressive: "a model that draws one pixel or step after another (model=pixelcnn or model=transformer)",
    SamplesAlongPath: "a model that samples in steps from noise (model=flow_matching or model=diffusion)",
    SamplesByChain: "a model that samples by a chain (model=ebm or model=dae)",
    Sequential: "a model that draws step by step (model=rnn or model=transformer)",
    Tempered: "a model with a density to sharpen (model=realnvp)",
    Truncated: "a generator of latents (model=gan or model=dcgan)",
    Translator: "a model that translates pictures",
}
"""How messages name them."""


def lacking(needs: Iterable[Need], trained: Trained) -> str | None:
    """The first of ``needs`` that is not met, in words that follow "needs" (``"an encoder"``); None: all are."""
    for need in needs:
        if not isinstance(need, type | UnionType):
            found = need(trained)
        elif isinstance(trained.model, need):
            found = None
        else:
            found = " or ".join(CAPABILITIES.get(each, f"a model that is a {each.__name__}") for each in _each(need))
        if found is not None:
            return found
    return None


def _each(need: type | UnionType) -> tuple[type, ...]:
    return (need,) if isinstance(need, type) else get_args(need)


def pictures(trained: Trained) -> str | None:
    """Pictures."""
    return None if isinstance(trained.spec.space, Image) else "pictures"


def in_time(trained: Trained) -> str | None:
    """A model that draws step by step what has a time."""
    goes_on = isinstance(trained.model, Sequential) and isinstance(trained.spec.space, InTime)
    return None if goes_on else "a model that draws text, sound or frames step by step (model=rnn or model=transformer)"


def prompted(trained: Trained) -> str | None:
    """A model that goes on from a beginning, or that is given a caption."""
    told = isinstance(getattr(trained.model, "given", None), Tokens)
    return None if told else in_time(trained)


def past_frames(trained: Trained) -> str | None:
    """A model of frames to come, given those before."""
    given = getattr(trained.model, "given", None)
    foresees = isinstance(given, Video) and isinstance(trained.spec.space, Video)
    return None if foresees else "a model that is given past frames (model=convlstm)"


def ensemble(trained: Trained) -> str | None:
    """A model whose draws are forecasts, not one that tells a single one."""
    return "a model that draws forecasts" if isinstance(trained.model, Forecaster) else None

"""Which coder writes by a model: its capability says so."""

from __future__ import annotations

from torch import nn

from genlab.codec.coded import Coder
from genlab.codec.frequencies import MOST_LEVELS
from genlab.codec.latent import LatentCoder
from genlab.codec.part_coder import IntegerCoder
from genlab.codec.range_coder import RangeCoder
from genlab.data.spaces import DataSpec
from genlab.errors import ConfigError
from genlab.models.capabilities import GenerativeModel
from genlab.models.codable import Codable
from genlab.models.flow.dequantised import Dequantised
from genlab.models.integer_parts import IntegerParts
from genlab.models.latent_coding import GaussianLatents

FIT = "model=pixelcnn, model=transformer, model=vae, model=idf, model=histogram and the like"


def lacking(model: nn.Module, spec: DataSpec) -> str | None:
    """Why nothing can be compressed by a model, in words that follow its name and a colon; None: it can."""
    if spec.levels is None:
        return "lossless compression needs data of integer values, and these are real numbers"
    if spec.levels > MOST_LEVELS:
        return f"values have {spec.levels} levels; a coder's tables take {MOST_LEVELS} at most"
    if isinstance(model, Codable | IntegerParts | GaussianLatents):
        return None
    if not isinstance(model, GenerativeModel):
        return f"it translates pictures and has no likelihood; {FIT} have one"
    if isinstance(model, Dequantised):
        return (
            "its density is of real numbers, and bits back through it would need an inverse that is exact to the bit; "
            "model=idf is a flow of integers"
        )
    return f"a file needs a likelihood, or a bound by latents, that can be written; {FIT} have one"


def coder_of(model: nn.Module, spec: DataSpec) -> Coder:
    """The coder for a model.

    Raises:
        ConfigError: nothing can be compressed by it; the message says why and what can.
    """
    lacks = lacking(model, spec)
    if lacks is not None:
        raise ConfigError(f"{type(model).__name__} compresses nothing: {lacks}")
    if isinstance(model, GaussianLatents):
        return LatentCoder()
    return IntegerCoder() if isinstance(model, IntegerParts) else RangeCoder()

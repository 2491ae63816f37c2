"""What a model is given beside the data: the condition ``c``, from an option to what a network reads.

``model.given`` says what c is: None (nothing), a `Label` (``(B,) int64``), read by networks as a one-hot vector, a
`Vector` (``(B, D) float``), the `Tokens` of a caption (``(B, L)``), or the `Video` of what was before
(``(B, F, C, H, W)``), read as so many more channels.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.spaces import DataSpec, Label, Space, Tokens, Video
from genlab.errors import ConfigError
from genlab.models.capabilities import Sequential

Condition = Literal["label", "vector"]
"""Values of a family's option ``condition``, beside None; of a family that takes classes only, "label"."""

Frames = Literal["past"]
"""The value for a family that is given the frames before those that it models."""

Caption = Literal["caption"]
"""The value for a family that is given a text."""


class Examples(Protocol):
    """Data in memory: a batch or a split."""

    @property
    def x(self) -> Tensor:
        """``(B, *event_shape)``."""

    @property
    def y(self) -> Tensor | None:
        """``(B,) int64`` labels, or None."""

    @property
    def c(self) -> Tensor | None:
        """``(B, *condition.shape)``, other conditions, or None."""


def given_by(condition: Condition | Frames | Caption | None, spec: DataSpec) -> Space | None:
    """What a model with the option ``condition`` is given of data of type ``spec``.

    Raises:
        ConfigError: the data has none.
    """
    if condition is None:
        return None
    found = spec.labels if condition == "label" else spec.condition
    if found is None and condition == "label":
        raise ConfigError("model.condition=label needs labels, this data has none")
    if condition == "caption":
        if not isinstance(found, Tokens):
            raise ConfigError("model.condition=caption needs a text as condition, this data has none")
        return found
    if condition == "past":
        if not isinstance(found, Video):
            raise ConfigError("model.condition=past needs past frames as condition, this data has none")
        return found
    if found is None or (condition == "vector" and found.kind != "vector"):
        raise ConfigError("model.condition=vector needs data whose type has a vector as its condition, this has none")
    return found


def width(given: Space | None) -> int:
    """How many numbers `context` has for each example; 0 without a condition."""
    return 0 if given is None else given.num_classes if isinstance(given, Label) else given.dim


def check_condition(given: Space | None, c: Tensor | None) -> None:
    """Refuse a condition that is missing, or that nobody asked for.

    Raises:
        ValueError: either.
    """
    if given is not None and c is None:
        raise ValueError(f"the model is conditional: it needs c, a {given.kind} of each example")
    if given is None and c is not None:
        raise ValueError("the model is not conditional: it takes no c")


def needed(given: Space | None, c: Tensor | None) -> Tensor:
    """``c`` of a model that cannot do without.

    Raises:
        ValueError: it is missing.
    """
    check_condition(given, c)
    assert c is not None
    return c


def context(given: Space | None, c: Tensor | None) -> Tensor | None:
    """``c`` as a network reads it: ``(B, width)`` in the default precision; None without a condition.

    A label is one-hot, frames are those of `pictures` in a row, tokens their numbers.

    Raises:
        ValueError: see `check_condition`.
    """
    check_condition(given, c)
    if c is None:
        return None
    if isinstance(given, Video):
        return pictures(given, c).flatten(1)
    return (F.one_hot(c, given.num_classes) if isinstance(given, Label) else c).to(torch.get_default_dtype())


def channels(given: Space | None) -> int:
    """How many pictures `pictures` has of each example; 0 where the model is given none."""
    return given.frames * given.channels if isinstance(given, Video) else 0


def pictures(given: Video, c: Tensor) -> Tensor:
    """Frames ``(B, F, C, H, W)`` as a network reads them: ``(B, F * C, H, W)`` in [-1, 1], real ones as they are."""
    h = c.flatten(1, 2).to(torch.get_default_dtype())
    return h if given.levels is None else h * (2 / (given.levels - 1)) - 1


def condition(model: nn.Module, examples: Examples) -> Tensor | None:
    """What the model is given of a batch or a split: labels, vectors or past frames; None without a condition."""
    given: Space | None = getattr(model, "given", None)
    if given is None:
        return None
    found = examples.y if isinstance(given, Label) else examples.c
    if found is None:
        raise ValueError(f"{type(model).__name__} is given a {given.kind} of each example, these have none")
    return found


def lengths(model: nn.Module, examples: Examples) -> dict[str, Tensor]:
    """What a model of sequences is also given of ragged examples, by keyword; nothing for others."""
    found = getattr(examples, "lengths", None)
    return {"lengths": found} if found is not None and isinstance(model, Sequential) else {}


def log_prob(model: nn.Module, examples: Examples) -> Tensor:
    """``log p(x | c)`` of a model that knows it exactly, ``(B,)`` nats, of a batch or a split."""
    return model.log_prob(examples.x, condition(model, examples), **lengths(model, examples))  # type: ignore[operator]


def rows(c: Tensor | None, index: Tensor | slice) -> Tensor | None:
    """The conditions of some examples."""
    return None if c is None else c[index]

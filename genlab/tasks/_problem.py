"""What the tasks on inverse problems are asked, and what each of them undoes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from genlab.errors import ConfigError
from genlab.inverse.linear import LinearOperator
from genlab.inverse.observation import Observation

DRAWS = 8
"""Of each example, where nobody says how many."""

NOISE = (1e-5, 100.0)
"""Standard deviations, where there is any: with less, numbers of 24 bits are no answer; with more, nothing was seen."""


@dataclass(frozen=True)
class Asked:
    """The options that all of these tasks have.

    Attributes:
        samples: draws for each example; "auto": `DRAWS`, or one picture where there are no draws.
        method: name of a posterior sampler, or "auto".
        noise: standard deviation of the measurements' noise, white - black = 1.
        input: a picture or a folder of pictures; None: test examples.
        measured: whether these are what was measured.
        steps: frames of the path of a model that samples by chains; 0: it is not kept.
        factor: how many times smaller pictures are that were measured; larger ones are cut to multiples of it.
    """

    samples: int | Literal["auto"]
    method: str
    noise: float
    input: str | None = None
    measured: bool = False
    steps: int = 0
    factor: int = 1

    def __post_init__(self) -> None:
        if self.noise and not NOISE[0] <= self.noise <= NOISE[1]:
            raise ConfigError(f"noise={self.noise:g}: give 0, or from {NOISE[0]:g} to {NOISE[1]:g}; white - black is 1")


@dataclass(frozen=True)
class Problem:
    """What is to be undone.

    Attributes:
        operator: what of an example is seen.
        looks: how measurements look as pictures on the unit scale, ``(n, *event)``.
        baselines: what needs no model, by name, given the observation and the truth where it is known.
        earlier: further names of chains' arrays: of the examples, of what chains begin at, of their ends.
    """

    operator: LinearOperator
    looks: Callable[[Observation], Tensor]
    baselines: Callable[[Observation, Tensor | None], dict[str, Tensor]]
    earlier: tuple[str, str, str] | None = None


Make = Callable[[tuple[int, ...]], Problem]
"""The problem of examples of a shape."""

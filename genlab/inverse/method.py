"""What a posterior sampler is: a function, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from genlab.inverse.observation import Observation
from genlab.models.capabilities import GenerativeModel

Exactness = Literal["exact", "asymptotically exact", "approximate"]
"""Draws from ``p(u | y)`` of the model; such draws as steps or particles grow; or something near it."""


Report = Callable[[str, Tensor], None] | None
"""Is told a number of each example, ``(B,)``, by its name: "effective sample size"."""


class PosteriorSampler(Protocol):
    """Draws of what examples may have been, ``u ~ p(u | y)`` under a model's ``p(u)``.

    Functions in the files of `genlab.inverse`, one file per family, with settings of their own behind these arguments,
    which have defaults.
    """

    def __call__(
        self,
        model: Any,
        observation: Observation,
        *,
        samples: int,
        c: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``(B, samples, *event)`` float on the unit scale and the observation's device.

        Args:
            model: in eval mode, of the kind that the function is for; called without gradients, so that a function
                that needs them asks for them.
            observation: of B examples.
            samples: draws for each.
            c: the condition of each example, ``(B,)`` or ``(B, ...)``, None of a model of ``p(x)``.
            generator: of all random numbers.
        """


class ReportingSampler(Protocol):
    """A `PosteriorSampler` that has something to tell of its draws."""

    def __call__(
        self,
        model: Any,
        observation: Observation,
        *,
        samples: int,
        c: Tensor | None = None,
        generator: torch.Generator | None = None,
        report: Report = None,
    ) -> Tensor:
        """The same, and ``report`` is told how it went."""


@dataclass(frozen=True)
class Method:
    """A posterior sampler by name.

    Attributes:
        name: as in ``method=NAME``.
        exactness: what its draws are.
        fits: whether it is for a model and an observation; it is asked before anything is drawn.
        needs: what to have for it, to stand after "needs": "a Gaussian mixture or pPCA".
        draw: the sampler.
        reporting: the sampler that also tells how it went; None: it has nothing to tell.
    """

    name: str
    exactness: Exactness | Callable[[GenerativeModel, Observation], Exactness]
    fits: Callable[[GenerativeModel, Observation], bool]
    needs: str
    draw: PosteriorSampler
    reporting: ReportingSampler | None = None

    def run(
        self,
        model: GenerativeModel,
        observation: Observation,
        *,
        samples: int,
        c: Tensor | None,
        generator: torch.Generator | None,
        report: Report = None,
    ) -> Tensor:
        """Draw, and tell ``report`` what there is to tell."""
        if self.reporting is not None:
            return self.reporting(model, observation, samples=samples, c=c, generator=generator, report=report)
        return self.draw(model, observation, samples=samples, c=c, generator=generator)

    def exactness_for(self, model: GenerativeModel, observation: Observation) -> Exactness:
        """What its draws are with this model and this observation."""
        return self.exactness if isinstance(self.exactness, str) else self.exactness(model, observation)


@dataclass(frozen=True)
class Restorer:
    """A way to say what pictures larger than a model's were: one picture each, which is approximate, and no draws.

    Attributes:
        name: as in ``method=NAME``.
        fits: whether it is for a model and an observation; it is asked before anything is restored.
        needs: what to have for it, to stand after "needs".
        restore: ``(model, observation) -> (B, *event)`` on the unit scale.
    """

    name: str
    fits: Callable[[GenerativeModel, Observation], bool]
    needs: str
    restore: Callable[[GenerativeModel, Observation], Tensor]

    exactness: ClassVar[Exactness] = "approximate"

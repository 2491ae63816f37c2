"""Whether a checkpoint can say what pictures may have been, by what is seen of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from genlab.data.spaces import Image
from genlab.inverse.linear import LinearOperator
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Gaussian, Identity, Mask
from genlab.inverse.posterior import METHODS

NEEDED = "a model with a posterior sampler for it (such as model=gmm, model=ppca, model=pixelcnn)"


def _solvable(make: Callable[[tuple[int, ...]], LinearOperator], *, noise: float) -> Callable[[Any], str | None]:
    def need(trained: Any) -> str | None:
        if trained.spec.levels is None:
            return "pictures of integer levels"
        operator = make(trained.spec.event_shape)
        seen = Observation(operator, torch.zeros(1, operator.count), noise)
        return None if any(each.fits(trained.model, seen) for each in METHODS) else NEEDED

    return need


def _one_kept(event: tuple[int, ...]) -> Mask:
    keep = torch.zeros(event[-2:], dtype=torch.bool)
    keep.view(-1)[0] = True
    return Mask(event, keep)


from_part = _solvable(_one_kept, noise=0.0)
"""Has a sampler for pixels that are kept."""

from_noise = _solvable(Identity, noise=0.1)
"""Has a sampler for noisy pictures."""

from_measurements = _solvable(lambda event: Gaussian(event, 1), noise=0.1)
"""Has a sampler for any linear measurements."""


def divisible(trained: Any) -> str | None:
    """Pictures that can be made smaller by a whole factor."""
    space = trained.spec.space
    able = isinstance(space, Image) and math.gcd(space.height, space.width) > 1
    return None if able else "pictures whose height and width a factor divides"


def colours(trained: Any) -> str | None:
    """Pictures in colour."""
    space = trained.spec.space
    return None if isinstance(space, Image) and space.channels == 3 else "pictures in colour"

"""NICE: additive couplings, a scale per dimension, a logistic prior.

"NICE: Non-linear Independent Components Estimation", L. Dinh, D. Krueger, Y. Bengio, 2015,
https://arxiv.org/abs/1410.8516
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from genlab.bijectors import ActNorm, AdditiveCoupling, Bijector, Chain, DiagonalScale, EvenOdd, Flatten, Halves
from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Vector, of_levels
from genlab.distributions.priors import StandardLogistic
from genlab.models.conditions import given_by, width
from genlab.models.flow.dequantised import Dequantised
from genlab.models.flow.flow import Flow
from genlab.nn.networks import mlp
from genlab.signatures.ranges import Positive

needs = ("one set", "image | vector | waveform | video", "two dimensions or more")
needs_with = {"condition=label": ("labels",), "condition=vector": ("vector condition",)}
gives = {"reals": Flow, "integers": Dequantised}


def nice(
    spec: DataSpec,
    *,
    couplings: Positive = 4,
    hidden: Sequence[Positive] | Literal["auto"] = "auto",
    condition: Literal["label", "vector"] | None = None,
) -> Flow | Dequantised:
    """NICE for the data: a `Flow` on reals, exact; a `Dequantised` flow on integers, a bound.

    Pictures are flattened, the even pixels in one half and the odd ones in the other, and scaled to [0, 1] without a
    logit, as in the paper. Each dimension enters with the mean 0 and the variance 1 of the first batch (`ActNorm`), in
    place of the paper's whitening: a scale that had to be learned from 1 would take most of the training.

    Args:
        spec: the data's type.
        couplings: their number; the paper has 4.
        hidden: widths of the hidden layers; "auto": three of 2 D, at least 64 and at most 1000 (the paper's on MNIST).
        condition: what every coupling's network is given: "label", "vector", or None.

    Raises:
        ConfigError: data that a coupling cannot split, or that lacks the condition.
    """
    require(nice, spec, condition=condition)
    given = given_by(condition, spec)
    if hidden == "auto":
        hidden = (min(max(2 * spec.dim, 64), 1000),) * 3
    parts: list[Bijector] = [] if isinstance(spec.space, Vector) else [Flatten(spec.event_shape), EvenOdd()]
    parts.append(ActNorm(spec.dim))
    for i in range(couplings):
        partition = Halves(spec.dim, keep=i % 2)
        parts.append(AdditiveCoupling(partition, mlp(partition.inputs + width(given), hidden, partition.moved)))
    parts.append(DiagonalScale(spec.dim))
    real = replace(spec, space=of_levels(spec.space, None))
    flow = Flow(real, bijector=Chain(parts), prior=StandardLogistic(), given=given)
    return flow if spec.levels is None else Dequantised(spec, flow=flow, alpha=None)

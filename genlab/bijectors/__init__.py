"""Invertible maps with the log-determinant of their Jacobian, one concept per file.

Forward is the normalising direction, from data to latents. Every bijector gives both directions with their
log-determinants, in the dtype of its input and outside autocast; the networks inside it may run in lower precision.
"""

from genlab.bijectors.actnorm import ActNorm
from genlab.bijectors.base import Bijector, Transformed
from genlab.bijectors.batchnorm import BatchNorm
from genlab.bijectors.chain import Chain
from genlab.bijectors.coupling import AdditiveCoupling, AffineCoupling
from genlab.bijectors.logit import Logit
from genlab.bijectors.multiscale import MultiScale
from genlab.bijectors.partition import Checkerboard, Chosen, Halves, Partition
from genlab.bijectors.reshape import EvenOdd, Flatten, Squeeze
from genlab.bijectors.rounding import RoundedShift
from genlab.bijectors.scale import DiagonalScale

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "BatchNorm",
    "Bijector",
    "Chain",
    "Checkerboard",
    "Chosen",
    "DiagonalScale",
    "EvenOdd",
    "Flatten",
    "Halves",
    "Logit",
    "MultiScale",
    "Partition",
    "RoundedShift",
    "Squeeze",
    "Transformed",
]

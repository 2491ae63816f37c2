"""Samplers: functions of an energy, or of a denoiser along a path of noise, and a state; tensors to tensors."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from genlab.samplers.corrector import predictor_corrector
from genlab.samplers.ddim import ancestral, ddim
from genlab.samplers.dpm_solver import dpm_solver
from genlab.samplers.langevin import Langevin, gradient
from genlab.samplers.ode import euler, heun, midpoint, rk4
from genlab.samplers.process import Process, Sampler

__all__ = [
    "ALONG_PATH",
    "Langevin",
    "Process",
    "Sampler",
    "SamplerName",
    "ancestral",
    "ddim",
    "dpm_solver",
    "euler",
    "gradient",
    "heun",
    "midpoint",
    "predictor_corrector",
    "rk4",
]

SamplerName = Literal["ancestral", "ddim", "dpm_solver", "euler", "heun", "midpoint", "predictor_corrector", "rk4"]
"""Those of `ALONG_PATH`."""


class Known(NamedTuple):
    """A sampler along a path of noise.

    Attributes:
        run: the function.
        evaluations: of the network, in each step.
        random: whether it takes noise on the way.
    """

    run: Sampler
    evaluations: int
    random: bool = False


ALONG_PATH: Mapping[SamplerName, Known] = {
    "ancestral": Known(ancestral, 1, random=True),
    "ddim": Known(ddim, 1),
    "dpm_solver": Known(dpm_solver, 1),
    "euler": Known(euler, 1),
    "heun": Known(heun, 2),
    "midpoint": Known(midpoint, 2),
    "predictor_corrector": Known(predictor_corrector, 2, random=True),
    "rk4": Known(rk4, 4),
}
"""By the names that ``sampler=`` knows."""

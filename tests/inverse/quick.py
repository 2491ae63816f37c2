"""The posterior samplers with few steps, for tests of what stands around them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from genlab.inverse.method import Method
from genlab.inverse.posterior import METHODS
from genlab.samplers.hamiltonian import Hamiltonian

FEW: dict[str, dict[str, Any]] = {
    "completion": {"particles": 2, "steps": 2},
    "latent_hmc": {"chain": Hamiltonian(leapfrog=2, burn_in=2, steps=2)},
    "latent_map": {"steps": 2},
    "moment_matched": {"steps": 2},
    "pigdm": {"steps": 2},
    "ddrm": {"steps": 2},
    "dps": {"steps": 2},
}


def quick_methods() -> tuple[Method, ...]:
    """All of them, in their order."""
    return tuple(_quick(each) for each in METHODS)


def _quick(method: Method) -> Method:
    few = FEW.get(method.name, {})
    reporting = None if method.reporting is None else partial(method.reporting, **few)
    return replace(method, draw=partial(method.draw, **few), reporting=reporting)

"""Toy densities in the plane, with their exact log-probability and entropy.

Scales and noise as in W. Grathwohl, R. Chen, J. Bettencourt, I. Sutskever, D. Duvenaud, "FFJORD: Free-form Continuous
Dynamics for Scalable Reversible Generative Models", ICLR 2019, https://arxiv.org/abs/1810.01367, where it has them.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from typing import Literal

import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.sources.densities import Curve, Density, GaussianMixture, NoisyCurves, NoisyRings
from genlab.data.sources.shapes2d import Checkerboard, Pinwheel, TwoSpirals
from genlab.errors import ConfigError
from genlab.signatures.ranges import Positive, Seed

gives = ("one set", "vector", "2 dimensions", "reals")

MOONS_NOISE = 0.06
# Standard deviations of scikit-learn's moons with that noise, per axis: the arcs' moments in closed form.
MOONS_STD = (
    math.sqrt(0.75 + MOONS_NOISE**2),
    math.sqrt((0.5 + 0.75 - 2 / math.pi) / 2 - 0.0625 + MOONS_NOISE**2),
)


def _upper_moon(t: torch.Tensor) -> torch.Tensor:
    return torch.stack((t.cos(), t.sin()), -1)


def _lower_moon(t: torch.Tensor) -> torch.Tensor:
    return torch.stack((1 - t.cos(), 0.5 - t.sin()), -1)


def _moved(curve: Curve, scale: tuple[float, float], shift: tuple[float, float]) -> Curve:
    return lambda t: curve(t) * t.new_tensor(scale) + t.new_tensor(shift)


def _swiss_roll(t: torch.Tensor) -> torch.Tensor:
    return torch.stack((t * t.cos(), t * t.sin()), -1) / 5


DENSITIES: dict[str, Density] = {
    # scikit-learn's moons with noise 0.1, times 2, moved by (-1, -0.2)
    "two_moons": NoisyCurves(
        [_moved(moon, (2, 2), (-1, -0.2)) for moon in (_upper_moon, _lower_moon)],
        (0.0, math.pi),
        (0.2, 0.2),
        panels=16,
        entropy=2.393879,
        bounds=(-4.0, 4.0, -2.5, 3.0),
    ),
    # scikit-learn's moons with noise 0.06, mean 0 and variance 1 per axis (of the density, not of a sample)
    "standard_moons": NoisyCurves(
        [
            _moved(moon, (1 / MOONS_STD[0], 1 / MOONS_STD[1]), (-0.5 / MOONS_STD[0], -0.25 / MOONS_STD[1]))
            for moon in (_upper_moon, _lower_moon)
        ],
        (0.0, math.pi),
        (MOONS_NOISE / MOONS_STD[0], MOONS_NOISE / MOONS_STD[1]),
        panels=32,
        entropy=1.316079,
        bounds=(-2.3, 2.3, -2.2, 2.2),
    ),
    "eight_gaussians": GaussianMixture(
        [(4 / 1.414 * math.cos(k * math.pi / 4), 4 / 1.414 * math.sin(k * math.pi / 4)) for k in range(8)],
        0.5 / 1.414,
        entropy=2.831880,
        bounds=(-4.5, 4.5, -4.5, 4.5),
    ),
    # 25 modes on a grid of step 2: the usual test of mode collapse
    "gaussian_mixture": GaussianMixture(
        [(2.0 * i, 2.0 * j) for i in range(-2, 3) for j in range(-2, 3)],
        0.05,
        entropy=0.065288,
        bounds=(-5.0, 5.0, -5.0, 5.0),
    ),
    "checkerboard": Checkerboard(),
    "pinwheel": Pinwheel(entropy=2.320588, bounds=(-4.5, 4.5, -4.5, 4.5)),
    "spirals": TwoSpirals(entropy=2.645450, bounds=(-4.0, 4.0, -4.0, 4.0)),
    "rings": NoisyRings((0.75, 1.5, 2.25, 3.0), 0.08, entropy=2.623183, bounds=(-3.6, 3.6, -3.6, 3.6)),
    "circles": NoisyRings((1.5, 3.0), 0.24, entropy=3.268136, bounds=(-4.2, 4.2, -4.2, 4.2)),
    "swiss_roll": NoisyCurves(
        [_swiss_roll],
        (1.5 * math.pi, 4.5 * math.pi),
        (0.2, 0.2),
        panels=64,
        entropy=2.669646,
        bounds=(-3.5, 4.0, -3.5, 4.0),
    ),
}


Name = Literal[
    "two_moons",
    "standard_moons",
    "eight_gaussians",
    "gaussian_mixture",
    "checkerboard",
    "pinwheel",
    "spirals",
    "rings",
    "circles",
    "swiss_roll",
]
"""Those of `DENSITIES`."""


def toy2d(
    *,
    name: Name = "two_moons",
    num_train: Positive = 50_000,
    num_val: Positive = 5_000,
    num_test: Positive = 10_000,
    seed: Seed = 0,
) -> Dataset:
    """A toy density: ``(N, 2)`` float32 in raw coordinates; ``density`` has ``log_prob``, ``entropy`` and ``bounds``.

    Args:
        name: one of `DENSITIES`.
        num_train: size of the training split; each split is drawn independently of the others.
        num_val: size of the validation split.
        num_test: size of the test split.
        seed: of the three draws.

    Raises:
        ConfigError: if the name is unknown or a size is not positive.
    """
    if name not in DENSITIES:
        near = difflib.get_close_matches(name, DENSITIES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"data.name={name} is no toy density: {hint}there are {', '.join(DENSITIES)}")
    sizes = {"train": num_train, "val": num_val, "test": num_test}
    for part, size in sizes.items():
        if size < 1:
            raise ConfigError(f"data.num_{part}={size}: give a positive number")
    density = DENSITIES[name]
    splits = {}
    for part, size in sizes.items():
        # A seed of its own for each split: a longer training set changes neither val nor test.
        digest = hashlib.blake2b(f"toy2d/{name}/{part}/{seed}".encode(), digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
        splits[part] = Split(density.sample(size, generator=generator))
    return Dataset(
        name=f"toy2d-{name}",
        spec=DataSpec(event_shape=(2,), levels=None),
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        density=density,
    )

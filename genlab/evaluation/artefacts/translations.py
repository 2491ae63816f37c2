"""Images beside their translations and the way back."""

from __future__ import annotations

import numpy as np

from genlab.data.spaces import Dataset
from genlab.evaluation.artefacts.grids import stacked
from genlab.evaluation.translators import translated
from genlab.models.translating import Translator, TwoWayTranslator

SHOWN = 16
"""Pictures of each domain in a grid, at most."""


def pictures(model: Translator, data: Dataset, *, n: int, seed: int) -> dict[str, np.ndarray]:
    """The first test pictures: below them their translations, and below these the way back, or the truth of pairs."""
    test = data.test
    count = min(n, SHOWN, len(test.x), len(test.x) if test.x_b is None else len(test.x_b))
    assert test.x_b is not None
    a, b = test.x[:count], test.x_b[:count]
    there = translated(model, a, seed=seed)
    if not isinstance(model, TwoWayTranslator):
        return {"translations": stacked([a, there, b], data.spec)}
    from_b = translated(model, b, back=True, seed=seed)
    ways = {
        "a_to_b": [a, there, translated(model, there, back=True, seed=seed)],
        "b_to_a": [b, from_b, translated(model, from_b, seed=seed)],
    }
    return {name: stacked(parts, data.spec) for name, parts in ways.items()}

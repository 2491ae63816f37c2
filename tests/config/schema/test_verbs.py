"""The schema of what belongs to a verb."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import ValidationError

from genlab.config.schema import verbs
from genlab.training.optim import OptimiserRecipe


def test_the_settings_of_an_optimiser_are_its_own_fields() -> None:
    assert list(verbs.Optim.model_fields) == [field.name for field in dataclasses.fields(OptimiserRecipe)]
    assert verbs.Optim().model_dump() == {**dataclasses.asdict(OptimiserRecipe()), "betas": [0.9, 0.999]}
    for wrong in ({"lr": 0.0}, {"betas": [0.9]}, {"betas": [0.9, 1.0]}, {"name": "adma"}, {"momentum": 0.9}):
        with pytest.raises(ValidationError):
            verbs.Optim.model_validate(wrong)

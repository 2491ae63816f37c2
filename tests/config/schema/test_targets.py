"""The schema of each class and function has the options of its signature."""

from __future__ import annotations

import importlib
import inspect

import pytest

from genlab.config import schema


@pytest.mark.parametrize("target", schema.TARGETS)
def test_the_schema_has_the_arguments_of_what_it_configures(target):
    module, _, name = target.rpartition(".")
    made = getattr(importlib.import_module(module), name)
    taken = dict(inspect.signature(made).parameters)
    assert ("spec" in taken) == module.startswith("genlab.models")
    assert next(iter(taken), "spec") == "spec" or "spec" not in taken  # the models' one positional argument
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values())
    given = set(schema.TARGETS[target].model_fields) - {"target", "batch_size"}
    assert given == set(taken) - {"spec"}

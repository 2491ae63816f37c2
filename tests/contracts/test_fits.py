"""What a config is told before anything is built is what the parts say when they are built."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch

from genlab import build
from genlab.config import listing
from genlab.config.compose import capture
from genlab.config.schema import targets, together
from genlab.data.dataset import DataSpec
from genlab.data.fits import DOUBLED, FEW, PARTS, PHRASES, SORTS, facts, fitting, known
from genlab.errors import ConfigError

BUNDLED = ("captioned_digits", "digits", "moving_digits", "text", "toy2d", "unpaired_digits")
"""Data sets that need no download."""

MODELS = list(listing.choices("model"))
OBJECTIVES = list(targets.offered("objective"))


@functools.cache
def config(*words: str) -> dict[str, Any]:
    found = capture("train", list(words))
    assert found is not None
    return found.config


@functools.cache
def spec(data: str) -> DataSpec:
    return build.dataset(config(f"data={data}")["data"], trust=[]).spec


@functools.cache
def built(model: str, data: str) -> Any:
    """The model, or why there is none."""
    torch.manual_seed(0)
    try:
        return build.model(config(f"model={model}")["model"], spec(data), trust=[])
    except ConfigError as error:
        return str(error)


def told(model: str, data: str, objective: str | None) -> list[str]:
    """What the config alone says of a model and data, and of an objective with them if there is one."""
    whole = {**config(f"model={model}"), "data": config(f"data={data}")["data"]}
    if objective is not None:
        each = targets.offered("objective")[objective]
        plays = each.says("played_by")
        whole |= {"objective": {"_target_": each.target, **each.defaults()}}
        whole |= {"optim": None if plays else {"name": "adam"}, "players": dict.fromkeys(plays or ()) or None}
    return list(together.check(whole))


@pytest.mark.parametrize("data", BUNDLED)
@pytest.mark.parametrize("model", MODELS)
def test_a_model_and_data_are_refused_alike_before_and_when_the_model_is_made(model: str, data: str) -> None:
    made, said = built(model, data), told(model, data, None)
    assert "; ".join(said) == (made if isinstance(made, str) else "")


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("data", BUNDLED)
@pytest.mark.parametrize("model", MODELS)
def test_an_objective_is_refused_alike_before_and_when_it_sees_the_model(model: str, data: str, objective: str) -> None:
    made = built(model, data)
    if isinstance(made, str) or targets.fitted(config(f"model={model}")["model"]["_target_"]):
        pytest.skip("no model that an objective could train")
    said = told(model, data, objective)
    goal = build.objective({"_target_": targets.offered("objective")[objective].target}, trust=[])
    try:
        goal.prepare(made)
        later = ""
    except ConfigError as error:
        later = str(error)
    assert bool(said) == bool(later), (said, later)
    if later:
        (sentence,) = said
        start, end = later.split(", ", 1)
        assert sentence.startswith(f"{start}, model=")
        assert f"; {end.partition('; ')[2]}; model=" in sentence


@pytest.mark.parametrize("data", BUNDLED)
def test_a_source_says_of_its_data_what_they_are(data: str) -> None:
    node = config(f"data={data}")["data"]
    said = known(targets.offered("data")[data], node)
    assert said is not None
    assert said.facts <= facts(spec(data)) <= said.possible


@pytest.mark.parametrize("node", ["data", "model"])
def test_all_words_are_known(node: str) -> None:
    others = {"labels", "vector condition", "tokens condition", "video condition", DOUBLED, PARTS, FEW}
    for each in targets.offered(node).values():
        more, may = each.says(f"{targets.SAYS[node]}_with") or {}, each.says("may_give") or {}
        said = [*each.says(targets.SAYS[node]), *(each for several in more.values() for each in several), *may]
        for word in (word for alternatives in said for word in alternatives.split(" | ")):
            assert word in PHRASES or word in others or "x" in word or word.endswith(" dimensions"), (each.target, word)
    assert {word for sort in SORTS for word in sort} <= set(PHRASES)


def test_what_fits_is_computed_with_what_must_be_set() -> None:
    assert fitting(["unpaired"]) == "unpaired, unpaired_digits"
    assert fitting(["pairs", "image"]) == "paired"
    labelled = fitting(["one set", "labels"])
    assert "celeba with data.label=..." in labelled
    assert "image_folder with one folder per class" in labelled
    assert "toy2d" not in labelled
    assert fitting(["one set", "tokens"]) == "arrays with data.kind=tokens, lines, text"
    assert fitting(["pairs", "tokens"]) == "none of genlab's own"

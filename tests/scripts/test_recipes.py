"""Recipes compose, and their table has no figure of a run that was not through."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from genlab.config.compose import compose
from scripts import recipes


@pytest.mark.parametrize("device", ["gpu", "cpu"])
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_each_recipe_is_a_training_run(name, device, tmp_path):
    composed = compose("train", recipes.words_of(recipes.RECIPES[name], tmp_path, device=device))
    assert composed is not None
    assert composed.config["trainer"]["accelerator"] == device


@pytest.mark.parametrize("name", [name for name, each in recipes.RECIPES.items() if each.metrics])
def test_each_recipe_is_scored_by_metrics_that_there_are(name):
    composed = compose("eval", list(recipes.RECIPES[name].metrics))
    assert composed is not None
    assert recipes.RECIPES[name].record in composed.config["metric"]


def test_a_stopped_run_has_no_figure():
    stopped = recipes.row("pixelcnn", {"status": "stopped"}, command=["train"], seconds=1, batch=256)
    assert stopped["value"] is stopped["reached"] is stopped["pictures"] is stopped["so_far"] is None
    record = {"metric": "nll", "value": 81.4, "unit": "nats per example", "kind": "exact", "standard_error": 0.2}
    scored = recipes.row("pixelcnn", {"status": "stopped", "records": [record]}, command=[], seconds=1, batch=256)
    assert (scored["value"], scored["reached"], scored["so_far"]) == (None, None, 81.4)
    found = {"status": "finished", "steps": 10, "test": record}
    row = recipes.row("pixelcnn", found, command=["train"], seconds=1, batch=256)
    assert (row["value"], row["reached"], row["pictures"]) == (81.4, True, 2560)
    assert recipes.row("pixelcnn", {**found, "test": {**record, "value": 81.6}}, command=[], seconds=1, batch=1)[
        "reached"
    ] is (81.6 <= 81.5)


def test_what_has_not_ended_by_the_limit_is_stopped_by_a_signal_that_saves():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    recipes.wait([process], time.monotonic() + 0.2)
    assert process.returncode == -signal.SIGTERM

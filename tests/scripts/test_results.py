"""``scripts/results.py``: every kind of record and a whole comparison become Markdown, and no figure is made up."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import yaml

PATH = Path(__file__).resolve().parents[2] / "scripts" / "results.py"


@pytest.fixture(scope="module")
def results():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("results", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORD = {
    **{"metric": "nll", "value": 84.8305, "unit": "nats per example", "kind": "upper bound", "n": 300, "split": "test"},
    **{"standard_error": 0.7425, "num_particles": 100, "conditional": False, "interval": None},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "<= 84.83 ± 0.74 nats"),
        ({"kind": "exact", "standard_error": 0.00042}, "= 84.8305 ± 0.0004 nats"),
        ({"kind": "exact", "standard_error": 0.000042}, "= 84.83050 ± 0.00004 nats"),
        ({"kind": "exact", "standard_error": 1e-68}, "= 84.830500 ± 0.000000 nats"),
        ({"metric": "elbo", "kind": "lower bound", "value": -90.0}, "elbo >= -90.00 ± 0.74 nats"),
        ({"metric": "fcd", "kind": "estimate", "unit": "distance", "standard_error": None, "interval": [80.0, 90.0]},
         "fcd ~ 84.83 [80.00, 90.00] distance"),
        ({"metric": "parameters", "kind": "exact", "unit": "numbers", "standard_error": 0.0},
         "parameters = 84.83 ± 0.00 numbers"),
        ({"standard_error": None}, "<= 84.83 nats"),
        ({"conditional": True}, "<= 84.83 ± 0.74 nats given the label"),
    ],
)  # fmt: skip
def test_every_kind_of_record_becomes_a_row(results, tmp_path, changes, said):
    trained, scored = tmp_path / "train" / "checkpoints", tmp_path / "eval"
    trained.mkdir(parents=True)
    scored.mkdir()
    config = {"verb": "train", "overrides": ["seed=1", "outputs=x"], "config": {"name": "vae-digits"}}
    (trained.parent / "config.yaml").write_text(yaml.safe_dump(config))
    (trained.parent / "summary.json").write_text(json.dumps({"seconds": 35.6, "steps": 3600, "parameters": 628168}))
    (scored / "config.yaml").write_text(yaml.safe_dump({"verb": "eval", "overrides": []}))
    summary = {"checkpoint": str(trained / "best.ckpt"), "records": [{**RECORD, **changes}]}
    (scored / "summary.json").write_text(json.dumps(summary))
    (row,) = results.rows(scored, "1 thread")
    assert row[2] == said
    assert row[1] == "`genlab train seed=1`<br>`genlab eval`"
    assert row[4:] == ["test, 300", "36 s, 3,600 steps", "628,168", "1 thread"]


def test_a_comparison_becomes_one_table_per_group(results, tmp_path):
    def cells(**numbers):
        found = {column.key: {"reason": "not measured"} for column in results.COLUMNS}
        return found | {
            key: {"number": n, "error": e, "interval": None, "mark": m, "note": "energy" if key == "ood" else ""}
            for key, (n, e, m) in numbers.items()
        }

    rows = [
        {
            "label": "a|b",
            "detail": "lr=1",
            "cells": cells(nll=(80.0, 0.5, "best"), ood=(0.75, 0.021, "best")),
            "runs": [],
        },
        {"label": "c", "detail": "", "cells": cells(nll=(90.0, None, None)), "seeds": [1, 2]},
    ]
    failed = {"label": "d", "detail": "", "cells": cells(), "runs": [{"error": "is damaged"}]}
    groups = [{"title": "Exact", "why": "So.", "rows": rows}, {"title": "Not scored", "why": "No.", "rows": [failed]}]
    (tmp_path / "compare.json").write_text(json.dumps({"command": "genlab compare x", "groups": groups}))
    assert results.comparison(tmp_path, "1 thread").splitlines() == [
        *("`genlab compare x` on 1 thread:", "", "**Exact.** So.", ""),
        *("| model | nats | OOD AUROC |", "| --- | --- | --- |"),
        *(
            r"| a\|b lr=1 | **80.00 ± 0.50** | **0.750 ± 0.021** (energy) |",
            "| c (2 seeds) | 90.00 |  |",
            "",
            "**Not scored.** No.",
            "",
        ),
        *("- d: is damaged", "", results.ERRORS),
    ]
    page = tmp_path / "README.md"
    page.write_text("x\n<!-- compare -->\nold\n<!-- /compare -->\ny\n")
    results.write(page, "new", name="compare")
    assert page.read_text() == "x\n<!-- compare -->\nnew\n<!-- /compare -->\ny\n"
    with pytest.raises(results.ResultsError, match="<!-- results -->"):
        results.write(page, "new", name="results")


def test_a_translator_has_a_row_for_each_of_its_records(results, tmp_path):
    config = {"verb": "train", "overrides": [], "resumes": [{}], "config": {"name": "cyclegan-unpaired_digits"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    summary = {"seconds": 35.6, "steps": 3600, "parameters": 628168}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(results.ResultsError, match="no record of the test split"):
        results.rows(tmp_path, "1 thread")
    summary["translation"] = {name: {**RECORD, "metric": name, "kind": "exact"} for name in ("l1", "l1_mean")}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    rows = results.rows(tmp_path, "1 thread")
    assert [row[2].split()[0] for row in rows] == ["l1", "l1_mean"]
    assert results.rows(tmp_path, "1 thread", only=["l1_mean"]) == rows[1:]
    assert rows[0][5] == "36 s in several parts, 3,600 steps"


def test_rows_of_other_commands_stay_and_those_of_the_same_are_replaced(results):
    def row(name, command, score="="):
        return [name, f"`{command}`", score, "-", "test, 3", "1 s", "2", "here"]

    twice = [row("b", "two", "x"), row("b", "two", "y")]
    held = results.table([row("a", "genlab train a\\|b"), *twice, row("c", "three")])
    again, other = row("b", "two", "z"), row("d", "four")
    assert results.merged(held, [other, again]) == [row("a", "genlab train a\\|b"), again, row("c", "three"), other]
    with pytest.raises(results.ResultsError, match="leave out --keep"):
        results.merged("| run |\n| --- |", [again])

"""Like numbers stand together, unlike ones apart; seeds become a mean; the best is the best of those that compare."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest

from genlab.comparison.columns import COLUMNS, bits, further
from genlab.comparison.groups import arrange, mean
from genlab.comparison.show import duration, significant, two_digits
from genlab.comparison.value import Value

TOY = {"_target_": "genlab.data.toy2d", "name": "two_moons", "seed": 0, "batch_size": 256}


def titles(groups):
    return [(group.title, [row.label for row in group.rows]) for group in groups]


def test_kinds_of_likelihood_stand_apart_and_the_best_first(run):
    groups = arrange([
        run("ebm"),
        run("vae", nll=80.0, kind="upper bound", particles=100),
        run("worse", nll=100.0),
        run("better", nll=90.0),
        run("iwae", nll=70.0, kind="upper bound", particles=500),
        run("cvae", nll=60.0, kind="upper bound", particles=100, conditional=True),
        run("broken", facts={}, error="no checkpoint"),
    ])  # fmt: skip
    assert titles(groups) == [
        ("Exact likelihood", ["better", "worse"]),
        ("Upper bound, K = 100", ["vae"]),
        ("Upper bound, K = 500", ["iwae"]),
        ("Upper bound, K = 100, given the label", ["cvae"]),
        ("No likelihood", ["ebm"]),
        ("Not scored", ["broken"]),
    ]
    assert all(group.why.endswith(".") for group in groups)
    assert "p(x | y)" in groups[3].why
    marks = {row.label: row.marks.get("nll") for group in groups for row in group.rows}
    assert marks == {**dict.fromkeys(marks), "better": "best"}  # a lower bound of another kind takes nothing from it


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ({"split": "val"}, "Exact likelihood, val split"),
        ({"data": TOY, "levels": None}, "toy2d two_moons: Exact likelihood"),
        ({"data": {"_target_": "genlab.data.digits", "size": 4}}, "digits, size=4: Exact likelihood"),
    ],
)
def test_other_data_and_other_splits_stand_apart(run, other, title):
    groups = arrange([run("a", nll=90.0), run("b", nll=80.0, **other)])
    assert len(groups) == 2
    assert title in [group.title for group in groups]
    assert all(not row.marks for group in groups for row in group.rows)


def test_a_translator_is_not_said_to_sample_or_to_rank(run):
    facts = {"step": 100, "parameters": 5, "dim": 64, "levels": 17, "translates": True}
    groups = arrange([run("broken", facts={}, error="damaged"), run("cyclegan", facts=facts), run("gan")])
    assert titles(groups) == [("No likelihood", ["gan"]), ("Translators", ["cyclegan"]), ("Not scored", ["broken"])]
    assert "samples or rank" not in groups[1].why


def test_where_the_data_lies_and_the_batch_size_do_not_tell_data_apart(run):
    here = {"_target_": "genlab.data.mnist", "root": "/a", "batch_size": 100, "download": True}
    there = {**here, "root": "/b", "batch_size": 50, "download": False}
    assert len(arrange([run("a", nll=90.0, data=here), run("b", nll=80.0, data=there)])) == 1


def test_seeds_become_a_mean_with_the_error_of_examples_and_seeds(run):
    numbers = [90.0, 92.0, 97.0]
    (group,) = arrange([run("flow", seed=seed, nll=number) for seed, number in zip((2, 0, 1), numbers, strict=True)])
    (row,) = group.rows
    cell = row.cells["nll"]
    assert cell.number == pytest.approx(statistics.fmean(numbers))
    assert cell.spread == pytest.approx(statistics.stdev(numbers))
    assert cell.error == pytest.approx(math.sqrt(0.5**2 + statistics.variance(numbers) / 3))
    assert [single.label for single in row.rows] == ["seed 0", "seed 1", "seed 2"]
    assert [single.cells["nll"].number for single in row.rows] == [92.0, 97.0, 90.0]
    assert row.cells["steps"] == Value(100.0, spread=0.0)  # always the same: no error is claimed


def test_a_model_that_owes_nothing_to_its_seed_keeps_the_error_of_its_examples(run):
    (group,) = arrange([run("counts", seed=seed, nll=90.0, standard_error=0.7) for seed in range(3)])
    assert group.rows[0].cells["nll"].error == pytest.approx(0.7)
    assert group.rows[0].cells["nll"].spread == 0.0
    assert (
        group.rows[0].cells["code"].error == group.rows[0].cells["bpd"].error == pytest.approx(bits(0.7, {"dim": 64}))
    )
    cells = [Value(number, interval=(number - 2, number + 2)) for number in (1.0, 3.0)]
    assert mean(cells).error == pytest.approx(math.hypot(1.0, math.sqrt(2) / math.sqrt(2)))


def test_what_could_not_be_scored_stands_at_the_end_whatever_its_data(run):
    groups = arrange([run("x", data={}, error="never began"), run("a", nll=1.0), run("y", error="damaged")])
    assert titles(groups) == [("Exact likelihood", ["a"]), ("Not scored", ["x", "y"])]


def test_the_entropy_of_a_known_density_is_told_as_the_least_number(run):
    facts = {"step": 1, "parameters": 1, "dim": 2, "levels": None, "entropy": 2.83188}
    groups = arrange([run("a", nll=3.0, data=TOY, facts=facts), run("b", data=TOY, facts=facts)])
    assert ["2.832 nats" in group.why for group in groups] == [True, False]


def test_runs_that_differ_in_more_than_the_seed_stay_single(run):
    (group,) = arrange([run("flow", seed=0, nll=90.0, lr=0.1), run("flow", seed=1, nll=91.0, lr=0.2)])
    assert [row.detail for row in group.rows] == ["lr=0.1", "lr=0.2"]
    assert all(not row.rows for row in group.rows)
    elsewhere = arrange([run("flow", nll=90.0, lr=0.1), run("flow", nll=2.0, data=TOY, levels=None, lr=0.2)])
    assert [row.detail for group in elsewhere for row in group.rows] == ["", ""]  # the group says the data


def test_the_same_seed_twice_is_no_spread(run):
    (group,) = arrange([run("flow", seed=0, nll=90.0), run("flow", seed=1, nll=92.0), run("flow", seed=0, nll=90.0)])
    assert sorted(len(row.rows) for row in group.rows) == [0, 2]


def test_a_run_that_was_broken_off_is_no_seed_of_one_that_was_not(run):
    def scored(seed, status, step=100):
        facts = {"step": step, "parameters": 5, "dim": 64, "levels": 17}
        return run("flow", seed=seed, nll=90.0 + seed, status=status, facts=facts)

    done = [scored(0, "finished"), scored(1, "finished", 80)]  # the second by early stopping
    broken = [scored(2, "interrupted", 40), scored(3, "interrupted", 40), scored(4, "interrupted", 60)]
    (group,) = arrange([*done, *broken])
    assert [(row.detail, [each.seed for each in row.runs]) for row in group.rows] == [
        ("", [0, 1]),
        ("interrupted", [2, 3]),
        ("interrupted", [4]),
    ]
    assert [row.cells["steps"].note for row in group.rows] == ["", "interrupted", "interrupted"]
    (group,) = arrange([scored(0, "stopped", 70), scored(1, "stopped", 90)])  # a budget stops each where it stands
    assert [(row.detail, len(row.runs)) for row in group.rows] == [("", 2)]


def test_a_mean_keeps_the_notes_of_its_numbers():
    notes = [mean([Value(1.0, note=first), Value(2.0, note=second)]).note for first, second in (("a", "a"), ("", "b"))]
    assert notes == ["a", "1 of 2 b"]
    assert mean([Value(1.0, note="a"), Value(2.0, note="b")]).note == "1 of 2 a, 1 of 2 b"


def test_the_mean_of_what_is_partly_missing_or_unlike_is_missing():
    assert mean([Value(1.0, scope="a"), "not measured"]) == "not measured"
    assert mean([Value(1.0, scope="a"), Value(1.0, scope="b")]) == "not of one kind"


def test_what_is_within_two_standard_errors_of_the_best_is_tied(run):
    near, far = 90.0 + 2 * math.hypot(0.5, 0.5) - 0.01, 90.0 + 2 * math.hypot(0.5, 0.5) + 0.01
    (group,) = arrange([run("best", nll=90.0), run("near", nll=near), run("far", nll=far)])
    assert [row.marks.get("nll") for row in group.rows] == ["best", "tied", None]


def paired(run, name, numbers, seed=0):
    """A run with these numbers of its examples."""
    made = run(name, seed=seed, nll=statistics.fmean(numbers))
    n, middle = len(numbers), statistics.fmean(numbers)
    made.records["nll"][0] |= {
        "standard_error": statistics.stdev(numbers) / math.sqrt(n),
        "influence": [(number - middle) / n for number in numbers],
    }
    return made


def test_models_of_the_same_examples_are_compared_by_the_differences_of_these(run):
    draw = random.Random(0)
    hard = [draw.gauss(90, 20) for _ in range(400)]  # 90 ± 1
    worse = [number + draw.gauss(0.5, 1) for number in hard]  # by 0.5 ± 0.05
    alike = [number + draw.gauss(0, 1) for number in hard]
    middle = statistics.fmean(hard) - statistics.fmean(alike) + 0.02
    runs = [paired(run, "best", hard), paired(run, "worse", worse), paired(run, "alike", [x + middle for x in alike])]
    (group,) = arrange(runs)
    for column in ("nll", "bpd", "code"):
        assert {row.label: row.marks.get(column) for row in group.rows} == {
            "best": "best",
            "alike": "tied",
            "worse": None,
        }
    a, b = (runs[i].records["nll"][0] for i in (0, 1))
    difference = Value(a["value"], influence=tuple(a["influence"])).error_of_difference(
        Value(b["value"], influence=tuple(b["influence"]))
    )
    of_each = [y - x for x, y in zip(hard, worse, strict=True)]
    assert difference == pytest.approx(statistics.stdev(of_each) / 20, rel=0.01)
    del runs[1].records["nll"][0]["influence"]  # not known: as of independent examples
    (group,) = arrange(runs)
    assert {row.label: row.marks.get("nll") for row in group.rows}["worse"] == "tied"
    assert "influence" not in json.dumps(runs[0].to_dict())


def test_seeds_keep_their_own_error_in_a_paired_difference(run):
    draw = random.Random(0)
    hard = [draw.gauss(90, 20) for _ in range(400)]
    other = [number + draw.gauss(0.5, 0.1) for number in hard]
    shifts = (-1.0, 0.0, 1.0)
    steady = [paired(run, "steady", hard, seed) for seed in range(3)]
    loose = [paired(run, "loose", [x + shift for x in other], seed) for seed, shift in enumerate(shifts)]
    firm = [paired(run, "firm", other, seed) for seed in range(3)]
    (group,) = arrange([*steady, *loose, *firm])  # loose is 0.5 ± sqrt(1 / 3) off, firm 0.5 ± 0.005
    assert {row.label: row.marks.get("nll") for row in group.rows} == {"steady": "best", "loose": "tied", "firm": None}


def test_the_error_of_a_mean_over_seeds_shrinks_with_their_number(run):
    # 90.5 ± 0.52, standard error 0.13
    seeds = [run("many", seed=seed, nll=90.0 + (seed % 2), standard_error=0.0) for seed in range(16)]
    (group,) = arrange([*seeds, run("one", nll=91.6, standard_error=0.4), run("off", nll=91.9, standard_error=0.4)])
    assert [row.marks.get("nll") for row in group.rows] == ["best", None, None]
    (group,) = arrange([*seeds, run("one", nll=91.2, standard_error=0.4)])
    assert [row.marks.get("nll") for row in group.rows] == ["best", "tied"]


def test_the_error_over_examples_does_not_shrink_with_seeds(run):
    seeds = [run("many", seed=seed, nll=90.0, standard_error=0.5) for seed in range(16)]
    (group,) = arrange([*seeds, run("one", nll=90.9, standard_error=0.0)])
    assert [row.marks.get("nll") for row in group.rows] == ["best", "tied"]


def test_other_columns_rank_over_all_groups_of_one_data_set(run):
    def fcd(value, extractor="a"):
        record = {"metric": "fcd", "value": value, "unit": "distance", "kind": "estimate", "n": 500, "split": "test"}
        return [{**record, "standard_error": None, "interval": None, "extractor": extractor}]

    first, second, third = run("flow", nll=90.0), run("gan"), run("other")
    first.records["fcd"], second.records["fcd"], third.records["fcd"] = fcd(5.0), fcd(3.0), fcd(1.0, "b")
    marks = {row.label: row.marks.get("fcd") for group in arrange([first, second, third]) for row in group.rows}
    assert marks == {"flow": None, "gan": "best", "other": None}  # other features are another ruler


def test_no_rate_is_marked_as_the_best(run):
    def rate(value):
        record = {"metric": "sampling_rate", "value": value, "unit": "samples/s", "split": "test", "method": "here"}
        return {"throughput": [{**record, "standard_error": 237.0, "interval": None}]}

    (group,) = arrange([run("gmm", seed=0, records=rate(105_249.0)), run("copy", records=rate(79_940.0))])
    assert [row.marks.get("throughput") for row in group.rows] == [None, None]
    assert {row.cells["throughput"].number for row in group.rows} == {105_249.0, 79_940.0}


def test_bits_per_dimension_of_a_uniform_model(run):
    (group,) = arrange([run("uniform", nll=64 * math.log(256), levels=256)])
    cells = group.rows[0].cells
    assert cells["bpd"].number == cells["code"].number == pytest.approx(8.0)
    assert cells["code"].note == "of 8.00"
    assert bits(math.log(2), {"dim": 1}) == pytest.approx(1.0)
    (group,) = arrange([run("moons", nll=2.4, data=TOY, levels=None)])
    assert group.rows[0].cells["bpd"] == group.rows[0].cells["code"] == "real data has no bits"


def test_a_score_of_the_likelihood_does_not_compare_with_one_of_the_energy(run):
    def auroc(score, value):
        record = {"metric": f"ood_auroc_{score}", "value": value, "unit": "probability", "split": "test"}
        return {"ood": [{**record, "standard_error": 0.001, "interval": None}]}

    runs = [run("a", records=auroc("likelihood", 0.8)), run("b", records=auroc("energy", 0.9))]
    (group,) = arrange(runs)
    assert {row.label: (row.cells["ood"].note, row.marks.get("ood")) for row in group.rows} == {
        "a": ("", None),
        "b": ("energy", None),
    }
    (group,) = arrange([*runs, run("c", records=auroc("energy", 0.5))])
    assert {row.label: row.marks.get("ood") for row in group.rows} == {"a": None, "b": "best", "c": None}


def test_the_error_of_a_time_has_its_unit(run):
    (group,) = arrange(
        [run("flow", seed=seed, nll=1.0, seconds=seconds) for seed, seconds in ((0, 3000.0), (1, 3600.0))]
    )
    column = next(column for column in COLUMNS if column.key == "seconds")
    cell = group.rows[0].cells["seconds"]
    assert (column.show(cell.number), column.show_error(cell.error)) == ("55 min", "5 min")


def test_numbers_are_told_in_a_readable_form():
    assert [two_digits(value) for value in (0.7, 0.016, 12.34, 1234.0, 1.46e-7)] == [
        "0.70",
        "0.016",
        "12",
        "1,234",
        "1.5e-07",
    ]
    assert [significant(value) for value in (0.0, 0.01234, 1.2345, 82.434, 1234.56)] == [
        *("0", "0.01234", "1.234", "82.43"),
        "1,235",
    ]
    assert [duration(value) for value in (0.034, 8.0, 90.0, 3600.0, 7300.0)] == [
        "0.034 s",
        "8 s",
        "90 s",
        "60 min",
        "2.0 h",
    ]


def test_a_metric_without_a_column_gets_one_and_takes_the_place_of_no_other(run):
    column = further("mean_level", "About", "higher")

    def having(value):
        record = {"metric": "mean_level", "value": value, "standard_error": 0.01}
        return run(f"run {value}", records={"mean_level": [record]})

    (group,) = arrange([having(1.0), having(2.0), run("none")], more=[column])
    assert group.columns == (*COLUMNS, column)
    found = {row.label: (row.cells["mean_level"], row.marks.get("mean_level")) for row in group.rows}
    assert found["run 2.0"][1] == "best"
    assert found["run 1.0"][1] is None
    assert found["none"][0] == "not measured"
    assert (column.key, further("seconds", "About", None).key) == ("mean_level", "metric.seconds")

"""``genlab compare``: which runs are meant, what is measured once, and what a run that cannot be scored does."""

from __future__ import annotations

import base64
import csv
import html
import importlib
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console

from genlab.cli.main import VERBS, main
from genlab.commands import basis, scores, train
from genlab.commands.compare import as_today
from genlab.commands.compare import run as compare_runs
from genlab.comparison.recorded import Run
from genlab.comparison.value import ERRORS
from genlab.config.compose import compose
from genlab.errors import CheckpointError, ConfigError
from genlab.files import own
from genlab.launch import comparison
from genlab.runs import directory
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
QUICK = ["trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=1", "logger=csv"]
SMALL = {
    "vae": ["model.hidden=[8]", "trainer.max_steps=3", "trainer.log_every_n_steps=1", "trainer.val_check_interval=1"],
    "histogram": [],
    "ebm": ["model.network=mlp", "model.hidden=[8]", "model.chain_steps=2", "objective.steps=2", "trainer.max_steps=2"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Tiny runs below ``outputs/train``: two seeds of a VAE, a histogram, an energy-based model."""
    outputs = tmp_path_factory.mktemp("outputs")
    for name, seed in (("vae", 0), ("vae", 1), ("histogram", 0), ("ebm", 0)):
        words = [*QUICK, f"model={name}", f"seed={seed}", "callbacks.samples.n=4", *SMALL[name]]
        composed = compose("train", words)
        run = directory.create(outputs, "train", f"{name}-digits")
        held = {"verb": "train", "overrides": [f"model={name}"], "config": composed.config}
        (run / "config.yaml").write_text(yaml.safe_dump(held))
        train.run(run, composed.config, console=QUIET)
    return outputs


@pytest.fixture
def outputs(trained, tmp_path, monkeypatch):
    """A copy of the runs, in the current directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "outputs")
    return tmp_path / "outputs"


def compared(tmp_path, *words):
    """Compare in this process; the exit status, the comparison's directory, and its rows by label."""
    found, _ = comparison.asked([*words, "accelerator=cpu", "n=4", "metric.nll.num_particles=2"], flags={})
    folder = directory.create(tmp_path / "outputs", "compare", "digits")
    directory.write_json(folder / comparison.RUNS, comparison.entries(found.config["runs"]))
    (folder / "config.yaml").write_text(yaml.safe_dump({"overrides": list(words)}))
    status = compare_runs(folder, found.config, console=QUIET)
    held = json.loads((folder / "compare.json").read_text())
    return status, folder, {row["label"]: row for group in held["groups"] for row in group["rows"]}


def test_runs_become_one_table_and_one_page(outputs, tmp_path, capsys):
    status, folder, rows = compared(tmp_path, "outputs/train/*/*", "metric=[nll,elbo]")
    out = capsys.readouterr().out
    assert status == 0
    assert set(rows) == {"vae", "histogram", "ebm"}
    assert len(rows["vae"]["seeds"]) == 2
    assert rows["ebm"]["cells"]["nll"] == {"reason": "needs a likelihood"}
    summary = json.loads(next((outputs / "train" / "histogram-digits").glob("*/summary.json")).read_text())
    cell = rows["histogram"]["cells"]["nll"]
    assert (cell["number"], cell["error"]) == (summary["test"]["value"], summary["test"]["standard_error"])
    kept = next((outputs / "train" / "histogram-digits").glob("*/compare/*/nll-*.json"))
    (record,) = json.loads(kept.read_text())["value"]["records"]
    assert len(record["influence"]) == record["n"]
    assert math.hypot(*record["influence"]) == pytest.approx(record["standard_error"], rel=0.01)
    assert "influence" not in (folder / "compare.json").read_text()
    page = (folder / "compare.html").read_text()
    # samples of four; of two VAEs reconstructions, interpolations and codes, of one pixels' bits, of one the chain
    assert page.count("data:image/png;base64,") == 12
    assert page.count('<svg class="chart"') == 2
    assert "Exact likelihood" in out
    assert ERRORS in " ".join(out.split())
    assert html.escape(ERRORS) in page
    assert f"page     {folder / 'compare.html'}" in out
    assert "next     genlab sample ckpt=" in out
    with (folder / "compare.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["name"], line["seed"], line["seeds"]) for line in lines] == [
        ("histogram", "0", "1"),
        *(("vae", seed, seeds) for seed, seeds in (("", "2"), ("0", "1"), ("1", "1"))),
        ("ebm", "0", "1"),
    ]
    assert float(lines[1]["nll"]) == pytest.approx((float(lines[2]["nll"]) + float(lines[3]["nll"])) / 2)
    spread = statistics.stdev([float(lines[2]["nll"]), float(lines[3]["nll"])])
    assert float(lines[1]["nll_spread"]) == pytest.approx(spread)
    assert lines[2]["nll_spread"] == ""
    assert float(lines[1]["nll_error"]) > float(lines[2]["nll_error"]) / 2


def test_scores_are_measured_once_and_anew_when_something_changes(outputs, tmp_path, monkeypatch):
    loaded = []
    from genlab import restore as module

    load = module.load
    monkeypatch.setattr(module, "load", lambda path, **settings: loaded.append(path) or load(path, **settings))
    first = compared(tmp_path, "outputs/train/vae-digits")[2]
    assert len(loaded) == 2
    second = compared(tmp_path, "outputs/train/vae-digits")[2]
    assert len(loaded) == 2
    assert [row["cells"] for row in second["vae"]["seeds"]] == [row["cells"] for row in first["vae"]["seeds"]]
    other = compared(tmp_path, "outputs/train/vae-digits", "split=val")[2]
    assert len(loaded) == 4
    assert other["vae"]["cells"]["nll"] != first["vae"]["cells"]["nll"]
    folder = next((outputs / "train" / "vae-digits").glob("*")) / "checkpoints"
    payload = checkpoint.read(checkpoint.latest(folder))
    payload["state_dict"] = {name: torch.zeros_like(value) for name, value in payload["state_dict"].items()}
    checkpoint.write(checkpoint.latest(folder), payload)
    third = compared(tmp_path, "outputs/train/vae-digits")[2]
    assert len(loaded) == 5
    assert third["vae"]["cells"]["nll"] != first["vae"]["cells"]["nll"]
    monkeypatch.setattr(basis, "code", lambda: "of a metric that was mended")
    compared(tmp_path, "outputs/train/vae-digits")
    assert len(loaded) == 7


def test_scores_are_measured_anew_when_the_data_has_changed(outputs, tmp_path, monkeypatch):
    words = ["outputs/train/histogram-digits"]
    first = compared(tmp_path, *words)[2]["histogram"]["cells"]
    from genlab import build

    dataset = build.dataset

    def other(*args, **settings):
        data = dataset(*args, **settings)
        return replace(data, test=replace(data.test, x=16 - data.test.x))

    basis._content.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(build, "dataset", other)
        inverted = compared(tmp_path, *words)[2]["histogram"]["cells"]
    basis._content.cache_clear()
    assert inverted["nll"]["number"] > first["nll"]["number"] + 10
    assert compared(tmp_path, *words)[2]["histogram"]["cells"] == first


def test_data_that_only_moved_is_the_same_and_other_data_under_the_root_is_not(tmp_path, monkeypatch):
    found = {}
    for name, shade in (("here", 0), ("moved", 0), ("changed", 9)):
        for split in ("train", "val", "test"):
            folder = tmp_path / name / split
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = np.full((8, 8, 3), number + shade * (split == "test"), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
        node = {"_target_": "genlab.data.image_folder", "root": str(tmp_path / "gone"), "size": 8, "batch_size": 4}
        monkeypatch.setattr(checkpoint, "read", lambda path, node=node: {"genlab": {"config": {"data": node}}})
        found[name] = basis.content(tmp_path / "run.ckpt", root=str(tmp_path / name), trust=())
    assert found["here"] == found["moved"] != found["changed"]


def test_pictures_are_those_of_the_scores_beside_them(outputs, tmp_path):
    shown = {}
    for name, seed, strange in (("first", 0, "dimmed"), ("other", 1, "noise"), ("again", 0, "dimmed")):
        words = ["outputs/train/histogram-digits", "metric=[nll,memorisation,ood]", f"seed={seed}"]
        words.append(f"metric.ood.data={strange}")
        (run,) = compared(tmp_path, *words)[2]["histogram"]["runs"]
        shown[name] = {key: Path(path).read_bytes() for key, path in run["pictures"].items()}
    assert {"samples", "memorisation", "ood"} <= set(shown["first"])
    assert shown["again"] == shown["first"]
    assert all(shown["other"][key] != shown["first"][key] for key in ("samples", "memorisation", "ood"))
    (run,) = compared(tmp_path, "outputs/train/histogram-digits", "metric=[nll]")[2]["histogram"]["runs"]
    assert not {"memorisation", "ood"} & set(run["pictures"])  # of metrics that were not asked for now


def test_the_code_that_measures_is_what_the_scores_are_keyed_by(monkeypatch, tmp_path):
    package = tmp_path / "genlab"
    for folder in basis.MEASURED_BY:
        assert (Path(basis.__file__).parents[1] / folder).is_dir()
        (package / folder).mkdir(parents=True)
    source = package / "evaluation" / "metric.py"
    monkeypatch.setattr(basis, "__file__", str(package / "commands" / "basis.py"))
    seen = set()
    for text in ("value = 1", "value = 2"):
        source.write_text(text)
        basis.code.cache_clear()
        seen.add(basis.code())
    source.rename(source.with_name("another.py"))
    basis.code.cache_clear()
    seen.add(basis.code())
    basis.code.cache_clear()
    assert len(seen) == 3


def test_a_kept_score_that_was_cut_short_is_measured_anew(outputs, tmp_path):
    word = "outputs/train/histogram-digits"
    first = compared(tmp_path, word)[2]
    for path in outputs.glob("train/histogram-digits/*/compare/*/*.json"):
        path.write_text(path.read_text()[:20])
    again = compared(tmp_path, word)[2]
    for cells in (again["histogram"]["cells"], first["histogram"]["cells"]):
        cells.pop("throughput", None)  # of the wall clock
    assert again["histogram"]["cells"] == first["histogram"]["cells"]


def test_a_folder_that_cannot_be_written_does_not_keep_scores(outputs, tmp_path):
    (run,) = (outputs / "train" / "histogram-digits").glob("*")
    (run / scores.FOLDER).write_text("a file where the folder would be")
    status, folder, rows = compared(tmp_path, str(run))
    assert status == 0
    assert isinstance(rows["histogram"]["cells"]["nll"]["number"], float)
    assert "not kept with the run" in (folder / "compare.html").read_text()


def test_a_damaged_run_is_a_row_that_says_why(outputs, tmp_path):
    for path in outputs.glob("train/ebm-digits/*/checkpoints/*.ckpt"):
        path.write_bytes(path.read_bytes()[:1000])
    (next(outputs.glob("train/histogram-digits/*")) / "config.yaml").write_text("{")
    status, folder, rows = compared(tmp_path, "outputs/train/*/*")
    assert status == 0
    assert "damaged" in rows["ebm"]["runs"][0]["error"]
    assert "config.yaml" not in rows["histogram-digits"]["runs"][0]["command"]
    assert "cannot be read" in rows["histogram-digits"]["runs"][0]["error"]
    assert "No checkpoint" not in (folder / "compare.html").read_text()


def test_the_score_that_told_other_data_is_named_wherever_the_number_is(outputs, tmp_path, capsys):
    words = ["outputs/train/ebm-digits", "outputs/train/histogram-digits", "metric=[nll,ood]"]
    _, folder, rows = compared(tmp_path, *words)
    assert {name: row["cells"]["ood"]["note"] for name, row in rows.items()} == {"ebm": "energy", "histogram": ""}
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert "(energy)" in shown["ebm"]
    assert "(energy)" not in shown["histogram"]
    with (folder / "compare.csv").open() as file:
        assert {line["name"]: line["ood_note"] for line in csv.DictReader(file)} == {"ebm": "energy", "histogram": ""}
    assert "(energy)" in (folder / "compare.html").read_text()


def test_an_interrupted_run_is_a_row_of_its_own_and_the_files_say_so(outputs, tmp_path):
    (run, other) = sorted((outputs / "train" / "vae-digits").glob("*"))
    (run / "summary.json").unlink()
    _, folder, _ = compared(tmp_path, "outputs/train/vae-digits")
    with (folder / "compare.csv").open() as file:
        lines = [(line["run_dir"], line["status"], line["detail"], line["seeds"]) for line in csv.DictReader(file)]
    assert sorted(lines) == [(str(run), "interrupted", "interrupted", "1"), (str(other), "finished", "", "1")]


def test_the_exit_code_tells_that_none_could_be_scored(outputs, tmp_path, capsys):
    shutil.rmtree(next(outputs.glob("train/ebm-digits/*/checkpoints")))
    assert compared(tmp_path, "outputs/train/ebm-digits")[0] == CheckpointError.exit_code
    assert "next" not in capsys.readouterr().out
    assert compared(tmp_path, "outputs/train/ebm-digits", "outputs/train/histogram-digits")[0] == 0
    assert "next     genlab sample ckpt=outputs/train/histogram-digits" in capsys.readouterr().out


def test_a_translator_is_put_apart_and_next_it_translates(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*QUICK[:2], "logger=csv", "model=cyclegan", "data=unpaired_digits", "model.channels=4", "model.blocks=1"]
    words += ["trainer.max_steps=2", "callbacks.samples.n=4"]
    composed = compose("train", words)
    run = directory.create(tmp_path / "outputs", "train", "cyclegan-unpaired_digits")
    held = {"verb": "train", "overrides": words, "config": composed.config}
    (run / "config.yaml").write_text(yaml.safe_dump(held))
    train.run(run, composed.config, console=QUIET)
    capsys.readouterr()
    status, folder, _ = compared(tmp_path, "outputs/train/*/*")
    assert status == 0
    (group,) = json.loads((folder / "compare.json").read_text())["groups"]
    assert group["title"] == "Translators"
    assert f"next     genlab translate ckpt={run.relative_to(tmp_path)}" in capsys.readouterr().out


def test_best_is_another_checkpoint_than_last(outputs, tmp_path):
    (run,) = (outputs / "train" / "histogram-digits").glob("*")
    assert scores.choose(run, "best").name == "best.ckpt"
    assert scores.choose(run, "last").name == "step-000000001.ckpt"


# -- which runs are meant ----------------------------------------------------------------------------------------------


def test_words_name_runs_directories_of_runs_and_globs_each_run_once(outputs):
    everything = [entry["run_dir"] for entry in comparison.entries(["outputs"])]
    assert len(everything) == len(set(everything)) == 4
    assert [entry["run_dir"] for entry in comparison.entries(["outputs/train/vae*/*", "outputs"])][2:] == [
        path for path in everything if "vae" not in path
    ]
    (entry,) = comparison.entries([everything[0]])
    assert entry["name"] == Path(everything[0]).parent.name


def test_other_verbs_runs_are_passed_over_and_refused_alone(outputs):
    other = outputs / "eval" / "vae-digits" / "20260101-000000-abcdef"
    other.mkdir(parents=True)
    (other / "config.yaml").write_text("verb: eval\nconfig: {}\n")
    assert len(comparison.entries(["outputs/*/*/*"])) == 4
    for word in (str(other), "nowhere/*", "nowhere", "."):
        with pytest.raises(ConfigError, match=r"no such run directory|holds no training run"):
            comparison.entries([word] if word != "." else [str(other.parent)])


def test_a_sweeps_jobs_are_its_runs_and_those_that_failed_say_why(outputs):
    (run, *_) = (outputs / "train" / "vae-digits").glob("*")
    sweep = outputs / "sweep" / "mixed" / "one"
    for number, record in enumerate([
        {"status": "stopped", "run_dir": str(run), "seconds": 9.0, "trained": 5.0, "overrides": ["model=vae"]},
        {"status": "failed", "run_dir": None, "message": "it fits data=toy2d", "overrides": ["model=x", "seed=3"]},
    ]):  # fmt: skip
        (sweep / "jobs" / str(number)).mkdir(parents=True)
        directory.write_json(sweep / "jobs" / str(number) / "job.json", {"number": number, **record})
    directory.write_json(sweep / "sweep.json", {})
    first, second = comparison.entries([str(sweep)])
    assert (first["run_dir"], first["status"], first["seconds"]) == (str(run), "stopped", 5.0)
    assert (second["run_dir"], second["message"], second["seed"]) == (None, "it fits data=toy2d", "3")


@pytest.mark.parametrize(
    ("budget", "expected"), [("90s", 90.0), ("5min", 300.0), ("1.5h", 5400.0), (30, 30.0), ("2 m", 120.0)]
)
def test_a_budget_is_a_time(budget, expected):
    assert comparison.seconds(budget) == expected


@pytest.mark.parametrize("budget", ["0s", "5 parsecs", "min", "-3s"])
def test_what_is_no_time_is_refused(budget):
    with pytest.raises(ConfigError, match="budget=5min"):
        comparison.seconds(budget)


def test_settings_that_are_not_the_comparisons_are_the_trainings():
    words = ["models=vae,gmm", "data=toy2d", "data.name=rings", "seeds=0,1", "split=val", "metric=[nll]", "root=/a b"]
    found, hydra = comparison.asked(words, flags=VERBS["compare"].flags)
    assert found.config["models"] == ["vae", "gmm"]
    assert found.config["seeds"] == [0, 1]
    assert found.config["split"] == "val"
    shared = comparison.shared(found.config)
    assert shared[:2] == ["data=toy2d", "data.name=rings"]
    assert "data.root='/a b'" in shared
    assert hydra == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "nothing to compare"),
        ("nowhere", "nowhere: no such run directory"),
        ("splt=val", "unknown key splt; did you mean split?"),
        ("model=vae", "write models=vae"),
        ("-m outputs", "compare takes no sweep"),
        ("models=va data=digits", "models=va: model=va: no such choice"),
        ("models=vae data=digits optim.lrr=1", "unknown key optim.lrr"),
        ("models=vae,gmm budget=long", "budget=long: give seconds"),
        ("models=pixelcnn,naive_bayes data=toy2d", "it fits data="),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_nothing(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *words.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_models_are_trained_within_a_budget_and_compared(tmp_path):
    small = ["trainer.max_epochs=100000", "trainer.accelerator=cpu", "test.num_particles=1"]
    script = str(Path(sys.executable).with_name("genlab"))
    words = ["models=vae,pixelcnn", "data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=50"]
    done = subprocess.run(
        [script, "compare", *words, *small, "budget=2s", "metric=[nll]", "metric.nll.num_particles=2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "job 0: stopped" in done.stdout
    assert "job 1: failed" in done.stdout
    (page,) = tmp_path.glob("outputs/compare/toy2d/*/compare.html")
    assert "stopped at its share of the budget" in page.read_text()
    assert "it fits data=" in page.read_text()
    held = json.loads(page.with_suffix(".json").read_text())
    (vae,) = held["groups"][0]["rows"]
    assert vae["cells"]["steps"]["number"] > 0
    assert vae["cells"]["seconds"]["number"] == 1.0


def kept(outputs, name="histogram-digits"):
    """The files of a run's kept scores, by metric."""
    files = (outputs / "train" / name).glob("*/compare/*/*.json")
    return {path.name.partition("-")[0]: path for path in files}


def test_a_forged_kept_score_is_not_believed(outputs, tmp_path):
    word = "outputs/train/histogram-digits"
    true = compared(tmp_path, word)[2]["histogram"]["cells"]["nll"]
    path = kept(outputs)["nll"]
    held = json.loads(path.read_text())
    held["value"]["records"][0]["value"] = -1e9
    for forged in (held, {key: value for key, value in held.items() if key != "signature"}):
        path.write_text(json.dumps(forged))
        assert compared(tmp_path, word)[2]["histogram"]["cells"]["nll"] == true


@pytest.mark.parametrize("kind", ["absolute", "above", "link", "text"])
def test_a_page_shows_no_file_but_pictures_of_the_run(kind, outputs, tmp_path):
    word, secret = "outputs/train/histogram-digits", tmp_path / "secret.png"
    compared(tmp_path, word)
    Image.new("RGB", (7, 7)).save(secret)
    path = kept(outputs)["pictures"]
    held = json.loads(path.read_text())
    if kind in {"absolute", "above"}:
        told = str(secret) if kind == "absolute" else f"{'../' * 9}{str(secret).lstrip('/')}"
        path.write_text(json.dumps(own.signed({"key": held["key"], "value": {"samples": told}})))
    else:
        picture = path.parent / held["value"]["samples"]
        picture.unlink()
        picture.symlink_to(secret) if kind == "link" else picture.write_text("password")
    _, folder, rows = compared(tmp_path, word)
    page = (folder / "compare.html").read_text()
    assert base64.b64encode(secret.read_bytes()).decode() not in page
    assert base64.b64encode(b"password").decode() not in page
    assert rows


def test_a_folder_of_scores_that_is_a_link_is_not_written(outputs, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (run,) = (outputs / "train" / "histogram-digits").iterdir()
    (run / "compare").symlink_to(mine)
    _, _, rows = compared(tmp_path, "outputs/train/histogram-digits")
    assert "is a link" in rows["histogram"]["runs"][0]["error"]
    assert list(mine.iterdir()) == []


DAMAGE = {
    "weights": lambda run: altered(run, lambda held: held.update(state_dict=[1])),
    "config": lambda run: (run / "config.yaml").write_text(
        "verb: train\noverrides: [1]\nconfig: {name: 1, data: [2]}\n"
    ),
    "summary": lambda run: (run / "summary.json").write_text("[1]"),
    "seconds": lambda run: (run / "summary.json").write_text('{"seconds": 1' + "0" * 400 + "}"),
    "edited": lambda run: (run / "config.yaml").write_text(
        (run / "config.yaml").read_text().replace("seed: 0", "seed: 7")
    ),
    "no config": lambda run: (run / "config.yaml").unlink(),
    "pipe": lambda run: ((run / "config.yaml").unlink(), os.mkfifo(run / "config.yaml")),
    "cut": lambda run: [path.write_bytes(b"PK") for path in (run / "checkpoints").glob("*.ckpt")],
}


def altered(run, change):
    path = checkpoint.latest(run / "checkpoints")
    held = checkpoint.read(path)
    change(held)
    checkpoint.write(path, held)


@pytest.mark.parametrize("kind", DAMAGE)
def test_one_damaged_run_does_not_end_the_comparison(kind, outputs, tmp_path):
    (bad,) = (outputs / "train" / "histogram-digits").iterdir()
    DAMAGE[kind](bad)
    status, folder, rows = compared(tmp_path, str(bad), "outputs/train/ebm-digits")
    assert status == 0
    assert "number" not in rows["ebm"]["cells"]["nll"]
    (run,) = next(row for row in rows.values() if row["runs"][0]["path"] == str(bad))["runs"]
    assert run["error"]
    assert (folder / "compare.html").is_file()


OWN = '''
from genlab.metrics import Metric
from genlab.metrics.subject import record, samples
from genlab.models.capabilities import LikelihoodBound


class MeanLevel(Metric):
    """Mean level of samples."""

    needs = (LikelihoodBound,)
    better = "higher"

    def compute(self, subject):
        yield record(subject, "mean_level", FACTOR * samples(subject, 50).double().mean().item(), unit="levels", n=50)
'''


def test_a_metric_of_a_users_own_and_one_without_a_place_are_columns(outputs, tmp_path, monkeypatch, capsys):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mean_level.py").write_text(f"FACTOR = 1\n{OWN}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    words = ["outputs/train/*/*", "metric=[nll,elbo,mine.mean_level]", "trust=[mine]"]
    status, folder, rows = compared(tmp_path, *words)
    shown = capsys.readouterr().out
    assert status == 0
    assert re.search(r"model .*nats .*elbo +mean_level", shown)
    cells = {label: row["cells"] for label, row in rows.items()}
    both = cells["vae"]["mean_level"]  # of two seeds
    assert both["number"] > 0
    assert both["spread"] > 0
    assert cells["vae"]["elbo"]["number"] < 0
    assert cells["histogram"]["mean_level"] == {"reason": "needs a bound on the likelihood"}
    line = next(row for row in csv.DictReader((folder / "compare.csv").open()) if row["name"] == "vae")
    assert float(line["mean_level"]) == both["number"]
    page = (folder / "compare.html").read_text()
    assert "Mean level of samples." in page
    (package / "mean_level.py").write_text(f"FACTOR = 2\n{OWN}")  # other code: measured anew
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    _, _, again = compared(tmp_path, *words)
    assert again["vae"]["cells"]["mean_level"]["number"] == pytest.approx(2 * both["number"])
    assert again["vae"]["cells"]["nll"] == cells["vae"]["nll"]


@pytest.mark.parametrize(
    ("name", "before"),
    [("naive_bayes", {"_target_": "genlab.models.NaiveBayes"}), ("vae", {"_target_": "genlab.models.VAE"})],
)
def test_a_run_of_before_is_told_apart_by_no_option_that_is_new(name, before):
    now = compose("train", [f"model={name}"]).config
    old = {**now, "model": {**{key: each for key, each in now["model"].items() if key != "condition"}, **before}}
    assert Run(name, None, old).trained != Run(name, None, now).trained
    assert as_today(Run(name, None, old)).trained == Run(name, None, now).trained

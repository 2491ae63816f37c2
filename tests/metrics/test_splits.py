"""A split is handed out as the model sees it, and what cannot be a number, or cannot be had, takes nothing with it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from genlab import build
from genlab.commands import evaluate, train
from genlab.config.compose import compose
from genlab.data.spaces import Dataset, DataSpec, Split
from genlab.errors import DataError, TrainingError
from genlab.evaluation import classifier, likelihood
from genlab.evaluation.artefacts import report
from genlab.evaluation.record import Record
from genlab.evaluation.validate import validate
from genlab.files.atomic import write_json
from genlab.metrics import METRICS, Metric, Subject
from genlab.restore import load
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
QUICK = ["trainer.max_steps=2", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2"]
TINY = ["model.hidden=[8]", "model.latent_dim=3"]


def strict(path: Path) -> Any:
    """A JSON file, by the letter: without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(path.read_text(), parse_constant=refuse)


def coin(x: Tensor, generator: torch.Generator) -> Tensor:
    """``Bernoulli(x / 16)``."""
    return (torch.rand(x.shape, generator=generator) < x / 16).to(torch.uint8)


@pytest.fixture(scope="module")
def binary() -> Callable[..., Dataset]:
    """Digits whose training batches are binarised afresh: the split itself holds grey levels."""
    dataset = build.dataset

    def make(node: Any, *, trust: Any, root: Any = None) -> Dataset:
        full = dataset(node, trust=trust, root=root)
        once = torch.Generator().manual_seed(3)
        halves = {
            name: dataclasses.replace(part, x=coin(part.x, once))
            for name, part in (("val", full.val), ("test", full.test))
        }
        return dataclasses.replace(full, **halves, spec=dataclasses.replace(full.spec, levels=2), train_transform=coin)

    return make


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, binary: Callable[..., Dataset]) -> Path:
    """A VAE on them."""
    folder = tmp_path_factory.mktemp("binary")
    for name in ("checkpoints", "samples"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "dataset", binary)
        composed = compose("train", [*QUICK, *TINY])
        assert composed is not None
        train.run(folder, composed.config, console=QUIET)
    return checkpoint.latest(folder / "checkpoints")


@pytest.fixture
def score(
    run: Path, binary: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """``score("nll", "split=train")``: the summary."""
    monkeypatch.setattr(build, "dataset", binary)
    monkeypatch.setattr(classifier, "STEPS", 20)
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))

    def scored(metrics: str, *words: str) -> dict[str, Any]:
        composed = compose("eval", [f"ckpt={run}", "accelerator=cpu", f"metric=[{metrics}]", *words])
        assert composed is not None
        try:
            evaluate.run(tmp_path, composed.config, console=QUIET)
        finally:
            scored.summary = tmp_path / "summary.json"  # type: ignore[attr-defined]
        return strict(tmp_path / "summary.json")

    return scored


def test_the_training_split_is_scored_as_training_sees_it(score: Callable, run: Path, binary: Callable) -> None:
    (one,) = score("nll", "split=train", "metric.nll.num_particles=2")["records"]
    (other,) = score("nll", "split=train", "metric.nll.num_particles=2", "batch_size=7")["records"]
    assert "as training sees it, transformed once (seed 0)" in one["method"]
    assert one["value"] == pytest.approx(other["value"], rel=1e-6)
    loaded = load(run, trust=[], device=torch.device("cpu"))
    data = binary(loaded.config["data"], trust=[])
    x = data.split("train").x
    assert x.unique().tolist() == [0, 1]
    assert torch.equal(x, data.split("train").x)
    assert x.float().mean().item() == pytest.approx(data.train.x.float().mean().item() / 16, rel=0.02)
    options = {"num_particles": 2, "batch_size": 100, "seed": 0}
    seen = Split(x, data.train.y)
    assert one["value"] == likelihood.nll(loaded.model, seen, split_name="train", **options).value
    assert one["value"] < 64
    found = validate(loaded.model, data, split="train", **options)
    assert found is not None
    assert found.value == one["value"]
    assert report.pictures(loaded.model, data, seed=0, n=4, split="train").keys() >= {"reconstructions", "latents"}


@pytest.mark.parametrize("metric", ["probe", "diversity"])
def test_metrics_of_the_training_split_see_two_levels(metric: str, score: Callable) -> None:
    records = score(metric, "split=train", f"++metric.{metric}.n=100" if metric == "diversity" else "seed=0")
    train_ = {each["metric"]: each["value"] for each in records["records"]}
    records = score(metric, "split=val", f"++metric.{metric}.n=100" if metric == "diversity" else "seed=0")
    val = {each["metric"]: each["value"] for each in records["records"]}
    assert train_.keys() == val.keys()
    if metric == "diversity":  # in the data's own units: grey levels would be up to 16 apart
        assert train_["diversity"] == pytest.approx(val["diversity"], rel=0.3)


@pytest.mark.parametrize("layout", ["paired", "unpaired"])
def test_the_domains_of_pairs_are_transformed_alike(layout: Any) -> None:
    x = torch.arange(2500, dtype=torch.uint8).view(2500, 1, 1, 1) % 16
    spec = DataSpec((1, 1, 1), 16, layout=layout)
    data = Dataset("pairs", spec, Split(x, x_b=x.clone()), Split(x), Split(x), train_transform=coin)
    seen = data.split("train")
    assert seen.x_b is not None
    assert torch.equal(seen.x, seen.x_b) == (layout == "paired")
    assert data.split("test") is data.test


def answer(value: float, *, error: float | None = 0.1) -> Any:
    def measure(subject: Any) -> Iterator[Record]:
        yield Record("knn_accuracy", value, "share", "estimate", 3, error, subject.split_name, 0, terms={"a": value})

    return scripted(measure)


def fails(error: Exception) -> Any:
    def measure(subject: Any) -> Iterator[Record]:
        raise error

    return scripted(measure)


def scripted(script: Callable[[Subject], Iterator[Record]]) -> Any:
    """A class for `METRICS`: it can be had, takes any options, and says or raises what the script does."""

    class Scripted(Metric):
        def __init__(self, **_: Any) -> None:
            pass

        def compute(self, subject: Subject) -> Iterator[Record]:
            return script(subject)

    Scripted.__module__ = "genlab.metrics.scripted"  # what a user's own raises is said otherwise
    return Scripted


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused_and_takes_no_other_with_it(
    value: float, score: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METRICS, "knn_accuracy", answer(value))
    with pytest.raises(TrainingError, match=r"metric=knn_accuracy is .* on the test split; score another checkpoint"):
        score("elbo,knn_accuracy")
    summary = strict(score.summary)  # type: ignore[attr-defined]
    assert [each["metric"] for each in summary["records"]] == ["elbo"]
    assert "knn_accuracy" in summary["failed"]["knn_accuracy"]
    assert "elbo" in capsys.readouterr().out


@pytest.mark.parametrize("error", [DataError("no file"), TrainingError("no memory"), ZeroDivisionError("a bug")])
def test_a_metric_that_fails_leaves_the_numbers_of_the_others(
    error: Exception, score: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METRICS, "knn_accuracy", fails(error))
    with pytest.raises(type(error), match=str(error)):
        score("elbo,knn_accuracy,pictures")
    summary = strict(score.summary)  # type: ignore[attr-defined]
    assert [each["metric"] for each in summary["records"]] == ["elbo"]
    assert summary["pictures"]  # asked for after it
    assert "elbo" in capsys.readouterr().out


def test_no_collective_follows_one_that_has_failed() -> None:
    broken = fails(DataError("no file"))()
    broken.shared = True
    loaded = SimpleNamespace(path=Path("a.ckpt"))
    split = Split(torch.zeros(1, 1))
    data = Dataset("any", DataSpec((1,), None), split, split, split)
    for devices, tried in ((1, {"nll", "bpd"}), (2, {"nll"})):
        config = {"metric": {}, "devices": devices, "split": "test"}
        subject: Any = Subject(loaded, loaded, data, config, QUIET, Path())  # type: ignore[arg-type]
        failed: dict[str, Exception] = {}
        assert evaluate.score(subject, {"nll": broken, "bpd": broken}, failed=failed) == []
        assert failed.keys() == tried


def test_nothing_is_written_where_nothing_was_measured(score: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "knn_accuracy", fails(DataError("no file")))
    with pytest.raises(DataError):
        score("knn_accuracy")
    assert not score.summary.exists()  # type: ignore[attr-defined]


def test_everything_can_be_asked_of_a_split_of_one(
    score: Callable, binary: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(node: Any, *, trust: Any, root: Any = None) -> Dataset:
        data = binary(node, trust=trust, root=root)
        assert data.test.y is not None
        return dataclasses.replace(data, test=Split(data.test.x[:1], data.test.y[:1]))

    monkeypatch.setattr(build, "dataset", one)
    summary = score("all", "metric.nll.num_particles=2", "metric.throughput=null")
    records = {each["metric"]: each for each in summary["records"]}
    assert records["nll"]["n"] == 1
    assert records["nll"]["standard_error"] is None
    assert {Path(path).stem for path in summary["pictures"]} >= {"samples", "reconstructions", "latents"}
    assert "failed" not in summary


def test_json_has_no_word_for_what_is_not_finite(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [1.5, math.nan], "b": {"c": (math.inf, 2)}, "d": -math.inf})
    assert strict(tmp_path / "a.json") == {"a": [1.5, None], "b": {"c": [None, 2]}, "d": None}


def test_huge_numbers_have_an_exponent() -> None:
    record = Record("nll", 3.7e17, "nats per example", "exact", 9, 2.5e16, "test", 0)
    assert str(record) == "nll = 3.7000e+17 ± 2.5000e+16 nats per example (exact, n=9)"
    assert str(record.scaled(1e-15, metric="nll", unit="")).startswith("nll = 370.0000 ± 25.0000")

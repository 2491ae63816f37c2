"""``genlab eval`` beyond likelihood: on real checkpoints, with what stands beside each number, and its refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from genlab.commands import evaluate, train
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.evaluation.record import Record
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
FEW = ["test.num_particles=2", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
PLANE = ["data=toy2d", "data.num_train=600", "data.num_val=50", "data.num_test=100"]
RUNS = {
    "vae": ["model.hidden=[32]", "model.latent_dim=4", "trainer.max_steps=60"],
    "cvae": ["model=cvae", "model.hidden=[8]", "trainer.max_steps=3"],
    "naive_bayes": ["model=naive_bayes"],
    "ppca": ["model=ppca"],
    "ebm": ["model=ebm", "model.chain_steps=3", "model.channels=4", "objective.steps=2", "trainer.max_steps=2"],
    "flow": ["model=realnvp", "model.hidden=[8]", "trainer.max_steps=2", *PLANE],
    "plane": [
        "model=ebm",
        "model.chain_steps=3",
        "model.hidden=[8]",
        "objective.steps=2",
        "trainer.max_steps=2",
        *PLANE,
    ],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    for name, words in RUNS.items():
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        composed = compose("train", [*FEW, *words])
        assert composed is not None
        train.run(run, composed.config, console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
    return paths


Score = Callable[..., dict[str, Record]]


@pytest.fixture
def score(trained: dict[str, Path], tmp_path: Path) -> Score:
    """``score("vae", "metric=probe")`` gives the records by name; everything is written to ``tmp_path``."""

    def run(name: str, *words: str) -> dict[str, Record]:
        composed = compose("eval", [f"ckpt={trained[name]}", "accelerator=cpu", *words])
        assert composed is not None
        records = evaluate.run(tmp_path, composed.config, console=QUIET)
        held = json.loads((tmp_path / "summary.json").read_text())["records"]
        assert [each["metric"] for each in held] == [record.metric for record in records]
        return {record.metric: record for record in records}

    return run


def shares(records: dict[str, Record]) -> dict[str, float]:
    return {name: record.value for name, record in records.items()}


def test_codes_are_probed_beside_pixels_and_a_pca(score: Score) -> None:
    found = score("vae", "metric=[probe,knn_accuracy]", "metric.knn_accuracy.max_train=500")
    assert list(found) == [f"{name}{of}" for name in ("probe", "knn_accuracy") for of in ("", "_raw", "_ppca")]
    assert all(0.3 < share < 1 for share in shares(found).values()), "far above chance"
    assert found["probe_raw"].value > 0.93
    assert found["probe_raw"].value > found["probe_ppca"].value > found["probe"].value, "60 steps of 4 codes"
    for record in found.values():
        assert (record.kind, record.n, record.unit) == ("estimate", 300, "share correct")
        assert record.standard_error == pytest.approx(math.sqrt(record.value * (1 - record.value) / 299))
    assert "4 codes, 1,197 of 1,197 training examples" in str(found["probe"].method)
    assert "64 raw pixels, 500 of 1,197 training examples" in str(found["knn_accuracy_raw"].method)
    assert "4 codes of a probabilistic PCA" in str(found["probe_ppca"].method)


def test_a_pca_is_its_own_baseline(score: Score) -> None:
    found = shares(score("ppca", "metric=probe"))
    assert abs(found["probe"] - found["probe_ppca"]) <= 0.02  # they differ by the noise of dequantisation


def test_bayes_rule_with_naive_bayes_is_naive_bayes(score: Score) -> None:
    found = score("naive_bayes", "metric=bayes")
    beside = [f"{name}{of}" for of in ("", "_naive_bayes", "_logistic") for name in ("bayes", "bayes_ece")]
    assert list(found) == beside
    assert found["bayes"].value == found["bayes_naive_bayes"].value > 0.8
    # of the priors of the two, one is smoothed
    assert found["bayes_ece"].value == pytest.approx(found["bayes_ece_naive_bayes"].value, abs=2e-3)
    assert found["bayes_logistic"].value > 0.93
    assert all(record.num_particles is None for record in found.values())


def test_bounds_classify_and_say_how_many_examples_and_particles(score: Score) -> None:
    found = score("cvae", "metric=bayes", "metric.bayes.max_examples=50", "metric.bayes.num_particles=3")
    assert (found["bayes"].n, found["bayes"].num_particles) == (50, 3)
    assert found["bayes_logistic"].num_particles is None
    assert "50 of 300 test examples" in str(found["bayes"].method)


@pytest.mark.parametrize("strange", ["inverted", "dimmed", "shuffled", "noise", "digits"])
def test_strange_examples_are_told_by_every_score_there_is(score: Score, tmp_path: Path, strange: str) -> None:
    found = score("naive_bayes", "metric=ood", f"metric.ood.data={strange}")
    scores = ("likelihood", "typicality", "complexity")
    assert list(found) == [f"ood_{of}_{name}" for name in scores for of in ("auroc", "aupr", "fpr95")]
    for record in found.values():
        assert record.n == 600
        assert record.standard_error is not None
        assert "300 of digits, test against 300 of" in str(record.method)
        if strange in {"inverted", "shuffled", "noise"}:
            assert record.value == pytest.approx(0 if "fpr95" in record.metric else 1, abs=0.02)
        if strange == "digits":  # against themselves
            assert record.value == pytest.approx(0.95 if "fpr95" in record.metric else 0.5, abs=0.01)
    assert Image.open(tmp_path / "pictures" / "ood.png").mode == "RGB"
    assert json.loads((tmp_path / "summary.json").read_text())["pictures"] == [str(tmp_path / "pictures" / "ood.png")]


def test_the_paradox_is_told_where_it_shows(score: Score) -> None:
    dimmed = score("ppca", "metric=ood", "metric.ood.num_particles=2")
    assert dimmed["ood_auroc_likelihood"].value < 0.45
    assert "the known paradox: the model finds dimmed digits likelier than" in str(
        dimmed["ood_auroc_likelihood"].method
    )
    assert "paradox" not in str(dimmed["ood_auroc_typicality"].method)
    inverted = score("ppca", "metric=ood", "metric.ood.num_particles=2", "metric.ood.data=inverted")
    assert inverted["ood_auroc_likelihood"].value > 0.99
    assert not any("paradox" in str(record.method) for record in inverted.values())


def test_an_energy_ranks_and_on_the_plane_as_its_likelihood_does(score: Score) -> None:
    assert {name.rpartition("_")[2] for name in score("ebm", "metric=ood", "metric.ood.data=noise")} == {"energy"}
    found = score("plane", "metric=ood")
    assert found["ood_auroc_energy"].value == pytest.approx(found["ood_auroc_likelihood"].value, abs=1e-9)
    assert "ood_auroc_complexity" not in found
    assert "uniform noise" in str(found["ood_auroc_energy"].method)


def test_energies_have_errors_and_the_split_that_was_asked_for(score: Score) -> None:
    found = score("ebm", "metric=energy", "metric.energy.n=200", "split=val")
    assert list(found) == ["energy_data", "energy_samples", "energy_noise", "energy_data_below_noise"]
    assert [record.n for record in found.values()] == [200, 128, 200, 200]
    assert {record.split for record in found.values()} == {"val"}
    other = score("ebm", "metric=energy", "metric.energy.n=200")
    assert found["energy_data"].value != other["energy_data"].value
    assert found["energy_noise"].value == other["energy_noise"].value


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("naive_bayes", ["metric=probe"], "metric=probe needs an encoder; NaiveBayes"),
        ("flow", ["metric=knn_accuracy"], "metric=knn_accuracy needs labels; Flow"),
        ("cvae", ["metric=probe"], "needs an encoder that is not given the label; VAE .*metric=bayes"),
        ("vae", ["metric=bayes"], "metric=bayes needs a likelihood of each class; VAE"),
        ("cvae", ["metric=bayes", "metric.bayes.max_examples=29"], "at least 30 examples, there are 29"),
        ("ppca", ["metric=probe", "metric.probe.max_train=1"], "at least 2 classes among the training examples"),
        ("vae", ["metric=energy"], "metric=energy needs an energy; VAE"),
        (
            "vae",
            ["metric=ood", "metric.ood.data=toy2d"],
            "is 2 real, the model's data is 1x8x8 of 17 levels; .*inverted",
        ),
        (
            "flow",
            ["metric=ood", "metric.ood.data=digits"],
            "is 1x8x8 of 17 levels, the model's data is 2 real; .*noise",
        ),
        ("flow", ["metric=ood", "metric.ood.data=dimmed"], "is made of levels, this data is real"),
        ("vae", ["metric=ood", "metric.ood.data=dimed"], "metric.ood.data=dimed: choose from .*did you mean dimmed"),
        ("vae", ["metric=ood", "metric.ood.max_examples=29"], "at least 30 examples of each kind, there are 29"),
        (
            "vae",
            ["metric=ood", "metric.ood.data=image_folder"],
            "metric.ood.data=image_folder: metric.ood.root needs a value",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(score: Score, name: str, words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        score(name, *words)
    assert "\n" not in str(caught.value)


def test_pictures_are_written_and_named(score: Score, tmp_path: Path) -> None:
    assert score("vae", "metric=pictures", "metric.pictures.n=4") == {}
    written = json.loads((tmp_path / "summary.json").read_text())["pictures"]
    assert [Path(path).stem for path in written] == ["samples", "reconstructions", "interpolations", "latents"]
    assert all(Image.open(path).mode == "RGB" for path in written)


def test_all_is_everything_that_the_model_can_have(score: Score) -> None:
    words = ["metric=all", "metric.nll.num_particles=2", "metric.ood.num_particles=2", "metric.ood.max_examples=40"]
    words += ["metric.probe.max_train=100", "metric.pictures.n=2", "metric.throughput.seconds=0.01"]
    found = score("vae", *words)
    of_samples = {"fcd", "kernel", "precision", "recall", "density", "coverage", "diversity", "memorisation", "near"}
    cost = {"training", "sampling", "parameters", "peak"}
    likelihoods = {"nll", "bpd", "elbo", "compression", "gzip", "bz2", "xz", "png", "webp", "jpeg"}
    latents = {"active", "posterior"}
    assert {name.partition("_")[0] for name in found} == {
        *likelihoods,
        *latents,
        "probe",
        "knn",
        "ood",
        *of_samples,
        *cost,
    }
    flow = score("flow", *words, "metric.ood.max_examples=9")
    of_points = {"kl", "reverse", "js", "tv", "sliced", "mmd", "diversity", "memorisation", "near"}
    assert {name.partition("_")[0] for name in flow} == {"nll", *of_points, *cost}  # too few to tell what is strange


def test_the_numbers_do_not_depend_on_the_batch_size(score: Score) -> None:
    words = ["metric=[probe,ood]", "metric.ood.num_particles=2", "metric.ood.max_examples=60"]
    one, other = (score("vae", *words, f"batch_size={size}") for size in (17, 100))
    for name, record in one.items():
        assert record.value == pytest.approx(other[name].value, abs=2e-3 if "probe" not in name else 0.01)
    assert torch.isfinite(torch.tensor(list(shares(one).values()))).all()

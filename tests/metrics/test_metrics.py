"""The metrics of samples on real checkpoints: what they say, what they refuse, what they depend on and what not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from genlab.commands import evaluate, train
from genlab.config.compose import compose
from genlab.data import DENSITIES, digits
from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError, DataError
from genlab.evaluation import classifier
from genlab.evaluation.statistics.frechet import frechet
from genlab.metrics import METRICS, Subject, _divergence, _needs, diversity, ood
from genlab.metrics import _features as features
from genlab.metrics import _inception as inception
from genlab.metrics import subject as common
from genlab.models import EBM
from genlab.models.capabilities import ExactLikelihood, GenerativeModel
from genlab.restore import Loaded, load
from genlab.storage import checkpoint

QUIET = Console(quiet=True)
CPU = torch.device("cpu")
QUICK = ["trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "test.num_particles=2", "logger=csv"]
PLANE = ["data=toy2d", "data.name=eight_gaussians", "data.num_train=3000", "data.num_val=50", "data.num_test=1000"]
RUNS = {
    "histogram": ["model=histogram"],
    "vae": ["trainer.max_steps=3", "model.hidden=[8]"],
    "cvae": ["model=cvae", "trainer.max_steps=3", "model.hidden=[8]"],
    "gmm": ["model=gmm", "model.components=16", *PLANE],
    "plane": ["trainer.max_steps=3", "model.hidden=[8]", *PLANE],
}
OF_PICTURES = ["fcd", "kernel_distance", "precision", "recall", "density", "coverage", "diversity", "memorisation"]
OF_DENSITIES = ["kl", "reverse_kl", "js", "tv"]
OF_VECTORS = [*OF_DENSITIES, "mode_coverage", "sliced_wasserstein", "mmd", "diversity", "memorisation"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    paths = {}
    for name, overrides in RUNS.items():
        run = tmp_path_factory.mktemp(name)
        (run / "checkpoints").mkdir()
        (run / "samples").mkdir()
        composed = compose("train", [*QUICK, *overrides])
        assert composed is not None
        train.run(run, composed.config, console=QUIET)
        paths[name] = checkpoint.latest(run / "checkpoints")
    return paths


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A classifier of thirty steps, in a cache of the tests' own."""
    monkeypatch.setenv("GENLAB_CACHE", str(cache))
    monkeypatch.setattr(classifier, "STEPS", 30)


def settings(ckpt: Path, *overrides: str) -> dict[str, Any]:
    composed = compose("eval", [f"ckpt={ckpt}", "accelerator=cpu", *overrides])
    assert composed is not None
    return composed.config


Score = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def score(trained: dict[str, Path], tmp_path: Path) -> Score:
    """``score("vae", ["fcd"], "seed=1")``: the records by name."""

    def run(name: str, metrics: list[str], *overrides: str) -> dict[str, dict[str, Any]]:
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        evaluate.run(folder, settings(trained[name], f"metric=[{','.join(metrics)}]", *overrides), console=QUIET)
        return {each["metric"]: each for each in json.loads((folder / "summary.json").read_text())["records"]}

    return run


@pytest.fixture
def subject(trained: dict[str, Path], tmp_path: Path) -> Callable[..., Subject]:
    def make(name: str, *overrides: str) -> Subject:
        loaded = load(trained[name], trust=[], device=CPU)
        data = loaded.dataset(root=None, trust=[])
        return Subject(loaded, loaded.model, data, settings(trained[name], *overrides), QUIET, tmp_path)

    return make


def test_pictures_are_compared_and_no_batch_size_changes_a_value(score: Score) -> None:
    few = [f"metric.{name}.n=300" for name in OF_PICTURES]
    found = score("histogram", OF_PICTURES, *few)
    assert score("histogram", OF_PICTURES, *few, "batch_size=7") == found
    assert set(found) == {*OF_PICTURES, "near_copies"}
    for name, record in found.items():
        assert math.isfinite(record["value"])
        assert record["standard_error"] >= 0
        assert (record["n"], record["split"], record["kind"]) == (300, "test", "estimate"), name
    sha = found["fcd"]["extractor"].split()[-1]
    assert len(sha) == features.HASH
    assert "test accuracy" in found["recall"]["extractor"]
    assert found["memorisation"]["extractor"] is None
    assert score("histogram", ["fcd"], *few[:1], "seed=1")["fcd"]["value"] != found["fcd"]["value"]


def test_real_pictures_are_nearest_and_noise_is_furthest(subject: Callable[..., Subject]) -> None:
    of = subject("histogram")
    extractor = features.of_classifier(of)
    real = features.of_split(of, extractor, "test")
    noise = torch.randint(17, (300, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    sets = [extractor(of.data.train.x[:300]), features.of_samples(of, extractor, 300), extractor(noise)]
    distances = [frechet(each, real, groups=2).value for each in sets]
    assert distances == sorted(distances)
    assert frechet(real, real, groups=2).value == pytest.approx(0, abs=1e-6)


def test_the_classifier_is_trained_once_and_known_by_its_hash(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    of = subject("vae")
    state = torch.random.get_rng_state()
    first = features.of_classifier(of)
    assert torch.equal(torch.random.get_rng_state(), state)
    data = digits()
    again = classifier.trained(data, progress=lambda items, total: items)
    assert again.sha256 == first.key == hashlib.sha256(again.weights.tobytes()).hexdigest()
    chance = classifier.accuracy(classifier.untrained(data.spec).eval(), data.test)
    assert classifier.accuracy(again, data.test) > max(0.5, chance)

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(classifier, "trained", never)
    second = features.of_classifier(subject("histogram"))
    assert second.key == first.key
    x = data.test.x[:20]
    assert torch.equal(second(x), first(x))
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(AssertionError, match="trained again"):
        features.of_classifier(subject("histogram"))


def test_samples_are_drawn_once_and_those_of_a_smaller_number_are_among_them(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = subject("vae")
    many, few = common.samples(of, 600), common.samples(of, 130)
    assert torch.equal(many[:130], few)
    assert (many.shape, many.dtype) == ((600, 1, 8, 8), torch.uint8)
    assert torch.equal(common.samples(subject("vae", "batch_size=3"), 600), many)
    assert not torch.equal(common.samples(subject("vae", "seed=1"), 130), few)
    assert not torch.equal(many[: common.CHUNK], many[common.CHUNK : 2 * common.CHUNK])
    monkeypatch.setattr(of.loaded.model, "sample", None)
    common.samples(of, 500)  # drawn already


def test_a_conditional_model_is_given_the_labels_of_training(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch, score: Score
) -> None:
    of = subject("cvae")
    data = of.data
    skewed = dataclasses.replace(data, train=dataclasses.replace(data.train, y=torch.full_like(data.train.y, 7)))
    seen = []
    sample = of.loaded.model.sample

    def spy(n: int, c: Tensor, *, generator: torch.Generator) -> Tensor:
        seen.append(c)
        return sample(n, c, generator=generator)

    monkeypatch.setattr(of.loaded.model, "sample", spy)
    common.samples(of, common.CHUNK)
    assert set(seen[0].tolist()) == set(range(10))
    common.samples(dataclasses.replace(of, data=skewed, _memo={}), common.CHUNK)
    assert set(seen[1].tolist()) == {7}
    found = score("cvae", ["diversity", "throughput"], "metric.throughput.seconds=0.05")
    assert {name for name, each in found.items() if "as frequent as in" in (each["method"] or "")} == {"diversity"}


@pytest.mark.parametrize("name", ["gmm", "plane"])
def test_a_model_of_the_plane_against_its_density(name: str, score: Score) -> None:
    grid = [f"metric.{metric}.{key}" for metric in OF_DENSITIES for key in ("resolution=60", "num_particles=3")]
    found = score(name, OF_VECTORS, *grid)
    assert set(found) == {*OF_VECTORS, "samples_on_modes", "near_copies"}
    assert all(math.isfinite(record["value"]) for record in found.values())
    assert found["tv"]["value"] <= 1
    assert found["js"]["value"] <= math.log(2)
    kinds = {metric: found[metric]["kind"] for metric in OF_DENSITIES}
    exact = name == "gmm"
    bounds = {"kl": "upper bound", "reverse_kl": "lower bound"}
    assert kinds == {m: "exact" if exact else bounds.get(m, "estimate") for m in OF_DENSITIES}
    assert found["kl"]["num_particles"] == (None if exact else 3)
    assert "grid of 60 x 60 cells" in found["kl"]["method"]
    if exact:
        assert found["mode_coverage"]["value"] == 1
        assert found["kl"]["value"] < 0.1


def test_the_divergence_on_the_grid_is_that_of_the_likelihood(score: Score) -> None:
    """``KL(p || q) = E_p[-log q] - H(p)``: two ways to one number."""
    found = score("gmm", ["kl", "nll"], "metric.kl.resolution=300")
    entropy = DENSITIES["eight_gaussians"].entropy
    expected = found["nll"]["value"] - entropy
    assert found["kl"]["value"] == pytest.approx(expected, abs=3 * found["nll"]["standard_error"])


class Broad(ExactLikelihood):
    """``N(0, scale^2 I)`` in the plane."""

    def __init__(self, spec: DataSpec, scale: float) -> None:
        super().__init__()
        self.spec = spec
        self.scale = nn.Parameter(torch.tensor(scale))

    def log_prob(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        scale = self.scale.double()
        return -(x.double() / scale).square().sum(1) / 2 - math.log(2 * math.pi) - 2 * scale.log()

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return self.scale * torch.randn(n, 2, generator=generator)


def with_model(of: Subject, model: GenerativeModel) -> Subject:
    return dataclasses.replace(of, loaded=dataclasses.replace(of.loaded, model=model), model=model, _memo={})


@pytest.mark.parametrize(("scale", "kind"), [(2.0, "exact"), (40.0, "estimate")])
def test_the_reverse_divergence_counts_all_of_q(scale: float, kind: str, subject: Callable[..., Subject]) -> None:
    """Much of q lies beyond the data's box, where it differs most from p: a wider box, or samples of q."""
    of = subject("gmm")
    model = Broad(of.loaded.spec, scale)
    (found,) = METRICS["reverse_kl"](resolution=300, num_particles=1, n=4000).compute(with_model(of, model))
    x = model.sample(400_000, generator=torch.Generator().manual_seed(1)).detach()
    ratio = model.log_prob(x).detach() - DENSITIES["eight_gaussians"].log_prob(x)
    truth, error = ratio.mean().item(), ratio.std().item() / math.sqrt(len(ratio))
    assert found.kind == kind
    assert found.standard_error > 0
    assert found.value == pytest.approx(truth, abs=4 * math.hypot(error, found.standard_error))
    assert ("grid of 300" if kind == "exact" else "Monte Carlo") in (found.method or "")


def test_an_infinite_divergence_is_refused_with_its_reason(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """JSON has no infinity, and an error of 0 says that it is known."""
    for module in (_divergence, _needs):
        monkeypatch.setattr(module, "density_of", lambda loaded: DENSITIES["checkerboard"])
    of = subject("gmm", "metric=all")
    options = {"resolution": 100, "num_particles": 1, "n": 500}
    blind = OnlySamples(of.loaded.model)
    for each in (of, with_model(of, Broad(of.loaded.spec, 40.0)), with_model(of, blind)):
        with pytest.raises(
            ConfigError, match=r"metric=reverse_kl is infinite: 0\.\d+ of q's mass .* is 0; metric=js and"
        ):
            list(METRICS["reverse_kl"](**options).compute(each))
    records = evaluate.score(of, {name: METRICS[name](**options) for name in ("reverse_kl", "js", "tv")})
    assert [each.metric for each in records] == ["js", "tv"]
    json.dumps([each.to_dict() for each in records], allow_nan=False)


class OnlySamples(GenerativeModel):
    """What is left of a model of which only samples are known."""

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.spec = model.spec
        self.model = model

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return self.model.sample(n, generator=generator)


def test_a_density_that_is_not_known_has_lower_bounds_from_samples(subject: Callable[..., Subject]) -> None:
    known = subject("gmm")
    far = with_model(known, Broad(known.loaded.spec, 3.0))
    unknown = with_model(known, OnlySamples(far.model))
    options = {"resolution": 300, "num_particles": 1, "n": 2000}
    for name in OF_DENSITIES:
        (exact,), (sampled,) = METRICS[name](**options).compute(far), METRICS[name](**options).compute(unknown)
        assert sampled.standard_error is not None
        assert 0.6 * exact.value < sampled.value < exact.value + 3 * sampled.standard_error
        assert f"{name}: at least this" in (sampled.method or "")
        assert (exact.kind, sampled.kind) == ("exact", "lower bound")
        assert f"{name} >= " in str(sampled)
    few = with_model(known, OnlySamples(known.loaded.model))
    with pytest.raises(ConfigError, match="metric=tv: a bound from samples needs at least 100 samples, there are 99"):
        list(METRICS["tv"](**{**options, "n": 99}).compute(few))


def test_diversity_says_how_many_it_is_of(subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes them at random: a split may be in the order of its classes."""
    of = subject("gmm")
    monkeypatch.setattr(diversity, "PAIR_DISTANCES", 100)
    ordered = dataclasses.replace(of.data.test, x=of.data.test.x[of.data.test.x[:, 0].argsort()])
    of = dataclasses.replace(of, data=dataclasses.replace(of.data, test=ordered))
    (found,) = METRICS["diversity"](n=300, space="data").compute(of)
    assert found.n == 100
    assert "of 100 examples" in (found.method or "")
    assert found.value == pytest.approx(1, abs=0.2)


def test_copies_are_noticed_and_shown(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    of = subject("histogram")
    monkeypatch.setattr(common, "draw_chunk", lambda subject, index: subject.data.train.x[: common.CHUNK])
    options = {"n": 200, "space": "data"}
    share, near = METRICS["memorisation"](**options).compute(of)
    assert of.drawn == [tmp_path / "pictures" / "memorisation.png"]  # so that the command names it
    assert share.value > 0.99
    assert near.value == 1
    with Image.open(tmp_path / "pictures" / "memorisation.png") as picture:
        rows = np.asarray(picture)
    height = rows.shape[0] // 8
    assert np.array_equal(rows[:height], rows[height : 2 * height])  # each above its original
    with pytest.raises(ConfigError, match="not trained on: split=test or val"):
        list(METRICS["memorisation"](**options).compute(subject("histogram", "split=train")))


def test_training_is_timed_on_a_copy(subject: Callable[..., Subject], score: Score) -> None:
    of = subject("vae")
    before = {name: value.clone() for name, value in of.loaded.model.state_dict().items()}
    state = torch.random.get_rng_state()
    with torch.no_grad():
        records = {each.metric: each for each in METRICS["throughput"](seconds=0.05).compute(of)}
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in of.loaded.model.state_dict().items())
    assert set(records) == {"training_rate", "sampling_rate", "parameters", "peak_memory"}
    assert records["parameters"].value == sum(p.numel() for p in of.loaded.model.parameters())
    assert all(each.value > 0 for each in records.values())
    assert "threads on" in (records["training_rate"].method or "")
    fitted = score("gmm", ["throughput"], "metric.throughput.seconds=0.05")
    assert "training_rate" not in fitted


OOD: dict[str, Any] = {"data": "auto", "root": None, "num_particles": 1, "max_examples": 60}


def test_black_and_white_data_are_told_from_their_inverse(subject: Callable[..., Subject]) -> None:
    of = subject("vae")
    spec = dataclasses.replace(of.data.spec, levels=2)
    binary = dataclasses.replace(of.data, spec=spec, test=Split((of.data.test.x > 8).to(torch.uint8), of.data.test.y))
    name, strange = ood.OOD(**OOD).strange(dataclasses.replace(of, data=binary))
    assert name.startswith("inverted")
    assert len(strange.x.unique()) == 2
    assert ood.OOD(**OOD).strange(of)[0].startswith("dimmed")


def test_strange_data_that_are_missing_are_told_by_the_key_that_names_their_place(
    subject: Callable[..., Subject],
) -> None:
    with pytest.raises(DataError, match=r"metric.ood.root=/nowhere") as caught:
        list(METRICS["ood"](**{**OOD, "data": "mnist", "root": "/nowhere"}).compute(subject("vae")))
    assert " data.root" not in str(caught.value)
    with pytest.raises(DataError, match=r" data.root=/nowhere"):
        list(METRICS["ood"](**{**OOD, "data": "mnist"}).compute(subject("vae", "data.root=/nowhere")))


def test_training_examples_without_a_likelihood_are_counted(
    subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    def likelihoods(model: GenerativeModel, part: Split, *, split_name: str, **rest: Any) -> Tensor:
        found = torch.linspace(10, 20, len(part), dtype=torch.float64)
        found[:3] = math.inf if split_name == "train" else 15.0
        return found

    monkeypatch.setattr(ood, "negative_log_likelihoods", likelihoods)
    methods = {each.metric: each.method or "" for each in METRICS["ood"](**OOD).compute(subject("histogram"))}
    assert "3 training examples without a finite" in methods["ood_auroc_typicality"]
    assert "without a finite" not in methods["ood_auroc_likelihood"]


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("vae", ["metric=knn_accuracy", "metric.knn_accuracy.k=2000"], "k=2000 needs at least 2000 training examples"),
        ("vae", ["metric=kl"], r"metric=kl needs a known density \(data=toy2d\); VAE on this data .* metric=fcd"),
        ("vae", ["metric=mmd"], "needs vectors .pictures have metric=kernel_distance"),
        ("vae", ["metric=mode_coverage"], "eight_gaussians or gaussian_mixture"),
        ("gmm", ["metric=fcd"], "metric=fcd needs labelled pictures.* it can have .*metric=mmd"),
        ("gmm", ["metric=fid"], "metric=fid needs pictures"),
        ("vae", ["metric=fcd", "metric.fcd.n=64"], "covariance of 64 features needs at least 65 samples, there are 64"),
        ("vae", ["metric=recall", "metric.recall.n=7"], "needs at least 8 pictures on both sides, there are 7"),
        ("gmm", ["metric=memorisation", "metric.memorisation.n=9"], "at least 20 examples on both sides"),
        ("gmm", ["metric=diversity", "metric.diversity.space=features"], "space=features needs labelled pictures"),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_sentence(
    name: str, words: list[str], message: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        evaluate.run(tmp_path, settings(trained[name], *words), console=QUIET)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_unlabelled_pictures_are_refused(trained: dict[str, Path]) -> None:
    loaded: Loaded = load(trained["vae"], trust=[], device=CPU)
    unlabelled = dataclasses.replace(loaded, spec=DataSpec((3, 8, 8), 256))
    can = evaluate.offered(unlabelled)
    assert "labelled pictures" in (METRICS["fcd"].lacks(unlabelled) or "")
    assert {"fid", "diversity", "memorisation", "throughput"} <= set(can)
    assert not {"fcd", "kernel_distance", "precision", "recall", "density", "coverage", "kl", "mmd"} & set(can)


def test_all_goes_on_without_what_cannot_be_told(score: Score) -> None:
    few = [f"metric.{name}.n=50" for name in OF_PICTURES]
    found = score("histogram", ["all"], *few, "metric.throughput.seconds=0.05", "metric.bpd.num_particles=2")
    assert {"nll", "bpd", "coverage", "diversity", "memorisation", "sampling_rate"} <= set(found)
    assert not {"fcd", "fid", "kl", "mmd"} & set(found)  # 50 samples; no weights; no vectors


class StandIn(nn.Module):
    """A network with Inception's interface: averages of random projections of colours."""

    def __init__(self, features: int = 6, classes: int = 5) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.map = torch.randn(3 * 64, features, generator=g)
        self.fc = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1:] == (3, 8, 8)
        assert x.max() > 200  # 8-bit, whatever the levels of the data
        return (x.flatten(1).float() @ self.map / 1000,)


def test_inception_metrics_with_a_stand_in(score: Score, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ["fid", "kid", "inception_score"]
    monkeypatch.setattr(inception, "network", lambda path: StandIn())
    weights = tmp_path / "weights.pth"
    words = [word for name in names for word in (f"metric.{name}.weights={weights}", f"metric.{name}.n=100")]
    monkeypatch.setattr(inception.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"metric=fid needs torch-fidelity: pip install 'genlab\[fidelity\]'"):
        score("vae", names, *words)
    monkeypatch.setattr(inception.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(DataError) as caught:
        score("vae", names, *words)
    assert all(part in str(caught.value) for part in (inception.URL, inception.SHA256, str(weights)))
    weights.write_bytes(b"anything")
    found = score("vae", names, *words)
    assert set(found) == set(names)
    assert all(math.isfinite(record["value"]) for record in found.values())
    assert found["inception_score"]["value"] >= 1
    assert "Inception-v3" in found["fid"]["extractor"]


def test_foreign_weights_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / inception.FILE
    path.write_bytes(b"anything")
    with pytest.raises(DataError, match="its sha256 is"):
        inception.verified(path)


def test_the_weights_are_looked_for_where_pytorch_keeps_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", "/somewhere")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert inception.place(None) == Path("/somewhere/hub/checkpoints") / inception.FILE
    assert inception.place("~/a.pth") == Path.home() / "a.pth"


def test_a_run_ends_with_what_the_metrics_tell_of_it_unasked(trained: dict[str, Path], tmp_path: Path) -> None:
    summary = json.loads((trained["vae"].parent.parent / "summary.json").read_text())
    assert summary["latents"]["units"] == 20
    assert {"energy", "translation", "diversity"}.isdisjoint(summary)
    composed = compose("eval", [f"ckpt={trained['vae']}", "metric=active_units", "split=val", "accelerator=cpu"])
    assert composed is not None
    evaluate.run(tmp_path, composed.config, console=QUIET)
    records = json.loads((tmp_path / "summary.json").read_text())["records"]
    found = {each["metric"]: each["value"] for each in records}
    assert found["active_units"] == summary["latents"]["active"]
    assert found["posterior_kl"] == pytest.approx(summary["latents"]["kl"], rel=1e-6)


def test_an_energy_that_is_given_a_condition_is_told_what_it_lacks_to_rank():
    model = EBM(DataSpec((5,), None, 3), hidden=[4], condition="label")
    loaded: Any = types.SimpleNamespace(model=model)
    assert _needs.likelihood_or_energy(loaded) == "a likelihood, or an energy without a condition"

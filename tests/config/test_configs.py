"""Every YAML file composes, fits the code that it configures, and either trains or is refused in one sentence."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import wave

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from genlab import build
from genlab.commands import evaluate, sample, train, translate
from genlab.config import listing, schema
from genlab.config.compose import capture, compose
from genlab.config.schema.targets import fitted
from genlab.data.spaces import Split
from genlab.errors import ConfigError, DataError
from genlab.storage import checkpoint

MODELS, DATA = list(listing.choices("model")), list(listing.choices("data"))
OTHERS = ("trainer", "callbacks", "logger", "experiment")
OWN = ("arrays", "audio", "image_folder", "music", "paired", "unpaired")
DOWNLOADED = ("binarized_mnist", "celeba", "cifar10", "fashion_mnist", "mnist", "static_mnist")
FETCHED = ("jsb_chorales", "names", "nottingham", "radar", "spoken_digits", "tinyshakespeare")
"""Those that the user puts there."""

SETTINGS = {
    "toy2d": ["data.num_train=64", "data.num_val=16", "data.num_test=16"],
    **{name: ["data.size=8"] for name in OWN if name not in ("arrays", "audio", "music")},
    **{name: ["data.download=false"] for name in (*DOWNLOADED, "names", "tinyshakespeare")},
    "celeba": ["data.size=8"],
    **{name: ["data.count=40"] for name in ("captioned_digits", "moving_digits")},
    "radar": ["data.size=16", "data.coarse=8"],
}
SMALL = {
    "rnn": ["model.width=8"],
    "tcn": ["model.width=8", "model.levels=2"],
    "wavenet": ["model.width=8", "model.skip_width=8", "model.layers=2"],
    "transformer": ["model.width=8", "model.heads=2", "model.layers=1"],
    "ebm": [
        "model.hidden=[8]",
        "model.channels=2",
        "model.chain_steps=2",
        "objective.steps=2",
        "objective.replay_size=8",
    ],
    "idf": ["model.channels=2", "model.couplings=1", "model.mixtures=2"],
    "nice": ["model.hidden=[8]"],
    "realnvp": ["model.hidden=[8]", "model.channels=2", "model.couplings=1"],
    **{name: ["model.channels=2", "model.blocks=1", "model.head_channels=4"] for name in MODELS if "pixelcnn" in name},
    "convlstm": ["model.width=4"],
    "dae": ["model.hidden=[8]", "model.chain_steps=2"],
    "diffusion": ["model.width=8", "model.blocks=1", "model.steps=2"],
    "flow_matching": ["model.width=8", "model.blocks=1", "model.steps=2", "model.likelihood_steps=2"],
    "gan": ["model.hidden=[8]"],
    **{name: ["model.channels=2"] for name in ("dcgan", "conditional_dcgan")},
    "ladder_vae": ["model.depth=1"],
    "vdvae": ["model.channels=4", "model.latents=1"],
    "semi_vae": ["model.hidden=[8]", "model.channels=2", "objective.labelled=null"],
    "gmm": ["model.components=2"],
    "cyclegan": ["model.channels=2", "model.blocks=1"],
    "pix2pix": ["model.channels=2"],
    "hmm": ["model.states=4", "model.iterations=3"],
    **{name: [] for name in ("histogram", "kde", "knn", "naive_bayes", "ngram", "ppca")},
}
"""What makes a model small, where it is not what makes a VAE small."""

ROOTED = {"cyclegan_horse2zebra": "unpaired", "pix2pix_facades": "paired"}
"""Experiments on pictures that the user has."""

TRANSLATORS = {"cyclegan", "pix2pix"}
TWO_STEPS = ["trainer.max_steps=2", "test.num_particles=1", "logger=csv", "callbacks.samples.n=2"]
KEPT = 24
QUIET = Console(quiet=True)


def composed(*overrides):
    found = compose("train", list(overrides))
    assert found is not None
    return found.config


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_pair_composes(model, data):
    root = ["data.root=pictures"] if data in OWN else []
    try:
        config = composed(f"model={model}", f"data={data}", *root)
    except ConfigError as error:
        assert "it fits data=" in str(error)  # noqa: PT017 - either outcome is right, by pair
        return
    assert config["name"] == f"{model}-{data}"


@pytest.mark.parametrize(
    "choice",
    [
        f"{group}={name}"
        for group in ("trainer", "callbacks", "logger", "experiment")
        for name in listing.choices(group)
    ],
)
def test_every_other_choice_composes(choice):
    composed(choice, *(["data.root=pictures"] if choice.removeprefix("experiment=") in ROOTED else []))


@pytest.mark.parametrize("name", listing.choices("metric"))
def test_every_metric_composes(name):
    found = compose("eval", [f"metric=[{name}]"])
    assert found is not None
    asked = listing.choices("metric") if name == "all" else [name]
    assert set(found.config["metric"]) == set(asked)


@pytest.mark.parametrize("data", OWN)
def test_a_folder_of_your_own_must_be_named(data):
    with pytest.raises(ConfigError, match=r"data\.root needs a value"):
        composed(f"data={data}")


@pytest.mark.parametrize("choice", [f"model={name}" for name in MODELS] + [f"data={name}" for name in DATA])
def test_every_file_sets_all_arguments_of_its_target(choice):
    found = capture("train", [choice, *(["data.root=pictures"] if choice.removeprefix("data=") in OWN else [])])
    assert found is not None
    config = found.config
    for node in schema.NODES:
        if config[node] is None:  # a model that is fitted in one pass has no objective
            assert fitted(config["model"]["_target_"])
            continue
        target = schema.TARGETS[config[node]["_target_"]]
        assert set(config[node]) == set(target.model_fields) - {"target"} | {"_target_"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Small folders of pictures in three layouts, an array of some, piano rolls, recordings, and lines of text."""
    root, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    with (root / "arrays").open("wb") as file:
        np.savez(file, x=random.integers(0, 256, (24, 3, 8, 8), dtype=np.uint8), y=np.arange(24) % 2)
    np.savez(root / "music.npz", x=random.integers(0, 2, (24, 6, 88)), lengths=random.integers(3, 7, 24))
    (root / "lines.txt").write_text("".join(f"{'ab' * (i % 5 + 1)}\n" for i in range(30)))
    (root / "audio").mkdir()
    for index in range(24):
        with wave.open(str(root / "audio" / f"{index % 2}_someone_{index // 2}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(random.integers(-9999, 9999, 20 + index, dtype=np.int16).tobytes())
    folders = {
        "image_folder": {f"{part}/{name}": 8 for part in ("train", "val", "test") for name in ("cats", "dogs")},
        "unpaired": {f"{part}{domain}": 8 for part in ("train", "test") for domain in "AB"},
        "paired": dict.fromkeys(("train", "val", "test"), 8),
    }
    for data, parts in folders.items():
        for part, count in parts.items():
            (root / data / part).mkdir(parents=True)
            for index in range(count):
                shape = (8, 16, 3) if data == "paired" else (8, 8, 3)
                pixels = random.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / data / part / f"{part.replace('/', '-')}-{index}.png")
    return root


@functools.cache
def decoded(node):
    return BUILD(json.loads(node), trust=[])


BUILD = build.dataset


@pytest.fixture
def small(monkeypatch, tmp_path_factory):
    """Data sets are read once for all tests, and cut to a few examples."""

    def dataset(node, *, trust, root=None):
        full = decoded(json.dumps(node))
        parts = {part: cut(getattr(full, part)) for part in ("train", "val", "test")}
        return dataclasses.replace(full, **parts)

    if "GENLAB_CACHE" not in os.environ:
        monkeypatch.setenv("GENLAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr(build, "dataset", dataset)


def cut(split):
    return Split(**{name: None if part is None else part[:KEPT] for name, part in vars(split).items()})


def two_steps(run, config):
    """Train two steps in ``run``; skips where the data are not there."""
    try:
        summary = train.run(run, config, console=QUIET)
    except DataError as error:
        if source(config) not in DOWNLOADED + FETCHED:
            raise
        pytest.skip(f"the data are not under GENLAB_DATA: {error}")
    steps = 2 if config["objective"] else 1  # a classical model is fitted in one pass
    assert summary["steps"] == steps
    assert (run / "checkpoints" / f"step-00000000{steps}.ckpt").is_file()
    assert list((run / "samples").glob("final-*.png"))
    return summary


def source(config):
    """The name of a config's data."""
    return config["data"].get("known") or config["data"]["_target_"].removeprefix("genlab.data.")


def needs_data(data):
    if data in DOWNLOADED + FETCHED and "GENLAB_DATA" not in os.environ:
        pytest.skip(f"data={data} is not bundled: set GENLAB_DATA to a folder that holds it")


def works_afterwards(run, folder, *, translates):
    """The checkpoint of ``run`` is sampled (or translates), and scored where it has a likelihood."""
    ckpt = f"ckpt={checkpoint.latest(run / 'checkpoints')}"
    if translates:
        asked = compose("translate", [ckpt, "n=2", "accelerator=cpu"])
        translate.run(folder, asked.config, console=QUIET)
        assert list(folder.rglob("*.png"))
        return False
    asked = compose("sample", [ckpt, "n=2", "accelerator=cpu"])
    drawn = sample.run(folder, asked.config, console=QUIET)
    assert drawn["picture"].is_file()
    asked = compose("eval", [ckpt, "metric=[nll]", "metric.nll.num_particles=1", "accelerator=cpu"])
    try:
        record, *_ = evaluate.run(folder, asked.config, console=QUIET)  # of a sequence per unit, too
    except ConfigError as error:
        assert "needs a likelihood" in str(error)  # noqa: PT017 - either outcome is right, by model
        return False
    assert np.isfinite(record.value)
    return True


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_pair_works_or_is_refused_in_one_sentence(model, data, config, run_dir, pictures, small):
    needs_data(data)
    small_model = SMALL.get(model, ["model.hidden=[8]", "model.channels=2"])
    settings = [f"model={model}", f"data={data}", *small_model, *SETTINGS.get(data, [])]
    if data in (*OWN, "lines"):
        settings.append(f"data.root={next(pictures.glob(f'{data}*'))}")
    run = run_dir("run")
    try:
        summary = two_steps(run, config(*settings, *TWO_STEPS, "data.batch_size=4"))
    except ConfigError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        assert "it fits data=" in message  # the pairs that fit are named
        assert not list((run / "checkpoints").iterdir())
        return
    if "test" in summary:
        assert summary["test"]["n"] <= KEPT
        assert np.isfinite(summary["test"]["value"])
    elif model in TRANSLATORS:
        values = [record["value"] for record in summary["translation"].values()]
        assert np.isfinite(values).all()
        assert (len(values) > 0) == (data != "unpaired")  # of which neither truth nor classes are known
    else:  # it ranks
        assert model in {"ebm", "knn", "gan", "dae", "dcgan", "conditional_dcgan"}
        assert data != "toy2d" or model in {"gan", "dae"}
        assert model != "ebm" or np.isfinite(summary["energy"]["data"]["mean"])
        assert all(np.isfinite(value) for value in summary.get("last", {}).values())
    assert works_afterwards(run, run_dir("after"), translates=model in TRANSLATORS) == ("test" in summary)


@pytest.mark.parametrize("experiment", listing.choices("experiment"))
def test_every_experiment_runs_two_steps(experiment, config, run_dir, small, pictures):
    narrow = ["model.channels=4"] if experiment.startswith(("realnvp", "dcgan")) else []
    if experiment.startswith("transformer"):
        narrow = ["model.layers=1", "model.width=24"]
    if experiment.startswith(("diffusion", "flow_matching")):
        narrow = ["model.width=8", "model.blocks=1", "model.steps=2"]
    if experiment.startswith("radar"):
        narrow = ["model.width=8", "data.size=16", "data.coarse=8", "data.copies=1"]
    if experiment.startswith("semi_vae"):
        narrow = ["model.hidden=[8]", "objective.labelled=10"]
    if experiment in ROOTED:
        narrow = ["model.channels=2", "data.size=32", f"data.root={pictures / ROOTED[experiment]}"]
    made = config(f"experiment={experiment}", *narrow, *TWO_STEPS, "data.batch_size=4")
    needs_data(source(made))
    two_steps(run_dir("run"), made)


def test_a_gpu_has_the_precision_that_makes_a_model_faster():
    for name in listing.choices("speed"):
        trainer, _, model = name.partition("-")
        assert trainer in listing.choices("trainer")
        assert model in MODELS
    assert composed("trainer=gpu", "model=pixelcnn")["trainer"]["precision"] == "bf16-mixed"
    assert composed("trainer=gpu", "model=vae")["trainer"]["precision"] == "32-true"
    assert composed("model=pixelcnn")["trainer"]["precision"] == "32-true"
    experiment = ["experiment=pixelcnn_binarized_mnist", "trainer=gpu"]
    assert composed(*experiment)["trainer"]["precision"] == "bf16-mixed"
    assert composed(*experiment, "trainer.precision=32-true")["trainer"]["precision"] == "32-true"
    with pytest.raises(ConfigError, match="follows from trainer= and model="):
        compose("train", ["speed=gpu-ebm"])

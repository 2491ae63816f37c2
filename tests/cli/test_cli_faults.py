"""Faults at the command line: one line that names the key and the remedy, the exit code, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from genlab.cli.main import main

GENLAB = str(Path(sys.executable).with_name("genlab"))


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd):
    """Run a command in an empty directory; its one line on stderr, after checking that nothing was left behind."""

    def run(*words, code, files=()):
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.rglob("*"))
        assert main([str(word) for word in words]) == code
        out, err = capfd.readouterr()
        assert err.startswith("genlab: error: ")
        assert len(err.splitlines()) == 1, err
        assert "Traceback" not in err
        assert sorted(tmp_path.rglob("*")) == before
        assert "torch" not in out
        return err.removeprefix("genlab: error: ").rstrip("\n")

    return run


def test_the_console_script_itself(tmp_path):
    run = subprocess.run([GENLAB, "train", "lrr=1"], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "genlab: error: unknown key lrr; did you mean optim.lr?\n"
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(tmp_path):
    run = subprocess.run([GENLAB, "train", "lrr=1", "--debug"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0
    assert "Traceback" in run.stderr
    assert "ConfigError: unknown key lrr" in run.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "trian",
            "unknown command trian; choose from train, sample, translate, compress, decompress, eval, compare, list (",
        ),
        (
            "list modls",
            "cannot list 'modls'; choose from models, data, objectives, optimisers, metrics, tasks, experiments "
            "(did you mean models?)",
        ),
        ("train model=va", "(did you mean vae?)"),
        ("train model=_vae", "model=_vae: no such choice; choose from conditional_dcgan, "),
        ("eval --metric nl", "(did you mean nll?)"),
        ("eval metric.fcd.n=10", "metric.fcd.n: is of a metric that is not asked for; add --metric fcd"),
        ("eval --metric nll --metric fdi", "metric=fdi: no such choice; choose from active_units, all, "),
        ("train lrr=1", "unknown key lrr; did you mean optim.lr?"),
        ("train +lrr=1", "unknown key lrr; did you mean optim.lr?"),
        ("train ++optim.lrr=1", "unknown key optim.lrr; did you mean optim.lr?"),
        ("train modle=vae", "unknown key modle; did you mean model?"),
        ("train ~optim", "optim: is null, but genlab.models.VAE is trained by gradient descent; set it"),
        ("train optim.lr=abc", "optim.lr: input should be a valid number (got 'abc')"),
        ("train trainer.precision=64-true", "trainer.precision: input should be '32-true', 'bf16-mixed' or '16-mixed'"),
        ("train optim.lr=", "optim.lr: input should be a valid number (got '')"),
        ("train optim.lr=0", "optim.lr: input should be greater than 0 (got 0)"),
        ("train data.batch_size=0", "data.batch_size: input should be greater than 0 (got 0)"),
        ("train data=image_folder", "data.root needs a value: add data.root=..."),
        ("train model.latent_dim=2,8", "several values are a sweep, add -m; for one list write model.latent_dim=[2,8]"),
        ("train optim.lr=[1", "'optim.lr=[1' cannot be parsed"),
        ("train optim.lr=${nothing}", "Interpolation key 'nothing' not found"),
        ("train +optim.lr=1", "leave out the +"),
        ("train name=../../x", "name"),
        ("train vae", "'vae' is no setting: write key=value"),
        ("train --sed 1", "did you mean --seed?"),
        ("train --config-dir nowhere", "nowhere"),
        ("train hydra/launcher=nope", "choose from basic"),
        ("train -m resume=last", "leave out --multirun"),
        ("train -m lrr=1 seed=0,1", "unknown key lrr; did you mean optim.lr?"),
        ("train -m optim.lr=abc seed=0,1", "optim.lr: input should be a valid number (got 'abc')"),
        ("train -m model=vae,va", "model=va: no such choice"),
        ("train -m seed=0,1 hydra.sweep.dir=x", "hydra.sweep.dir: a sweep's directory is genlab's to choose"),
        ("train -m seed=interval(0,1)", "does not support"),
        ("_worker nowhere", "_worker takes one run directory"),
    ],
)
def test_a_config_fault(words, said, refused):
    if words == "train -m resume=last":
        assert "no train run" in refused(*words.split(), code=4)
    else:
        assert said in refused(*words.split(), code=2)


def test_all_missing_values_are_named_at_once(refused, tmp_path):
    folder = tmp_path / "mine" / "data"
    folder.mkdir(parents=True)
    (folder / "gaps.yaml").write_text("# @package _global_\ndata: {_target_: x, root: '???', size: '???'}\n")
    said = refused("train", "--config-dir", "mine", "data=gaps", code=2)
    assert said == "data.root, data.size need values: add data.root=... data.size=..."


def test_control_characters_of_a_name_do_not_reach_the_terminal(refused):
    assert "\x1b" not in refused("train", "model=\x1b[31mx", code=2)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["resume=last"], 4),
        (["resume=nowhere"], 4),
        (["resume=."], 4),
        (["resume=http://example.org/run"], 6),
    ],
)
def test_no_run_to_resume(words, code, refused):
    refused("train", *words, code=code)


@pytest.mark.parametrize("verb", ["sample", "translate", "eval"])
def test_no_checkpoint(verb, refused):
    assert "genlab train" in refused(verb, code=4)
    refused(verb, "ckpt=nowhere", code=4)
    refused(verb, "ckpt=https://example.org/x.ckpt", code=6)


@pytest.fixture
def run(tmp_path):
    """A run directory as `genlab train` leaves it."""
    from genlab.config import compose
    from genlab.launch import start

    composed = compose.compose("train", [f"outputs={tmp_path}/outputs"])
    path = start.prepare("train", composed)
    (path / ".lock").touch()
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("model.latent_dim=3", "model.latent_dim=3 would make it another run"),
        ("optim.name=sgd", "optim.name=sgd would make it another run"),
        ("seed=1", "seed=1 would make it another run"),
        ("model=cvae", "model=cvae would make it another run"),
        ("optim.lrr=1", "unknown key optim.lrr; did you mean optim.lr?"),
        ("optim.lr=-1", "optim.lr: input should be greater than 0 (got -1)"),
        ("optim.lr=1e-3,1e-4", "resume takes plain key=value settings"),
        ("--cfg job", ""),
    ],
)
def test_what_a_resumed_run_may_not_change(words, said, refused, run):
    before = (run / "config.yaml").read_bytes()
    if words == "--cfg job":  # shows a config and resumes nothing
        assert main(["train", f"resume={run}", "--cfg", "job"]) == 0
    else:
        assert said in refused("train", f"resume={run}", *words.split(), code=2)
    assert (run / "config.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "config: [",
        "verb: sample\nconfig: {}",
        "verb: train",
        "\x00",
        "!!python/object/apply:os.getcwd []",
    ],
)
def test_a_damaged_config_of_a_run(text, refused, run):
    (run / "config.yaml").write_text(text)
    refused("train", f"resume={run}", code=4)


# -- foreign configs ---------------------------------------------------------------------------------------------------

EVIL = "builtins.print"
GLOBAL = "# @package _global_\n"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("model/evil.yaml", f"_target_: {EVIL}", "model=evil"),
        ("model/evil.yaml", f"{GLOBAL}objective: {{a: [{{_target_: {EVIL}}}]}}", "model=evil"),
        ("experiment/evil.yaml", f"{GLOBAL}hydra: {{callbacks: {{x: {{_target_: {EVIL}}}}}}}", "experiment=evil"),
        ("hydra/callbacks/evil.yaml", f"x: {{_target_: {EVIL}}}", "hydra/callbacks=evil"),
        ("hydra/launcher/evil.yaml", f"_target_: {EVIL}", "-m hydra/launcher=evil seed=0,1"),
        ("hydra/sweeper/evil.yaml", f"_target_: {EVIL}", "-m hydra/sweeper=evil seed=0,1"),
        ("hydra/hydra_logging/evil.yaml", f"handlers: {{x: {{'()': {EVIL}}}}}", "hydra/hydra_logging=evil"),
        ("experiment/evil.yaml", GLOBAL + "hydra: {launcher: {setup: [touch x]}}", "experiment=evil"),
        ("experiment/evil.yaml", GLOBAL + "hydra: {sweeper: {custom_search_space: a.b}}", "experiment=evil"),
        ("experiment/evil.yaml", f"{GLOBAL}hydra: {{sweeper: {{params: {{_target_: {EVIL}}}}}}}", "experiment=evil"),
        ("experiment/evil.yaml", GLOBAL + "hydra: {job: {env_set: {LD_PRELOAD: x.so}}}", "experiment=evil"),
        ("experiment/evil.yaml", GLOBAL + "hydra: {mode: MULTIRUN}", "experiment=evil"),
        ("evil.yaml", "hydra: {searchpath: ['pkg://antigravity']}", "--config-name evil"),
        ("experiment/evil.yaml", GLOBAL + "name: ${oc.env:HOME}", "experiment=evil"),
        ("experiment/evil.yaml", GLOBAL + "x: env\nname: ${oc.${x}:HOME}", "experiment=evil"),
    ],
)
def test_a_foreign_config_runs_nothing(file, text, words, refused, tmp_path):
    path = tmp_path / "foreign" / file
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n")
    refused("train", "--config-dir", "foreign", *words.split(), code=6)
    assert "antigravity" not in sys.modules


def test_the_command_line_builds_nothing_foreign_either(refused):
    refused("train", f"+hydra.callbacks.x._target_={EVIL}", code=6)
    refused("train", f"model._target_={EVIL}", code=6)
    refused("train", "name=${oc.env:HOME}", code=6)
    refused("train", "--experimental-rerun", "x.pickle", code=6)


def test_a_config_of_ones_own_composes(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(
        textwrap.dedent("""\
            # @package _global_
            defaults:
              - override /model: iwae
            model: {latent_dim: 3}
            hydra: {sweeper: {params: {seed: '0,1'}}}
            """)
    )
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--config-dir", "mine", "experiment=small", "--cfg", "job", "--package", "model"]) == 0
    assert "latent_dim: 3" in capsys.readouterr().out


def test_a_damaged_yaml_of_ones_own(refused, tmp_path):
    folder = tmp_path / "mine" / "model"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text("model: [1, 2\nx: {")
    assert "bad.yaml" in refused("train", "--config-dir", "mine", "model=bad", code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=toy2d", "model=cvae"], "needs labels"),
        (["data=unpaired", "data.root=."], "it fits data="),
        (["data=toy2d", "data.name=two_mons"], "two_moons"),
        (["model.likelihood=gaussian"], "use model.likelihood=discretised_logistic"),
        (
            ["data=mnist", "model.likelihood=bernoulli"],
            "needs binary values, this data has integer values",
        ),
        (["data=toy2d", "model.network=conv"], "needs images, this data has vectors; use model.network=mlp"),
        (["model=realnvp", "objective=elbo"], "model=realnvp fits objective=iwae, maximum_likelihood"),
        (
            ["model=pixelcnn", "objective=iwae"],
            "it fits model=diffusion, flow_matching, ladder_vae, nice, realnvp",
        ),
        (["model=gan", "optim=adamw"], "optim@players.discriminator=adamw"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_before_torch_is_imported(words: list[str], message: str) -> None:
    code = "import sys; from genlab.cli.main import main; s = main(); sys.exit(99 if 'torch' in sys.modules else s)"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

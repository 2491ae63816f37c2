"""The installed console script: what it prints, what it starts, what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from genlab import __version__
from genlab.cli.main import main
from genlab.config import arguments, compose, listing
from genlab.errors import ConfigError, TrustError
from genlab.process import signals

GENLAB = str(Path(sys.executable).with_name("genlab"))


def genlab(*words, cwd):
    """Run the console script."""
    command = [GENLAB, *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_help_is_short_and_names_commands_and_choices(tmp_path):
    shown = genlab("--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert len(shown.stdout.splitlines()) < 30
    for word in ("train", "sample", "translate", "eval", "compare", "list", "vae", "digits", "install=bash"):
        assert word in shown.stdout
    assert not re.search(r"(?m)[\s,]_\w", shown.stdout)  # no part of a choice
    assert "_worker" not in shown.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["train", "sample", "translate", "compress", "decompress", "eval", "compare", "list"])
def test_help_of_a_verb_has_examples(verb, capsys):
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"  genlab {verb}" in text
    # the options of fourteen tasks stand below each other; what tasks mean by one word is told apart
    assert len(text.splitlines()) < (75 if verb == "sample" else 55)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"genlab {__version__}\n"


def test_list_shows_names_with_their_first_comment_and_no_partials(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert not re.search(r"(?m)^\s*_\w", text)
    assert "@package" not in text
    assert "Variational autoencoder (Kingma" in text
    assert main(["list", "metrics"]) == 0
    text = capsys.readouterr().out
    assert "bpd" in text
    assert "digits" not in text


@pytest.mark.parametrize("line", ["--help", "list", "train --help", "train optim.lr=abc", "train model=va"])
def test_nothing_heavy_is_imported_before_it_is_needed(line, tmp_path):
    words = line.split()
    code = f"import sys; from genlab.cli.main import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stderr.splitlines()[-1].split()}
    assert not loaded & {"torch", "torchvision", "pytorch_lightning", "lightning_fabric", "numpy", "matplotlib"}
    if "=" not in line:
        assert not loaded & {"hydra", "omegaconf", "pydantic", "rich", "yaml"}


def test_a_broken_pipe_is_quiet(tmp_path):
    # /dev/null's reader never goes; a closed pipe's has gone before the first word
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([GENLAB, "list"], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    os.close(writer)
    assert run.returncode == 141
    assert run.stderr == ""


@pytest.mark.parametrize("signum", signals.STOPPING)
def test_a_signal_during_start_up(signum, tmp_path):
    code = (
        "import signal, sys, time, genlab.cli.main as cli, genlab.cli.verbs as verbs\n"
        # what a shell starts in the background ignores SIGINT, and so do its children: not so this one
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait(verb, words): print('ready', flush=True); time.sleep(30); return 0\n"
        "cli.VERBS['list'] = verbs.Verb('', wait)\n"
        "sys.exit(cli.main(['list']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    process.send_signal(signum)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 128 + signum
    assert said == f"genlab: error: stopped by {signum.name}\n"
    assert len(said.splitlines()) == 1
    assert time.monotonic() - begun < 30


# -- words to overrides ------------------------------------------------------------------------------------------------


def parse(*words, verb="train"):
    return arguments.parse(words, verb=verb, flags={"metric": True, "seed": False, "ckpt": False})


def test_documented_flags_become_overrides():
    parsed = parse("--metric", "nll", "--seed=3", "--metric=bpd", "n=4", verb="eval")
    assert parsed.overrides == ["seed=3", "n=4", "metric=[nll,bpd]"]
    assert parse("--ckpt", "last").overrides == ["ckpt='last'"]


def test_hydras_flags_pass_through_before_the_overrides():
    parsed = parse("model=vae", "-cd", "mine", "-c", "job", "--package=model")
    assert parsed.argv() == ["--config-dir=mine", "--cfg=job", "--package=model", "model=vae"]
    assert parsed.shows
    assert parse("seed=0,1", "-m").multirun
    assert parse("--info", "model=vae").argv() == ["--info=all", "model=vae"]


@pytest.mark.parametrize(
    "path",
    [
        *["a b", "a=b", "a,b", "[x]", "{y: z}", "it's", 'say "hi"', "back\\slash", "end\\", "\\'", "tab\tbed", "(1)"],
        *["123", "true", "ünï", "~tilde", "#1", "a:b", "%", "'", "''x", "$HOME"],
    ],
)
def test_a_path_arrives_as_it_was_typed(path):
    (word,) = parse(f"data.root={path}").overrides
    (override,) = compose.parse_overrides([word])
    assert getattr(override.value(), "text", override.value()) == path


def test_a_path_with_a_home_and_one_quoted_for_hydra_already():
    assert parse("data.root=~/x").overrides == [f"data.root='{Path.home()}/x'"]
    assert parse("""data.root='a b'""").overrides == ["data.root='a b'"]
    assert parse("data.root=null").overrides == ["data.root=null"]


def test_a_sweep_over_paths_stays_one(tmp_path):
    assert parse("-m", "data.root=a,b").overrides == ["data.root=a,b"]
    (tmp_path / "a,b").mkdir()
    assert parse("-m", f"data.root={tmp_path}/a,b").overrides == [f"data.root='{tmp_path}/a,b'"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeed", "1"], "did you mean --seed?"),
        (["--lr=1"], "settings have no dashes: genlab train lr=VALUE"),
        (["--seed"], "--seed needs a value"),
        (["vae"], "write key=value"),
        (["--cfg", "jobs"], "did you mean job?"),
        (["-m", "--cfg", "job"], "not with -m"),
    ],
)
def test_what_is_no_flag_and_no_setting_is_refused(words, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?").replace("(", r"\(")):
        parse(*words)


def test_hydras_rerun_unpickles_and_is_refused():
    with pytest.raises(TrustError):
        parse("--experimental-rerun", "x.pickle")


# -- composition -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["metric=nll", "metric=[nll]"])
def test_one_metric_either_way(metric):
    assert set(compose.compose("eval", [metric]).config["metric"]) == {"nll"}


def test_metrics_merge_and_replace_the_default():
    assert set(compose.compose("eval", ["metric=[bpd,elbo]"]).config["metric"]) == {"bpd", "elbo"}


def test_the_config_is_plain_and_named_by_its_choices():
    composed = compose.compose("train", ["model=iwae", "data=toy2d", "optim.lr=3e-4"])
    assert composed.config["name"] == "iwae-toy2d"
    assert composed.config["optim"]["lr"] == 3e-4
    assert composed.overrides == ["model=iwae", "data=toy2d", "optim.lr=3e-4"]
    assert type(composed.config["optim"]["betas"]) is list
    assert yaml.safe_load(yaml.safe_dump(composed.config)) == composed.config


def test_every_model_and_data_set_composes():
    models, sets = list(listing.choices("model")), list(listing.choices("data"))
    for model in models:
        assert any(composes(model, data) for data in ("digits", "unpaired_digits", "paired", *sets)), model
    for data in sets:
        assert any(composes(model, data) for model in ("vae", "rnn", "cyclegan", "pix2pix", *models)), data


def composes(model, data):
    """Whether a model and data go together; else the sentence says what fits."""
    words, own = [f"model={model}", f"data={data}"], {"arrays", "audio", "image_folder", "music", "paired", "unpaired"}
    try:
        return compose.compose("train", [*words, "data.root=x"] if data in own else words) is not None
    except ConfigError as error:
        assert "it fits data=" in str(error)  # noqa: PT017 - either outcome is right, by pair
        return False


def test_hydra_is_gone_and_leaves_nothing(tmp_path, monkeypatch, capfd):
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    monkeypatch.chdir(tmp_path)
    argv = list(sys.argv)
    compose.compose("train", [])
    assert not HydraConfig.initialized()  # Lightning asks this
    assert not GlobalHydra.instance().is_initialized()
    assert sys.argv == argv
    assert "HYDRA_FULL_ERROR" not in os.environ
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_cfg_prints_and_runs_nothing(tmp_path):
    shown = genlab("train", "--cfg", "job", "model.latent_dim=7", cwd=tmp_path)
    assert shown.returncode == 0
    assert yaml.safe_load(shown.stdout)["model"]["latent_dim"] == 7
    assert "hydra" not in yaml.safe_load(shown.stdout)
    assert list(tmp_path.iterdir()) == []


# -- starting a run ----------------------------------------------------------------------------------------------------


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """A worker that only notes what it was given."""
    seen = {}

    def work(run_dir, *, trust, config=None, begin=None):
        if begin is not None:
            begin()
        seen.update(
            run_dir=run_dir,
            trust=trust,
            argv=list(sys.argv),
            record=yaml.safe_load((run_dir / "config.yaml").read_text()),
        )
        return seen.get("status", 0)

    module = type(sys)("genlab.launch.worker")
    module.run = work
    monkeypatch.setitem(sys.modules, "genlab.launch.worker", module)
    monkeypatch.setattr("genlab.launch.worker", module, raising=False)
    monkeypatch.setattr(sys, "argv", ["genlab"])
    monkeypatch.chdir(tmp_path)
    return seen


def test_a_run_gets_a_directory_that_says_everything(worker, tmp_path):
    assert main(["train", "seed=3", "--name", "mine", "outputs=out put"]) == 0
    assert worker["run_dir"].parent == tmp_path / "out put" / "train" / "mine"
    assert worker["argv"] == ["genlab", "_worker", str(worker["run_dir"])]
    record = worker["record"]
    assert record["verb"] == "train"
    assert record["version"] == __version__
    assert record["overrides"] == ["seed=3", "name=mine", "outputs='out put'"]
    assert record["config"]["seed"] == 3
    assert record["config"]["model"]["_target_"] == "genlab.models.VAE"


def test_the_workers_status_is_the_commands(worker):
    worker["status"] = 5
    assert main(["train"]) == 5


def test_sample_takes_its_name_from_the_run(worker, tmp_path, monkeypatch, capsys):
    run = tmp_path / "outputs" / "train" / "vae-digits" / "20250101-000000-abc123"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    checkpoint = run / "checkpoints" / "step-000000001.ckpt"
    monkeypatch.setattr("genlab.storage.checkpoint.resolve", lambda ckpt, *, outputs: checkpoint)
    assert main(["sample"]) == 0
    assert worker["record"]["config"]["ckpt"] == str(checkpoint)
    assert worker["run_dir"].parent == tmp_path / "outputs" / "sample" / "vae-digits"
    assert capsys.readouterr().out == f"ckpt=last: {checkpoint}\n"


def finished(run_dir):
    (run_dir / "summary.json").write_text('{"status": "finished"}')


def test_resume_goes_on_in_place_and_reports_what_changed(worker, capsys):
    main(["train", "optim.lr=1e-3"])
    run = worker["run_dir"]
    before = worker["record"]
    capsys.readouterr()
    assert main(["train", "resume=last", "optim.lr=3e-4", "seed=0", "trainer.threads=2"]) == 0
    assert capsys.readouterr().out == "resume: optim.lr 0.001 -> 0.0003\nresume: trainer.threads null -> 2\n"
    assert worker["run_dir"] == run
    after = worker["record"]
    assert after["config"]["optim"]["lr"] == 3e-4
    assert after["resumes"][0]["changes"]["optim.lr"] == {"from": 1e-3, "to": 3e-4}
    after["config"]["optim"]["lr"], after["config"]["trainer"]["threads"] = 1e-3, None
    assert after["config"] == before["config"]
    main(["train", "--resume", str(run)])
    assert len(worker["record"]["resumes"]) == 2


def test_a_finished_run_is_left_alone_unless_it_is_made_longer(worker, capsys):
    main(["train"])
    run = worker.pop("run_dir")
    finished(run)
    text = (run / "config.yaml").read_text()
    assert main(["train", f"resume={run}"]) == 0
    assert "is finished" in capsys.readouterr().out
    assert "run_dir" not in worker
    assert (run / "config.yaml").read_text() == text
    assert main(["train", f"resume={run}", "trainer.max_epochs=500"]) == 0
    assert worker["run_dir"] == run
    assert "finished" not in (run / "summary.json").read_text()  # killed now, it must not pass for finished


def test_a_resumed_run_trusts_what_is_trusted_now(worker, capsys):
    main(["train"])
    path = worker["run_dir"] / "config.yaml"
    record = yaml.safe_load(path.read_text())
    record["config"]["trust"] = ["os"]
    record["config"]["model"] = {"_target_": "os.system"}
    path.write_text(yaml.safe_dump(record))
    worker.clear()
    assert main(["train", f"resume={path.parent}"]) == 6
    assert "os.system" in capsys.readouterr().err
    assert worker == {}
    assert main(["train", f"resume={path.parent}", "trust=[os]"]) == 0


def test_a_second_process_on_a_run_is_refused(worker, capsys):
    from genlab.runs import directory

    main(["train"])
    with directory.lock(worker["run_dir"]):
        assert main(["train", "resume=last"]) == 2
    assert "another process" in capsys.readouterr().err


def test_tab_completion_in_a_real_shell(tmp_path):
    script = """
eval "$(genlab -sc install=bash)"
try() {
    COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; local line=($COMP_LINE); COMP_CWORD=$(( ${#line[@]} - 1 ))
    [[ "$COMP_LINE" == *" " ]] && COMP_CWORD=$((COMP_CWORD + 1))
    COMPREPLY=(); $(complete -p genlab | sed 's/.*-F //; s/ .*//'); echo "${COMPREPLY[*]}"
}
try "genlab tr"; try "genlab train model="; try "genlab train --seed 3 model=iwae objective.n"; try "genlab eval --me"
try "genlab train optim.lr=[ mod"; try "genlab list mo"; try "genlab compare models=gmm,hist"; try "genlab compare spl"
"""
    path = f"{Path(GENLAB).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "--norc", "--noprofile", "-c", script]
    run = subprocess.run(shell, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "train translate",
        " ".join(f"model={name}" for name in listing.choices("model")),
        "objective.num_particles=",
        "--metric",
        "",
        "models",
        "models=gmm,histogram",
        "split=",
    ]

"""What a file may not say, tried as a hostile author of files would: config folders, run and sweep directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from genlab.cli.main import main
from genlab.config import compose, forbidden, schema, trust
from genlab.errors import ConfigError, TrustError
from genlab.launch import job_records, jobs, start, stored, sweep, worker
from genlab.process import streams
from genlab.restore import load
from genlab.signatures.described import held
from genlab.storage import checkpoint

G = "# @package _global_\n"
EVIL = "{_target_: subprocess.check_call, args: [touch, ran]}"
TRUSTING = f"{G}trust: [subprocess]\ndata: {EVIL}\n"
WHERE = "a file"


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd):
    """Run a command in a folder of foreign files; its one line, after checking that nothing ran and nothing is new."""
    monkeypatch.chdir(tmp_path)

    def run(*words, code=6):
        before = sorted(tmp_path.rglob("*"))
        assert main([str(word) for word in words]) == code
        said = capfd.readouterr().err
        assert said.startswith("genlab: error: ")
        assert len(said.splitlines()) == 1
        assert sorted(tmp_path.rglob("*")) == before  # no `ran` either
        return said

    return run


def write(name, text):
    path = Path("foreign", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# -- the table ---------------------------------------------------------------------------------------------------------

SETTINGS = [rule for rule in forbidden.RULES if not rule.key.startswith("-") and "/" not in rule.key]
CHOICES = [rule for rule in forbidden.RULES if "/" in rule.key]
FREE = {
    *("name", "seed", "test", "trainer", "callbacks", "logger", "optim", "players", "data", "model", "objective"),
    *("ckpt", "task", "n", "temperature", "truncation", "label", "steps", "trajectory", "noise", "keep", "batch_size"),
    *("accelerator", "input", "direction", "max_side", "skip_bad", "split", "devices", "metric", "runs", "models"),
    *("seeds", "budget", "root", "pairs", "validation", "format", "grid"),
    *("prompt", "length", "top_k", "top_p", "sampler", "guidance", "level", "members"),
    *("lanes", "samples", "method", "measured", "factor", "kernel", "m", "draw_of_a", "learn"),
}


def concrete(rule):
    return rule.key.replace("_*_", "_args_").replace("*", "x")


def nested(key, value):
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


@pytest.mark.parametrize("rule", SETTINGS, ids=lambda rule: rule.key)
def test_a_row_holds_for_files_and_for_the_sweepers_words(rule):
    key = concrete(rule)
    for config in (nested(key, rule.example), {"hydra": {"sweeper": {"params": {f"++{key}": rule.example}}}}):
        with pytest.raises(TrustError, match="nothing ran"):
            forbidden.check(config, WHERE)
    with pytest.raises(TrustError, match=WHERE):
        forbidden.check_choice("model", "vae", key, WHERE)  # `- /model@trust: vae`
    with pytest.raises(TrustError):
        forbidden.check_word(f"+{key}={json.dumps(rule.example)}", WHERE)


@pytest.mark.parametrize("rule", CHOICES, ids=lambda rule: rule.key)
def test_a_row_holds_for_choices(rule):
    key = concrete(rule)
    with pytest.raises(TrustError):
        forbidden.check_choice(f"/{key}", rule.example, None, WHERE)
    with pytest.raises(TrustError):
        forbidden.check_word(f"{key}={rule.example}", WHERE)
    with pytest.raises(TrustError):
        forbidden.check({"hydra": {"sweeper": {"params": {key: rule.example}}}}, WHERE)


@pytest.mark.parametrize(
    "flag", ["--config-dir=x", "--config-path=x", "--config-name=x", "--experimental-rerun=x", "--package=x"]
)
def test_a_flag_is_typed(flag):
    with pytest.raises(TrustError):
        forbidden.check_word(flag, WHERE)


def test_what_the_table_leaves_a_file():
    forbidden.check(
        yaml.safe_load(
            """
            {trust: [], outputs: outputs, resume: null, output: null, settings: [], name: mine, model: {width: 3},
            hydra: {sweeper: {params: {seed: '0,1', model: 'vae,iwae'}, n_trials: 3, sampler: {seed: 1}},
                    launcher: {partition: gpu, n_jobs: 2, mem_gb: 4}}, x: '${model.width}',
            y: 'a-${hydra:runtime.choices.model}', z: '${model.${x}}', data: {trust: 1, root: /data}}
            """
        ),
        WHERE,
    )
    forbidden.check_choice("hydra/launcher", "joblib", None, WHERE)
    forbidden.check_choice("/model", "${x}", "_global_", WHERE)


def test_every_key_of_every_command_was_decided():
    keys = {key for verb in schema.VERBS.values() for key in verb.model_fields}
    keys |= {option for task in held("genlab.tasks").values() for option in task.arguments}
    ruled = {key for key in keys if any(rule.key == key for rule in forbidden.RULES)}
    assert keys - ruled == FREE


@pytest.mark.parametrize(
    "text",
    [
        *("${oc.env:HOME}", "${oc.${x}:HOME}", "${oc.decode:'[subprocess]'}", "${oc.create:${x}}", "${now:%Y}"),
        *("${hydra:runtime.cwd}", "${oc.select:a}", "a${b${c:d}}", "${o${x}c.env:HOME}", "${ oc.env : HOME }"),
        *("${hydra:runtime.choices.${x}}", "${python_version:}", "\\${oc.env:HOME}"),
    ],
)
def test_a_file_calls_no_resolver(text):
    with pytest.raises(TrustError, match="more than a reference"):
        forbidden.check({"name": text}, WHERE)
    with pytest.raises(TrustError):
        forbidden.check({text: 1}, WHERE)


# -- trust is typed ----------------------------------------------------------------------------------------------------


def test_trust_is_what_was_typed_last():
    assert trust.typed(["model=vae"]) == []
    assert trust.typed(["trust=[a]", "+trust=[ b.c , 'd' ]"]) == ["b.c", "d"]
    assert trust.typed(trust.as_word(["a", "b.c"])) == ["a", "b.c"]
    assert trust.typed(["trust=[a]", "trust=[]"]) == trust.typed(trust.as_word([])) == []


@pytest.mark.parametrize(
    ("word", "error"),
    [
        *(
            (f"trust={text}", ConfigError)
            for text in ("a", "[a", "a]", "", "[a],[b]", "[a,]", "[a b]", "[-x]", "[[a]]")
        ),
        *((f"trust={text}", TrustError) for text in ("${oc.env:X}", "[${data.name}]", "${x}")),
    ],
)
def test_trust_is_a_plain_list(word, error):
    with pytest.raises(error):
        trust.typed([word])


def test_a_typed_package_is_trusted_in_spite_of_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("data/mine.yaml", f"{G}data: {{_target_: mypackage.data, batch_size: 3}}\n")
    composed = compose.compose("train", ["--config-dir=foreign", "data=mine", "trust=[mypackage]"])
    assert composed.config["trust"] == ["mypackage"]
    with pytest.raises(TrustError):
        compose.compose("train", ["--config-dir=foreign", "data=mine"])


# -- hostile config folders --------------------------------------------------------------------------------------------

ELSEWHERE = "sample,eval,translate,compare"


@pytest.mark.parametrize(
    ("file", "text", "command"),
    [
        ("experiment/e.yaml", TRUSTING, "train experiment=e"),
        ("data/e.yaml", TRUSTING, "train data=e"),
        ("model/e.yaml", TRUSTING, "train model=e"),
        ("callbacks/e.yaml", TRUSTING, "train callbacks=e"),
        ("speed/cpu-vae.yaml", TRUSTING, "train trainer=cpu"),  # chosen by nobody
        ("recipe/e.yaml", TRUSTING, "train +recipe=e"),
        ("experiment/e.yaml", TRUSTING, "train -m experiment=e seed=0,1"),
        ("experiment/e.yaml", f"{G}trust: ${{x}}\nx: [subprocess]\ndata: {EVIL}\n", "train experiment=e"),
        ("experiment/e.yaml", G + "trust: ${oc.env:TRUSTED}\n", "train experiment=e"),
        ("experiment/e.yaml", G + "trust: ${oc.decode:'[subprocess]'}\n", "train experiment=e"),
        ("experiment/e.yaml", G + "trust: {0: subprocess}\n", "train experiment=e"),
        ("experiment/e.yaml", "# @package trust\na: subprocess\n", "train experiment=e"),
        ("experiment/e.yaml", G + "defaults: [{/logger@trust: csv}]\n", "train experiment=e"),
        (
            "experiment/e.yaml",
            G + "defaults: [{override /data: e}]\n",
            "train experiment=e",
        ),  # with the next one's file
        ("e.yaml", f"defaults: [train, _self_]\ntrust: [subprocess]\ndata: {EVIL}\n", "train --config-name e"),
        ("e.yaml", "defaults: [train]\nhydra: {searchpath: [pkg://antigravity]}\n", "train --config-name=e"),
        ("metric/e.yaml", TRUSTING, "eval metric=[e]"),
        *(("recipe/e.yaml", TRUSTING, f"{verb} +recipe=e") for verb in ELSEWHERE.split(",")),
        *(("e.yaml", "trust: [subprocess]\n", f"{verb} --config-name e") for verb in ELSEWHERE.split(",")),
        ("recipe/e.yaml", G + "settings: ['trust=[subprocess]']\n", "compare models=gmm +recipe=e"),
        ("recipe/e.yaml", G + "output: /tmp/elsewhere\n", "translate +recipe=e"),
        ("experiment/e.yaml", G + "outputs: /tmp/elsewhere\n", "train experiment=e"),
        ("experiment/e.yaml", G + "outputs: ${data.root}\n", "train experiment=e"),
        ("experiment/e.yaml", G + "resume: /tmp/run\n", "train experiment=e"),
        (
            "experiment/e.yaml",
            G + "hydra: {sweeper: {params: {+trust: '[subprocess]'}}}\n",
            "train -m experiment=e seed=0,1",
        ),
        ("experiment/e.yaml", G + "hydra: {sweeper: {params: {outputs: /tmp}}}\n", "train -m experiment=e seed=0,1"),
        (
            "experiment/e.yaml",
            G + "hydra: {sweeper: {params: {hydra.job.chdir: true}}}\n",
            "train -m experiment=e seed=0,1",
        ),
        ("experiment/e.yaml", G + 'hydra: {launcher: {partition: "a\\ntouch ran"}}\n', "train experiment=e"),
        ("experiment/e.yaml", G + "hydra: {job: {chdir: true}, run: {dir: /tmp/elsewhere}}\n", "train experiment=e"),
        ("experiment/e.yaml", "# @package hydra.job.env_set\nLD_PRELOAD: x.so\n", "train experiment=e"),
        ("experiment/e.yaml", G + "defaults: [{override /hydra/launcher: evil}]\n", "train experiment=e"),
        ("experiment/e.yaml", G + "defaults: [/hydra/job_logging/default]\n", "train experiment=e"),
        ("experiment/e.yaml", G + "hydra: ${x}\n", "train experiment=e"),
        ("experiment/e.yaml", G + "name: ${now:%Y}\n", "train experiment=e"),
        ("hydra/launcher/joblib.yaml", f"_target_: {EVIL}\n", "train hydra/launcher=joblib"),
    ],
)
def test_a_config_folder_gives_itself_nothing(file, text, command, refused, monkeypatch):
    monkeypatch.setenv("TRUSTED", "[subprocess]")
    write("data/e.yaml", TRUSTING)
    write(file, text)
    verb, *words = command.split()
    said = refused(verb, "--config-dir", "foreign", *words)
    assert "foreign" in said
    assert "antigravity" not in sys.modules


def test_other_ways_to_a_foreign_file(refused, tmp_path):
    write("experiment/e.yaml", TRUSTING)
    write("model/e.yaml", f"{G}trust: [subprocess]\nmodel: {EVIL}\n")
    whole = {**compose.compose("train", []).config, "trust": ["subprocess"], "data": yaml.safe_load(EVIL)}
    write("train.yaml", G + yaml.safe_dump(whole))
    up = os.path.relpath(tmp_path / "foreign", compose.config_dir() / "model")
    refused("train", "experiment=e", f"hydra.searchpath=[file://{tmp_path}/foreign]")
    refused("train", "--config-path", "foreign")
    refused("train", "--config-path=foreign", "--config-name=train")
    # a name that leaves genlab's own folder: no such choice, or, short enough to be looked up, a file without trust
    refused("train", f"model={up}/model/e", code=6 if len(f"{up}/model/e") <= 100 else 2)
    refused("train", "--config-name", f"{os.path.relpath(tmp_path, compose.config_dir())}/foreign/train")
    refused("train", "--config-dir=foreign", "experiment=e", "trust=[os]")  # what was typed does not make it right
    refused("train", "trust=${oc.env:HOME}")
    write("experiment/params.yaml", f"{G}hydra: {{sweeper: {{params: {{seed: '0,1'}}}}}}\n")  # a typed one joins it
    for word in ("+hydra.sweeper.params.trust='[os]'", "+hydra.sweeper.params={+trust: '[os]'}"):
        refused("train", "-m", "--config-dir=foreign", "experiment=params", word)
    refused("train", "-m", "--config-dir=foreign", "experiment=params", "+hydra.sweeper.params.outputs=/tmp")
    refused("train", "-m", "seed=0,1", "hydra.sweeper.params={trust: '[os]'}", code=2)
    refused("train", "trust.0=x", code=2)
    refused("compare", "models=gmm", "settings=[x=1]", code=2)


def test_settings_of_training_runs_are_typed_as_they_are():
    from genlab.launch import comparison

    composed, _ = comparison.asked(["models=gmm", "data=digits", "name=${seed}"], flags={})
    assert composed.config["settings"] == ["data=digits", "name=${seed}"]


# -- run directories and checkpoints -----------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """A run directory as `genlab train` leaves it; ``run(key=value)`` changes its config by another's hand."""
    composed = compose.compose("train", [f"outputs={tmp_path}/outputs", "data=toy2d"])
    path = start.prepare("train", composed)
    (path / ".lock").touch()

    def change(**config):
        record = yaml.safe_load((path / "config.yaml").read_text())
        record["config"] |= config
        (path / "config.yaml").write_text(yaml.safe_dump(record))
        return path

    return change


@pytest.mark.parametrize("node", ["data", "model", "objective"])
def test_a_run_directory_does_not_trust_itself(node, run, refused):
    path = run(**{node: yaml.safe_load(EVIL)}, trust=["subprocess"])
    assert "subprocess.check_call" in refused("train", f"resume={path}")
    assert "subprocess.check_call" in refused("_worker", path)
    refused("train", f"resume={path}", "trust=[os]")
    path = run(**{node: compose.compose("train", ["data=toy2d"]).config[node]})
    assert "add trust=[subprocess]" in refused("train", f"resume={path}")  # the claim alone
    assert "add trust=[subprocess]" in refused("_worker", path)
    assert worker.read_config(path, trust=["subprocess", "x"])[1]["trust"] == ["subprocess", "x"]


def test_a_checkpoint_does_not_trust_itself(tmp_path):
    import torch

    config = {**compose.compose("train", ["data=toy2d"]).config, "trust": ["subprocess"]}
    held = {"config": config, "spec": {"event_shape": [2], "levels": None}, "step": 0, "format": 1, "version": "1"}
    path = checkpoint.write_step(tmp_path, 0, {"genlab": held, "state_dict": {}}, keep=1)
    with pytest.raises(TrustError, match=r"add trust=\[subprocess\]"):
        load(path, trust=[], device=torch.device("cpu"))


# -- sweep directories -------------------------------------------------------------------------------------------------


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """A sweep's directory; ``swept(word)`` adds a word to its command, by another's hand."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "outputs" / "sweep" / "vae-digits" / "20260101-000000-abcdef"
    (path / "jobs" / "0").mkdir(parents=True)

    def add(*words, **more):
        argv = ["--multirun", "seed=0,1", *words]
        (path / "sweep.json").write_text(json.dumps({"verb": "train", "argv": argv, "swept": ["seed"], **more}))
        return path

    return add


@pytest.mark.parametrize(
    "word",
    [
        *("trust=[subprocess]", "+trust=[subprocess]", "++trust=[subprocess]", "logger@trust=csv", "~trust"),
        *(
            "--config-dir=/tmp/foreign",
            "--config-path=/tmp/foreign",
            "--config-name=e",
            "--experimental-rerun=x.pickle",
        ),
        *("outputs=/tmp/elsewhere", "outputs='elsewhere'", "hydra.launcher.setup=[ls]", "hydra.job.chdir=true"),
        *("hydra.searchpath=[/tmp]", "+hydra.sweeper.params={trust: [x]}", "hydra/callbacks=e", "hydra/launcher=evil"),
        *("hydra.launcher.partition='a\nb'", "hydra.launcher.submitit_folder=/tmp/x", "name=${oc.env:HOME}"),
        *("+hydra.callbacks.x._target_=os.system", "hydra.sweep.dir=/tmp/x", "resume=/tmp/x", "hydra.run.dir=/tmp/x"),
    ],
)
def test_a_sweeps_directory_gives_itself_nothing(word, swept, refused, monkeypatch):
    monkeypatch.setattr(jobs, "COMMAND", ("touch", "ran"))
    path = swept(word)
    said = refused("train", f"resume={path}")
    assert word.startswith("--exp") or "if you said so, add " in said


@pytest.mark.parametrize(
    "held",
    [
        {"argv": ["--lr=1"]},
        {"argv": ["vae"]},
        {"argv": [1]},
        {"argv": None},
        {"verb": "x"},
        {"limit": "1"},
        {"swept": 1},
    ],
)
def test_a_damaged_sweep(held, swept, refused):
    refused("train", f"resume={swept(**held)}", code=4)


@pytest.mark.parametrize("name", ["multirun.yaml", "jobs/0/job.json", "jobs/1", "summary.csv", ".lock"])
def test_a_link_in_a_sweeps_directory(name, swept, refused, tmp_path):
    (tmp_path / "mine").write_text("precious")
    path = swept()
    (path / name).symlink_to(tmp_path / ("mine" if "." in name else "outputs"))
    assert "is a link" in refused("train", f"resume={path}")
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_sweeps_name_is_looked_up_nowhere(swept, refused):
    path = swept()
    path.rename(path.with_name("${hydra.job.name}"))
    assert "rename it" in refused("train", "resume=" + str(path.with_name("${hydra.job.name}")))


def test_a_sweep_is_resumed_where_it_lies_and_by_typed_words(swept, tmp_path, monkeypatch):
    outputs = f"outputs='{tmp_path}/outputs'"
    path = swept(outputs, "trust=[mypackage]", "--config-dir=/tmp/mine", cwd="/")
    again = stored.again(path).split()[3:]
    assert again == ["--config-dir=/tmp/mine", "'trust=[mypackage]'"]
    verb, argv = stored.command(path, ["--config-dir=/tmp/mine", "trust=[mypackage]"])
    assert verb == "train"
    assert argv == ["--multirun", "seed=0,1", outputs, "--config-dir=/tmp/mine", "trust=[mypackage]"]
    assert trust.typed(argv) == ["mypackage"]
    assert Path.cwd() == tmp_path  # not where a file would have it
    with pytest.raises(ConfigError):
        stored.command(path, ["--config-dir=/tmp/other", "trust=[mypackage]"])
    moved = tmp_path / "moved"
    path.rename(moved)
    with pytest.raises(TrustError, match="outputs"):
        stored.command(moved, ["--config-dir=/tmp/mine", "trust=[mypackage]"])


def test_a_sweeps_paths_hold_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stored.placed("data.root='a b'") == f"data.root='{tmp_path}/a b'"
    assert stored.placed("data.root=a,b") == f"data.root='{tmp_path}/a','{tmp_path}/b'"
    for word in ("data.root=null", "seed=0,1", "outputs=${x}/y", "~data.root", "model=vae"):
        assert stored.placed(word) == word


def record(run_dir, **more):
    return {"number": 0, "status": "interrupted", "overrides": ["seed=0"], "run_dir": str(run_dir), "pid": 1, **more}


def test_a_job_goes_on_only_where_the_sweeps_runs_lie(run, tmp_path):
    path = run(trust=["subprocess"])
    (path / "checkpoints" / "step-000000001.ckpt").touch()
    assert jobs._interrupted(record(path), outputs=tmp_path / "outputs") == path
    assert jobs._interrupted(record(path), outputs=tmp_path / "mine") is None
    assert jobs._interrupted(record(f"{tmp_path}/outputs/train/../../x"), outputs=tmp_path / "outputs") is None


def made_by(path, *overrides):
    held = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump({**held, "overrides": list(overrides)}))


def test_a_job_does_not_trust_itself(run, swept, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(jobs, "COMMAND", ("touch", "ran"))
    path = run(trust=["subprocess"], data=yaml.safe_load(EVIL))
    (path / "checkpoints" / "step-000000001.ckpt").touch()
    made_by(path, "seed=0")
    sweep_dir = swept()
    (sweep_dir / "sweep.json").write_text(json.dumps({"verb": "train", "argv": ["--multirun", "seed=0"]}))
    (sweep_dir / "jobs" / "0" / "job.json").write_text(json.dumps(record(path)))
    before = (path / "config.yaml").read_bytes()
    assert main(["train", f"resume={sweep_dir}"]) == 6
    assert "subprocess.check_call" in capfd.readouterr().out
    assert (path / "config.yaml").read_bytes() == before
    assert not Path("ran").exists()


@pytest.mark.parametrize("overrides", [["seed=0"], ["seed=0", "optim.lr=0.1"]])
def test_a_job_goes_on_with_its_own_run_and_changes_nothing_before_it_was_checked(
    overrides, run, swept, monkeypatch, capfd
):
    monkeypatch.setattr(jobs, "COMMAND", ("sh", "-c", 'echo "$@" >> ran', "sh"))
    path, sweep_dir = run(), swept()
    (path / "checkpoints" / "step-000000001.ckpt").touch()
    made_by(path, *overrides)
    (sweep_dir / "sweep.json").write_text(json.dumps({"verb": "train", "argv": ["--multirun", "seed=0"]}))
    (sweep_dir / "jobs" / "0" / "job.json").write_text(json.dumps(record(path)))
    before = (path / "config.yaml").read_bytes()
    assert main(["train", f"resume={sweep_dir}"]) == 0
    mine = overrides == ["seed=0"]
    assert Path("ran").read_text().startswith(f"--again {path}" if mine else str(path.parents[1]))
    assert (str(path) in Path("ran").read_text()) == mine
    assert main(["_worker", "--again", str(path)]) == 4
    assert "step-000000001.ckpt" in capfd.readouterr().err
    assert (path / "config.yaml").read_bytes() == before


def test_what_a_record_says_does_not_reach_the_terminal_as_it_stands(swept, tmp_path, monkeypatch, capfd):
    sweep_dir = swept()
    (sweep_dir / "sweep.json").write_text(json.dumps({"verb": "train", "argv": ["--multirun", "seed=0"]}))
    held = record(tmp_path, status="finished", message="\x1b]0;mine\x07", val={"value": 1.0, "unit": "\x1b[2J"})
    (sweep_dir / "jobs" / "0" / "job.json").write_text(json.dumps(held))
    assert main(["train", f"resume={sweep_dir}"]) == 0
    said = capfd.readouterr()
    assert "\\x1b]0;mine\\x07" in said.out
    assert not any(char in said.out + said.err for char in "\x1b\x07")


@pytest.mark.parametrize(
    "more",
    [
        {"seconds": "1"},
        {"val": "1"},
        {"val": {"value": "1"}},
        {"val": {"value": 10**400}},
        {"val": {"standard_error": []}},
        {"message": 1},
        {"exit_code": "1"},
    ],
)
def test_a_record_of_other_types_is_none(more, swept, tmp_path):
    (swept() / "jobs" / "0" / "job.json").write_text(json.dumps(record(tmp_path, **more)))
    assert job_records.records(swept()) == []


@pytest.mark.parametrize(
    "more",
    [
        {"run_dir": ""},
        {"run_dir": None},
        {"run_dir": 3},
        {"run_dir": "python"},
        {"pid": -1},
        {"pid": "1"},
        {"overrides": 1},
    ],
)
def test_a_record_never_points_at_a_process_of_somebody_else(more, swept, tmp_path):
    import socket

    held = {**record(tmp_path, status="running", pid=os.getpid(), host=socket.gethostname()), **more}
    (swept() / "jobs" / "0" / "job.json").write_text(json.dumps(held))
    assert not any(job_records.alive(each) for each in job_records.records(swept()))


def test_submitit_reads_no_result_that_lay_there_before(tmp_path, swept, refused):
    (swept() / ".submitit" / "1").mkdir(parents=True)
    assert "remove it" in refused("train", f"resume={swept()}")
    chosen = ["hydra/launcher=submitit_local"]
    first, second = (sweep._submitit(chosen, tmp_path) for _ in range(2))
    assert first != second
    assert sweep._submitit([*chosen, "hydra.launcher.submitit_folder=x"], tmp_path) == []
    assert sweep._submitit(["hydra/launcher=joblib"], tmp_path) == []


# -- what lies in the working directory --------------------------------------------------------------------------------

RUNS = "open('ran', 'w').close()\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (("-m", "genlab"), ("yaml.py", "hydra.py", "difflib.py")),
        (jobs.COMMAND[1:4], ("yaml.py", "hydra.py", "difflib.py", "genlab.py")),
        ((str(Path(sys.executable).with_name("genlab")),), ("yaml.py", "hydra.py", "difflib.py", "genlab.py")),
    ],
)
def test_a_module_in_the_working_directory_is_not_imported(command, names, tmp_path):
    (tmp_path / "hydra_plugins").mkdir()  # Hydra imports all of them
    for name in (*names, "hydra_plugins/mine.py"):
        (tmp_path / name).write_text(RUNS)
    words = [sys.executable, *command, "train", "--cfg", "job"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ran").exists()


def test_what_lightning_and_hydra_start_does_not_see_the_working_directory(tmp_path, swept, monkeypatch):
    (tmp_path / "genlab.py").write_text(RUNS)
    with streams.safe_path():  # as Lightning starts a rank, and loky and submitit a job
        subprocess.run([sys.executable, "-m", "genlab", "--version"], cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "ran").exists()
    seen = []
    monkeypatch.setattr(sweep, "_launch", lambda *_: seen.append(os.environ["PYTHONSAFEPATH"]))
    main(["train", f"resume={swept()}"])
    monkeypatch.setattr(worker, "run", lambda *_, trust, **__: seen.append(os.environ["PYTHONSAFEPATH"]))
    start.work(tmp_path, trust=[])
    assert seen == ["1", "1"]
    assert "PYTHONSAFEPATH" not in os.environ


def test_ranks_are_told_whom_to_trust(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "run", lambda *_, trust, **__: trust)
    monkeypatch.setattr(sys, "argv", ["genlab"])
    assert start.work(tmp_path, trust=["a", "b"]) == ["a", "b"]
    assert sys.argv == ["genlab", "_worker", str(tmp_path), "trust=[a,b]"]  # which Lightning starts again
    assert main(sys.argv[1:]) == ["a", "b"]

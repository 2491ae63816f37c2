"""Awkward command lines: one line on stderr, the right exit code, never "a bug in genlab"; and what the hints say."""

from __future__ import annotations

import pytest

from genlab.cli.main import main
from tests.cli.test_cli_faults import refused as refused

GROUPS = ("model", "data", "trainer", "callbacks", "logger", "experiment")
NO_NAME = ("5", "1.5", "true", "nan", "[1,2]", "[null]", "x" * 5000, f"'{'x' * 5000}'", "???", "${seed}", "")


@pytest.mark.parametrize("group", GROUPS)
def test_a_choice_is_a_name(group, refused):
    for value in NO_NAME if group == "experiment" else ("null", *NO_NAME):
        said = refused("train", f"{group}={value}", code=2)
        assert said.startswith(f"{group}=")
        assert "choose from" in said
        assert len(said) < 600


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train ~model", "~model: a run needs one; choose from conditional_dcgan"),
        ("train ++model=vae", "++model=vae: leave out the ++; model=NAME replaces the choice"),
        ("train ~logger=vae", "~logger=vae: is not what is chosen; write ~logger"),
        ("train ~objective=x", "~objective=x: is not what is chosen; write ~objective"),
        ("train test=5", "test: is a group of settings, not a value (got 5); write test.NAME=VALUE"),
        ("train test=[null]", "test=[null]: test is a group of settings; write test.NAME=VALUE"),
        ("train optim.betas={a:1}", "optim.betas={a:1}: optim.betas is a list; write optim.betas=[a,b]"),
        ("train name=ünï", "'name=ünï' cannot be parsed; quote special characters"),
        ("train seed=a=b", "'seed=a=b' cannot be parsed (unexpected '='); quote special characters"),
        ("train objective._target_=genlab.models.VAE", "objective._target_: genlab.models.VAE is no objective"),
        ("train model._target_=genlab.data.digits", "model._target_: genlab.data.digits is no model"),
        ("train model=[vae]", "model=[vae]: no such choice; choose from conditional_dcgan"),
        ("train data=[toy2d,digits]", "data=[toy2d,digits]: no such choice; choose from arrays, audio"),
        ("eval metric=null", "metric=null: no such choice; choose from active_units, all, augmentation, bayes"),
        ("eval metric=[nll,null]", "metric=null: no such choice"),
        ("compare metric=5", "metric=5: no such choice"),
        ("compare ~metric.nl", "unknown key metric.nl; did you mean metric.nll?"),
        ("eval data=mnist", "data=mnist: data= is of genlab train; eval takes it from the checkpoint (data.root"),
        ("sample model=vae", "model=vae: model= is of genlab train; sample takes it from the checkpoint (name it"),
        ("train data.subset=5", "unknown key data.subset"),
        ("train ckpt=x", "unknown key ckpt; it is of genlab sample, translate, compress, decompress, eval, compare"),
        (
            "train n=4",
            "unknown key n; it is of genlab sample, translate, compress, compare; here there is callbacks.samples.n",
        ),
        ("sample optim.lr=1", "unknown key optim.lr; it is of genlab train"),
        ("eval data.name=x", "unknown key data.name; it is of genlab train"),
        ("sample ~truncation", "truncation: is null, so there is nothing to leave out"),
        ("train epochs=4", "unknown key epochs; did you mean trainer.max_epochs?"),
        ("train gradient_clip_val=1", "unknown key gradient_clip_val; did you mean trainer.gradient_clip_val?"),
        ("train model.latnt_dim=4", "unknown key model.latnt_dim; did you mean model.latent_dim?"),
        ("train foo=1", "unknown key foo"),
        ("train =", "'=' is no setting: write key=value"),
        ("train ~", "'~' is no setting: write key=value"),
        ("train --", "unknown flag --; settings have no dashes: genlab train key=VALUE"),
        ("train --package x --cfg job", "--package=x: no such part of the config"),
        ("train --resolve", "The --resolve flag can only be used"),
        ("train --config-path nowhere", "Primary config directory not found"),
    ],
)  # fmt: skip
def test_a_hint_says_what_can_be_done(line, said, refused):
    found = refused(*line.split(), code=2)
    assert found.startswith(said)
    if said.startswith("unknown key") and ";" not in said:
        assert found == said  # nothing is near


def test_null_is_no_experiment(capsys):
    assert main(["train", "experiment=null", "--cfg", "job", "--package", "seed"]) == 0
    assert capsys.readouterr().err == ""


def test_what_is_advised_after_a_divergence_can_be_done_on_resume():
    from genlab.launch.resume import _applied

    config = {"trainer": {"gradient_clip_val": None}, "optim": {"lr": 1e-3}}
    found, changed = _applied(config, {"trainer.gradient_clip_val": 1, "optim.lr": 1e-4})
    assert found == {"trainer": {"gradient_clip_val": 1}, "optim": {"lr": 1e-4}}
    assert changed["trainer.gradient_clip_val"] == (None, 1)


def test_a_character_that_no_path_can_hold_is_refused(refused):
    assert "NUL" in refused("train", "outputs=a\0b", code=2)

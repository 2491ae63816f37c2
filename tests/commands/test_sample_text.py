"""``genlab sample`` of a text, as a user has it: the prompt as it was typed, the text while it is drawn, the files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import genlab
from genlab.cli.main import main
from genlab.config import arguments
from genlab.config.compose import compose
from genlab.errors import ConfigError
from genlab.process.printable import harmless

GENLAB = str(Path(sys.executable).with_name("genlab"))
TEXT = "".join(f"{i}: \"what\", he said, 'is it\\n' =\t{{é}} [漢] $x #1, !?\n" for i in range(150))
AWKWARD = [
    "ROMEO:",
    "a, b: c=d",
    "=leading",
    " spaces ",
    'he said "so"',
    '"quoted"',
    "'quoted'",
    "it's",
    r"back\slash\n",
    "\\",
    "\\'",
    "new\nline\n",
    "\ttab",
    "[a,b] {c} (d)",
    "$x # no comment !",
    "é 漢 🎲",
    "null.",
    "true",
    "1e5",
    "-x",
    "--flag",
    "a\x1b[2J",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of bytes after two steps."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "own.txt").write_text(TEXT, encoding="utf-8")
    return genlab.train(
        "model=transformer",
        "data=text",
        "model.layers=1",
        "model.width=16",
        "trainer.max_steps=2",
        "trainer.accelerator=cpu",
        "callbacks.samples.n=1",
        {"data": {"root": str(folder / "own.txt"), "length": 32}, "outputs": str(folder)},
    ).checkpoint


def prompt_of(words: list[str]) -> object:
    composed = compose("sample", arguments.parse(words, verb="sample", flags={}).argv())
    assert composed is not None
    return composed.config["prompt"]


@pytest.mark.parametrize("prompt", AWKWARD)
def test_a_prompt_arrives_as_it_was_typed(prompt: str) -> None:
    assert prompt_of([f"prompt={prompt}"]) == prompt


def test_no_prompt_is_null() -> None:
    assert prompt_of([]) is None
    assert prompt_of(["prompt=null"]) is None


@pytest.mark.parametrize(
    ("prompt", "said"), [("a${oc.env:HOME}", "looks up"), ("???", "missing"), ("a\udcff", "UTF-8"), ("", "at least 1")]
)
def test_a_prompt_that_no_config_holds_is_refused(prompt: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^prompt: .*{said}"):
        prompt_of([f"prompt={prompt}"])


@pytest.mark.parametrize("prompt", ["he said, \"so\": 'it's'", "new\nline é"])
def test_text_is_printed_before_the_files_are_named(
    checkpoint: Path, prompt: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = [f"ckpt={checkpoint}", f"prompt={prompt}", "length=60", "n=2", "temperature=0.8", "top_k=40", "top_p=0.95"]
    assert main(["sample", *words, f"outputs={tmp_path}", "accelerator=cpu"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    (file,) = tmp_path.rglob("sample.npz")
    with np.load(file) as arrays:
        samples = arrays["samples"]
    assert samples.shape == (2, 60)
    assert bytes(samples[0]).decode("utf-8", "replace").startswith(prompt)
    text = harmless(bytes(samples[0]).decode("utf-8", "replace"))
    assert out.startswith(f"{text}\n\nmodel " if not text.endswith("\n") else f"{text}\nmodel ")
    assert str(file) in out


def test_python_draws_the_same_without_a_word(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    said = {"prompt": 'it\'s "so", ', "length": 50, "outputs": str(tmp_path), "ckpt": str(checkpoint)}
    made = genlab.sample({**said, "n": 3}).arrays["samples"]
    assert bytes(made[0]).startswith(b'it\'s "so", ')
    run = genlab.load(checkpoint)
    assert run.sample(1, {"prompt": 'it\'s "so", ', "length": 50}).numpy().tobytes() == made[:1].tobytes()
    assert capsys.readouterr() == ("", "")


def test_a_reader_may_go_and_text_comes_before_the_end(checkpoint: Path, tmp_path: Path) -> None:
    """The first characters arrive while there is much to draw; who reads no more stops nothing."""
    words = [GENLAB, "sample", f"ckpt={checkpoint}", "prompt=he said", "length=3000", "n=1", "accelerator=cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [*words, f"outputs={tmp_path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert run.stdout is not None
    seen = b""
    while len(seen) < 7:
        seen += os.read(run.stdout.fileno(), 7 - len(seen))
    assert seen == b"he said"
    assert not list(tmp_path.rglob("*.npz"))
    run.stdout.close()
    assert run.stderr is not None
    assert run.stderr.read() == b""
    assert run.wait() == 0
    (file,) = tmp_path.rglob("*.npz")
    with np.load(file) as arrays:
        assert arrays["samples"].shape == (1, 3000)

"""What others have written is shown, and obeyed by no terminal."""

from __future__ import annotations

import pytest
import yaml

from genlab.cli.main import main
from genlab.commands import train
from genlab.process.printable import harmless, printable
from genlab.storage import checkpoint

HOSTILE = "\x1b]0;mine\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [(HOSTILE, "\\x1b]0;mine\\x07"), ("a\r\nb", "a\\r\\nb"), ("\x9b2J\u202e", "\\x9b2J\\u202e"), ("± é 漢", "± é 漢")],
)
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, "\\x1b]0;mine\\x07"),
        ("a\r\nb\rc\n\td", "a\nb\\rc\n\td"),
        ("\x9b2J\u202e", "\\x9b2J\\u202e"),
        ("± é 漢\u3000\xa0x", "± é 漢\u3000\xa0x"),
    ],
)
def test_text_of_several_lines_keeps_its_lines_alone(text, shown):
    assert harmless(text) == shown


def test_the_name_in_a_checkpoint_does_not_reach_the_terminal_as_it_stands(
    config, run_dir, tmp_path, monkeypatch, capsys
):
    from rich.console import Console

    monkeypatch.chdir(tmp_path)
    path, settings = run_dir("a"), config("model=gmm", "model.components=2")
    train.run(path, settings, console=Console(quiet=True))
    (path / "config.yaml").write_text(yaml.safe_dump({"verb": "train", "config": {**settings, "name": HOSTILE}}))
    for file in (path / "checkpoints").glob("*.ckpt"):
        held = checkpoint.read(file)
        held["genlab"]["config"]["name"] = HOSTILE
        checkpoint.write(file, held)
    for words in (["sample", f"ckpt={path}", "n=1"], ["eval", f"ckpt={path}", "metric=nll"], ["compare", str(path)]):
        quick = ["accelerator=cpu", *(["metric=nll", "n=1"] if words[0] == "compare" else [])]
        assert main([*words, *quick]) == 0
        said = capsys.readouterr()
        assert "\\x1b]0;mine\\x07" in said.out
        assert not set("\x1b\x07") & set(said.out + said.err)

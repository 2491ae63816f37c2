"""What is printed never stops what works: readers go, disks fill, terminals know few characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAY = "from genlab.process import streams as process; import sys, os; process.settle()\n"
NARROW = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def python(code, *, shell="", env=None):
    """Run ``code`` with streams redirected by ``shell``; the finished process."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {shell}', sys.executable, SAY + code],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **(env or {})},
    )


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_reader_that_goes_stops_nothing(name, tmp_path):
    code = (
        f"process.outlast({name!r})\n"
        f"for _ in range(3000): print('x' * 50, file=sys.{name}, flush=True)\n"
        f"os.write({1 if name == 'stdout' else 2}, b'from C'); open({str(tmp_path / 'done')!r}, 'w').close()"
    )
    python(code, shell="2>&1 | head -1")
    assert (tmp_path / "done").exists()


def test_a_full_disk_behind_stdout_stops_nothing():
    done = python(
        "process.outlast('stdout')\nfor _ in range(9): print('x', flush=True)\nsys.exit(7)", shell=">/dev/full"
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_ones_files(closed, tmp_path):
    code = (
        f"f = open({str(tmp_path / 'f')!r}, 'w'); print('out'); print('err', file=sys.stderr); sys.exit(f.fileno() < 3)"
    )
    assert python(code, shell=closed).returncode == 0
    assert (tmp_path / "f").read_text() == ""


def test_characters_that_the_terminal_lacks_are_spelled_out():
    done = python("process.outlast('stderr')\nprint('1 ± 2 é ß')\nprint('a → b', file=sys.stderr)", env=NARROW)
    assert done.stdout == "1 +- 2 e \\xdf\n"
    assert done.stderr == "a -> b\n"


def test_a_table_and_a_bar_on_a_terminal_of_few_characters():
    code = (
        "process.outlast('stdout')\n"
        "from rich.console import Console; from rich.table import Table\n"
        "from rich.progress import track\n"
        "table = Table(title='x ± y'); table.add_column('± s.e.'); table.add_row('≤ 3 ± 1')\n"
        "console = Console(file=sys.stdout, force_terminal=True, width=130); console.print(table)\n"
        "list(track([1, 2], description='×', console=console))"
    )
    done = python(code, env=NARROW)
    assert done.returncode == 0, done.stderr
    assert "<= 3 +- 1" in done.stdout


@pytest.mark.parametrize("words", [["compare", "--help"], ["list"]])
def test_help_and_lists_on_a_terminal_of_few_characters(words):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("genlab")), *words],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **NARROW},
    )
    assert done.returncode == 0, done.stderr

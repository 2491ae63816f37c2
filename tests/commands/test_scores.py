"""What a page takes from the folder of a run's scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlab.commands.scores import BEGINNINGS, is_shown


@pytest.mark.parametrize("ending", BEGINNINGS)
def test_a_file_is_shown_if_it_is_what_its_name_says(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"samples{ending}").write_bytes(BEGINNINGS[ending] + b"...")
    assert is_shown(tmp_path / f"samples{ending}")
    (tmp_path / f"link{ending}").symlink_to(tmp_path / f"samples{ending}")
    assert not is_shown(tmp_path / f"link{ending}")
    assert not is_shown(tmp_path / f"none{ending}")
    (tmp_path / f"other{ending}").write_bytes(b"<script>")
    assert is_shown(tmp_path / f"other{ending}") == (ending == ".txt")


def test_other_files_are_not_shown(tmp_path: Path) -> None:
    for name in ("samples.html", "samples.svg", "samples"):
        (tmp_path / name).write_bytes(BEGINNINGS[".png"])
        assert not is_shown(tmp_path / name)

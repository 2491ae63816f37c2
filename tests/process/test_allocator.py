"""The allocator keeps what is freed, unless the user has chosen otherwise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genlab.process import allocator

FAULTS = """
import resource, sys
from genlab.process import allocator
import numpy as np
kept = sys.argv[1] == "kept" and allocator.prepare()
def use():
    a = np.ones(3 << 20, dtype=np.uint8)
    b = np.ones(3 << 20, dtype=np.uint8)
    return a[0] + b[0]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100): use()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_arrays_that_come_again_touch_no_new_pages() -> None:
    def faults(how: str) -> tuple[str, int]:
        words = [sys.executable, "-c", FAULTS, how]
        kept, count = subprocess.run(words, capture_output=True, text=True, check=True, env={}).stdout.split()
        return kept, int(count)

    kept, count = faults("kept")
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert count < 1000, "100 times two arrays of 3 MB"
    assert faults("usual")[1] > 10_000, "the test cannot tell"


@pytest.mark.parametrize("name", allocator.CHOSEN)
def test_what_the_user_has_chosen_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "131072")
    assert not allocator.prepare()


def test_other_systems_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.prepare()

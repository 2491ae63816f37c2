"""Data that stay in their file: larger than memory, read row by row, and never copied as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data import mapped
from genlab.data.batches import BatchLoader, ordered
from genlab.data.spaces import Split

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory there is and what is read")
ROW = 3 * 4096


def told(name: str) -> list[str]:
    return (Path("/proc") / name).read_text().splitlines()


def read_bytes() -> int:
    """What this process has had fetched from a disk so far."""
    (count,) = [int(line.split()[1]) for line in told("self/io") if line.startswith("read_bytes")]
    return count


def test_an_array_larger_than_memory_is_mapped(tmp_path: Path) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (swap,) = [int(line.split()[1]) << 10 for line in told("meminfo") if line.startswith("SwapTotal")]
    count = (memory + swap) * 3 // 2 // ROW
    with (tmp_path / "sparse").open("w+b") as file:
        os.truncate(file.fileno(), count * ROW)
        file.seek((count - 2) * ROW)
        file.write(b"\7" * ROW)
        file.flush()
        x = torch.from_numpy(mapped.mapped(file, dtype=np.dtype(np.uint8), shape=(count, ROW), start=0))
    found = mapped.gather(x, torch.tensor([count - 2, 0, count - 1]))
    assert found.float().mean(1).tolist() == [7.0, 0.0, 0.0]


@pytest.fixture
def cold(tmp_path: Path) -> torch.Tensor:
    """2,000 rows of 12 kB in a file that the disk alone has."""
    path = tmp_path / "rows"
    values = np.random.default_rng(0).integers(0, 256, (2000, ROW), np.uint8)
    values[:, 0] = np.arange(2000) % 251
    path.write_bytes(values.tobytes())
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        before = read_bytes()
        os.pread(file.fileno(), ROW, 1000 * ROW)
        if read_bytes() == before:
            pytest.skip("no disk whose reads are counted")
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return torch.from_numpy(mapped.mapped(file, dtype=values.dtype, shape=values.shape, start=0))


@pytest.mark.parametrize("how", ["trained on", "scored"])
def test_little_more_is_read_than_the_rows_of_the_batches(cold: torch.Tensor, how: str) -> None:
    before = read_bytes()
    split = Split(cold[100:])
    if how == "trained on":
        seen = [batch.x[:, 0] for batch in BatchLoader(split, batch_size=8, seed=0, num_steps=6)]
    else:
        rows = ordered(split, batch_size=8, rank=0, world_size=40)  # far from each other, as in a process of many
        seen = [batch.x[:, 0] for _, batch in rows]
    count = sum(map(len, seen))
    assert count == 48
    assert read_bytes() - before <= 3 * (count + 8) * ROW  # the loader asks for one batch more than it has given


class Asked:
    """Stands for a map, and remembers what it was asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.ranges: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.size

    def madvise(self, option: int, start: int, length: int) -> None:
        self.ranges.append((start, start + length))


def test_what_is_asked_for_is_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    page = mapped.mmap.PAGESIZE
    x = torch.zeros(40, page, dtype=torch.uint8)
    asked = Asked(x.nbytes)
    monkeypatch.setattr(mapped, "_maps", {x.data_ptr(): asked})
    mapped.ask(x[10:], torch.tensor([7, 1, 2, 2, 9]))
    assert asked.ranges == [(11 * page, 13 * page), (17 * page, 18 * page), (19 * page, 20 * page)]
    asked.ranges.clear()
    mapped.ask(x[:, : page // 2], torch.tensor([4, 3]))  # rows that are not side by side
    assert asked.ranges == [(3 * page, 3 * page + page // 2), (4 * page, 4 * page + page // 2)]
    asked.ranges.clear()
    mapped.ask(x, torch.tensor([], dtype=torch.int64))
    mapped.ask(torch.zeros(40, page), torch.tensor([1]))
    assert asked.ranges == []


def test_a_map_is_forgotten_with_its_array(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    with (tmp_path / "a").open("rb") as file:
        x = torch.from_numpy(mapped.mapped(file, dtype=np.dtype(np.uint8), shape=(2, 2), start=0))
    view = x[1:]
    count = len(mapped._maps)
    del x
    assert len(mapped._maps) == count
    assert view.tolist() == [[51, 52]]
    del view
    assert len(mapped._maps) == count - 1


LIMITED = """
import resource, sys
from pathlib import Path
from rich.console import Console
from genlab.commands import between_steps, train
from genlab.config.compose import compose
from genlab.data import cache
between_steps.VALUES_AT_ONCE = 1 << 19
root, run, size = sys.argv[1:]
def counted(*given, made=cache.mapped, **named):  # a map of its own size is all that is allowed beside
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (soft + int(size), hard))
    return made(*given, **named)
cache.mapped = counted
for name in ("checkpoints", "samples"): (Path(run) / name).mkdir(parents=True)
words = ["model=vae", "model.network=mlp", "model.hidden=[4]", "data=image_folder", f"data.root={root}"]
words += ["data.size=128", "data.batch_size=16", "trainer=cpu", "trainer.max_steps=8", "test.batch_size=10"]
words += ["trainer.enable_progress_bar=false", "trainer.threads=1"]
words += ["test.num_particles=1"]
config = compose("train", words).config
import genlab.models.vae, torch, torch._dynamo, tensorboard, matplotlib.pyplot, pytorch_lightning
(held,) = [int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData")]
resource.setrlimit(resource.RLIMIT_DATA, (held + int(size) - 2**25, resource.RLIM_INFINITY))
print(train.run(Path(run), config, console=Console(quiet=True))["steps"])
"""


@pytest.mark.slow
def test_a_folder_is_decoded_trained_on_and_scored_in_less_memory_than_it_has(tmp_path: Path) -> None:
    """All that the process takes beside the map has to be less than the pictures: once copied is too much."""
    side, count = 128, 9000
    pictures = tmp_path / "pictures"
    for part in ("train", "val", "test"):
        (pictures / part).mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    (tmp_path / "one.ppm").write_bytes(b"P6 128 128 255\n" + picture.tobytes())
    for index in range(count):
        part = {0: "val", 1: "test"}.get(index // 50, "train")
        os.link(tmp_path / "one.ppm", pictures / part / f"{index}.ppm")
    size = count * picture.nbytes  # 442 MB, of which no picture is in memory for long
    for attempt in ("decoded", "from the cache"):
        words = [str(pictures), str(tmp_path / attempt), str(size)]
        done = subprocess.run([sys.executable, "-c", LIMITED, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (attempt, done.stderr[-2000:])
        assert done.stdout.split()[-1] == "8"

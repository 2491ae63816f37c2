"""Data larger than memory: ``python scripts/bench.py stream [--gb 8] [--limit 2] [--folder /big/disk]``.

A file of random pictures (64x64, RGB) is generated through the cache of decoded data, and read at random: by the loader
and by plain reads of the same rows, in turn, each with no page of the file in memory at its beginning. Then ``genlab
train`` runs on it under a limit of memory: what the process may take beside the map itself (``RLIMIT_DATA``). Every
figure is a JSON line. The file is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = """
import json, os, resource, sys, tempfile, threading, time
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import torch
from genlab.data import cache
from genlab.data.batches import BatchLoader
from genlab.data.dataset import Dataset, DataSpec, Split
torch.set_num_threads(1)
folder, count, what, seed, steps, limit, batch = json.loads(sys.argv[1])
folder, shape = Path(folder), (3, 64, 64)
row = 3 * 64 * 64
def blocks():
    noise = np.random.default_rng(0)
    for start in range(0, count, 4096):
        yield noise.integers(0, 256, (min(4096, count - start), *shape), np.uint8)
rows = cache.Rows(np.dtype(np.uint8), shape, count, blocks)
def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))
def fetched():
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))
def forget():
    (path,) = (folder / ".genlab-cache").glob("*.npy")
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path
begun = time.perf_counter()
if what != "write":
    path = forget()
x = torch.from_numpy(cache.decoded(("bench", count), folder, lambda: rows))
train = Split(x[:-2000])
loader = BatchLoader(train, batch_size=batch, seed=seed, num_steps=steps)
"""

WRITE = """
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "anonymous_bytes": status("RssAnon")}))
"""

READ = """
def ours():
    for made in loader: pass
def plain(threads):
    order, buffer = loader.permutation(0, size=len(train)), np.empty((batch, row), np.uint8)
    with path.open("rb", buffering=0) as file, ThreadPoolExecutor(threads) as pool:
        def read(place, index): os.preadv(file.fileno(), [buffer[place]], 128 + index * row)
        go = map if threads == 1 else pool.map
        for step in range(steps):
            for _ in go(read, range(batch), order[step * batch : (step + 1) * batch].tolist()): pass
before, start = fetched(), time.perf_counter()
ours() if what == "loader" else plain(16 if what == "plain, 16 threads" else 1)
seconds = time.perf_counter() - start
useful = steps * batch * row
print(json.dumps([seconds, useful / seconds, (fetched() - before) / useful, status("RssAnon"), status("RssFile")]))
"""

TRAIN = """
from rich.console import Console
from genlab import build
from genlab.commands import train as command
from genlab.config.compose import compose
from genlab.training.callbacks.in_turn import Chain
import genlab.models.vae, matplotlib.pyplot, pytorch_lightning, tensorboard
spec = DataSpec(shape, levels=256)
data = Dataset("random", spec, train, Split(x[-2000:-1000]), Split(x[-1000:]))
build.dataset = lambda *args, **rest: data
words = ["model=vae", "model.network=mlp", "model.hidden=[16]", "data=digits", f"data.batch_size={batch}"]
words += ["trainer=cpu", "trainer.threads=1", f"trainer.max_steps={steps}", "trainer.enable_progress_bar=false"]
words += ["test.num_particles=1", f"seed={seed}"]
clock, end = [], Chain.end_step
def timed(self, trainer, module):
    clock.append(time.perf_counter())
    end(self, trainer, module)
Chain.end_step = timed
held, peaks = status("VmData"), {"RssAnon": 0, "VmRSS": 0}
resource.setrlimit(resource.RLIMIT_DATA, (held + limit, held + limit))  # the map is in what it holds
def look():
    while True:
        for name in peaks: peaks[name] = max(peaks[name], status(name))
        time.sleep(0.02)
threading.Thread(target=look, daemon=True).start()
with tempfile.TemporaryDirectory() as run:
    for name in ("checkpoints", "samples"): (Path(run) / name).mkdir()
    before = fetched()
    done = command.run(Path(run), compose("train", words).config, console=Console(quiet=True))
rate = (len(clock) - 2) / (clock[-2] - clock[0])  # the last step ends with a validation
print(json.dumps({"steps": done["steps"], "steps_per_second": rate, "peaks": peaks, "read": fetched() - before}))
"""


def part(code: str, **settings: object) -> object:
    """What a fresh interpreter prints last."""
    words = json.dumps([settings[name] for name in ("folder", "count", "what", "seed", "steps", "limit", "batch")])
    done = subprocess.run([sys.executable, "-c", DATA + code, words], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def stream(*, gb: float, limit: float, rounds: int, folder: Path | None, steps: int = 200, batch: int = 128) -> None:
    """Write the file, read it at random, train on it."""
    count = int(gb * 1e9) // (3 * 64 * 64)
    with tempfile.TemporaryDirectory(dir=folder, prefix="genlab-stream-") as made:
        settings = {"folder": made, "count": count, "steps": steps, "limit": int(limit * 1e9), "batch": batch}
        written = part(WRITE, what="write", seed=0, **settings)
        assert isinstance(written, dict)
        rate = count * 3 * 64 * 64 / written["seconds"] / 1e6
        row = {"what": "write", "examples": count, "gb": gb, "mb_per_second": round(rate, 1)}
        print(json.dumps({**row, "anonymous_mb": round(written["anonymous_bytes"] / 1e6)}), flush=True)
        ways = ["plain", "loader", "plain, 16 threads"]
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        for seed in range(rounds):
            for what in ways[seed % 3 :] + ways[: seed % 3]:
                seconds, speed, amplification, anonymous, mapped = part(READ, what=what, seed=seed, **settings)  # type: ignore[misc]
                speeds[what].append(speed)
                row = {"what": what, "round": seed, "mb_per_second": round(speed / 1e6, 1)}
                row |= {"batches_per_second": round(steps / seconds, 1), "read_per_byte": round(amplification, 2)}
                row |= {"anonymous_mb": round(anonymous / 1e6), "file_mb": round(mapped / 1e6)}
                print(json.dumps(row), flush=True)
        for what in ("plain", "plain, 16 threads"):
            ratio = statistics.median(a / b for a, b in zip(speeds["loader"], speeds[what], strict=True))
            print(json.dumps({"what": f"loader / {what}", "median": round(ratio, 2)}), flush=True)
        trained = part(TRAIN, what="train", seed=rounds, **settings)
        assert isinstance(trained, dict)
        peaks = {f"peak_{name}_mb": round(value / 1e6) for name, value in trained["peaks"].items()}
        row = {"what": "train", "limit_gb": limit, "steps": trained["steps"], **peaks}
        row |= {"steps_per_second": round(trained["steps_per_second"], 2), "read_mb": round(trained["read"] / 1e6)}
        print(json.dumps(row), flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=8.0, help="of the generated file")
    parser.add_argument("--limit", type=float, default=2.0, help="GB that training may take beside the map")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk that is measured")
    options = parser.parse_args()
    stream(gb=options.gb, limit=options.limit, rounds=options.rounds, folder=options.folder, steps=options.steps)


if __name__ == "__main__":
    main()

"""Models of sequences on one core: ``python scripts/bench.py sequences [train] [sample] [cache]``.

    train    tokens a second through ``genlab train``, and of a bare loop of the same model, a step of each in turn, as
             in ``bench_cpu.py``
    sample   seconds of a drawn symbol, from what was read before it, and of a full pass over the sequence for each
             symbol: one of all LENGTH steps (``whole``), or of as many as there are by then (``growing``, by passes of
             a few lengths)
    cache    bytes of the transformer's keys and values: as computed, 2 x layers x n x heads x window x d x 4; those of
             the tensors; and what the process grew by

Times are those of the process, one thread. Every figure is a JSON line; all take about three minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

from bench import python
from bench_cpu import STEP

DATA = ["data=text", "data.coding=characters", "data.length=128", "data.batch_size=16"]
JOBS = {
    "rnn": ["model=rnn", *DATA],
    "tcn": ["model=tcn", *DATA],
    "transformer": ["model=transformer", *DATA],
}
BATCH, WINDOW = 16, 128
STEPS = {"rnn": 40, "tcn": 60, "transformer": 50}

LENGTH = 1000
"""Symbols of a draw."""

WAYS = ("drawn", "whole", "growing")
"""What a symbol costs: drawn step by step, by a pass over the whole length, by one over what there is so far."""

SAMPLE = """
import json, sys, time
import torch
from genlab.data.dataset import DataSpec
from genlab.data.spaces import Tokens
from genlab.models import RNN, TCN, Transformer
name, length, counts = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.set_flush_denormal(True)
torch.manual_seed(0)
spec, clock = DataSpec(space=Tokens(length, 65)), time.process_time
model = {"rnn": RNN, "tcn": TCN, "transformer": Transformer}[name](spec).eval()
generator = torch.Generator().manual_seed(0)
def passed(n, t):
    x = torch.randint(65, (n, t))
    start = clock()
    model.log_prob_per_dim(x)
    return clock() - start
rows = []
with torch.inference_mode():
    for n in counts:
        model.draw(n, length=20, generator=generator)
        start = clock()
        model.draw(n, length=length, generator=generator)
        drawn = clock() - start
        places = [1, length // 4, length // 2, 3 * length // 4, length]
        passes = [sorted(passed(n, t) for _ in range(3))[1] for t in places]
        rows.append([n, drawn, passes[-1] * length, torch.trapezoid(torch.tensor(passes), torch.tensor(places)).item()])
print(json.dumps(rows))
"""

CACHE = """
import json, os, sys
import torch
from genlab.data.dataset import DataSpec
from genlab.data.spaces import Tokens
from genlab.models import Transformer
n, window = json.loads(sys.argv[1])
torch.set_num_threads(1)
model = Transformer(DataSpec(space=Tokens(window, 65))).eval()
def resident():
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
with torch.inference_mode():
    model.draw(1, length=5)
    before = resident()
    reader = model.reader(n, None)
    for _ in range(window - 1): reader.read(torch.zeros(n, 1, dtype=torch.int64))
    grown = resident() - before
layers, heads, width = len(model.blocks), model.heads, model.head.in_features
computed = 2 * layers * n * heads * window * (width // heads) * 4
held = reader.memory.keys.nbytes + reader.memory.values.nbytes
print(json.dumps({"n": n, "window": window, "computed": computed, "tensors": held, "process_grew_by": grown}))
"""


def train(name: str) -> None:
    """One job, in turn with a bare loop of the same model."""
    rows = json.loads(python(STEP, json.dumps([JOBS[name], STEPS[name], None])).splitlines()[-1])
    ours, bare = (statistics.median(column) for column in zip(*rows, strict=True))
    row = {"what": f"train {name}", "job": " ".join(JOBS[name]), "rounds": len(rows)}
    row["genlab_tokens_per_second"] = round(BATCH * WINDOW / ours)
    row["bare_tokens_per_second"] = round(BATCH * WINDOW / bare)
    row["ratio"] = round(statistics.median(b / a for a, b in rows), 3)
    row["mean_ratio"] = round(sum(b for _, b in rows) / sum(a for a, _ in rows), 3)  # seldom work is in it
    print(json.dumps({**row, "target": 0.95}), flush=True)


def sample(name: str, counts: list[int]) -> None:
    """Drawing symbol by symbol against full passes."""
    for n, drawn, whole, growing in json.loads(python(SAMPLE, json.dumps([name, LENGTH, counts]))):
        row = {"what": f"sample {name}", "n": n, "symbols": LENGTH}
        row |= {
            f"{what}_ms": round(1000 * s / LENGTH, 3) for what, s in zip(WAYS, (drawn, whole, growing), strict=True)
        }
        row |= {"times_whole": round(whole / drawn, 1), "times_growing": round(growing / drawn, 1)}
        print(json.dumps({**row, "target": 50}), flush=True)


def main() -> None:
    """Run the named parts, all of them when none is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="train, sample, cache")
    parser.add_argument("--models", nargs="+", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--draws", nargs="+", type=int, default=[1, 16], help="sequences that are drawn together")
    options = parser.parse_args()
    what = options.what or ["train", "sample", "cache"]
    print(json.dumps({"python": sys.version.split()[0], "threads": 1}), flush=True)
    for name in options.models:
        if "train" in what:
            train(name)
        if "sample" in what:
            sample(name, options.draws)
    if "cache" in what:
        print(json.dumps({"what": "cache", **json.loads(python(CACHE, json.dumps([64, LENGTH])))}), flush=True)


if __name__ == "__main__":
    main()

"""A DCGAN step through ``genlab train`` against bare loops, in one run: ``python scripts/bench_games.py``.

One process takes genlab's step and a step of each bare loop in turn, so that whatever else the machine does hits all of
them alike; between two of genlab's steps lies everything that the command does there: the batch, both players, loggers,
callbacks. The bare loops have the same networks, losses and optimisers on batches of floats that are already there:

    usual   as in most tutorials: the generator's step also computes the discriminator's gradients, NCHW
    lean    one forward pass of the generator, the discriminator frozen in its step, fused Adam, channels last

Times are medians in milliseconds; with ``--cpu`` those of the process and not of the clock (for a machine in use).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys

from bench import python

STEP = """
import json, sys, tempfile, time
from pathlib import Path
import torch
from torch import nn
from torch.nn.functional import softplus
from rich.console import Console
from genlab import build
from genlab.training.callbacks.in_turn import Chain
from genlab.commands import train
from genlab.config.compose import compose
from genlab.data.spaces import DataSpec, Dataset, Split
shape, channels, batch, steps, threads, cpu = json.loads(sys.argv[1])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
clock = time.process_time if cpu else time.perf_counter
depth, side, _ = shape
x8 = torch.randint(256, (4 * batch, *shape), dtype=torch.uint8)
x32 = x8.float() / 127.5 - 1
def init(net):
    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)): nn.init.normal_(m.weight, 0, 0.02)
        if isinstance(m, nn.BatchNorm2d): nn.init.normal_(m.weight, 1, 0.02)
    return net
def networks():
    field, count = side, 0
    while field > 7: field, count = field // 2, count + 1
    w = [channels * 2**i for i in range(count)]
    g = [nn.ConvTranspose2d(100, w[-1], field, bias=False)]
    for a, b in zip(w[::-1], [*w[::-1][1:], depth]):
        g += [nn.BatchNorm2d(a), nn.ReLU(True), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=b == depth)]
    d = [nn.Conv2d(depth, w[0], 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for a, b in zip(w, w[1:]):
        d += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)]
    return init(nn.Sequential(*g, nn.Tanh())), init(nn.Sequential(*d, nn.Conv2d(w[-1], 1, field), nn.Flatten(0)))
def loop(lean):
    g, d = networks()
    layout = torch.channels_last if lean else torch.contiguous_format
    g, d = g.to(memory_format=layout), d.to(memory_format=layout)
    og, od = (torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=lean or None) for n in (g, d))
    def step():
        x = x32[torch.randint(len(x32), (batch,))].contiguous(memory_format=layout)
        fake = g(torch.randn(batch, 100, 1, 1))
        od.zero_grad()
        (softplus(-d(x)).mean() + softplus(d(fake.detach())).mean()).backward()
        od.step()
        if lean: d.requires_grad_(False)
        og.zero_grad()
        softplus(-d(fake)).mean().backward()
        og.step()
        if lean: d.requires_grad_(True)
    return step
loops = [loop(True), loop(False)]
times = []
end, since = Chain.end_step, [clock()]
def both(self, trainer, module):
    end(self, trainer, module)
    row, start = [clock() - since[0]], clock()
    for each in loops:
        each()
        row.append(clock() - start)
        start = clock()
    times.append(row)
    since[0] = clock()
Chain.end_step = both
part = Split(x8)
data = Dataset("random", DataSpec(tuple(shape), 256), part, part, part)
build.dataset = lambda *args, **rest: data
words = ["model=dcgan", "data=digits", f"data.batch_size={batch}", f"model.channels={channels}", "trainer=cpu"]
words += [f"trainer.max_steps={steps}", f"trainer.threads={threads}", "trainer.log_every_n_steps=50"]
words += ["trainer.max_epochs=1000000", "trainer.check_val_every_n_epoch=1000000"]
words += ["callbacks.checkpoint.every_seconds=null"]
with tempfile.TemporaryDirectory() as folder:
    for name in ("checkpoints", "samples"): (Path(folder) / name).mkdir()
    train.run(Path(folder), compose("train", words).config, console=Console(quiet=True))
print(json.dumps(times[5:-1]))
"""


def main() -> None:
    """Measure at two sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpu", action="store_true", help="time of the process, not of the clock")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {options.threads} thread(s)")
    for shape, channels, batch in (([1, 28, 28], 64, 128), ([3, 64, 64], 32, 64)):
        settings = json.dumps([shape, channels, batch, options.steps, options.threads, options.cpu])
        rows = json.loads(python(STEP, settings).splitlines()[-1])
        ours, lean, usual = (1000 * statistics.median(column) for column in zip(*rows, strict=True))
        to_lean, to_usual = (statistics.median(row[0] / row[i] for row in rows) for i in (1, 2))
        print(
            f"DCGAN {shape[1]}x{shape[2]}, width {channels}, batch {batch}: genlab train {ours:.1f} ms a step; "
            f"lean loop {lean:.1f} ms: ratio {to_lean:.3f} (target 1.05); usual loop {usual:.1f} ms: ratio "
            f"{to_usual:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

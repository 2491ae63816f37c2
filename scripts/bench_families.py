"""Speed of the families against bare loops, in one run: ``python scripts/bench_families.py [flow] [ebm] [sampler]``.

Nothing else should run on the machine. Prints one line per figure; times are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time

from bench import python

FLOW = """
import json, sys, time
import torch
from torch import nn
from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.models import realnvp
from genlab.objectives import MaximumLikelihood
torch.set_num_threads(1)
torch.set_flush_denormal(True)
dim, width, batch, couplings, norm = json.loads(sys.argv[1])
x = torch.randn(batch, dim)
class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        relu, sizes = nn.ReLU(), ((dim // 2, width), (width, width), (width, dim))
        layers = lambda: [nn.Linear(a, b) for a, b in sizes]
        nets = [layers() for _ in range(couplings)]
        self.nets = nn.ModuleList(nn.Sequential(a, relu, b, relu, c) for a, b, c in nets)
    def forward(self, x):
        a, b = x.chunk(2, 1)
        log_det = 0
        for net in self.nets:
            s, t = net(a).chunk(2, 1)
            s = torch.tanh(s)
            a, b = b * torch.exp(s) + t, a
            log_det = log_det + s.sum(1)
        z = torch.cat([a, b], 1)
        return (0.5 * z.square().sum(1) - log_det).mean()
def rate(model, loss):
    optimiser = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    steps, start = 0, None
    while start is None or time.perf_counter() - start < 3:
        if steps == 5: start, steps = time.perf_counter(), 6
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()
        steps += 1
    return (steps - 6) / (time.perf_counter() - start)
ours = realnvp(DataSpec((dim,), None), couplings=couplings, hidden=[width, width], norm=norm)
objective, data = MaximumLikelihood(), Batch(x)
bare = Bare()
pairs = [[rate(ours, lambda: objective(ours, data, step=0).value), rate(bare, lambda: bare(x))] for _ in range(5)]
print(json.dumps(pairs))
"""

EBM = """
import json, sys, time
import torch
from torch import nn
torch.set_flush_denormal(True)
torch.set_num_threads(int(sys.argv[1]))
from genlab.data.batches import Batch
from genlab.data.spaces import DataSpec
from genlab.models import EBM
from genlab.objectives import ContrastiveDivergence
BATCH, STEPS = 128, 60
x8 = torch.randint(256, (BATCH, 1, 28, 28), dtype=torch.uint8)
def network():
    widths, layers = [1, 16, 32, 64, 64], []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Conv2d(a, b, 3 if i else 5, stride=2, padding=1 if i else 4), nn.SiLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 64), nn.SiLU(), nn.Linear(64, 1))
def usual(net, optimiser):
    x = x8.float() / 127.5 - 1 + 0.005 * torch.randn(BATCH, 1, 28, 28)
    net.eval()
    for p in net.parameters(): p.requires_grad = False
    u = (torch.rand(BATCH, 1, 28, 28) * 2 - 1).requires_grad_()
    noise = torch.empty_like(u)
    for _ in range(STEPS):
        noise.normal_(0, 0.005)
        u.data.add_(noise).clamp_(-1, 1)
        net(u).sum().backward()
        u.grad.data.clamp_(-0.03, 0.03)
        u.data.add_(-10 * u.grad.data)
        u.grad.zero_()
        u.data.clamp_(-1, 1)
    for p in net.parameters(): p.requires_grad = True
    net.train()
    optimiser.zero_grad()
    energy = net(torch.cat([x, u.detach()])).squeeze(1)
    of_data, of_samples = energy.chunk(2)
    (of_data.mean() - of_samples.mean() + 0.1 * (of_data**2 + of_samples**2).mean()).backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    optimiser.step()
def genlab(model, objective, optimiser):
    optimiser.zero_grad()
    objective(model, Batch(x8), step=0).value.backward()
    optimiser.step()
def make(channels, swapped):
    model, objective = EBM(DataSpec((1, 28, 28), 256), channels=channels), ContrastiveDivergence(steps=STEPS)
    if swapped:
        class Squeezed(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = network().to(memory_format=torch.channels_last)
            def forward(self, u):
                return self.net(u.contiguous(memory_format=torch.channels_last)).squeeze(1)
        model.network = Squeezed()
    objective.prepare(model)
    return lambda o=torch.optim.Adam(model.parameters(), 1e-4, fused=True): genlab(model, objective, o)
net = network()
candidates = [lambda o=torch.optim.Adam(net.parameters(), 1e-4): usual(net, o), make(16, True), make(16, False),
              make(32, False)]
times = [[] for _ in candidates]
for round in range(int(sys.argv[2]) + 1):
    for kept, step in zip(times, candidates):
        start = time.perf_counter()
        step()
        kept.append(time.perf_counter() - start)
print(json.dumps([kept[1:] for kept in times]))
"""


def flow() -> None:
    """Training steps of Real NVP on vectors, one thread, against a bare loop without normalisation layers."""
    for dim, width, batch in ((2, 64, 512), (784, 256, 128)):
        for norm in ("none", "actnorm"):
            pairs = json.loads(python(FLOW, json.dumps([dim, width, batch, 8, norm])))
            ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(
                f"Real NVP {dim:3d}-D          8 couplings, width {width}, batch {batch}, norm={norm}: "
                f"{ours:.1f} steps/s, bare loop without norm {bare:.1f}, ratio {ratio:.2f}",
                flush=True,
            )


def ebm(*, threads: int, rounds: int) -> None:
    """Contrastive divergence on 28x28 pictures, batches of 128, 60 Langevin steps, against the usual recipe."""
    usual, same, small, default = (statistics.median(c) for c in json.loads(python(EBM, str(threads), str(rounds))))
    print(
        f"EBM, {threads} thread(s)       usual recipe {1 / usual:.2f} steps/s; its network in genlab {1 / same:.2f} "
        f"(ratio {usual / same:.2f}); genlab's own, 16 channels {1 / small:.2f} (ratio {usual / small:.2f}), default "
        f"width {1 / default:.2f} (ratio {usual / default:.2f})",
        flush=True,
    )


def sampler(*, threads: int) -> None:
    """The incremental sampler of the PixelCNNs against a full pass per pixel, 28x28 binary pictures."""
    import torch

    from genlab.data.spaces import DataSpec
    from genlab.models import GatedPixelCNN, PixelCNN

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    spec = DataSpec((1, 28, 28), 2)
    for name, model, sizes in (
        ("PixelCNN 15 blocks, 32 channels", PixelCNN(spec), (16, 64, 256)),
        ("Gated PixelCNN 10 blocks, 128 channels", GatedPixelCNN(spec, channels=128, blocks=10), (16, 64)),
    ):
        for n in sizes:
            x = model.sample(n)
            times = []
            for _ in range(5):
                start = time.perf_counter()
                model.sample(n)
                times.append(time.perf_counter() - start)
            passes = 3
            with torch.inference_mode():
                model.outputs(x)
                start = time.perf_counter()
                for _ in range(passes):
                    model.outputs(x)
                full = (time.perf_counter() - start) / passes * 784
            ours = statistics.median(times)
            print(
                f"{name}, {n:3d} pictures, {threads} thread(s): {ours:.2f} s; a full pass per pixel {full:.0f} s "
                f"({passes} of 784 passes measured): ratio {full / ours:.0f}",
                flush=True,
            )


def main() -> None:
    """Run the named benchmarks, all of them when none is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="flow, ebm, sampler")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of ebm and sampler")
    options = parser.parse_args()
    what = options.what or ["flow", "ebm", "sampler"]
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    if "flow" in what:
        flow()
    if "ebm" in what:
        ebm(threads=options.threads, rounds=options.rounds)
    if "sampler" in what:
        sampler(threads=options.threads)


if __name__ == "__main__":
    main()

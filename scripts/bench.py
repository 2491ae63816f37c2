"""Speed against the floor, as ratios measured in one run: ``python scripts/bench.py [startup] [loader] [epoch]``.

The other benchmarks are started the same way, with options of their own: ``python scripts/bench.py cpu``, `OTHERS`.

Nothing else should run on the machine. MNIST is read from ``$GENLAB_DATA``. Prints one line per figure; times are
medians. Never a test: a loaded machine would fail it for no fault of the code.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GENLAB = str(Path(sys.executable).with_name("genlab"))
BATCH = 128
STEPS = 429
OTHERS = ("codec", "cpu", "curves", "families", "games", "gpu", "peers", "sequences", "stream")
SHAPES = {"784-400-20": ([400], 20), "784-500-500-50": ([500, 500], 50)}

BARE = """
import json, sys, time
import torch
from torch import nn
from torch.nn import functional as F
torch.set_flush_denormal(True)
from genlab.data import binarized_mnist
from genlab.data.images.binarise import binarise
hidden, latent, epochs, dynamic = json.loads(sys.argv[1])
data = binarized_mnist(root=None)
generator = torch.Generator().manual_seed(0)
x8 = data.train.x.view(-1, 784)
x32 = x8.float() / 255
def mlp(sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]): layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
encoder, decoder = mlp([784, *hidden, 2 * latent]), mlp([latent, *hidden[::-1], 784])
optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
steps = len(x8) // 128
times = []
for epoch in range(epochs):
    start = time.perf_counter()
    order = torch.randperm(len(x8))
    for i in range(steps):
        index = order[i * 128 : (i + 1) * 128]
        x = binarise(x8[index], generator).float() if dynamic else x32[index]
        mean, log_var = encoder(x).chunk(2, 1)
        logits = decoder(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum()
        optimiser.zero_grad(set_to_none=True)
        ((reconstruction + kl) / len(x)).backward()
        optimiser.step()
    times.append(time.perf_counter() - start)
print(json.dumps([steps, times]))
"""

FIRST_STEP = """
import os, sys, time
from genlab.training.callbacks.steps import Steps
import genlab.cli.main
def end(self, *rest):
    print("FIRST_STEP", time.time(), flush=True)
    os._exit(0)
Steps.end_step = end
sys.argv = ["genlab", "train", "data=mnist", "trainer.enable_progress_bar=false", "outputs=" + sys.argv[1]]
genlab.cli.main.main()
"""

LOADER = """
import json, time
import torch
from genlab.data import mnist
from genlab.data.batches import BatchLoader
data = mnist(root=None)
x, n = data.train.x, len(data.train.x)
def ours():
    start = time.perf_counter()
    steps = 4 * (n // 128)
    for batch in BatchLoader(data.train, batch_size=128, seed=0, num_steps=steps): pass
    return steps * 128 / (time.perf_counter() - start)
def plain():
    start = time.perf_counter()
    for epoch in range(4):
        order = torch.randperm(n)
        for i in range(n // 128): x[order[i * 128 : (i + 1) * 128]]
    return 4 * (n // 128) * 128 / (time.perf_counter() - start)
ours(), plain()
print(json.dumps([[ours(), plain()] for _ in range(7)]))
"""


def timed(command: list[str], *, runs: int = 5, ok: tuple[int, ...] = (0,)) -> float:
    """Median wall time of a command, seconds, after one warm-up."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        status = subprocess.run(command, capture_output=True, check=False).returncode
        times.append(time.perf_counter() - start)
        if status not in ok:
            raise SystemExit(f"{command} ended with {status}")
    return statistics.median(times[1:])


def python(code: str, *words: str) -> str:
    """Standard output of a fresh interpreter that runs ``code``."""
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True).stdout


def startup() -> None:
    """Help, list, config error, and the time to the first training step."""
    print(f"genlab --help          {timed([GENLAB, '--help']):.3f} s (target 0.3)")
    print(f"genlab list            {timed([GENLAB, 'list']):.3f} s (target 0.3)")
    print(f"config error           {timed([GENLAB, 'train', 'optim.lr=-1'], ok=(2,)):.3f} s (target 1.5)")
    imports = timed([sys.executable, "-c", "import torch, torchvision, pytorch_lightning"], runs=3)
    firsts = []
    with tempfile.TemporaryDirectory() as outputs:
        for _ in range(4):
            start = time.time()
            firsts.append(float(python(FIRST_STEP, outputs).split("FIRST_STEP")[1].split()[0]) - start)
    first = statistics.median(firsts[1:])
    limit = 1.3 * imports + 2
    print(f"bare imports           {imports:.2f} s")
    print(f"first training step    {first:.2f} s (target {limit:.2f} = 1.3 x imports + 2 s)", flush=True)


def loader() -> None:
    """uint8 MNIST batches of 128, shuffled and resumable, against plain indexing."""
    pairs = json.loads(python(LOADER))
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"loader                 {ours:,.0f} images/s (target 500,000), plain indexing {plain:,.0f}, ratio {ratio:.2f}"
    )


def genlab_epoch(hidden: list[int], latent: int, epochs: int) -> list[float]:
    """Seconds per epoch of ``genlab train`` on a terminal, with both loggers, from TensorBoard's clock."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tempfile.TemporaryDirectory() as outputs:
        words = ["train", "model=vae", "data=binarized_mnist", f"model.hidden={hidden}", f"model.latent_dim={latent}"]
        words += [f"trainer.max_epochs={epochs + 1}", "trainer.log_every_n_steps=39", "optim.schedule=constant"]
        words += ["trainer.check_val_every_n_epoch=1000", "test.num_particles=1", f"outputs={outputs}"]
        child, terminal = pty.fork()
        if child == 0:
            os.execv(GENLAB, [GENLAB, *[word.replace(" ", "") for word in words]])
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:  # the terminal closes when its process ends
            os.waitpid(child, 0)
        (folder,) = Path(outputs).glob("train/*/*/tensorboard")
        events = EventAccumulator(str(folder))
        events.Reload()
        clock = {event.step: event.wall_time for event in events.Scalars("train/loss")}
    # from the first row of an epoch to the last: the run's end, with its evaluation, is not in it
    return [(clock[STEPS * (i + 1)] - clock[STEPS * i]) for i in range(1, epochs + 1)]


def epoch(*, rounds: int, epochs: int) -> None:
    """A VAE epoch on MNIST through ``genlab train`` against a tuned bare loop, in turn, the same number of steps."""
    for name, (hidden, latent) in SHAPES.items():
        ours, same, fixed = [], [], []
        for _ in range(rounds):
            ours += genlab_epoch(hidden, latent, epochs)
            for dynamic, kept in ((True, same), (False, fixed)):
                steps, times = json.loads(python(BARE, json.dumps([hidden, latent, epochs + 1, dynamic])))
                if steps != STEPS:
                    raise SystemExit(f"the bare loop took {steps} steps")
                kept += times[1:]
        a, b, c = (statistics.median(column) for column in (ours, same, fixed))
        print(
            f"VAE {name:15s}    genlab train {a:.2f} s/epoch ({STEPS} steps of {BATCH}); bare loop with fused Adam "
            f"and flushed denormals, same dynamic binarisation {b:.2f} s: ratio {a / b:.3f} (target 1.10); "
            f"on float32 without binarisation {c:.2f} s: ratio {a / c:.3f}",
            flush=True,
        )


def main() -> None:
    """Run the named benchmarks, all of them when none is named."""
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        script = Path(__file__).with_name(f"bench_{sys.argv[1]}.py")
        sys.argv = [str(script), *sys.argv[2:]]
        runpy.run_path(str(script), run_name="__main__")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="startup, loader, epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    what = options.what or ["startup", "loader", "epoch"]
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    if "startup" in what:
        startup()
    if "loader" in what:
        loader()
    if "epoch" in what:
        epoch(rounds=options.rounds, epochs=options.epochs)


if __name__ == "__main__":
    main()

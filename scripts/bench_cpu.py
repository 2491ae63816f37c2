"""Training steps on one core against bare loops, in one run: ``python scripts/bench.py cpu [vae pixelcnn ...]``.

One process takes a step of ``genlab train`` and one of each bare loop in turn, so that whatever else the machine does
hits all of them alike. Between two steps of genlab's lies all that the command does there: the batch, the schedule,
loggers, callbacks. Times are those of the process, not of the clock, and ratios are medians of ratios within a round.

    same    the same model, objective, optimiser, data and transform in a plain loop, without seeds, log and schedule
    lean    (of a VAE) written by hand: sums in place of losses of each example, as fast as PyTorch does it

MNIST is read from ``$GENLAB_DATA``. ``scoring`` compares IWAE's scoring with the products of matrices in it alone.
Games are in ``bench_games.py``. Every figure is a JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

from bench import python

JOBS = {
    "vae": ["model=vae", "data=binarized_mnist", "model.hidden=[400]", "model.latent_dim=20"],
    "vae-500": ["model=vae", "data=binarized_mnist", "model.hidden=[500,500]", "model.latent_dim=50"],
    "ebm": ["model=ebm", "data=mnist", "data.batch_size=32"],
    "realnvp-plane": ["model=realnvp", "data=toy2d", "data.batch_size=512"],
    "realnvp": ["model=realnvp", "data=mnist", "data.batch_size=8"],
    "pixelcnn": ["model=pixelcnn", "data=binarized_mnist", "data.batch_size=8"],
}
STEPS = {"vae": 400, "vae-500": 250, "realnvp-plane": 400}
LEAN = {"vae": ([400], 20), "vae-500": ([500, 500], 50)}

STEP = """
import json, sys, tempfile, time
from pathlib import Path
import torch
from torch import nn
from torch.nn import functional as F
from rich.console import Console
from genlab import build
from genlab.commands import train
from genlab.config.compose import compose
from genlab.data.batches import Batch
from genlab.process import allocator
from genlab.training.callbacks.in_turn import Chain
words, steps, lean = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.set_flush_denormal(True)
allocator.prepare()
words += [f"trainer.max_steps={steps}", "trainer=cpu", "trainer.threads=1", "trainer.max_epochs=1000000"]
words += ["trainer.check_val_every_n_epoch=1000000", "callbacks.checkpoint.every_seconds=null"]
words += ["test.num_particles=1", "trainer.enable_progress_bar=false"]
config = compose("train", words).config
data = build.dataset(config["data"], trust=())
batch, x8, change = config["data"]["batch_size"], data.train.x, data.train_transform
class Batches:
    def __init__(self):
        self.generator, self.order, self.at = torch.Generator().manual_seed(0), torch.randperm(len(x8)), 0
        self.flat = x8.flatten(1)
    def next(self):
        if self.at + batch > len(x8): self.order, self.at = torch.randperm(len(x8)), 0
        index = self.order[self.at : self.at + batch]
        self.at += batch
        x = self.flat.index_select(0, index).view(-1, *x8.shape[1:])
        return x if change is None else change(x, self.generator)
def same():
    model, objective = build.model(config["model"], data.spec, trust=()), build.objective(config["objective"], trust=())
    objective.prepare(model)
    optimiser = build.optimiser(config["optim"]).build(model.parameters(), fused=True)
    clip, batches, count = config["trainer"]["gradient_clip_val"], Batches(), [0]
    def step():
        loss = objective(model, Batch(batches.next()), step=count[0])
        optimiser.zero_grad(set_to_none=True)
        loss.value.backward()
        if clip: nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        count[0] += 1
    return step
def by_hand(hidden, latent):
    def mlp(sizes):
        layers = []
        for a, b in zip(sizes, sizes[1:]): layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    encoder, decoder = mlp([784, *hidden, 2 * latent]), mlp([latent, *hidden[::-1], 784])
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
    batches = Batches()
    def step():
        x = batches.next().flatten(1).float()
        mean, log_var = encoder(x).chunk(2, 1)
        logits = decoder(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum()
        optimiser.zero_grad(set_to_none=True)
        ((reconstruction + kl) / len(x)).backward()
        optimiser.step()
    return step
loops = [same(), *([by_hand(*lean)] if lean else [])]
times, end, clock = [], Chain.end_step, time.process_time
since = [clock()]
def all_in_turn(self, trainer, module):
    end(self, trainer, module)
    row, start = [clock() - since[0]], clock()
    for each in loops:
        each()
        row.append(clock() - start)
        start = clock()
    times.append(row)
    since[0] = clock()
Chain.end_step = all_in_turn
build.dataset = lambda *args, **rest: data
class Enough(Exception): pass
with tempfile.TemporaryDirectory() as folder:
    for name in ("checkpoints", "samples"): (Path(folder) / name).mkdir()
    from genlab.training.callbacks.validation import Validation
    Validation.end_step = lambda *rest: None  # the run's end is not measured
    from genlab.commands import summary
    summary.write = lambda *rest, **named: {}
    train.run(Path(folder), config, console=Console(quiet=True))
print(json.dumps(times[5:-1]))
"""

SCORING = """
import json, sys, time
import torch
torch.set_num_threads(1)
torch.set_flush_denormal(True)
from genlab.data.spaces import DataSpec
from genlab.models import VAE
from genlab.process import allocator
allocator.prepare()
model = VAE(DataSpec((1, 28, 28), 2), hidden=[200, 200], latent_dim=50).eval()
x, particles = torch.randint(2, (20, 1, 28, 28), dtype=torch.uint8), 500
generators = [torch.Generator().manual_seed(i) for i in range(len(x))]
clock, rows = time.process_time, []
weights = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)]
decoder = weights[len(weights) // 2 :]
def products():  # of the decoder, for all particles, 50 of each example at a time
    for _ in range(particles // 50):
        for weight in decoder: torch.mm(inputs[weight.shape[1]], weight.t())
inputs = {weight.shape[1]: torch.randn(len(x) * 50, weight.shape[1]) for weight in decoder}
a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
with torch.inference_mode():
    for _ in range(9):
        start = clock(); model.log_prob_bound(x, particles, generator=generators); scored = clock() - start
        start = clock(); products(); multiplied = clock() - start
        start = clock(); [a @ b for _ in range(10)]; peak = 10 * 2 * 1024**3 / (clock() - start)
        rows.append([scored, multiplied, peak])
flop = 2 * particles * len(x) * sum(weight.numel() for weight in decoder)
print(json.dumps([flop, rows[2:]]))
"""


def steps(name: str, count: int) -> None:
    """One job, in turn with its bare loops."""
    rows = json.loads(python(STEP, json.dumps([JOBS[name], count, LEAN.get(name)])).splitlines()[-1])
    row = {"what": name, "job": " ".join(JOBS[name]), "rounds": len(rows)}
    row["genlab_ms"] = round(1000 * statistics.median(each[0] for each in rows), 3)
    for at, loop in enumerate(["same", "lean"][: len(rows[0]) - 1], start=1):
        row[f"{loop}_ms"] = round(1000 * statistics.median(each[at] for each in rows), 3)
        row[f"ratio_{loop}"] = round(statistics.median(each[0] / each[at] for each in rows), 3)
        # seldom work (log, hooks once a window) is in the mean only
        row[f"mean_ratio_{loop}"] = round(sum(each[0] for each in rows) / sum(each[at] for each in rows), 3)
    print(json.dumps(row), flush=True)


def scoring() -> None:
    """IWAE's bound with K = 500: its matrix products' share of the peak that large products reach, and of the time."""
    flop, rows = json.loads(python(SCORING).splitlines()[-1])
    row = {"what": "scoring", "job": "VAE 784-200-200-50, K = 500, 20 pictures", "rounds": len(rows)}
    row["gflop_per_second"] = round(statistics.median(flop / each[0] for each in rows) / 1e9, 1)
    row["its_products_alone"] = round(statistics.median(flop / each[1] for each in rows) / 1e9, 1)
    row["peak"] = round(statistics.median(each[2] for each in rows) / 1e9, 1)
    row["share_of_peak"] = round(statistics.median(flop / each[0] / each[2] for each in rows), 3)
    print(json.dumps(row), flush=True)


def main() -> None:
    """Run the named jobs, all of them when none is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help=", ".join([*JOBS, "scoring"]))
    parser.add_argument("--steps", type=int, default=40, help="of the slow jobs")
    options = parser.parse_args()
    what = options.what or [*JOBS, "scoring"]
    print(json.dumps({"python": sys.version.split()[0], "threads": 1}), flush=True)
    for name in JOBS:
        if name in what:
            steps(name, STEPS.get(name, options.steps))
    if "scoring" in what:
        scoring()


if __name__ == "__main__":
    main()

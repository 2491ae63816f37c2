"""Training steps beside other libraries' models of the same job: ``python scripts/bench.py peers [vae vae-500 ...]``.

Each is installed where it is wanted (``pip install --no-deps pythae zuko normflows``); one that is not there is left
out, which is said. As in ``bench_cpu.py`` a step of ``genlab train``, all that it does included, and one of each
library in turn, in one process of one thread; times are those of the process. A library's step is its model and its
loss in the loop that its documentation has: batch, loss, backward, Adam. Every figure is a JSON line.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from bench import python
from bench_cpu import JOBS, STEP, STEPS
from torch import Tensor, nn

Step = Callable[[], None]
PEERS = {
    "vae": ("pythae",),
    "vae-500": ("pythae",),
    "realnvp-plane": ("zuko", "normflows"),
}
SIZES = {"vae": (400,), "vae-500": (500, 500)}
LATENT = {"vae": 20, "vae-500": 50}


def stepping(module: nn.Module, loss: Callable[[Tensor], Tensor], batches: Callable[[], Tensor]) -> Step:
    """A step of Adam on ``loss`` of the next batch."""
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)

    def step() -> None:
        value = loss(batches())
        optimiser.zero_grad()
        value.backward()
        optimiser.step()

    return step


def pythae(job: str, batches: Callable[[], Tensor]) -> Step:
    """C. Chadebec, L. J. Vincent, S. Allassonniere, "Pythae", 2022, https://github.com/clementchadebec/benchmark_VAE."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    hidden, latent = SIZES[job], LATENT[job]

    def layers(sizes: list[int]) -> nn.Sequential:
        return nn.Sequential(*(each for a, b in pairwise(sizes) for each in (nn.Linear(a, b), nn.ReLU())))

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = layers([784, *hidden])
            self.mean, self.log_var = (nn.Linear(hidden[-1], latent) for _ in range(2))

        def forward(self, x: Tensor) -> ModelOutput:
            h = self.body(x.reshape(-1, 784))
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(layers([latent, *hidden[::-1]]), nn.Linear(hidden[0], 784), nn.Sigmoid())

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).reshape(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=latent, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    return stepping(model, lambda x: model({"data": x}).loss, lambda: batches().float())


def zuko(job: str, batches: Callable[[], Tensor]) -> Step:
    """F. Rozet and others, "Zuko", 2022, https://github.com/probabilists/zuko: its RealNVP, 8 couplings of 64, 64."""
    from zuko.flows import RealNVP

    flow = RealNVP(2, transforms=8, hidden_features=(64, 64))
    return stepping(flow, lambda x: -flow().log_prob(x).mean(), batches)


def normflows(job: str, batches: Callable[[], Tensor]) -> Step:
    """V. Stimper and others, "normflows", 2023, https://github.com/VincentStimper/normalizing-flows."""
    import normflows as nf

    flows: list[nn.Module] = []
    for _ in range(8):
        flows.append(nf.flows.AffineCouplingBlock(nf.nets.MLP([1, 64, 64, 2], init_zeros=True)))
        flows.append(nf.flows.Permute(2, mode="swap"))
    model = nf.NormalizingFlow(nf.distributions.base.DiagGaussian(2), flows)
    return stepping(model, model.forward_kld, batches)


def here(job: str) -> list[str]:
    """The libraries of a job that are installed."""
    return [name for name in PEERS[job] if importlib.util.find_spec(name) is not None]


def loops(job: str, batches: Callable[[], Tensor]) -> list[Step]:
    """The steps of a job's libraries that are here, in the order of `here`."""
    return [globals()[name](job, batches) for name in here(job)]


def main() -> None:
    """Run the named jobs, all of them when none is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=", ".join(PEERS))
    options = parser.parse_args()
    unknown = sorted(set(options.what) - set(PEERS))
    if unknown:
        parser.error(f"no such job: {', '.join(unknown)}; choose from {', '.join(PEERS)}")
    # in bench_cpu's loop, the libraries take the place of the bare loops
    loop = STEP.replace(
        "loops = [same(), *([by_hand(*lean)] if lean else [])]",
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from bench_peers import loops as peers\n"
        "loops = peers(lean, Batches().next)",
    )
    for job in options.what or PEERS:
        names = here(job)
        for name in set(PEERS[job]) - set(names):
            print(json.dumps({"what": job, "not installed": name}), flush=True)
        if not names:
            continue
        rows = json.loads(python(loop, json.dumps([JOBS[job], STEPS[job], job])).splitlines()[-1])
        row = {"what": job, "rounds": len(rows), "genlab_ms": round(1000 * statistics.median(r[0] for r in rows), 3)}
        for at, name in enumerate(names, start=1):
            row[f"{name}_ms"] = round(1000 * statistics.median(each[at] for each in rows), 3)
            row[f"times_as_fast_as_{name}"] = round(statistics.median(each[at] / each[0] for each in rows), 3)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())

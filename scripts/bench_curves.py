"""What a step costs, in time and memory, against batch, picture size, width and examples: one core, one figure each.

    python scripts/bench.py curves [--out docs/speed]

Steps of a plain loop on random pictures (loader, objective, gradient, fused Adam); the rest of ``genlab train`` costs
some per cent (``bench_cpu.py``). Each point is a process of its own. Time is that of the process, the median of its
steps; memory is the most that was resident beyond what the libraries take, the data in it. Every point is a JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genlab.data.batches import BatchLoader
from genlab.data.spaces import DataSpec, Split
from genlab.models import EBM, VAE, PixelCNN, realnvp
from genlab.objectives import ELBO, ContrastiveDivergence, MaximumLikelihood

BASE = {"batch": 64, "size": 16, "width": 1, "examples": 10_000}
AXES = {
    "batch": [8, 32, 128, 512],
    "size": [8, 16, 32, 64],
    "width": [1, 2, 4, 8],
    "examples": [1_000, 10_000, 100_000, 1_000_000],
}
LABELS = {
    "batch": "batch",
    "size": "side of the picture",
    "width": "width, times the least",
    "examples": "training examples",
}
FAMILIES: dict[str, Callable[[DataSpec, int], tuple[torch.nn.Module, Any]]] = {
    "VAE, 100 w hidden units": lambda spec, w: (VAE(spec, network="mlp", hidden=[100 * w], latent_dim=16), ELBO()),
    "PixelCNN, 3 blocks, 8 w channels": lambda spec, w: (
        PixelCNN(spec, channels=8 * w, blocks=3),
        MaximumLikelihood(),
    ),
    "Real NVP, 2 scales, 8 w channels": lambda spec, w: (
        realnvp(spec, channels=8 * w, blocks=1, scales=2),
        MaximumLikelihood(),
    ),
    "EBM, 10 Langevin steps, 8 w channels": lambda spec, w: (
        EBM(spec, channels=8 * w),
        ContrastiveDivergence(steps=10),
    ),
}
LEVELS = {"VAE": 2, "PixelCNN": 2, "Real NVP": 256, "EBM": 256}
SECONDS, LEAST, MOST = 0.8, 3, 200


def resident(name: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))


def steps(family: str, point: dict[str, int], *, seconds: float) -> float:
    """Milliseconds of a step, the median of as many as take so many seconds."""
    spec = DataSpec((1, point["size"], point["size"]), LEVELS[family.partition(",")[0]])
    x = torch.randint(spec.levels or 2, (point["examples"], *spec.event_shape), dtype=torch.uint8)
    torch.manual_seed(0)
    model, objective = FAMILIES[family](spec, point["width"])
    objective.prepare(model)
    optimiser = torch.optim.Adam(model.parameters(), 1e-4, fused=True)
    times, total = [], 0.0
    for step, batch in enumerate(BatchLoader(Split(x), batch_size=point["batch"], seed=0, num_steps=MOST)):
        start = time.process_time()
        optimiser.zero_grad(set_to_none=True)
        objective(model, batch, step=step).value.backward()
        optimiser.step()
        times.append(time.process_time() - start)
        total += times[-1] if step else 0.0
        if total > seconds and len(times) > LEAST:
            break
    return 1000 * statistics.median(times[1:])


def measure(family: str, point: dict[str, int]) -> dict[str, float]:
    """Milliseconds of a step and megabytes, in a process that has done nothing else."""
    steps(family, {"batch": 2, "size": 8, "width": 1, "examples": 8}, seconds=0)  # pages in the libraries' code
    before = resident("VmRSS")
    return {"ms": steps(family, point, seconds=SECONDS), "mb": (resident("VmHWM") - before) / 1e6}


def apart(family: str, point: dict[str, int]) -> dict[str, float]:
    """`measure` in a process that is forked off after the imports."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(measure(family, point)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.waitpid(child, 0)
    if not said:
        raise SystemExit(f"{family} {point}: ended without a figure")
    return json.loads(said)


def draw(axis: str, found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Time and memory of each family against one axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for panel, what, name in zip(panels, ("ms", "mb"), ("ms a step", "MB"), strict=True):
        for family, points in found.items():
            panel.loglog(AXES[axis], [point[what] for point in points], marker="o", markersize=3, label=family)
        panel.set_xlabel(LABELS[axis])
        panel.set_ylabel(name)
        panel.set_xticks(AXES[axis], [f"{value:,}" for value in AXES[axis]])
        panel.minorticks_off()
        panel.grid(visible=True, alpha=0.3)
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, fontsize=8, ncols=2, loc="outside lower center")
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def main() -> None:
    """Measure every axis and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("axes", nargs="*", help=", ".join(AXES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "speed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(json.dumps({"python": sys.version.split()[0], "torch": torch.__version__, "base": BASE}), flush=True)
    for axis in options.axes or AXES:
        found: dict[str, list[dict[str, float]]] = {family: [] for family in FAMILIES}
        for family, points in found.items():
            for value in AXES[axis]:
                points.append(apart(family, {**BASE, axis: value}))
                row = {"axis": axis, axis: value, "family": family}
                print(json.dumps(row | {name: round(each, 2) for name, each in points[-1].items()}), flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        draw(axis, found, options.out / f"cost-{axis}.png")


if __name__ == "__main__":
    main()

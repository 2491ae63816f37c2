"""Recipes for published numbers, side by side on one GPU within a limit of time; run from the checkout.

    python scripts/recipes.py gpu --seconds 510 --out recipes [--only pixelcnn,iwae] [--from recipes]
    python scripts/recipes.py cpu --out recipes            # two steps of each, tiny: a test of this script

Data are read from ``$GENLAB_DATA``. Each recipe is one ``genlab train`` in a process of its own; near the limit those
that are not through are stopped by a signal, which saves them, and ``--from`` a folder of an earlier call goes on with
them. A recipe is scored by ``genlab eval`` and drawn by ``genlab sample`` or ``translate`` as soon as it has ended; one
that was stopped has no figure, but what its checkpoint is worth so far. One that fails is begun once more without
captured steps, and says so. Per recipe ``OUT/<name>/`` holds ``summary.json``, the log and one grid;
``OUT/recipes.json`` says of each what was reached, by which command, in how many seconds, steps and pictures, beside
the number that it is to reach. With ``--keep`` the run directories are kept in ``OUT/runs``, with the last checkpoint
alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
GRACE = 60
"""Seconds at the end of the limit that are kept for saving, scores and pictures."""

PLAIN = ("trainer.capture=false", "trainer.deterministic=false")
"""What a recipe that failed is begun with once more."""


@dataclass(frozen=True)
class Recipe:
    """A training run, what it is scored by, and the number that it is to reach.

    Attributes:
        train: words of ``genlab train``.
        metrics: words of ``genlab eval``; empty: the summary's own number counts.
        record: the metric of the record that counts.
        bar: what it is to be at most; None: the picture is looked at.
        source: of the bar.
        tiny: further words for a test on a CPU.
        draw: the verb that draws, and its words.
        best: whether ``best.ckpt`` is scored, not the last checkpoint.
    """

    train: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    record: str = "nll"
    bar: float | None = None
    source: str = ""
    tiny: tuple[str, ...] = ()
    draw: tuple[str, ...] = field(default=("sample", "n=64"))
    best: bool = False


RECIPES = {
    # 457 epochs of 215 batches of 256, as the published figure; the schedule ends there
    "pixelcnn": Recipe(
        (
            "experiment=pixelcnn_binarized_mnist",
            "data.batch_size=256",
            "optim.lr=2e-3",
            "trainer.compile=true",
            "trainer.max_epochs=457",
            "trainer.check_val_every_n_epoch=50",
        ),
        bar=81.5,
        source="81.45 nats, https://github.com/EugenHotaj/pytorch-generative",
        tiny=("model.channels=4", "model.blocks=1", "trainer.compile=false"),
    ),
    # real files of 8-bit pictures: the coder (constriction) runs on the CPU, on some of the test pictures
    "pixelcnn-mnist": Recipe(
        (
            "model=pixelcnn",
            "data=mnist",
            "model.channels=64",
            "model.head_channels=64",
            "data.batch_size=256",
            "optim.lr=2e-3",
            "optim.schedule=cosine",
            "trainer.max_epochs=60",
            "trainer.check_val_every_n_epoch=30",
        ),
        ("metric=[compression]", "metric.compression.n=500"),
        record="compression",
        bar=0.85,
        source="0.81 bits/dim of the model's likelihood; 1.27 of Bit-Swap's files (Kingma et al., 2019)",
        tiny=("model.channels=4", "model.head_channels=4", "model.blocks=1"),
    ),
    "iwae": Recipe(
        (
            "experiment=vae_binarized_mnist",
            "data.batch_size=256",
            "objective.num_particles=20",
            "trainer.max_epochs=450",
            "trainer.check_val_every_n_epoch=150",
        ),
        bar=85.5,
        source="86.76 (VAE), 84.78 (IWAE, k = 50) nats, Burda et al., 2016, table 1",
        tiny=("model.hidden=[8]",),
    ),
    "realnvp": Recipe(
        (
            "experiment=realnvp_mnist",
            "data.batch_size=256",
            "optim.lr=2e-3",
            "optim.schedule=cosine",
            "trainer.max_epochs=18",
            "trainer.check_val_every_n_epoch=10",
        ),
        ("metric=[bpd]", "metric.bpd.num_particles=10"),
        record="bpd",
        bar=1.06,
        source="1.06 bits/dim, Grathwohl et al., 2019, table 2",
        tiny=("model.couplings=1", "model.channels=4", "model.blocks=1"),
    ),
    "ebm": Recipe(
        ("model=ebm", "data=mnist", "trainer.max_steps=10000", "trainer.val_check_interval=5000"),
        ("metric=[fcd]", "metric.fcd.n=2000"),
        record="fcd",
        tiny=("model.channels=4", "objective.steps=2", "model.chain_steps=3"),
    ),
    "dcgan": Recipe(
        ("model=dcgan", "data=mnist", "trainer.max_steps=20000", "trainer.val_check_interval=5000"),
        ("metric=[fcd]", "metric.fcd.n=2000"),
        record="fcd",
        tiny=("model.channels=4",),
    ),
    "dcgan-celeba64": Recipe(
        (
            "experiment=dcgan_celeba64",
            "trainer.max_epochs=5000",
            "trainer.max_steps=20000",
            "trainer.val_check_interval=5000",
        ),
        ("metric=[diversity]",),
        record="diversity",
        tiny=("model.channels=4", "data.batch_size=8"),
    ),
    "cyclegan": Recipe(
        (
            "model=cyclegan",
            "data=unpaired",
            "data.root={data}/apple2orange_64",
            "data.size=64",
            "data.batch_size=4",
            "trainer.max_epochs=20",
            "trainer.check_val_every_n_epoch=10",
        ),
        tiny=("model.channels=4", "model.blocks=1"),
        draw=("translate", "n=16"),
    ),
    # nanoGPT's network and steps; the best checkpoint counts, as it overfits
    "transformer-text": Recipe(
        ("experiment=transformer_shakespeare",),
        ("metric=[bits_per_character]",),
        best=True,
        record="bits_per_character",
        bar=2.12,
        source="1.4697 nats per character, https://github.com/karpathy/nanoGPT",
        tiny=("model.layers=1", "model.width=12"),
        draw=("sample", "n=4"),
    ),
    "transformer-mnist": Recipe(
        ("experiment=transformer_binarized_mnist", "optim.schedule=cosine", "trainer.max_epochs=20"),
        bar=82.0,
        source="79.17 nats (ImageGPT), https://github.com/EugenHotaj/pytorch-generative",
        tiny=("model.layers=1", "model.width=8"),
    ),
    "ladder": Recipe(
        (
            "experiment=ladder_vae_static_mnist",
            "trainer.max_epochs=105",
            "trainer.check_val_every_n_epoch=21",
            "test.num_particles=1",
        ),
        ("metric=[elbo,nll]", "metric.nll.num_particles=100"),
        record="elbo",
        bar=82.1,
        source="82.14 (79.24 with K = 1,000) nats, https://github.com/addtt/ladder-vae-pytorch",
        tiny=("model.channels=4", "model.depth=1"),
    ),
    "diffusion-mnist": Recipe(
        (
            "experiment=diffusion_mnist",
            "optim.schedule=cosine",
            "trainer.max_epochs=32",
            "trainer.precision=bf16-mixed",
        ),
        ("metric=[bpd,fcd]", "metric.bpd.num_particles=16", "metric.fcd.n=2000"),
        record="bpd",
        bar=1.06,
        source="1.06 bits/dim (Real NVP), Grathwohl et al., 2019, table 2",
        tiny=("model.width=8", "model.blocks=1", "trainer.precision=32-true"),
    ),
    # the last frame again is the bar, 30 minutes ahead; the record is of all six frames, crps_last that of the last
    "flow-matching-mnist": Recipe(
        (
            "experiment=flow_matching_mnist",
            "trainer.max_epochs=40",
            "trainer.check_val_every_n_epoch=40",
            "trainer.precision=bf16-mixed",
        ),
        ("metric=[fcd,nll]",),
        record="fcd",
        source="the best of the families here; no figure is published in these features",
        tiny=("model.width=8", "model.blocks=1", "model.likelihood_steps=1", "trainer.precision=32-true"),
        draw=("sample", "n=100", "guidance=1.5"),
    ),
    "radar": Recipe(
        (
            "experiment=radar_flow_matching",
            "trainer.max_steps=5000",
            "trainer.precision=bf16-mixed",
        ),
        ("metric=[crps,csi,mse,rank_histogram]",),
        best=True,
        record="crps",
        bar=0.425,
        source="0.425 mm/h of persistence at 30 minutes, all frames of the day, 1 km",
        tiny=("model.width=8", "data.size=16", "data.coarse=8", "data.copies=1", "trainer.precision=32-true"),
        draw=("sample", "task=forecast", "n=8"),
    ),
    # Bai et al. give no length; the rate falls for a hundred epochs
    "tcn-nottingham": Recipe(
        (
            "model=tcn",
            "data=nottingham",
            "model.width=150",
            "model.levels=4",
            "model.kernel_size=6",
            "model.dropout=0.2",
            "data.batch_size=8",
            "optim.schedule=cosine",
            "callbacks.ema.decay=0.99",
            "trainer.max_epochs=70",
            "trainer.check_val_every_n_epoch=5",
        ),
        ("metric=[nats_per_frame]",),
        best=True,
        record="nats_per_frame",
        bar=3.2,
        source="3.07 (TCN), 3.29 (LSTM), Bai et al., 2018, table 1, https://arxiv.org/abs/1803.01271",
        tiny=("model.levels=1", "model.width=8"),
        draw=("sample", "n=4"),
    ),
    # 30 layers that reach 3,070 samples back; the best checkpoint counts
    "wavenet-digits": Recipe(
        (
            "model=wavenet",
            "data=spoken_digits",
            "data.batch_size=32",
            "model.layers=10",
            "model.cycles=3",
            "model.width=96",
            "model.skip_width=256",
            "model.dropout=0.05",
            "optim.lr=1e-3",
            "optim.schedule=cosine",
            "trainer.max_steps=3000",
            "trainer.val_check_interval=500",
            "trainer.precision=bf16-mixed",
        ),
        ("metric=[bits_per_sample]",),
        best=True,
        record="bits_per_sample",
        bar=4.9,
        source="5.448 of an order-1 model, 5.428 of xz, on the same split",
        tiny=("model.layers=2", "model.cycles=1", "model.width=8", "trainer.precision=32-true", "data.length=512"),
        draw=("sample", "n=4"),
    ),
}
ENDED = (0, 128 + signal.SIGTERM)
"""Exit statuses of a run that is through, or was stopped and saved."""

QUIET = ("trainer.enable_progress_bar=false", "logger=csv", "callbacks.checkpoint.keep=1")


def genlab(*words: str, log: Path, threads: int) -> subprocess.Popen:
    """One command of genlab from this checkout, in a process group of its own."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": str(threads)}
    with log.open("ab") as file:
        file.write(f"$ genlab {shlex.join(words)}\n".encode())
        file.flush()
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "genlab", *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def newest(folder: Path) -> Path | None:
    """The only run directory below ``folder``."""
    return max(folder.glob("*/*/config.yaml"), default=None, key=lambda path: path.stat().st_mtime)


def words_of(recipe: Recipe, outputs: Path, *, device: str) -> list[str]:
    """Of the training run."""
    words = [word.replace("{data}", os.environ.get("GENLAB_DATA", "")) for word in recipe.train]
    words += [*QUIET, f"outputs={outputs}"]
    if device == "cpu":
        words = [word for word in words if not word.startswith(("trainer.max_", "trainer.val_check", "trainer.check"))]
        return [*words, *recipe.tiny, "trainer=cpu", "trainer.max_steps=2", "test.num_particles=1", "trainer.threads=1"]
    return [*words, "trainer=gpu"]


def begin(
    name: str, work: Path, *, device: str, earlier: Path | None, more: tuple[str, ...] = ()
) -> tuple[subprocess.Popen, list[str]]:
    """Start a recipe, or go on with it; the process and its command."""
    outputs = work / name
    outputs.mkdir(parents=True, exist_ok=True)
    held = newest(earlier / "runs" / name / "train") if earlier is not None else None
    if held is None:
        words = ["train", *words_of(RECIPES[name], outputs, device=device), *more]
    else:
        shutil.copytree(held.parent, outputs / "train" / held.parent.parent.name / held.parent.name)
        run = newest(outputs / "train")
        assert run is not None
        words = ["train", f"resume={run.parent}", f"trainer.accelerator={'cpu' if device == 'cpu' else 'gpu'}", *more]
    return genlab(*words, log=work / f"{name}.log", threads=1), words


def score(name: str, work: Path, *, device: str, until: float) -> dict[str, Any]:
    """What a run that has ended reached: its own summary, ``genlab eval``, and a picture."""
    recipe, outputs, log = RECIPES[name], work / name, work / f"{name}.log"
    run = newest(outputs / "train")
    if run is None:
        return {"error": tail(log)}
    run_dir = run.parent
    found: dict[str, Any] = {"status": "stopped"}
    if (run_dir / "summary.json").exists():
        found |= json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))
    jobs = [[*recipe.draw]]
    finished = found["status"] == "finished"
    if recipe.metrics or (recipe.bar is not None and not finished):
        asked = recipe.metrics or ("metric=[nll]",)
        # one by one: what is scored at once is not lost where another takes too long
        for metric in asked[0].removeprefix("metric=[").removesuffix("]").split(","):
            own = [word for word in asked[1:] if word.startswith(f"metric.{metric}.")]
            small = ["metric.fcd.n=100"] if device == "cpu" and metric == "fcd" else []
            jobs.append(["eval", f"metric=[{metric}]", *own, *small])
    best = run_dir / "checkpoints" / "best.ckpt"
    running = [
        genlab(
            verb,
            f"ckpt={best if recipe.best and verb == 'eval' else run_dir}",
            f"outputs={outputs}",
            *rest,
            f"accelerator={device}",
            log=log,
            threads=1,
        )
        for verb, *rest in jobs
    ]
    for process in running:
        wait([process], until)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in outputs.glob("eval/*/*/summary.json")]
    found["records"] = [each for summary in records for each in summary["records"]]
    if any(process.returncode for process in running):
        found["error"] = tail(log)
    made = outputs / recipe.draw[0]
    found["picture"] = next(
        (str(path) for ending in ("*", "sheets/*") for path in made.glob(f"*/*/{ending}.png")), None
    )
    return found


def wait(processes: list[subprocess.Popen], until: float) -> None:
    """Wait for all of them, and end those that have not ended by ``until``: a signal saves them."""
    for process in processes:
        with_time = max(0.1, until - time.monotonic())
        try:
            process.wait(with_time)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tail(log: Path) -> str:
    """The last line of a log, which says what went wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def row(name: str, found: dict[str, Any], *, command: list[str], seconds: float, batch: int | None) -> dict[str, Any]:
    """What the table says of a recipe; no figure of a run that was stopped."""
    recipe = RECIPES[name]
    records = found.get("records") or ([found["test"]] if "test" in found else [])
    value = next((each for each in records if each["metric"] == recipe.record), None)
    so_far = None
    if found.get("status") != "finished":
        so_far, value = value, None
    steps = found.get("steps")
    return {
        "recipe": name,
        "command": shlex.join(["genlab", *command]),
        "status": found.get("status", "failed"),
        "error": found.get("error"),
        "value": None if value is None else value["value"],
        "standard_error": None if value is None else value.get("standard_error"),
        "unit": None if value is None else value["unit"],
        "kind": None if value is None else value.get("kind"),
        "so_far": None if so_far is None else so_far["value"],
        "bar": recipe.bar,
        "source": recipe.source,
        "reached": None if value is None or recipe.bar is None else value["value"] <= recipe.bar,
        "steps": steps,
        "pictures": None if steps is None or batch is None else steps * batch,
        "training_seconds": found.get("seconds"),
        "wall_seconds": round(seconds, 1),
    }


def batch_of(work: Path, name: str) -> int | None:
    """Pictures in a batch, of the run's own config."""
    run = newest(work / name / "train")
    if run is None:
        return None
    return yaml.safe_load(run.read_text(encoding="utf-8"))["config"]["data"]["batch_size"]


def one(name: str, work: Path, args: argparse.Namespace, *, stop: float, until: float) -> dict[str, Any]:
    """Train, score and draw one recipe; its row."""
    since = time.monotonic()
    process, command = begin(name, work, device=args.device, earlier=args.earlier)
    wait([process], stop)
    if process.returncode not in ENDED and time.monotonic() < stop:
        print(json.dumps({"recipe": name, "failed": tail(work / f"{name}.log"), "again": PLAIN}), flush=True)
        shutil.rmtree(work / name)
        process, command = begin(name, work, device=args.device, earlier=args.earlier, more=PLAIN)
        wait([process], stop)
    seconds = time.monotonic() - since
    found = score(name, work, device=args.device, until=until)
    if process.returncode not in ENDED:
        found |= {"status": "failed", "error": tail(work / f"{name}.log")}
    made = row(name, found, command=command, seconds=seconds, batch=batch_of(work, name))
    print(json.dumps(made), flush=True)
    keep(name, work, found, args.out, runs=args.keep)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", choices=["gpu", "cpu"])
    parser.add_argument("--seconds", type=float, default=510.0, help="limit of the whole call")
    parser.add_argument("--out", type=Path, default=Path("recipes"))
    parser.add_argument("--from", dest="earlier", type=Path, help="OUT of an earlier call, made with --keep")
    parser.add_argument("--only", default="", help="recipes, by commas")
    parser.add_argument("--keep", action="store_true", help="keep run directories")
    parser.add_argument("--jobs", type=int, default=0, help="at a time; 0: all")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(RECIPES)
    unknown = sorted(set(names) - set(RECIPES))
    if unknown:
        parser.error(f"no such recipe: {', '.join(unknown)}; choose from {', '.join(RECIPES)}")
    begun = time.monotonic()
    until = begun + args.seconds
    stop = until - min(GRACE, args.seconds / 4)
    places = threading.Semaphore(args.jobs or len(names))
    rows: dict[str, dict[str, Any]] = {}

    def work_on(name: str, work: Path) -> None:
        with places:
            rows[name] = one(name, work, args, stop=stop, until=until)

    with tempfile.TemporaryDirectory(prefix="recipes-") as folder:
        threads = [threading.Thread(target=work_on, args=(name, Path(folder))) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    args.out.mkdir(parents=True, exist_ok=True)
    found = [rows[name] for name in names if name in rows]
    (args.out / "recipes.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if len(found) < len(names) or any(each["status"] == "failed" for each in found) else 0


def keep(name: str, work: Path, found: dict[str, Any], out: Path, *, runs: bool) -> None:
    """Copy what is small of a recipe into ``out``, and with ``runs`` its run directory."""
    target = out / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(work / f"{name}.log", target / "log.txt")
    (target / "summary.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if found.get("picture"):
        shutil.copy(found["picture"], target / "grid.png")
    held = newest(work / name / "train")
    if runs and held is not None:
        place = out / "runs" / name / "train" / held.parent.parent.name / held.parent.name
        shutil.rmtree(place, ignore_errors=True)
        best = () if RECIPES[name].best else ("best.ckpt*",)
        shutil.copytree(held.parent, place, ignore=shutil.ignore_patterns("tensorboard", "samples", *best))


if __name__ == "__main__":
    sys.exit(main())

"""Training on one GPU, side by side with the bare captured loop of the same model; and whether its bits are repeated.

    python scripts/bench_gpu.py rates determinism samples scores first [--seconds 3] [--only vae,pixelcnn] [--cpu]

MNIST is read from ``$GENLAB_DATA``. Every figure is one JSON line on standard output (and in ``--out``), as soon as it
is there; a row that fails or hangs says so and costs no other. Rows run in processes of their own, whose timed parts
wait for each other. ``--cpu`` runs everything on the CPU with tiny models: a test of this script, whose figures mean
nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BEGUN = time.time()
MNIST = {
    "vae": ["model=vae", "data=binarized_mnist"],
    "pixelcnn": ["experiment=pixelcnn_binarized_mnist"],
    "gated": ["model=gated_pixelcnn", "data=binarized_mnist", "data.batch_size=128"],
    "realnvp": ["experiment=realnvp_mnist"],
    "dcgan": ["model=dcgan", "data=mnist"],
    "ebm": ["model=ebm", "data=mnist", "trainer.max_steps=null"],
}
MORE = {
    "iwae": ["model=iwae", "data=binarized_mnist"],
    "cvae": ["model=cvae", "data=mnist", "objective.warmup_steps=40"],
    "nice": ["model=nice", "data=mnist"],
    "plane": ["model=realnvp", "data=toy2d", "optim.name=adamax"],
    "gan": ["model=gan", "data=toy2d", "objective.n_critic=2"],
    "r1": ["model=dcgan", "data=mnist", "objective.r1=1.0", "model.norm=none"],
    "wgan": ["model=dcgan", "data=mnist", "objective.loss=wasserstein_gp", "model.norm=layer"],
    "cyclegan": ["model=cyclegan", "data=unpaired_digits", "model.channels=16", "model.blocks=2"],
    "conditional": ["model=conditional_gated_pixelcnn", "data=digits"],
    "grey": ["model=pixelcnn", "data=digits", "model.output=logistic_mixture"],
    "ebm-plane": ["model=ebm", "data=toy2d"],
    "vae-compiled": ["model=vae", "data=binarized_mnist", "trainer.compile=true"],
    "pixelcnn-compiled": ["experiment=pixelcnn_binarized_mnist", "trainer.compile=true"],
}
COMPILED = ("vae", "pixelcnn", "gated", "realnvp")
TINY = {
    "vae": ["model.hidden=[8]"],
    "pixelcnn": ["model.channels=4", "model.blocks=1"],
    "gated": ["model.channels=4", "model.blocks=1"],
    "realnvp": ["model.couplings=1", "model.channels=4", "model.blocks=1"],
    "dcgan": ["model.channels=4"],
    "ebm": ["model.channels=4", "objective.steps=2", "model.chain_steps=3"],
    "wgan": ["model.channels=4"],
    "r1": ["model.channels=4"],
    "nice": ["model.hidden=[8]"],
    "cyclegan": ["model.channels=4", "model.blocks=1"],
    "conditional": ["model.channels=4", "model.blocks=1"],
    "grey": ["model.channels=4", "model.blocks=1"],
}
NEVER = ["trainer.max_epochs=100000", "trainer.val_check_interval=1000000", "callbacks.checkpoint.every_seconds=3600"]


class Stop(BaseException):
    """Ends a run whose rate is known: nothing catches it to save something."""


def say(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def composed(family: str, *extra: str, args: argparse.Namespace) -> dict[str, Any]:
    from genlab.config.compose import compose

    words = {**MNIST, **MORE}[family]
    if args.cpu:
        words = [*("data=digits" if word == "data=mnist" else word for word in words), *TINY.get(family, [])]
        words += ["data.batch_size=8"]
    accelerator = "cpu" if args.cpu else "gpu"
    quiet = [f"trainer.accelerator={accelerator}", "trainer.enable_progress_bar=false", "callbacks.samples.n=4"]
    found = compose("train", [*words, *quiet, "test.num_particles=1", *extra])
    assert found is not None
    return found.config


def run_dir(name: str) -> Path:
    path = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    for sub in ("checkpoints", "samples"):
        (path / sub).mkdir()
    return path


@contextlib.contextmanager
def alone(args: argparse.Namespace) -> Iterator[None]:
    """The GPU is this row's."""
    with open(args.lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def synchronise(args: argparse.Namespace) -> None:
    import torch

    if not args.cpu:
        torch.cuda.synchronize()


def ours(family: str, *extra: str, args: argparse.Namespace) -> dict[str, Any]:
    """Steps per second of ``genlab train`` as it stands, logging included, from the 48th step on."""
    from rich.console import Console

    from genlab.commands import train
    from genlab.training.callbacks.checkpoints import Checkpoints
    from genlab.training.capture import DeviceSteps

    warm, found, lock = 8 if args.cpu else 48, {}, contextlib.ExitStack()
    end, begin, since = Checkpoints.end_step, DeviceSteps._begin, [0.0]
    compiles = "trainer.compile=true" in extra  # that goes on while others are measured

    def beginning(self: DeviceSteps) -> None:
        if not compiles:
            lock.enter_context(alone(args))
        begin(self)

    def ending(self: Any, trainer: Any, module: Any) -> None:
        end(self, trainer, module)
        step = module.batches_done
        if step == warm:
            synchronise(args)
            if compiles:
                lock.enter_context(alone(args))
            since[0] = time.perf_counter()
        elif step > warm and step % 16 == 0 and time.perf_counter() - since[0] > args.seconds:
            synchronise(args)
            seconds = time.perf_counter() - since[0]
            steps = module.device_steps
            found.update(rate=(step - warm) / seconds, steps=step - warm, refused=steps and steps.refused)
            raise Stop

    Checkpoints.end_step, DeviceSteps._begin = ending, beginning  # type: ignore[method-assign]
    try:
        console = Console(file=sys.stderr)
        train.run(run_dir(family), composed(family, *NEVER, *extra, args=args), console=console)
    except Stop:
        pass
    finally:
        Checkpoints.end_step, DeviceSteps._begin = end, begin  # type: ignore[method-assign]
        lock.close()
    return found


def bare(family: str, *, half: bool, args: argparse.Namespace) -> dict[str, Any]:
    """Steps per second of a plain captured loop: no seeds, no log, no schedule; the fastest kernels."""
    with contextlib.ExitStack() as lock:
        step, index, orders = plain(family, half=half, args=args, lock=lock)
        return replayed(step, index, orders, args=args)


def plain(family: str, *, half: bool, args: argparse.Namespace, lock: contextlib.ExitStack) -> tuple[Any, Any, Any]:
    """A step as one writes it by hand, the indices of its batch, and some such indices."""
    import torch

    from genlab import build
    from genlab.data.batches import Batch
    from genlab.objectives.players import Game

    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    config = composed(family, args=args)
    device = torch.device("cpu" if args.cpu else "cuda")
    data = build.dataset(config["data"], trust=[])
    model, objective = build.model(config["model"], data.spec, trust=[]), build.objective(config["objective"], trust=[])
    objective.prepare(model)
    lock.enter_context(alone(args))
    model.to(device), objective.to(device)
    size, shape = config["data"]["batch_size"], data.train.x.shape[1:]
    flat, labels = data.train.x.flatten(1).to(device), data.train.y.to(device)
    orders = torch.stack([torch.randperm(len(flat), device=device)[:size] for _ in range(64)])
    index = orders[0].clone()
    generator = torch.default_generator if args.cpu else torch.cuda.default_generators[torch.cuda.current_device()]
    clip, decay = config["trainer"]["gradient_clip_val"], config["callbacks"]["ema"]["decay"]
    average = None if decay is None else copy.deepcopy(model).requires_grad_(False)
    if isinstance(objective, Game):
        recipes = build.players(config["players"])
        turns = {player.name: player for player in objective.players}
        own = {n: [p for m in turns[n].modules for p in model.get_submodule(m).parameters()] for n in recipes}
    else:
        recipes, own = {"": build.optimiser(config["optim"])}, {"": list(model.parameters())}
    optimisers = {name: recipe.build(own[name], fused=True) for name, recipe in recipes.items()}
    if not args.cpu:
        for optimiser in optimisers.values():
            optimiser.param_groups[0]["capturable"] = True

    def step() -> None:
        x = flat.index_select(0, index).view(-1, *shape)
        if data.train_transform is not None:
            x = data.train_transform(x, generator)
        batch = Batch(x, labels.index_select(0, index))
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            moves = objective.moves(model, batch, step=1) if isinstance(objective, Game) else {}
            for name, optimiser in optimisers.items():
                optimiser.zero_grad()
                if isinstance(objective, Game):
                    seen = moves if turns[name].moves else {key: value.detach() for key, value in moves.items()}
                    model.requires_grad_(False)
                    for parameter in own[name]:
                        parameter.requires_grad = True
                    loss = objective.loss(name, model, batch, seen, step=1).value
                    loss.backward()
                    model.requires_grad_(True)
                else:
                    objective(model, batch, step=1).value.backward()
                if clip is not None:
                    torch.nn.utils.clip_grad_norm_(own[name], clip)
                optimiser.step()
        if average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)

    return step, index, orders


def replayed(step: Callable[[], None], index: Any, orders: Any, *, args: argparse.Namespace) -> dict[str, Any]:
    """Steps per second of a step, captured."""
    import torch

    again = step
    if not args.cpu:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        again = graph.replay
    count = 0
    for _ in range(5):
        again()
    synchronise(args)
    since = time.perf_counter()
    while time.perf_counter() - since < args.seconds:
        for _ in range(16):
            index.copy_(orders[count % 64])
            again()
            count += 1
        synchronise(args)
    return {"rate": count / (time.perf_counter() - since), "steps": count}


def kernels(family: str, *, half: bool, args: argparse.Namespace) -> dict[str, Any]:
    """Where a step's time on the device goes: launches, milliseconds, and the dearest kernels."""
    from torch.profiler import ProfilerActivity, profile

    with contextlib.ExitStack() as lock:
        step, _, _ = plain(family, half=half, args=args, lock=lock)
        for _ in range(3):
            step()
        synchronise(args)
        with profile(activities=[ProfilerActivity.CPU if args.cpu else ProfilerActivity.CUDA]) as found:
            for _ in range(3):
                step()
            synchronise(args)
    table = [(event.key[:90], event.count / 3, event.device_time_total / 3000) for event in found.key_averages()]
    table.sort(key=lambda line: -line[2])
    total, launches = sum(line[2] for line in table), sum(line[1] for line in table)
    return {"launches": launches, "ms": round(total, 3), "top": [(k, round(c), round(t, 3)) for k, c, t in table[:14]]}


def attempt(row: dict[str, Any], work: Callable[[], dict[str, Any]]) -> None:
    """Say the row with what ``work`` finds, or with its error."""
    begun = time.time()
    try:
        row |= work()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        row |= {"error": f"{type(error).__name__}: {error}"[:600], "where": traceback.format_exc()[-1500:]}
    say({**row, "wall": round(time.time() - begun, 1)})


def profiles(family: str, args: argparse.Namespace) -> None:
    for precision in ("32-true", "bf16-mixed"):
        row = {"row": "profile", "family": family, "precision": precision}
        attempt(row, lambda half=precision != "32-true": kernels(family, half=half, args=args))


def rates(family: str, args: argparse.Namespace) -> None:
    """All loops of one family."""
    for precision in ("32-true", "bf16-mixed"):
        half = [f"trainer.precision={precision}"]
        kinds: dict[str, Callable[[], dict[str, Any]]] = {
            "captured": lambda half=half: ours(family, *half, args=args),
            "bare": lambda precision=precision: bare(family, half=precision != "32-true", args=args),
            "fastest": lambda half=half: ours(family, *half, "trainer.deterministic=false", args=args),
            "eager": lambda half=half: ours(family, *half, "trainer.capture=false", args=args),
        }
        for kind, work in kinds.items():
            if (kind == "eager" and precision != "32-true") or (args.kinds and kind not in args.kinds.split(",")):
                continue
            attempt({"row": "rate", "family": family, "precision": precision, "kind": kind}, work)


def compiled(family: str, args: argparse.Namespace) -> None:
    for precision in ("bf16-mixed", "32-true"):
        words = [f"trainer.precision={precision}", "trainer.compile=true"]
        row = {"row": "rate", "family": family, "precision": precision, "kind": "compiled"}
        attempt(row, lambda words=words: ours(family, *words, args=args))


def digest(path: Path) -> str:
    """Of all tensors of a checkpoint, in order."""
    import torch

    from genlab.storage import checkpoint

    found = hashlib.sha256()

    def visit(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found.update(value.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in value:
                visit(value[key])
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    held = checkpoint.read(path)
    visit([held["state_dict"], held["optimizer_states"]])
    return found.hexdigest()[:16]


def determinism(family: str, args: argparse.Namespace) -> None:
    """Straight, and killed and resumed: the digests of what they end with."""
    from rich.console import Console

    from genlab.commands import train
    from genlab.storage import checkpoint
    from genlab.training.callbacks.checkpoints import Checkpoints

    steps, kill = 40, 23
    console = Console(file=sys.stderr)
    end = Checkpoints.end_step
    often = ["callbacks.checkpoint.every_n_steps=10", f"trainer.max_steps={steps}", "trainer.val_check_interval=1000"]
    often += ["trainer.log_every_n_steps=10"]

    def killing(self: Any, trainer: Any, module: Any) -> None:
        if module.batches_done == kill:
            raise Stop
        end(self, trainer, module)

    for precision in ("bf16-mixed",) if family.endswith("compiled") else ("32-true", "bf16-mixed"):

        def work(precision: str = precision) -> dict[str, Any]:
            config = composed(family, *often, f"trainer.precision={precision}", args=args)
            straight, again, killed = (run_dir(f"{family}-{name}") for name in "abc")
            summary = train.run(straight, config, console=console)
            train.run(again, config, console=console)
            Checkpoints.end_step = killing  # type: ignore[method-assign]
            try:
                train.run(killed, config, console=console)
            except Stop:
                pass
            finally:
                Checkpoints.end_step = end  # type: ignore[method-assign]
            train.run(killed, config, console=console)
            found = [digest(checkpoint.latest(each / "checkpoints")) for each in (straight, again, killed)]
            said = {name: summary.get(name) for name in ("captured", "inexact")}
            said |= {"digests": found, "exact": len(set(found)) == 1}
            if not said["exact"]:
                said["rows"] = [(each / "metrics.csv").read_text()[-900:] for each in (straight, again, killed)]
            return said

        attempt({"row": "determinism", "family": family, "precision": precision}, work)


def scores(family: str, args: argparse.Namespace) -> None:
    """One checkpoint's score on the CPU and on the GPU."""
    import torch
    from rich.console import Console

    from genlab import build
    from genlab.commands import train
    from genlab.data.spaces import Split
    from genlab.evaluation import likelihood
    from genlab.restore import load
    from genlab.storage import checkpoint

    def work() -> dict[str, Any]:
        config = composed(family, "trainer.max_steps=200", "trainer.val_check_interval=1000000", args=args)
        run = run_dir(family)
        train.run(run, config, console=Console(file=sys.stderr))
        data = build.dataset(config["data"], trust=[])
        split = Split(data.test.x[:200], None if data.test.y is None else data.test.y[:200])
        found = []
        for name in ("cpu", "cpu" if args.cpu else "cuda"):
            held = load(checkpoint.latest(run / "checkpoints"), trust=[], device=torch.device(name))
            options = {"split_name": "test", "num_particles": 10, "batch_size": 100, "seed": 0}
            found.append(likelihood.nll(held.model, split, **options).value)
        return {"cpu": found[0], "gpu": found[1], "per_dim": abs(found[0] - found[1]) / data.spec.dim}

    attempt({"row": "score", "family": family}, work)


def samples(family: str, args: argparse.Namespace) -> None:
    """Seconds of a first and a second call of the sampler, the model untrained."""
    import torch

    from genlab import build

    config = composed(family, args=args)
    data = build.dataset(config["data"], trust=[])
    device = torch.device("cpu" if args.cpu else "cuda")
    torch.manual_seed(0)
    model = build.model(config["model"], data.spec, trust=[]).to(device).eval()
    for n in (4,) if args.cpu else (64, 1000):

        def work(n: int = n) -> dict[str, Any]:
            found, drawn = {}, []
            for name in ("first", "second"):
                with alone(args), torch.no_grad():
                    synchronise(args)
                    since = time.perf_counter()
                    drawn.append(model.sample(n, generator=torch.Generator(device).manual_seed(1)))
                    synchronise(args)
                    found[name] = time.perf_counter() - since
            return {**found, "same": torch.equal(*drawn)}

        attempt({"row": "samples", "family": family, "n": n}, work)


def first(family: str, args: argparse.Namespace) -> None:
    """Seconds from the start of a process to its first and to its 50th step."""
    code = """
import os, sys, time
from genlab.training.callbacks.checkpoints import Checkpoints
import genlab.cli.main
def end(self, trainer, module):
    if module.batches_done in (1, 50):
        module.settle()
        print("STEP", module.batches_done, time.time(), flush=True)
    if module.batches_done == 50:
        os._exit(0)
Checkpoints.end_step = end
sys.argv = ["genlab", "train", *sys.argv[1:]]
genlab.cli.main.main()
"""
    words = [*MNIST[family], f"trainer.accelerator={'cpu' if args.cpu else 'gpu'}", "trainer.enable_progress_bar=false"]
    words += TINY[family] if args.cpu else []

    def work() -> dict[str, Any]:
        with alone(args):
            begun = time.time()
            command = [sys.executable, "-P", "-c", code, *words, f"outputs={tempfile.mkdtemp()}"]
            out = subprocess.run(command, capture_output=True, text=True, timeout=args.timeout)
        steps = {line.split()[1]: line.split()[2] for line in out.stdout.splitlines() if line.startswith("STEP")}
        if len(steps) < 2:
            raise RuntimeError(out.stderr[-800:])
        return {f"step_{name}": float(at) - begun for name, at in steps.items()}

    attempt({"row": "first", "family": family}, work)


SECTIONS: dict[str, tuple[Callable[[str, argparse.Namespace], None], tuple[str, ...]]] = {
    "rates": (rates, tuple(MNIST)),
    "compiled": (compiled, COMPILED),
    "profiles": (profiles, ("pixelcnn", "gated", "realnvp")),
    "determinism": (determinism, (*MNIST, *MORE)),
    "scores": (scores, ("vae", "pixelcnn", "realnvp")),
    "samples": (samples, ("pixelcnn", "gated", "ebm")),
    "first": (first, ("vae", "pixelcnn")),
}


def worker(section: str, family: str, words: list[str], args: argparse.Namespace) -> None:
    """One row's process: its lines are passed on, and a process that hangs is ended."""
    command = [sys.executable, __file__, "--row", f"{section}:{family}", *words]
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - read below, deleted with the process
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    assert process.stdout is not None
    deadline = time.monotonic() + args.timeout
    lines: list[str] = []

    def read() -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            lines.append(line)
            print(line, end="", flush=True)
            if args.out:
                with open(args.out, "a") as file:
                    file.write(line)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        late = process.poll() is None
        end()
        process.wait()
        reading.result()
    if late or process.returncode:
        log.seek(0)
        text = log.read()[-1500:]
        say({"row": section, "family": family, "error": "timeout" if late else process.returncode, "where": text})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS])
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--cpu", action="store_true", help="tiny models on the CPU: a test of this script")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a rate is measured for")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds of one row's process")
    parser.add_argument("--only", default="", help="families, by commas")
    parser.add_argument("--kinds", default="", help="of rates, by commas: captured, bare, fastest, eager")
    parser.add_argument("--jobs", type=int, default=12, help="processes at a time")
    parser.add_argument("--lock", default=os.path.join(tempfile.gettempdir(), f"bench-{os.getpid()}.lock"))
    parser.add_argument("--out", default="", help="file for the lines")
    args = parser.parse_args()
    if args.row:
        section, family = args.row.split(":")
        if args.cpu:
            from genlab.training import accelerator

            accelerator.why_not = lambda *rest, **options: None  # the steps of an accelerator
        SECTIONS[section][0](family, args)
        return
    words = ["--kinds", args.kinds, "--seconds", str(args.seconds), "--timeout", str(args.timeout), "--lock", args.lock]
    words += ["--cpu"] if args.cpu else []
    wanted = [name for name in args.only.split(",") if name]
    with ThreadPoolExecutor(args.jobs) as pool:
        for section in args.sections or SECTIONS:
            for family in SECTIONS[section][1]:
                if not wanted or family in wanted:
                    pool.submit(worker, section, family, words, args)
    say({"row": "end", "seconds": round(time.time() - BEGUN, 1)})


if __name__ == "__main__":
    main()

"""The command line: ``genlab VERB key=value ...``.

Imports nothing heavy: ``genlab --help`` answers at once, and torch is imported only when a config is known to be right.
Every failure that a user can mend is one line on stderr and the exit code of its class (`genlab.errors`).
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genlab import __version__, process, ranks, signals, threads
from genlab.atomic import told
from genlab.errors import ConfigError, GenlabError, Interrupted, TrainingError, out_of_memory
from genlab.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIPE_CLOSED = 128 + signal.SIGPIPE
LONG = 1024
"""Characters of a word, such as a path, up to which a message shows it whole."""


@dataclass(frozen=True)
class Verb:
    """A verb of the command line: adding one is adding an entry to `VERBS`."""

    summary: str
    run: Callable[[str, Sequence[str]], int]
    examples: tuple[str, ...] = ()
    flags: dict[str, bool] = field(default_factory=dict)  # documented flags; True: may be repeated
    hidden: bool = False
    works: bool = True  # makes something that outlasts what it prints


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; the console script."""
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    process.settle()
    process.outlast("stderr")
    try:
        with signals.raising():
            status = _dispatch(words)
            sys.stdout.flush()
            return status
    except (Interrupted, KeyboardInterrupt) as stop:
        return _fail(str(stop) or "interrupted", getattr(stop, "exit_code", 128 + signal.SIGINT))
    except BrokenPipeError:
        # The reader has gone (genlab list | head): nobody is left to tell. stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        asked = signals.swallowed()
        if asked is not None:
            return _fail(str(asked), asked.exit_code)
        if debug:
            raise
        if isinstance(error, GenlabError):
            return _fail(str(error), error.exit_code)
        disk = told(error)
        if disk is not None:
            return _fail(str(disk), disk.exit_code)
        if out_of_memory(error):
            return _fail(
                f"out of memory ({' '.join(str(error).split())[:160]}): try a smaller model, batch_size, n or data set",
                TrainingError.exit_code,
            )
        return _fail(f"unexpected {type(error).__name__}: {error} (a bug in genlab; --debug shows where)", 1)


def _dispatch(words: list[str]) -> int:
    if words and words[0] in {"-sc", "--shell-completion"}:
        from genlab import completion

        return completion.main(words[1:])
    if not words or words[0] in {"--help", "-h", "help"}:
        from genlab import usage

        print(usage.overview(VERBS))
        return 0
    if words[0] in {"--version", "-V"}:
        print(f"genlab {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in VERBS:
        from genlab.arguments import nearest

        shown = [verb for verb, entry in VERBS.items() if not entry.hidden]
        kind = "unknown flag" if name.startswith("-") else "unknown command"
        raise ConfigError(f"{kind} {name}; choose from {', '.join(shown)}{nearest(name, shown)}")
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError("the working directory is gone: go to one that exists (cd) and start again") from error
    if not VERBS[name].hidden and any(word in {"--help", "-h"} for word in rest):
        from genlab import usage

        print(usage.verb(name, VERBS[name]))
        return 0
    if VERBS[name].works:
        if not VERBS[name].hidden:  # a rank or a job was started by one of ours
            ranks.check()
        threads.prepare()
        process.outlast("stdout")  # of what is only printed, the reader's going is the end; of work it is not
    return VERBS[name].run(name, rest)


def _compose(verb: str, words: Sequence[str]) -> int:
    """train, sample, translate, eval: one run, a sweep, a resumed run, or what Hydra prints."""
    from genlab import arguments

    parsed = arguments.parse(words, verb=verb, flags=VERBS[verb].flags)
    if verb == "train" and parsed.resume is not None and not parsed.shows:
        from genlab import resume

        return resume.resume(parsed)
    if parsed.multirun and not parsed.shows:
        from genlab import sweep

        return sweep.start(verb, parsed)
    from genlab import compose

    composed = compose.compose(verb, parsed.argv())
    if composed is None:
        return 0
    from genlab import launch

    return launch.start(verb, composed)


def _compare(verb: str, words: Sequence[str]) -> int:
    from genlab import compare

    return compare.start(words, flags=VERBS[verb].flags)


def _list(_: str, words: Sequence[str]) -> int:
    from genlab import listing

    print(listing.show(words))
    return 0


def _worker(_: str, words: Sequence[str]) -> int:
    """What a DDP rank or a job of a sweep runs: the run directory says everything but whom to trust."""
    from genlab import process, trust

    tied, again = "--tied" in words, "--again" in words
    trusted = trust.typed(words)
    paths = [word for word in words if word not in {"--tied", "--again"} and not word.startswith("trust=")]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        raise ConfigError("_worker takes one run directory")
    if ranks.global_rank() > 0:
        process.die_with_parent(signal.SIGKILL)
        process.silence_stdout()
    elif tied:
        process.die_with_parent(signal.SIGTERM)  # saves first
    path = Path(paths[0]).resolve()
    if again:
        from genlab import resume

        return resume.go_on(path, trusted)
    from genlab import launch

    return launch.work(path, trust=trusted)


def _fail(message: str, status: int) -> int:
    line = " ".join(word if len(word) <= LONG else f"{word[:60]}...{word[-20:]}" for word in message.split())
    print(f"genlab: error: {printable(line)}", file=sys.stderr, flush=True)
    return status


VERBS: dict[str, Verb] = {
    "train": Verb(
        "train a model",
        _compose,
        examples=(
            "genlab train                                       # a VAE on digits: no download, under two minutes",
            "genlab train model=iwae data=mnist seed=1",
            "genlab train model.latent_dim=8 optim.lr=3e-4 trainer.max_epochs=20",
            "genlab train -m model.latent_dim=2,8,32 seed=0,1   # a sweep: six runs and a table",
            "genlab train resume=last                           # go on exactly where it stopped",
        ),
        flags={"seed": False, "name": False, "outputs": False, "resume": False},
    ),
    "sample": Verb(
        "draw from a trained model",
        _compose,
        examples=(
            "genlab sample                                      # the newest run: a grid and an .npz",
            "genlab sample ckpt=outputs/train/vae-digits/RUN n=100 seed=1",
            "genlab sample task=reconstruct                     # or interpolate, traverse, complete",
            "genlab sample label=3                              # one class of a conditional model",
        ),
        flags={"ckpt": False, "n": False, "seed": False, "task": False, "label": False, "outputs": False},
    ),
    "translate": Verb(
        "translate your pictures from one domain to another",
        _compose,
        examples=(
            "genlab translate                                   # the newest run's test pictures, A to B",
            "genlab translate ckpt=RUN input=photos/            # a folder, or one file; names and sizes are kept",
            "genlab translate input=photo.jpg output=photo.png direction=BtoA",
        ),
        flags={"ckpt": False, "input": False, "output": False, "direction": False, "seed": False, "outputs": False},
    ),
    "eval": Verb(
        "score a trained model",
        _compose,
        examples=(
            "genlab eval --metric nll                           # the newest run, on the test split",
            "genlab eval --metric nll --metric bpd ckpt=RUN",
            "genlab eval metric.nll.num_particles=5000 split=val",
        ),
        flags={"metric": True, "ckpt": False, "split": False, "seed": False, "outputs": False},
    ),
    "compare": Verb(
        "put runs into one table",
        _compare,
        examples=(
            "genlab compare outputs/train/*-digits/*            # a table, and a page with pictures, curves, settings",
            "genlab compare outputs/sweep/NAME/ID               # all jobs of a sweep; seeds become mean ± sd",
            "genlab compare models=vae,realnvp,gmm data=digits budget=5min seeds=0,1     # trains them first",
        ),
        flags={
            "models": False,
            "data": False,
            "seeds": False,
            "budget": False,
            "metric": True,
            "split": False,
            "seed": False,
            "outputs": False,
        },
    ),
    "list": Verb(
        "list models, data sets, metrics and experiments",
        _list,
        examples=("genlab list", "genlab list models", "genlab list data"),
        works=False,
    ),
    "_worker": Verb("run what a run directory says", _worker, hidden=True),
}

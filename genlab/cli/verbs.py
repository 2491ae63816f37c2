"""The verbs of the command line, in one table: what each says of itself, takes and does.

Imports nothing heavy; what a verb needs is imported when it runs.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.errors import ConfigError
from genlab.process import streams
from genlab.runs import ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Verb:
    """A verb of the command line: adding one is adding an entry to `VERBS`."""

    summary: str
    run: Callable[[str, Sequence[str]], int]
    examples: tuple[str, ...] = ()
    flags: dict[str, bool] = field(default_factory=dict)  # documented flags; True: may be repeated
    hidden: bool = False
    works: bool = True  # makes something that outlasts what it prints


def _compose(verb: str, words: Sequence[str]) -> int:
    """train, sample, translate, compress, decompress, eval: one run, a sweep, a resumed run, or what Hydra prints."""
    from genlab.config import arguments

    parsed = arguments.parse(words, verb=verb, flags=VERBS[verb].flags)
    if verb == "train" and parsed.resume is not None and not parsed.shows:
        from genlab.launch import resume

        return resume.resume(parsed)
    if parsed.multirun and not parsed.shows:
        from genlab.launch import sweep

        return sweep.start(verb, parsed)
    from genlab.config import compose

    composed = compose.compose(verb, parsed.argv())
    if composed is None:
        return 0
    from genlab.launch import start

    return start.start(verb, composed)


def _compare(verb: str, words: Sequence[str]) -> int:
    from genlab.launch import comparison

    return comparison.start(words, flags=VERBS[verb].flags)


def _list(_: str, words: Sequence[str]) -> int:
    from genlab.config import listing

    print(listing.show(words))
    return 0


def _worker(_: str, words: Sequence[str]) -> int:
    """What a DDP rank or a job of a sweep runs: the run directory says everything but whom to trust."""
    from genlab.config import trust

    tied, again = "--tied" in words, "--again" in words
    trusted = trust.typed(words)
    paths = [word for word in words if word not in {"--tied", "--again"} and not word.startswith("trust=")]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        raise ConfigError("_worker takes one run directory")
    if ranks.global_rank() > 0:
        streams.die_with_parent(signal.SIGKILL)
        streams.silence_stdout()
    elif tied:
        streams.die_with_parent(signal.SIGTERM)  # saves first
    path = Path(paths[0]).resolve()
    if again:
        from genlab.launch import resume

        return resume.go_on(path, trusted)
    from genlab.launch import start

    return start.work(path, trust=trusted)


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
            'genlab sample prompt="ROMEO:" length=500 n=1       # text that goes on from yours, while it is drawn',
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
    "compress": Verb(
        "compress files with a trained model, without loss",
        _compose,
        examples=(
            "genlab compress                                    # the newest run's test split",
            "genlab compress ckpt=RUN input=novel.txt output=novel.gl",
            "genlab compress ckpt=RUN input=pictures/           # pictures of the model's own size",
            "genlab compress ckpt=RUN input=stop.png label=14   # by a model that is given the class",
        ),
        flags={
            "ckpt": False,
            "input": False,
            "label": False,
            "output": False,
            "split": False,
            "n": False,
            "outputs": False,
        },
    ),
    "decompress": Verb(
        "turn a compressed file back",
        _compose,
        examples=("genlab decompress input=novel.gl output=novel.txt ckpt=RUN",),
        flags={"ckpt": False, "input": False, "output": False, "outputs": False},
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
        "list models, data sets, metrics, tasks and experiments",
        _list,
        examples=("genlab list", "genlab list models", "genlab list data"),
        works=False,
    ),
    "_worker": Verb("run what a run directory says", _worker, hidden=True),
}

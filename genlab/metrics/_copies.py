"""Memorisation of sequences of symbols: runs that a sample has verbatim from the training part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from genlab.data.lengths import ended
from genlab.data.overlapping import stream
from genlab.data.spaces import Frames, Space, Split, Tokens, is_text
from genlab.data.text.coding import written
from genlab.evaluation.contexts import is_stream
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.copies import Runs, longest_runs
from genlab.evaluation.statistics.estimate import Estimate
from genlab.evaluation.statistics.novelty import QUANTILE, closer, near_copies
from genlab.metrics.subject import Subject, at_least, number_of_samples, record, samples
from genlab.seeding import derive

BREAK = -1
"""Between training examples that do not follow one another: no sample has it."""

SHOWN = 60
"""Characters of the longest copy in a record."""


def runs_of_samples(subject: Subject, n: int | None, *, least: int) -> Iterator[Record]:
    """The probability, the share, and medians and maxima of the longest runs of samples and of examples of the split.

    Sample and example go in pairs, of which the longer is cut to the length of the shorter: what is longer has longer
    runs.
    """
    space, split = subject.data.spec.space, subject.split
    asked = min(number_of_samples(subject, n), len(split))
    at_least(least, asked, metric="memorisation", what="examples on both sides", why="it")
    drawn = samples(subject, asked)
    generator = torch.Generator().manual_seed(derive(subject.seed, "reference"))
    rows = torch.randperm(len(split), generator=generator)[:asked]
    real = Split(split.x[rows], lengths=None if split.lengths is None else split.lengths[rows])
    known, mine, others = _symbols(space, subject.data.train, Split(drawn, lengths=ended(space, drawn)), real)
    pairs = [min(len(a), len(b)) for a, b in zip(mine, others, strict=True)]
    mine, others = ([text[:size] for text, size in zip(each, pairs, strict=True)] for each in (mine, others))
    runs = longest_runs([*mine, *others], known)
    of_samples, of_split = torch.from_numpy(runs.length).double().split(asked)
    yield from _records(subject, of_samples, of_split, unit_of(space), f"longest_copy: {_quoted(space, mine, runs)}")


def unit_of(space: Space) -> str:
    """What a run consists of."""
    return "frames" if isinstance(space, Frames) else "characters" if is_text(space) else "tokens"


def _records(subject: Subject, of_samples: Tensor, of_split: Tensor, unit: str, quoted: str) -> Iterator[Record]:
    n, what = len(of_samples), f"longest run of {unit} that stands verbatim in the training part"
    numbers: list[tuple[str, Estimate | float, str, str]] = [
        (
            "memorisation",
            closer(-of_samples, -of_split),
            "probability",
            f"memorisation: that the {what} is longer in a sample than in an unseen example as long (0.5: as new)",
        ),
        (
            "near_copies",
            near_copies(-of_samples, -of_split, seed=derive(subject.seed, "bootstrap")),
            "share",
            f"near_copies: samples with a longer run than all but {QUANTILE:.0%} of the split have; {QUANTILE} at most "
            "for new samples",
        ),
    ]
    for side, runs in (("copy", of_samples), ("held_out", of_split)):
        numbers.append((f"median_{side}", runs.median().item(), unit, ""))
        numbers.append((f"longest_{side}", runs.max().item(), unit, quoted if side == "copy" else ""))
    for name, value, of, method in numbers:
        yield record(subject, name, value, unit=of, n=n, method=method)


def _symbols(space: Space, train: Split, *others: Split) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The training part in one piece, and the examples of two other splits, as integers."""
    if isinstance(space, Frames):
        return _frames(train, *others)
    assert isinstance(space, Tokens)
    if is_stream(space):
        known = _letters(space, stream(train.x))
    else:
        known = _joined([_letters(space, text) for text in _parts(train)])
    mine, real = ([_letters(space, text) for text in _parts(split)] for split in others)
    return known, mine, real


def _letters(space: Tokens, tokens: Tensor) -> np.ndarray:
    """The characters that tokens ``(L,)`` write, or the tokens where they write nothing."""
    if not is_text(space) or space.coding == "characters":
        return tokens.numpy().astype(np.int64)
    return np.frombuffer(written(space, tokens).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)


def _parts(split: Split) -> list[Tensor]:
    long = [split.x.shape[1]] * len(split) if split.lengths is None else split.lengths.tolist()
    return [x[:length] for x, length in zip(split.x, long, strict=True)]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.append(part, BREAK) for part in parts])


def _frames(train: Split, *others: Split) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """A number for each frame that is unlike the others."""
    parts = [[frames.numpy() for frames in _parts(split)] for split in (train, *others)]
    rows = np.concatenate([frames for each in parts for frames in each])
    _, number = np.unique(rows, axis=0, return_inverse=True)
    sizes = [len(frames) for each in parts for frames in each]
    pieces = np.split(number.reshape(-1).astype(np.int64), np.cumsum(sizes)[:-1])
    counts = np.cumsum([len(each) for each in parts])
    return _joined(pieces[: counts[0]]), pieces[counts[0] : counts[1]], pieces[counts[1] :]


def _quoted(space: Space, texts: list[np.ndarray], runs: Runs) -> str:
    """The longest run of all, as it is read; of what is no text where it stands."""
    i = int(np.argmax(runs.length[: len(texts)]))
    place, size = int(runs.place[i]), int(runs.length[i])
    if not is_text(space):
        return f"sample {i + 1}, {unit_of(space)} {place + 1} to {place + size}"
    run = texts[i][place : place + size]
    if space.coding == "characters":
        found = written(space, torch.from_numpy(run))
    else:
        found = run.astype("<u4").tobytes().decode("utf-32-le", "replace")
    return repr(found if size <= SHOWN else f"{found[: SHOWN - 3]}...")

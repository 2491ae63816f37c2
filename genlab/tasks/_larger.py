"""Pictures larger than the model's: each restored whole, by what the model says of its patches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genlab.data.images.convert import BadPictureError
from genlab.data.images.read import given_pictures, read_whole, upright_size
from genlab.data.spaces import Image
from genlab.errors import ConfigError, DataError
from genlab.evaluation.artefacts.restorations import sheet
from genlab.evaluation.statistics.restoration import misfit
from genlab.inverse.method import Restorer
from genlab.inverse.observation import Observation, observe
from genlab.inverse.operators import Grey
from genlab.inverse.posterior import choose_larger
from genlab.process.printable import printable
from genlab.seeding import derive
from genlab.tasks._alike import lines, means, of_picture
from genlab.tasks._problem import Asked, Make, Problem
from genlab.tasks.drawn import Drawn
from genlab.tasks.store import IN_MEMORY, Stored
from genlab.tasks.work import Work

MOST_PIXELS = 1 << 24
"""Of a picture: several arrays of its size are held."""

COLUMNS = 8
"""Pictures on the sheet, at most."""

SIDE = 160
"""Pixels of a picture's centre on the sheet, at most."""


@dataclass(frozen=True)
class Photographs:
    """Pictures of which one at least is larger than the model's, and none smaller.

    Attributes:
        files: with the names that they go by.
        shown: pixels of the centre that is looked at.
    """

    files: dict[str, Path]
    shown: int


def given(work: Work, asked: Asked) -> Photographs | None:
    """The pictures of ``input``, if some are larger than the model's; None: they go the way of the others.

    Raises:
        DataError: there are none; or some are larger and others smaller.
    """
    space = work.spec.space
    assert asked.input is not None
    assert isinstance(space, Image)  # as the tasks need
    source = Path(asked.input).expanduser()
    files, read, sizes = given_pictures(source)[: work.n], [], []
    for file in files:
        try:
            sizes.append(upright_size(file))
        except BadPictureError:
            continue  # told by who reads it
        read.append(file)
    scale = asked.factor if asked.measured else 1
    sides = [(width * scale, height * scale) for width, height in sizes]
    own = space.width, space.height
    small = [file for file, (w, h) in zip(read, sides, strict=True) if w < own[0] or h < own[1]]
    if len(small) + sides.count(own) == len(sides):
        return None
    if small:
        others = "" if len(small) == 1 else f" and {len(small) - 1} more"
        raise DataError(
            f"input={printable(str(small[0]))}{others}: less than the {own[0]}x{own[1]} pixels of the model's "
            "pictures; give larger ones alone"
        )
    base = source.parent if source.is_file() else source
    names = [file.relative_to(base).with_suffix("").as_posix() for file in files]
    unique = [
        name if names.count(name) == 1 else file.relative_to(base).as_posix()
        for name, file in zip(names, files, strict=True)
    ]
    return Photographs(dict(zip(unique, files, strict=True)), min(SIDE, *(min(each) for each in sides)))


@dataclass(frozen=True)
class _Seen:
    """A picture: channels that a grey model restores each by itself are examples of one channel.

    Attributes:
        problem: of its size.
        truth: ``(B, C, H, W)`` on the unit scale, None where it is not known.
        observation: of these.
    """

    problem: Problem
    truth: Tensor | None
    observation: Observation


def restored(work: Work, make: Make, asked: Asked, photographs: Photographs) -> Drawn:
    """One picture for each, and how near it is to the truth, where that is known.

    Raises:
        ConfigError: no method fits; or draws are asked for.
        DataError: a picture cannot be read, or is too large.
    """
    if asked.samples not in ("auto", 1):
        raise ConfigError(
            f"samples={asked.samples}: of pictures larger than the model's ({_size(work.spec.event_shape)}) one "
            "picture each is said, and no posterior that could be drawn from; leave samples out"
        )
    began, done, room = time.monotonic(), list[_Restored](), _Room(work.folder)
    bar = work.bar("pictures")
    for name, file in bar(photographs.files.items(), len(photographs.files)):
        seen = _seen(work, make, asked, name, file)
        method = choose_larger(work.model, seen.observation, asked.method)
        done.append(_restored(work, method, seen, name, photographs.shown if len(done) < COLUMNS else 0, room, asked))
    return _drawn(asked, method, done, time.monotonic() - began)


def _seen(work: Work, make: Make, asked: Asked, name: str, file: Path) -> _Seen:
    own, factor = work.spec.event_shape, asked.factor
    try:
        width, height = upright_size(file)
        if width * height * (factor**2 if asked.measured else 1) > MOST_PIXELS:
            raise BadPictureError(f"more than {MOST_PIXELS:,} pixels")
        x = read_whole(file, channels=3, value_range=work.spec.value_range).x
    except BadPictureError as error:
        raise DataError(f"input={printable(str(file))}: {error}; mend, reduce or remove it") from error
    if (x == x[:1]).all():
        x = x[:1]
    height, width = x.shape[1:]
    if not asked.measured:
        x = x[:, : height - height % factor, : width - width % factor]
        if x.shape[1] < own[1] or x.shape[2] < own[2]:
            raise DataError(
                f"input={printable(str(file))}: factor={factor} leaves less of {width}x{height} pixels than the model's"
            )
    u = torch.from_numpy(x.copy()).to(work.device).float() / 255
    problem = make((own[0], *(side * (factor if asked.measured else 1) for side in u.shape[1:])))
    operator = problem.operator
    channels = operator.seen[0] if asked.measured and len(operator.seen) == 3 else own[0]
    if channels == 3:
        u = u.expand(3, -1, -1)[None]
    elif own[0] == 3:
        u = (Grey(tuple(u.shape)).forward(u[None]).view(1, *u.shape[1:]) if len(u) == 3 else u)[None]
    else:
        u = u[:, None]
    if asked.measured:
        y = operator.forward(u) if u.shape[1:] == operator.event else u.flatten(1)
        return _Seen(problem, None, Observation(operator, y, asked.noise))
    generator = torch.Generator(work.device).manual_seed(derive(work.seed, "picture", name))
    return _Seen(problem, u, observe(operator, u, asked.noise, generator=generator))


@dataclass(frozen=True)
class _Restored:
    """A picture that is done.

    Attributes:
        name: of it.
        what: was seen of it.
        arrays: on the data's scale, ``(C, H, W)`` each.
        looks: the centres of what is shown.
        numbers: how near it is, for the summary.
    """

    name: str
    what: str
    arrays: dict[str, Tensor]
    looks: dict[str, Tensor]
    numbers: dict


def _restored(work: Work, method: Restorer, seen: _Seen, name: str, shown: int, room: _Room, asked: Asked) -> _Restored:
    found = method.restore(work.model, seen.observation).clamp(0, 1).cpu()
    problem, y, truth = seen.problem, seen.observation.y.cpu(), None if seen.truth is None else seen.truth.cpu()
    operator = problem.operator
    told = Observation(operator, y, asked.noise)
    baselines = problem.baselines(told, truth)
    looks = {} if truth is None else {"truth": truth}
    looks["observed"] = problem.looks(told)
    looks |= {key: value for key, value in baselines.items() if not torch.equal(value, looks["observed"])}
    looks["restored"] = found
    observed = y.view(-1, *operator.seen[1:]) if len(operator.seen) == 3 else y
    arrays = {} if truth is None else {"truth": (truth.flatten(0, 1) * 255).round().to(torch.uint8)}
    arrays |= {"observed": observed * 255, "restored": found.flatten(0, 1) * 255}
    numbers = {"name": name, "size": list(operator.event[1:]), "residual": misfit(told.residual(found))}
    if truth is not None:
        others = {key: value.flatten(0, 1) for key, value in baselines.items()}
        numbers |= of_picture({"restored": found.flatten(0, 1)} | others, truth.flatten(0, 1), border=_border(asked))
    return _Restored(
        name,
        operator.name,
        {key: room.put(value) for key, value in arrays.items()},
        {key: _centre(value.flatten(0, 1), shown) for key, value in looks.items()} if shown else {},
        numbers,
    )


def _border(asked: Asked) -> int:
    """Pixels that do not count: small pictures do not say what the border was, and the field leaves it out."""
    return asked.factor if asked.factor > 1 else 0


def _centre(x: Tensor, side: int) -> Tensor:
    """``(3, side, side)`` of ``(C, H, W)``."""
    top, left = ((n - side) // 2 for n in x.shape[1:])
    return x[:, top : top + side, left : left + side].clamp(0, 1).expand(3, -1, -1).clone()


class _Room:
    """Where arrays are kept: in memory while they are few, then in files of the run's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free = IN_MEMORY

    def put(self, values: Tensor) -> Tensor:
        """The same, kept."""
        stored = Stored(values.shape, values.dtype, folder=self._folder, most=self._free)
        stored.write(0, values)
        self._free = max(0, self._free - values.nbytes)
        return stored.tensor


def _drawn(asked: Asked, method: Restorer, done: list[_Restored], seconds: float) -> Drawn:
    first, *others = sizes = sorted({tuple(each.numbers["size"]) for each in done}, key=lambda size: size[0] * size[1])
    size = _size(first) if not others else f"{_size(first)} to {_size(sizes[-1])}"
    noise = f"noise {asked.noise:g}" if asked.noise else "no noise"
    count = "1 picture" if len(done) == 1 else f"{len(done)} pictures"
    what = done[0].what if len({each.what for each in done}) == 1 else f"{done[0].what} of the first"
    numbers = {
        "method": method.name,
        "exactness": method.exactness,
        "operator": what,
        "noise": asked.noise,
        "n": len(done),
        "seconds": round(seconds, 2),
        "residual": sum(each.numbers["residual"] for each in done) / len(done),
        **means([each.numbers for each in done]),
        "pictures": [each.numbers for each in done],
    }
    return Drawn(
        partial(_sheet, [each.looks for each in done if each.looks]),
        {f"{each.name}/{key}": value.numpy() for each in done for key, value in each.arrays.items()},
        f"{what}, {noise}; {count} of {size} pixels by {method.name}, {method.exactness}: one of each, no "
        f"draws; in {seconds:.1f} s",
        numbers=numbers,
        lines=lines(numbers, border=_border(asked)),
        pictures={f"restored/{each.name}": partial(_pixels, each.arrays["restored"]) for each in done},
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def _pixels(x: Tensor) -> np.ndarray:
    """Levels ``(C, H, W)`` as ``(H, W, C) uint8``."""
    return x.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _sheet(looks: list[dict[str, Tensor]]) -> np.ndarray:
    return sheet({key.replace(" ", "\n"): torch.stack([each[key] for each in looks]) for key in looks[0]})

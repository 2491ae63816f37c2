"""Small models of sequences in place of checkpoints, for the tests of tasks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import torch

from genlab.data.dataset import Dataset, DataSpec, Split
from genlab.data.spaces import Frames, Image, Space, Tokens, Waveform
from genlab.models.sequence.base import SequenceModel
from genlab.models.sequence.rnn import RNN
from genlab.models.sequence.transformer import Transformer
from genlab.restore import Loaded
from genlab.tasks import Drawn, Task, Work

HOSTILE = ("\n", "\t", "\r", "\x1b", "\x07", "\x9b", "\u202e", "\0")
"""Line ends, tabs, and what a terminal obeys."""

CHARACTERS = Tokens(24, 12, coding="characters", symbols=(*HOSTILE, "a", "b", "é", "漢"))
BYTES = Tokens(24, 256, coding="bytes", symbols=tuple(map(chr, range(256))))
LINES = Tokens(12, 4, ragged=True, coding="characters", symbols=("\n", "a", "b", "c"), end=0)
NUMBERS = Tokens(12, 5)
SOUND = Waveform(12, levels=7)
ROLL = Frames(12, 4, 2, ragged=False)
RAGGED_ROLL = Frames(12, 4, 2)
PICTURE = Image(1, 4, 4, 2)


@dataclass(frozen=True)
class Small(Loaded):
    """A checkpoint with a little data of its type."""

    def dataset(self, *, root: str | None, trust: object) -> Dataset:
        generator = torch.Generator().manual_seed(3)
        space = self.spec.space
        x = torch.randint(space.levels or 2, (9, *space.shape), generator=generator, dtype=torch.uint8)
        y = torch.arange(9) % 3
        lengths = None
        if getattr(space, "ragged", False):
            lengths = torch.arange(9) % 8 + 5
            end = getattr(space, "end", None)
            if end is not None:  # which is 0, and stands last
                x = x.clamp_min(1)
                x[torch.arange(9), lengths - 1] = end
            x[torch.arange(space.shape[0]) >= lengths[:, None]] = 0
        split = Split(x, y, lengths=lengths)
        return Dataset(name="small", spec=self.spec, train=split, val=split, test=split)


def small(space: Space, family: str = "transformer", *, condition: str | None = None) -> Small:
    """A model away from the symmetric values that it begins with."""
    torch.manual_seed(0)
    spec = DataSpec(space=space, num_classes=3)
    model: SequenceModel
    if family == "rnn":
        model = RNN(spec, layers=1, width=16, condition=condition)
    else:
        model = Transformer(spec, layers=2, heads=2, width=16, condition=condition)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return Small(Path(), {"name": family}, spec, 0, model.eval())


def draw(of: Loaded, task: Task, folder: Path, *, out: io.StringIO | None = None, n: int = 3, **rest: int) -> Drawn:
    """What a task draws."""
    with torch.no_grad():
        return task.draw(Work(of, folder, n=n, out=out, **rest))

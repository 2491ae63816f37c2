"""Drawing step by step: what stands before, how far it goes, how likely a step has to be, and who may watch."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from genlab.data.lengths import ended, time_axis
from genlab.data.spaces import DataSpec, InTime, Space, is_text
from genlab.errors import ConfigError, out_of_memory
from genlab.models.capabilities import Sequential
from genlab.models.conditions import rows
from genlab.tasks._prompts import Start
from genlab.tasks._prompts import start as start_of
from genlab.tasks._streamed import Streamed
from genlab.tasks.work import FEW, Work

STEPS = {"tokens": "tokens", "waveform": "samples", "frames": "frames"}


TopP = Annotated[float, Field(gt=0, le=1)]


class Cut(NamedTuple):
    """How likely a step has to be; see `genlab.models.capabilities.Sequential.draw`."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    @property
    def said(self) -> str:
        """What was asked for, to follow a noun: `` at temperature 0.8, top_k 40``; nothing where nothing was."""
        said = [f"temperature {self.temperature:g}"] if self.temperature != 1 else []
        said += [f"{name} {value}" for name, value in (("top_k", self.top_k), ("top_p", self.top_p)) if value]
        return f" at {', '.join(said)}" if said else ""


@dataclass(frozen=True)
class StepByStep:
    """What ``genlab sample`` may ask of a model of sequences; see `genlab.tasks.sample.Sample`."""

    prompt: str | None = None
    length: int | None = None
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    @property
    def cut(self) -> Cut:
        """How likely a step has to be."""
        return Cut(self.temperature, self.top_k, self.top_p)

    def draws(self, work: Work, given: Tensor | None) -> tuple[dict[str, Tensor], str]:
        """``samples``, where they end by themselves or are of a ragged kind their ``lengths``; and a note on them.

        The first text is written to `Work.out` while it is drawn; of all else there is a bar.

        Raises:
            ConfigError: the prompt cannot be read, or leaves nothing to draw.
        """
        model, space = work.model, work.spec.space
        assert isinstance(model, Sequential)  # who asks has looked
        in_time = isinstance(space, InTime)
        start = self._start(space) if isinstance(space, InTime) and self.prompt is not None else None
        prompt = None if start is None else start.x.to(work.device)
        told = Streamed(space, work.out) if is_text(space) and work.out else None

        def draw(index: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
            watched = told if int(index[0]) == 0 else None
            with nullcontext() if watched is None else closing(watched):
                x = model.draw(
                    len(index),
                    rows(given, index),
                    length=self.length,
                    prompt=prompt,
                    **self.cut._asdict(),
                    generator=generator,
                    progress=work.bar("sample") if watched is None else None,
                    heard=None if watched is None else watched.heard,
                )
            return {"samples": x}

        try:
            found = work.in_blocks(work.n, draw, parted=FEW if in_time else ())
        except Exception as error:
            if self.length is None or not out_of_memory(error):
                raise
            few = f"length={self.length}: the memory does not hold {work.n} draws of so many {STEPS[space.kind]}"
            raise ConfigError(f"{few}; give less, or n=1") from error
        lengths = ended(space, found["samples"])
        if lengths is None and getattr(space, "ragged", False):
            lengths = torch.full((work.n,), found["samples"].shape[time_axis(space)])
        after = "" if start is None else f" after a prompt of {_many(space, start)}{start.said}"
        return found if lengths is None else {**found, "lengths": lengths}, f"samples{self.cut.said}{after}"

    def _start(self, space: InTime) -> Start:
        assert self.prompt is not None
        found = start_of(space, self.prompt)
        has, total = found.x.shape[time_axis(space) - 1], self.length or space.length
        if has >= total:
            whose = f"length={self.length}" if self.length else f"without length= a draw has {total:,}, and it"
            raise ConfigError(
                f"prompt: has {_many(space, found)}, {whose} leaves nothing to draw; give length={has + 1} or more"
            )
        return found


def _many(space: Space, start: Start) -> str:
    steps = start.x.shape[time_axis(space) - 1]
    return f"{steps:,} {STEPS[space.kind] if steps != 1 else STEPS[space.kind][:-1]}"


def sized(spec: DataSpec, samples: Tensor) -> DataSpec:
    """The type of draws ``(n, *event_shape)`` that may be longer or shorter than the data's examples."""
    space = spec.space
    if not isinstance(space, InTime) or samples.shape[1:] == spec.event_shape:
        return spec
    return replace(spec, space=replace(space, length=samples.shape[time_axis(space)]))

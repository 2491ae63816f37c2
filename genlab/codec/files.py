"""Content to a compressed file and back: by the model in float64 on the CPU, and read before it counts.

"A method to encode on one machine and read garbage on another" is the usual fate of learned codecs; here what is read
has to be what was written, by hash, or nothing is given back.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab import __version__
from genlab.codec import side
from genlab.codec.coded import Coded, Examples, Written
from genlab.codec.coders import coder_of
from genlab.codec.container import Container, content_hash, weights_hash
from genlab.codec.frequencies import constriction
from genlab.codec.material import Content
from genlab.data.lengths import ended, ending, trimmed, units
from genlab.data.spaces import DataSpec, InTime, Label, Split
from genlab.errors import DataError
from genlab.models.capabilities import GenerativeModel
from genlab.ops.bars import Progress, no_bar

MAX_VALUES = 1 << 29
"""Values of the examples that a file may claim to hold."""


@dataclass(frozen=True)
class Compressed:
    """A file, and what it cost.

    Attributes:
        container: the file.
        coded: what the coder says of it.
        file: its bytes.
        units: of the data, over all examples.
        encoding, decoding: seconds.
    """

    container: Container
    coded: Coded
    file: bytes
    units: float
    encoding: float
    decoding: float


def exact_copy(model: nn.Module) -> nn.Module:
    """The model in float64 on the CPU."""
    return copy.deepcopy(model).cpu().double().eval()


def compress(
    model: GenerativeModel, spec: DataSpec, content: Content, *, name: str = "", progress: Progress = no_bar
) -> Compressed:
    """Write content by a model, and read it again.

    Raises:
        ConfigError: the model compresses nothing, or its passes are not exact enough to be read again.
    """
    coder, exact = coder_of(model, spec), exact_copy(model)
    examples = content.examples
    start = time.perf_counter()
    coded = coder.encode(exact, examples, progress=progress)
    encoding = time.perf_counter() - start
    head = {
        "by": [__version__, torch.__version__, constriction_version()],
        "model": name,
        "n": len(examples.x),
        "form": content.form,
        **({"names": list(content.names)} if content.names else {}),
        **_numbers("lengths", None if _ends_itself(spec, examples) else examples.lengths),
        **_numbers("labels", examples.c),
        **coded.facts,
    }
    container = Container(
        weights_hash(model, spec), content_hash(examples.x, examples.lengths, examples.c), head, coded.payload
    )
    start = time.perf_counter()
    decoded(model, spec, container, exact=exact, progress=progress)  # whose hash has to be that of the examples
    decoding = time.perf_counter() - start
    counted = float(units(spec.space, examples.x, examples.lengths).sum())
    return Compressed(container, coded, container.packed(), counted, encoding, decoding)


def decoded(
    model: GenerativeModel,
    spec: DataSpec,
    container: Container,
    *,
    exact: nn.Module | None = None,
    at_once: int | None = None,
    progress: Progress = no_bar,
) -> Examples:
    """The examples of a file that this model has written.

    Args:
        model: as it was loaded.
        spec: the type of its data.
        container: the file.
        exact: its `exact_copy`, if there is one.
        at_once: examples that go through the model together; None: as many as were written together.
        progress: shows a bar.

    Raises:
        DataError: what is read is not what was written.
        ConfigError: this model compresses nothing.
    """
    coder, head = coder_of(model, spec), container.head
    try:
        n = _count(head, "n", most=MAX_VALUES // spec.dim)
        lengths, c = side.read(head.get("lengths"), n), side.read(head.get("labels"), n)
        _check(spec, model, lengths, c, n)
        facts = {key: value for key, value in head.items() if key not in {"n", "lengths", "labels"}}
        written = Written(container.payload, facts, n, lengths, c, at_once)
        x = coder.decode(exact_copy(model) if exact is None else exact, written, progress=progress)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AssertionError, MemoryError) as error:
        raise DataError(f"the file cannot be read: {type(error).__name__} in what it says of itself") from error
    if lengths is None and ending(spec.space) is not None:
        lengths = ended(spec.space, x)
        x = trimmed(spec.space, Split(x, lengths=lengths)).x
    if content_hash(x, lengths, c) != container.content:
        said = head.get("by")
        by = ", ".join(str(each)[:40] for each in said[:3]) if isinstance(said, list) else "unknown"
        raise DataError(
            f"what is read is not what was written (genlab, torch, constriction: {by}); nothing is written: "
            "read it with these versions"
        )
    return Examples(x, lengths, c)


def constriction_version() -> str:
    """Of the coders."""
    from importlib.metadata import version

    constriction()
    return version("constriction")


def _numbers(name: str, numbers: Tensor | None) -> dict[str, Any]:
    return {} if numbers is None else {name: side.written(numbers)}


def _ends_itself(spec: DataSpec, examples: Examples) -> bool:
    """Whether each example says by its last token that it is the last, and none before."""
    found = ended(spec.space, examples.x) if ending(spec.space) is not None else None
    return found is not None and examples.lengths is not None and torch.equal(found, examples.lengths)


def _count(head: Mapping[str, Any], name: str, *, most: int) -> int:
    found = head[name]
    if type(found) is not int or not 1 <= found <= most:
        raise ValueError(f"{name} is no number from 1 to {most}")
    return found


def _check(spec: DataSpec, model: GenerativeModel, lengths: Tensor | None, c: Tensor | None, n: int) -> None:
    if lengths is not None:
        if not isinstance(spec.space, InTime):
            raise ValueError("lengths of data that has none")
        if int(lengths.max()) * n > MAX_VALUES or int(lengths.min()) < 1:
            raise ValueError("lengths that cannot be")
    if (c is None) != (model.given is None):
        raise ValueError("labels")
    if c is not None and not (isinstance(model.given, Label) and int(c.max()) < model.given.num_classes):
        raise ValueError("labels that are none")


def at_rate(spec: DataSpec, bits: float, counted: float) -> float:
    """Bits of all examples per unit of the space, in the unit's own measure."""
    return bits / counted * (math.log(2) if spec.space.unit.nats else 1.0)

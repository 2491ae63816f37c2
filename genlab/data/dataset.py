"""What a data set is, as far as a model needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Literal

from genlab.data.plain_spaces import from_plain, plain
from genlab.data.spaces import Image, Label, Space, Vector, of_levels, of_shape
from genlab.data.validity import check
from genlab.errors import ConfigError
from genlab.seeding import derive

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

Layout = Literal["single", "unpaired", "paired"]

SEEN_SEED = 0
"""Of the transform of the training split where that is scored: the same examples whatever the seed of an evaluation."""

AT_ONCE = 1000
"""Examples that are transformed together."""


@dataclass(frozen=True, init=False)
class DataSpec:
    """The type of one example and of the set it is from; it flows into the model: no config states an image size twice.

    Attributes:
        space: of one example. A shape and a number of levels are a shorthand of an image or a vector.
        num_classes: number of labels, None where there are none.
        layout: "single" (one set), "unpaired" (two domains, CycleGAN) or "paired" (A and B aligned, pix2pix).
        classes: names of the labels 0, 1, ..., None where they are not known. Not compared: the labels of data with
            other names are renumbered, see `genlab.data.classes.aligned`.
        value_range: the values of pictures with more than 8 bits that became 0 and 255, None for 0 and 65535. Not
            compared.
        condition: the space of `Split.c`, None where there is none.
    """

    space: Space
    num_classes: int | None = None
    layout: Layout = "single"
    classes: tuple[str, ...] | None = field(default=None, compare=False)
    value_range: tuple[float, float] | None = field(default=None, compare=False)
    condition: Space | None = None

    def __init__(
        self,
        event_shape: tuple[int, ...] | None = None,
        levels: int | EllipsisType | None = ...,
        num_classes: int | None = None,
        layout: Layout = "single",
        classes: tuple[str, ...] | None = None,
        value_range: tuple[float, float] | None = None,
        *,
        space: Space | None = None,
        condition: Space | None = None,
    ) -> None:
        if event_shape is not None:
            space = of_shape(tuple(event_shape), None if levels is ... else levels)
        elif space is not None and levels is not ...:
            space = of_levels(space, levels)
        if space is None:
            raise ConfigError("DataSpec: give a space, or a shape and levels")
        if classes is not None and len(set(classes)) != num_classes:
            raise ConfigError(f"{len(set(classes))} names for {num_classes} classes: each needs one")
        values = (space, num_classes, layout, classes, value_range, condition)
        for each, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, each.name, value)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """``(C, H, W)`` of an image, ``(D,)`` of a vector."""
        return self.space.shape

    @property
    def levels(self) -> int | None:
        """Number of integer values of a pixel (2 for binary, 256 for 8-bit); None for real data."""
        return self.space.levels

    @property
    def dim(self) -> int:
        """Number of dimensions D of an example."""
        return self.space.dim

    @property
    def dtype(self) -> torch.dtype:
        """What an example and a sample consist of: float32, or the smallest integers that hold all levels."""
        return self.space.dtype

    @property
    def labels(self) -> Label | None:
        """The space of `Split.y`."""
        return None if self.num_classes is None else Label(self.num_classes, self.classes)

    def to_dict(self) -> dict[str, object]:
        """Plain types, as a checkpoint holds them; a space stands there where its shape does not say it."""
        found: dict[str, object] = {
            "event_shape": list(self.event_shape),
            "levels": self.levels,
            "num_classes": self.num_classes,
            "layout": self.layout,
            "classes": None if self.classes is None else list(self.classes),
            "value_range": None if self.value_range is None else list(self.value_range),
        }
        if not isinstance(self.space, Image | Vector):
            found["space"] = plain(self.space)
        if self.condition is not None:
            found["condition"] = plain(self.condition)
        return found

    def difference(self, now: DataSpec) -> str:
        """What makes data of type ``now`` other data than these, ``num_classes was 2 and is None``; empty: nothing."""
        plainly = ("num_classes", "layout")
        found = [*_differences(self.space, now.space, "space")]
        found += [_was(name, getattr(self, name), getattr(now, name)) for name in plainly]
        found += _differences(self.condition, now.condition, "condition")
        return ", ".join(filter(None, found))

    @classmethod
    def from_dict(cls, value: dict) -> DataSpec:
        """Inverse of `to_dict`; checkpoints of before have no names of classes, spaces and conditions."""
        classes, value_range = value.get("classes"), value.get("value_range")
        space, condition = value.get("space"), value.get("condition")
        return cls(
            tuple(value["event_shape"]) if space is None else None,
            value["levels"] if space is None else ...,
            value["num_classes"],
            value.get("layout", "single"),
            classes=None if classes is None else tuple(map(str, classes)),
            value_range=None if value_range is None else (float(value_range[0]), float(value_range[1])),
            space=None if space is None else from_plain(space),
            condition=None if condition is None else from_plain(condition),
        )


def _differences(old: Space | None, new: Space | None, name: str) -> list[str]:
    """Of spaces of one kind each property that differs, else their kinds."""
    if old is None or new is None or old.kind != new.kind:
        return [_was(name, *(None if space is None else space.kind for space in (old, new)))]
    of = "" if name == "space" else f"{name}'s "
    return [_was(f"{of}{each.name}", getattr(old, each.name), getattr(new, each.name)) for each in fields(old)]


def _was(name: str, old: object, new: object) -> str:
    """``name was ... and is ...``, of many values no more than how many; empty: it is the same."""
    if old == new:
        return ""
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        other = sum(one != another for one, another in zip(old, new, strict=True))
        return f"{other} of {len(old)} {name} are others"
    was, now = (f"{len(each)} values" if isinstance(each, tuple) else each for each in (old, new))
    return f"{name} was {was} and is {now}"


@dataclass(frozen=True)
class Split:
    """One split in memory (or memory-mapped): batches are gathered from it by index.

    Attributes:
        x: ``(N, *event_shape)``, images of integer levels or ``(N, D) float32`` vectors, see `DataSpec.dtype`; domain A
            of a translation set.
        y: ``(N,) int64`` labels, or None.
        x_b: domain B: ``(N, C, H, W)`` if paired, ``(M, C, H, W)`` if unpaired; None otherwise.
        y_b: ``(M,) int64`` labels of domain B, or None.
        c: ``(N, *condition.shape)``, what an example was made under (`DataSpec.condition`), or None.
        lengths: ``(N,) int64``, of each example of a ragged space; ``x`` is 0 from there on. None: all have the same.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None
    x_b: torch.Tensor | None = None
    y_b: torch.Tensor | None = None
    c: torch.Tensor | None = None
    lengths: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """A data set, decoded: its type and its three splits.

    Raises:
        DataError: a value is not finite, or the splits are not of the type `spec`; see `genlab.data.validity`.

    Attributes:
        name: for messages and folder names.
        spec: the type of one example.
        train, val, test: the splits; test is the official one where there is one. Of ``train`` as it lies in memory:
            what a model sees of it says `split`.
        train_transform: ``(x, generator) -> x`` applied to training batches only (dynamic binarisation, random crops).
        train_transform_b: the same for domain B; None: `train_transform`.
        density: the true density where it is known (toy data): has ``log_prob(x)``, ``entropy``, ``bounds``.
        notes: sentences that the user should read once (pictures converted, files skipped, split improvised).
    """

    name: str
    spec: DataSpec
    train: Split
    val: Split
    test: Split
    train_transform: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None
    train_transform_b: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None
    density: object | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        check(self)

    def split(self, name: str) -> Split:
        """A split as a model sees it, the same at every call: what is scored, encoded, drawn and compared with.

        Args:
            name: "train", "val" or "test".
        """
        return self.as_seen(self.train, seed=SEEN_SEED) if name == "train" else getattr(self, name)

    def as_seen(self, examples: Split, *, seed: int) -> Split:
        """Training examples as a model sees them: the transform of training batches is applied, once."""
        if self.train_transform is None:
            return examples
        x = _transformed(examples.x, self.train_transform, seed=seed)
        x_b = examples.x_b
        if x_b is not None:  # of a pair with the same random numbers
            seed = seed if self.spec.layout == "paired" else seed + 1
            x_b = _transformed(x_b, self.train_transform_b or self.train_transform, seed=seed)
        return replace(examples, x=x, x_b=x_b)


def _transformed(
    x: torch.Tensor, transform: Callable[[torch.Tensor, torch.Generator], torch.Tensor], *, seed: int
) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(derive(seed, "transform"))
    return torch.cat([transform(part, generator) for part in x.split(AT_ONCE)])

"""What data is and what a model needs of it, in words; who does not fit is told so, with what fits.

A data source's module says what its examples are, as literals that are read without importing it:

    gives = ("one set", "image", "28x28", "integers", "labels")
    gives_with = {"label": ("labels",), "kind=vector": ("vector",)}      # if an option is not null, or has this value
    may_give = {"labels": "one folder per class"}                        # only the files tell, and how (or a tuple)

A model's class, or the module of a function that makes one, says what it needs; `|` are alternatives:

    needs = ("one set", "image | vector")
    needs_with = {"network=conv": ("image",)}                            # if an option has this value
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genlab.data.doubling import doublings
from genlab.data.spaces import Image, Video, Waveform
from genlab.errors import ConfigError
from genlab.signatures.described import Described, described, held

if TYPE_CHECKING:
    from collections.abc import Callable

    from genlab.data.dataset import DataSpec

SOURCES = "genlab.data.sources"

DOUBLED = "a size that doubling reaches"
PARTS = "two dimensions or more"
FEW = "three dimensions or fewer"
RECORDINGS = "recordings"

PHRASES = {
    "one set": "one set of examples",
    "unpaired": "two unpaired domains",
    "pairs": "pairs",
    "image": "images",
    "vector": "vectors",
    "table": "tables",
    "tokens": "tokens",
    "waveform": "waveforms of one length",
    RECORDINGS: "recordings of any length",
    "frames": "sequences of frames",
    "video": "videos",
    "integers": "integer values",
    "binary": "binary values",
    "reals": "real values",
    "vector condition": "a vector as condition",
    "tokens condition": "a text as condition",
    "video condition": "past frames as condition",
}
"""Words of which every data set has one of a sort, and how a sentence says them; other words stand for themselves."""

SORTS = (
    ("one set", "unpaired", "pairs"),
    ("image", "vector", "table", "tokens", "waveform", RECORDINGS, "frames", "video"),
    ("binary", "integers", "reals"),
)
"""Layouts, kinds of space, and values: what a data set has in place of what it lacks."""

_LAYOUTS = {"single": "one set", "unpaired": "unpaired", "paired": "pairs"}
_SIZE = re.compile(r"(\d+)x(\d+)")
_COUNT = re.compile(r"(\d+) dimensions")


@dataclass(frozen=True)
class Known:
    """What is known of data.

    Attributes:
        facts: words that hold.
        possible: those that hold or may hold.
    """

    facts: frozenset[str]
    possible: frozenset[str]

    def has(self, need: str) -> bool:
        """Whether one of the alternatives holds, as far as is known."""
        return any(word in self.possible for word in need.split(" | "))


def facts(spec: DataSpec) -> frozenset[str]:
    """The words that hold of data of a type."""
    space = spec.space
    kind = RECORDINGS if isinstance(space, Waveform) and space.ragged else space.kind
    words = {_LAYOUTS[spec.layout], kind, *values(space.levels)}
    if isinstance(space, Image | Video):
        words.add(f"{space.height}x{space.width}")
    else:
        words.add(f"{space.dim} dimensions")
    if spec.num_classes is not None:
        words.add("labels")
    if spec.condition is not None:
        words.add(f"{spec.condition.kind} condition")
    return _derived(words)


def values(levels: int | None) -> tuple[str, ...]:
    """The words for a number of levels."""
    return ("reals",) if levels is None else ("integers", "binary") if levels == 2 else ("integers",)


def known(source: Described, options: Mapping[str, Any]) -> Known | None:
    """What a data source's module says of the data that it gives with these options; None: nothing."""
    gives = source.says("gives")
    if gives is None:
        return None
    words = {*gives}
    for condition, more in (source.says("gives_with") or {}).items():
        words |= {*more} if holds(condition, options) else set()
    if isinstance(options.get("size"), int):
        words.add(f"{options['size']}x{options['size']}")
    if "tokens" in words and isinstance(options.get("length"), int):
        words.add(f"{options['length']} dimensions")
    certain, may = _derived(words), {*_may(source)}
    if not any(_SIZE.fullmatch(word) or _COUNT.fullmatch(word) for word in words):
        may |= {DOUBLED, PARTS, FEW}
    return Known(certain, certain | may)


def holds(condition: str, options: Mapping[str, Any]) -> bool:
    """Whether ``option=value`` or, for what is not null, ``option`` holds."""
    option, equals, value = condition.partition("=")
    given = options.get(option)
    return str("null" if given is None else given) == value if equals else given is not None


def require(made: type | Callable[..., Any], spec: DataSpec, **options: Any) -> None:
    """Refuse data that a model does not fit; to be called where it is made.

    Args:
        made: the model's class, or the function that makes it.
        spec: the data's type.
        options: those that ``needs_with`` names.

    Raises:
        ConfigError: what is lacking, and what fits.
    """
    said = made if isinstance(made, type) else sys.modules[made.__module__]
    needs, needs_with = getattr(said, "needs", ()), getattr(said, "needs_with", {})
    holding = facts(spec)
    found = list(refusals(made.__module__, made.__name__, needs, needs_with, options, Known(holding, holding)))
    if found:
        raise ConfigError("; ".join(found))


def refusals(
    module: str, name: str, needs: Iterable[str], needs_with: Mapping[str, Iterable[str]], options: Any, data: Known
) -> Iterator[str]:
    """A sentence for what a model lacks in data, and else one for each of its options that does."""
    lacking = [need for need in needs if not data.has(need)]
    asked = [condition for condition in needs_with if holds(condition, options)]
    if lacking:
        wanted = [*needs, *(need for condition in asked for need in needs_with[condition])]
        found = fitting(wanted, lacking=lacking[0])
        yield f"model={_called(module, name)} {_lack(lacking[:1], data)}; it fits data={found}"
        return
    for condition in asked:
        lacking = [need for need in needs_with[condition] if not data.has(need)]
        if lacking:
            of_a_sort = any({*lacking[0].split(" | ")} & {*sort} for sort in SORTS)
            other = _instead(module, name, condition, needs_with, data) if of_a_sort else None
            wanted = [*needs, *needs_with[condition]]
            yield f"model.{condition} {_lack(lacking, data)}; {other or f'it fits data={fitting(wanted)}'}"


def fitting(needs: Iterable[str], *, lacking: str = "") -> str:
    """The data sources that have all that is needed, with what must be set for it.

    Args:
        needs: all of them.
        lacking: the one that is lacking: another size than the default's is named for no other.
    """
    found = ((name, _way(source, list(needs), lacking)) for name, source in held(SOURCES, says="gives").items())
    return ", ".join(f"{name}{way}" for name, way in found if way is not None) or "none of genlab's own"


def _way(source: Described, needs: list[str], lacking: str) -> str | None:
    """What must be set for a source to give what is needed, `` with data.label=...``; None: nothing helps."""
    plain = known(source, source.defaults())
    assert plain is not None
    gives_with, may_give = source.says("gives_with") or {}, _may(source)
    always = _derived(source.says("gives") or ())
    ways: list[str] = []
    for need in needs:
        alternatives = need.split(" | ")
        if need == lacking == DOUBLED and "size" in source.arguments:
            ways.append("data.size=8, 16, 32, 64 or 128")
            continue
        if any(word in always for word in alternatives):
            continue
        options = [condition for condition, words in gives_with.items() if {*words} & {*alternatives}]
        if any(word in plain.facts for word in alternatives):  # as long as an option is what it is by default
            ways += [f"data.{condition}" for condition in options[:1]]
            continue
        files = [how for word, how in may_give.items() if word in alternatives]
        if files:
            ways += [how for how in files[:1] if how]
        elif options:
            ways.append(f"data.{options[0]}" + ("" if "=" in options[0] else "=..."))
        elif not plain.has(need):
            return None
    return f" with {' and '.join(dict.fromkeys(ways))}" if ways else ""


def _may(source: Described) -> dict[str, str]:
    """What only the files tell, and how they do it."""
    words = source.says("may_give") or {}
    return words if isinstance(words, dict) else dict.fromkeys(words, "")


def _instead(
    module: str, name: str, condition: str, needs_with: Mapping[str, Iterable[str]], data: Known
) -> str | None:
    """Another value of an option, which the data has what it needs for: ``use model.network=mlp``."""
    option, _, value = condition.partition("=")
    each = described(module, name)
    for other in [] if each is None else each.choices(option):
        more = needs_with.get(f"{option}={other}", ())
        if other not in ("auto", value) and all(map(data.has, more)) and (more or f"{option}=" in condition):
            return f"use model.{option}={other}"
    return None


def _lack(needs: list[str], data: Known) -> str:
    words = [either([PHRASES.get(word, word) for word in need.split(" | ")]) for need in needs]
    return f"needs {' and '.join(words)}, this data has {_has(needs[0].split(' | '), data)}"


def either(words: list[str]) -> str:
    """Alternatives in a sentence: ``images, vectors or videos``."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _has(words: list[str], data: Known) -> str:
    """What data has of the sort of words that it lacks."""
    if FEW in words:
        return "more dimensions, of real values"  # the need is FEW, or else integers
    for sort in SORTS:
        if {*words} & {*sort}:
            return next((PHRASES[word] for word in sort if word in data.facts), "others")
    return "another" if words == [DOUBLED] else "fewer" if words == [PARTS] else "none"


def _called(module: str, name: str) -> str:
    """How a command line names a model: as its file; a class of another file by its own name."""
    stem = module.rpartition(".")[2]
    return stem if name.lower() == stem.replace("_", "") else name


def _derived(words: Iterable[str]) -> frozenset[str]:
    """``words``, and what follows from sizes among them."""
    found = {*words}
    for word in words:
        size, count = _SIZE.fullmatch(word), _COUNT.fullmatch(word)
        if size and doublings(int(size[1]), int(size[2])) is not None:
            found.add(DOUBLED)
        if (size and int(size[1]) * int(size[2]) > 1) or (count and int(count[1]) > 1):
            found.add(PARTS)
        if count and int(count[1]) <= 3:
            found.add(FEW)
    return frozenset(found)

"""What a class or function says of itself in its source, of a module that is read and never run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from genlab.errors import ConfigError
from genlab.signatures import syntax
from genlab.signatures.described import MISSING, Described, described, held

RAISES = "raise RuntimeError('this module must not be run')\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """``written("name", source)`` is a module's dotted name; it fails when it is imported."""
    folder = tmp_path / "describedpackage"
    folder.mkdir()
    (folder / "__init__.py").write_text(RAISES)
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, source: str) -> str:
        (folder / f"{name}.py").write_text(source + RAISES)
        importlib.invalidate_caches()
        return f"describedpackage.{name}"

    return write


def read(module: str, name: str | None = None) -> Described:
    found = described(module, name)
    assert found is not None
    assert "describedpackage" not in sys.modules
    return found


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


CHILD = '''
class Thing(Base):
    """About a thing.

    More of it.

    Args:
        width: how wide it is
            in the middle.
        mode: how.

    Raises:
        ValueError: never.
    """

    def __init__(
        self, spec, *, width: Annotated[int, Field(gt=0, le=5)] = 3, rate: float | None = None,
        mode: Literal["a", "b"] | Mode = "a", sizes: Sequence[Positive] = (1, 2), flag: bool = False,
    ):
        pass

Mode = Literal["c"]
'''


def test_a_class_says_its_options_their_defaults_and_its_first_sentence(written) -> None:
    found = read(written("thing", CHILD))
    assert (found.name, found.called, found.target) == ("Thing", "thing", "describedpackage.thing.Thing")
    assert found.about == "About a thing"
    assert found.defaults() == {"width": 3, "rate": None, "mode": "a", "sizes": [1, 2], "flag": False}
    assert found.notes == {"width": "how wide it is in the middle", "mode": "how"}
    assert found.choices("mode") == ["a", "b", "c"]
    assert found.choices("width") == found.choices("nothing") == []


@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        ("width", [1, 5], [0, 6, 1.5, "1", None]),
        ("rate", [0.5, None], ["x", [1.0]]),
        ("mode", ["a", "b", "c"], ["d", None, 1]),
        ("sizes", [[1, 2], []], [[0], ["1"], 1, None]),
        ("flag", [True, False], ["yes", 2]),
    ],
)
def test_types_take_what_their_annotations_say(option: str, right: list, wrong: list, written) -> None:
    kind = read(written("thing", CHILD)).types()[option]
    assert all(accepts(kind, value) for value in right)
    assert not any(accepts(kind, value) for value in wrong)


def test_a_plain_type_is_itself(written) -> None:
    types = read(written("thing", CHILD)).types()
    assert types["flag"] is bool
    assert types["rate"] == float | None
    assert types["mode"] == Literal["a", "b"] | Literal["c"]


def test_fields_of_a_dataclass_are_its_options(written) -> None:
    source = "@dataclass(frozen=True)\nclass Plain(Base):\n    '''About.'''\n    n: int = 3\n    name: str = 'x'\n"
    found = read(written("plain", source))
    assert found.defaults() == {"n": 3, "name": "x"}
    assert found.types() == {"n": int, "name": str}


def test_an_init_that_is_inherited_counts_with_its_module_s_names(written) -> None:
    written("parent", "Size = int\n\n\nclass Parent:\n    '''P.\n\n    Args:\n        n: how many.\n    '''\n"
            "    needs = ('one set',)\n\n    def __init__(self, *, n: Size = 4):\n        pass\n")  # fmt: skip
    module = written("child", "from describedpackage.parent import Parent\n\n\nclass Child(Parent):\n    '''C.'''\n")
    found = read(module)
    assert found.target == "describedpackage.child.Child"
    assert found.written == "describedpackage.parent"
    assert (found.defaults(), found.types(), found.notes) == ({"n": 4}, {"n": int}, {"n": "how many"})
    assert found.says("needs") == ("one set",)
    assert found.says("gives") is None
    assert found.kinds() == [frozenset({"Child", "Parent"})]


def test_a_function_may_leave_out_a_default_and_says_what_it_returns(written) -> None:
    source = (
        "needs = ('image | vector', Kind)\nneeds_with = {'network=conv': ('image',)}\n\n\n"
        "class A:\n    ...\n\n\nclass B(A):\n    ...\n\n\n"
        "def make(spec, *, root: str, n: int = 1) -> B | Elsewhere:\n    '''Make it.'''\n"
    )
    found = read(written("make", source))
    assert found.defaults() == {"root": MISSING, "n": 1}
    assert found.says("needs") == ("image | vector", "Kind")
    assert found.says("needs_with") == {"network=conv": ("image",)}
    assert found.kinds() == [frozenset({"A", "B"}), frozenset({"Elsewhere"})]
    without = read(written("bare", "def bare(*, n: int = 1):\n    '''B.'''\n"))
    assert without.kinds() == []


def test_what_a_module_is_named_after_is_found(written) -> None:
    both = "class TwoWords(Base):\n    ...\n\n\ndef two_words():\n    ...\n"
    assert syntax.named_as_file(written("two_words", both)).name == "two_words"
    assert syntax.named_as_file(written("two_words", both.partition("def")[0])).name == "TwoWords"
    assert syntax.named_as_file(written("orphan", "class Orphan:\n    ...\n")) is None  # nobody's child
    assert described(written("other", "def another():\n    ...\n")) is None
    assert read("describedpackage.other", "another").name == "another"
    assert described("describedpackage.missing") is None


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("self, n: int = 1", "options are keyword-only"),
        ("self, *args: int", "options are keyword-only"),
        ("self, **more: int", "options are keyword-only"),
        ("self, *, n=1", "the option n needs a type and a default"),
        ("self, *, n: int", "the option n needs a type and a default"),
    ],
)
def test_a_signature_without_types_or_defaults_is_refused(signature: str, message: str, written) -> None:
    module = written("wrong", f"class Wrong(Base):\n    def __init__({signature}):\n        pass\n")
    with pytest.raises(ConfigError, match=message):
        described(module)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("n: Tensor = 1", "n: Tensor is no type of an option"),
        ("n: Sequence = ()", "n: Sequence is no type of an option"),
        ("n: Annotated[int, Limit(gt=0)] = 1", r"a range of an option is written Field\(gt=0, le=10\)"),
        ("n: Annotated[int, Field(gt=LOW)] = 1", "the bounds of a range are written as numbers"),
        ("n: int = len('a')", r"the default of n is no plain value: len\('a'\)"),
    ],
)
def test_what_a_config_could_not_give_is_refused(option: str, message: str, written) -> None:
    found = read(written("wrong", f"def wrong(*, {option}):\n    pass\n"))
    with pytest.raises(ConfigError, match=message):
        found.types(), found.defaults()


def test_source_that_cannot_be_read_is_said(written) -> None:
    with pytest.raises(ConfigError, match=r"broken\.py cannot be read"):
        described(written("broken", "def (\n"))


def test_what_says_nothing_is_left_out_of_a_package_unread() -> None:
    found = held("genlab.objectives", says="needs")
    assert {"elbo", "iwae"} <= found.keys()
    assert "image_pool" not in found
    assert all(name == each.called and each.says("needs") is not None for name, each in found.items())
    with pytest.raises(ConfigError, match="ImagePool: options are keyword-only"):
        held("genlab.objectives")

"""HTML out of text, escaped by construction: only `tag` makes markup, and every string that goes into it is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

VOID = frozenset({"meta", "img", "link"})
"""Elements without content."""


class Html(str):
    """Markup: what `tag` makes. Any other string is text."""

    __slots__ = ()


Content = str | Iterable["str | Html"]


def text(value: str) -> Html:
    """A string as HTML, escaped unless it is markup."""
    return value if isinstance(value, Html) else Html(html.escape(value, quote=True))


def join(parts: Iterable[str]) -> Html:
    """Several pieces one after the other, each escaped unless it is markup."""
    return Html("".join(text(part) for part in parts))


def tag(name: str, *content: Content, attrs: Mapping[str, str | None] | None = None) -> Html:
    """An element.

    Args:
        name: of the element.
        content: strings (escaped), markup, or iterables of them.
        attrs: attributes; a value of None is an attribute without one, such as ``hidden``.
    """
    inner = join(text(part) if isinstance(part, str) else join(part) for part in content)
    told = "".join(f" {key}" if value is None else f' {key}="{text(value)}"' for key, value in (attrs or {}).items())
    return Html(f"<{name}{told}>" if name in VOID else f"<{name}{told}>{inner}</{name}>")


def verbatim(source: str) -> Html:
    """The content of a ``style`` or ``script`` element, which is not escaped; genlab's own files only."""
    assert "</" not in source
    return Html(source)

"""What a run shows on the page: pictures, texts that are read, sound that is played, notes to be opened elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path

from genlab.comparison.html import Html, tag
from genlab.files import foreign

WIDE = 640
"""Pictures wider than this many pixels are drawn curves, not grids of small images, and get a line of their own."""

CHARACTERS = 20_000
"""Of a text, at most."""

KINDS = {".png": "image/png", ".gif": "image/gif", ".wav": "audio/wav", ".mid": "audio/midi"}


def figure(name: str, path: Path) -> Html:
    """A file of a run inside the page.

    Args:
        name: below it.
        path: a PNG, or a file whose ending says what it is.
    """
    data = foreign.read_bytes(path)
    caption = tag("figcaption", name)
    match path.suffix:
        case ".txt":
            return tag("figure", tag("pre", _text(data), attrs={"tabindex": "0"}), caption, attrs={"class": "text"})
        case ".wav":
            sound = tag("audio", attrs={"controls": None, "src": inside(data, ".wav"), "aria-label": name})
            return tag("figure", sound, caption)
        case ".mid":
            link = tag("a", f"{name}, to be opened elsewhere", attrs={"href": inside(data, ".mid"), "download": name})
            return tag("figure", tag("figcaption", link))
    wide = path.suffix == ".png" and int.from_bytes(data[16:20], "big") > WIDE  # of the IHDR chunk, which comes first
    picture = tag("img", attrs={"src": inside(data, path.suffix), "alt": name})
    return tag("figure", picture, caption, attrs={"class": "wide"} if wide else {})


def inside(data: bytes, ending: str) -> str:
    """A file as an address that holds all of it."""
    return f"data:{KINDS[ending]};base64,{base64.b64encode(data).decode()}"


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"

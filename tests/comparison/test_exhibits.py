"""What a run shows: every kind of file is inside the page, and is what it was."""

from __future__ import annotations

import base64
import io
import wave

import pytest

from genlab.comparison.exhibits import CHARACTERS, figure
from genlab.comparison.groups import arrange
from genlab.comparison.page import About, page
from tests import browser

ABOUT = About("Samples", "genlab compare", "Made today.")
TEXT = "First Citizen:\n<b>We</b> are & </pre>accounted\n"


def silence(seconds=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000 * seconds))
    return buffer.getvalue()


@pytest.fixture
def shown(tmp_path, picture):
    """Files of samples by name, as `genlab.commands.scores` finds them."""
    contents = {"samples.txt": TEXT.encode(), "samples.wav": silence(), "samples.mid": b"MThd..."}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return {"samples": picture, **{name: tmp_path / name for name in contents}}


def test_a_file_inside_the_page_is_what_it_was(shown):
    for name, kind in (("samples.wav", "audio/wav"), ("samples.mid", "audio/midi"), ("samples", "image/png")):
        inside = base64.b64encode(shown[name].read_bytes()).decode()
        assert f'"data:{kind};base64,{inside}"' in figure(name, shown[name])
    assert "&lt;b&gt;We&lt;/b&gt; are &amp; &lt;/pre&gt;" in figure("samples.txt", shown["samples.txt"])
    assert "<b>" not in figure("samples.txt", shown["samples.txt"])


def test_a_long_text_is_cut_and_one_that_is_damaged_is_shown(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xff" + b"a" * (2 * CHARACTERS))
    assert figure("x", path).count("a") < CHARACTERS + 100
    assert "�a" in figure("x", path)
    assert "…" in figure("x", path)


def test_a_text_stands_for_its_picture(run, shown):
    made = page(arrange([run("rnn", nll=90.0, pictures=shown)]), ABOUT)
    assert "data:image/png" not in made
    assert "First Citizen" in made
    without = {name: path for name, path in shown.items() if name != "samples.txt"}
    assert "data:image/png" in page(arrange([run("rnn", nll=90.0, pictures=without)]), ABOUT)


def test_in_a_browser_sound_can_be_played_and_text_reads_as_text(run, shown, tmp_path):
    binary = browser.find()
    if binary is None:
        pytest.skip("no Chromium here")
    path = tmp_path / "compare.html"
    path.write_text(page(arrange([run("rnn", nll=90.0, pictures=shown)]), ABOUT), encoding="utf-8")
    with browser.Browser(binary, tmp_path / "profile") as opened:
        opened.view(1280, 900)
        opened.open(path)
        loaded = (
            "new Promise(done => { const a = document.querySelector('audio'); a.readyState > 0 ? done(a.duration) : "
        )
        loaded += "(a.onloadedmetadata = () => done(a.duration), a.onerror = () => done(-1)); })"
        assert opened.evaluate(loaded) == pytest.approx(1.0, abs=0.01)
        assert opened.evaluate("document.querySelector('figure.text pre').textContent") == TEXT
        assert opened.evaluate("document.querySelector('a[download]').download") == "samples.mid"
        assert opened.complaints() == []
        assert opened.requests() == []

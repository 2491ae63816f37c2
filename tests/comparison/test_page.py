"""The page holds everything, lets nothing out, and shows every text as text."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from genlab.comparison import page as pages
from genlab.comparison.curves import chart, thinned
from genlab.comparison.groups import arrange
from genlab.comparison.html import Html, tag, text
from genlab.comparison.page import About, page
from tests import browser

EVIL = '<img src="http://127.0.0.1:9/x" onerror="document.title=1">&amp;'
ABOUT = About("Models of digits", f"genlab compare {EVIL}", "Made today.")
CURVE = {"train/loss": [(step, 100.0 / step) for step in range(1, 400)], "val/nll": [(100, 3.0), (300, 2.0)]}


@pytest.fixture
def made(run, picture):
    """A page with two groups, seeds, a picture, a curve, a run that failed, and names made to break out."""
    runs = [
        run("flow", seed=0, nll=90.0, pictures={"samples": picture}, curves=CURVE),
        run("flow", seed=1, nll=94.0, pictures={"samples": picture}),
        run("gmm", nll=95.0, seconds=None, pictures={EVIL: picture}, notes=(EVIL,)),
        run("histogram", nll=91.0),
        run(EVIL, nll=70.0, kind="upper bound", particles=10, command=EVIL, lacks={"fcd": EVIL}),
        run("vae", nll=80.0, kind="upper bound", particles=10),
        run("broken", facts={}, error=f"damaged {EVIL}"),
    ]
    return page(arrange(runs), ABOUT)


def test_only_tag_makes_markup():
    assert text("<b> & \"'") == "&lt;b&gt; &amp; &quot;&#x27;"
    assert tag("p", "<b>", tag("i", "x"), attrs={"title": '"><script>'}) == (
        '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;<i>x</i></p>'
    )
    assert not isinstance(str(tag("p")) + "<b>", Html)
    assert tag("img", attrs={"alt": "", "hidden": None}) == '<img alt="" hidden>'


def test_nothing_that_was_given_becomes_markup(made):
    assert '<img src="http' not in made
    assert made.count("&lt;img src=") >= 8
    assert made.count("<script") == made.count("<style") == 1


class Attributes(HTMLParser):
    """All attributes of a page, as a browser would read them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += attrs


def test_the_policy_lets_in_this_script_and_this_style_and_nothing_else(made):
    policy = pages.policy()
    for name, source in (("style", pages.STYLE), ("script", pages.SCRIPT)):
        found = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{found}'" in policy
        assert f"<{name}>{source}</{name}>" in made
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    attributes = Attributes()
    attributes.feed(made)
    assert not [key for key, _ in attributes.found if key == "style" or key.startswith("on")]
    links = [value for key, value in attributes.found if key in {"src", "href", "action", "srcset", "data", "poster"}]
    assert {value[:5] for value in links} == {"data:", "#run-"}


def test_a_long_curve_is_thinned_to_its_ends():
    curve = [(step, float(step)) for step in range(1000)]
    assert len(thinned(curve)) == 160
    assert (thinned(curve)[0], thinned(curve)[-1]) == (curve[0], curve[-1])
    assert thinned(curve[:5]) == curve[:5]
    assert chart({"val/nll": [(1, 2.0)]}) == ""  # one point is no curve
    assert "2.000" in chart({"val/nll": [(1, 2.0), (2, 2.0)]})  # a flat one has no range


@pytest.fixture(scope="module")
def binary():
    found = browser.find()
    if found is None:
        pytest.skip(f"no Chromium here ({', '.join(browser.BINARIES)})")
    return found


@pytest.fixture
def seen(made, binary, tmp_path):
    """The page in a browser of desktop size, and its file."""
    path = tmp_path / "compare.html"
    path.write_text(made, encoding="utf-8")
    with browser.Browser(binary, tmp_path / "profile") as opened:
        opened.view(1280, 900)
        opened.open(path)
        yield opened
        assert opened.complaints() == []
        assert opened.requests() == []


NAMES = """[...document.querySelectorAll("table.results tbody")].map(
    body => [...body.querySelectorAll('tr:not([hidden]) th[scope="row"] a')].map(a => a.textContent))"""
PRESS = """document.querySelectorAll("table.results thead button")"""


def test_in_a_browser_it_shows_sorts_and_asks_for_nothing(seen):
    assert seen.evaluate("document.title") == "Models of digits"
    assert seen.evaluate("[...document.images].every(image => image.complete && image.naturalWidth === 64)")
    assert seen.evaluate("document.images.length") == 3
    assert seen.evaluate("document.querySelectorAll('svg.chart polyline').length") == 2
    assert seen.evaluate("document.querySelector('svg.chart').getBBox().width") > 300

    exact, bound, failed = ["histogram", "flow", "gmm"], [EVIL, "vae"], ["broken"]
    assert seen.evaluate(NAMES) == [exact, bound, failed]  # by likelihood; the injected name is text
    seen.evaluate(f"{PRESS}[0].click()")
    assert seen.evaluate(NAMES) == [["flow", "gmm", "histogram"], bound, failed]
    assert seen.evaluate("document.querySelectorAll('th[aria-sort]').length") == 1
    assert seen.evaluate("document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    seen.evaluate(f"{PRESS}[0].click()")
    assert seen.evaluate(NAMES) == [["histogram", "gmm", "flow"], ["vae", EVIL], failed]
    assert seen.evaluate("document.querySelector('th[aria-sort]').ariaSort") == "descending"

    seen.evaluate(f"{PRESS}[1].focus()")
    seen.press("Enter", 13)
    assert seen.evaluate(NAMES) == [exact, bound, failed]
    seen.press(" ", 32)
    assert seen.evaluate(NAMES) == [exact[::-1], bound[::-1], failed]
    for _ in range(2):  # a time that is not known stands last, whichever way
        seen.evaluate(f"[...{PRESS}].find(button => button.textContent === 'time').click()")
        assert seen.evaluate(NAMES)[0][-1] == "gmm"


def test_in_a_browser_seeds_unfold_below_their_mean(seen):
    seen.evaluate("document.querySelector('button.fold').click()")
    assert seen.evaluate("document.querySelector('button.fold').ariaExpanded") == "true"
    assert seen.evaluate(NAMES)[0] == ["histogram", "flow", "seed 0", "seed 1", "gmm"]
    seen.evaluate(f"{PRESS}[0].click()")
    assert seen.evaluate(NAMES)[0] == ["flow", "seed 0", "seed 1", "gmm", "histogram"]
    seen.evaluate("document.querySelector('button.fold').click()")
    assert seen.evaluate(NAMES)[0] == ["flow", "gmm", "histogram"]


def test_in_a_browser_a_phone_scrolls_the_table_and_not_the_page(seen):
    seen.view(390, 844)
    assert seen.evaluate("document.documentElement.scrollWidth") == 390
    assert seen.evaluate("(box => box.scrollWidth > box.clientWidth)(document.querySelector('.scroll'))")


def test_in_a_browser_it_is_dark_where_that_is_preferred_and_where_that_is_chosen(seen):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = seen.evaluate(paper)
    seen.view(1280, 900, scheme="dark")
    dark = seen.evaluate(paper)
    assert light != dark
    seen.evaluate("document.querySelector('button.theme').click()")
    assert seen.evaluate(paper) == light
    seen.view(1280, 900)
    seen.evaluate("document.querySelector('button.theme').click()")
    assert seen.evaluate(paper) == dark

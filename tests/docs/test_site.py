"""The site builds without a warning and needs no other host; README is short, and what both name is there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from genlab import errors
from genlab.config import listing, trust
from genlab.config.schema import targets
from tests.docs.pages import DOCS, PAGES, ROOT, script

README = PAGES["README.md"]
TEXT = "\n".join(PAGES.values())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(name, reason=f"{name} is part of the extra docs")
    from mkdocs.__main__ import cli

    folder = tmp_path_factory.mktemp("site")
    assert build(cli, ROOT / "mkdocs.yml", folder) == ""
    return folder


def build(cli, config, folder):
    """What ``mkdocs build --strict`` has to say against a site."""
    from click.testing import CliRunner

    # not with --quiet, which would hide the warnings from --strict as well
    done = CliRunner().invoke(cli, ["build", "--strict", "--config-file", str(config), "--site-dir", str(folder)])
    return "" if done.exit_code == 0 else f"{done.output}{done.exception!r}"


def test_a_broken_link_is_no_site(site, tmp_path):
    from mkdocs.__main__ import cli

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: x\ntheme: {name: mkdocs}\nplugins: []\n")
    assert "Abort" in build(cli, tmp_path / "mkdocs.yml", tmp_path / "site")


class Loads(HTMLParser):
    """What a browser fetches by itself for a page, and the text that is shown."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "video", "audio"} and given.get("src"):
            self.addresses.append(given["src"])
        if tag == "link" and given.get("rel") in {"stylesheet", "icon", "preconnect", "preload", "modulepreload"}:
            self.addresses.append(given["href"])


def test_nothing_comes_from_another_host(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(PAGES) - 2
    loaded = {address for page in pages for address in Loads(page).addresses}
    assert any(address.endswith(".css") for address in loaded)
    assert [address for address in loaded if re.match(r"(https?:)?//", address)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_page_got_what_it_asks_for(site):
    for name, text in PAGES.items():
        if name == "README.md":
            continue
        built = (site / name.removeprefix("docs/")).with_suffix(".html").read_text(encoding="utf-8")
        assert "{{ " not in built, name
        assert built.count("<math ") == sum(
            bool(line.strip())
            for block in re.findall(r"```math\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
        ), name


def test_a_page_that_asks_for_what_there_is_not_is_refused():
    pages = script("pages")
    for asked in ("choices modle", "nothing here", "numbers modle"):
        with pytest.raises(ValueError, match=r"asks for nothing|holds nothing|has no row"):
            pages.expand(f"{{{{ {asked} }}}}", at="x.md")
    with pytest.raises(FileNotFoundError):
        pages.expand("{{ yaml data/nist }}", at="x.md")
    with pytest.raises(KeyError):
        pages.expand("{{ picture nothing }}", at="x.md")


def test_a_bar_does_not_end_a_cell():
    shown = script("pages").expand("{{ choices data }}", at="x.md")
    (line,) = [line for line in shown.splitlines() if line.startswith("| `paired`")]
    assert r"AtoB\|BtoA" in line
    assert len(re.findall(r"(?<!\\)\|", line)) == 3


def test_figures_are_small_and_all_are_used():
    pictures = script("pictures")
    there = {path.stem: path for path in (DOCS / "figures").glob("*.png")}
    assert there.keys() == pictures.FIGURES.keys()
    films = [path for path in (DOCS / "figures").iterdir() if path.suffix != ".png"]
    assert {path.name for path in films} == {f"{name}.gif" for name, each in pictures.FIGURES.items() if each.film}
    for path in films:
        assert path.read_bytes().startswith(b"GIF8")
        assert path.stat().st_size <= pictures.LARGEST_FILM
        assert f"figures/{path.name})" in script("pages").expand(f"{{{{ picture {path.stem} }}}}", at="x.md")
    for name, path in there.items():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= pictures.LARGEST
        assert f"{{{{ picture {name} }}}}" in TEXT
        assert len(list(pictures.FIGURES[name].commands())) > 1


def test_readme_is_two_screens():
    assert len(README.splitlines()) <= 150


def test_what_readme_links_to_is_there():
    found = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(found) > 15
    for path in found:
        assert (ROOT / path).is_file(), path


def test_the_folders_of_readme_are_those_of_the_package():
    tree = README[README.index("genlab/\n") : README.index("docs/ scripts/ tests/")]
    named = re.findall(r"^  ((?:\w+/ ?)+)", tree, re.MULTILINE)
    folders = {path.parent.name for path in ROOT.glob("genlab/*/__init__.py")}
    assert {name for line in named for name in line.replace("/", "").split()} == folders


def test_readme_and_the_site_name_every_choice():
    for group in ("model", "data"):
        for name in listing.choices(group):
            assert f"`{name}`" in README, f"README does not name {group}={name}"
    for name in listing.choices("trainer"):
        assert re.search(rf"\b{name}\b", TEXT), f"no page names trainer={name}"
    for group in ("data", "metric", "task", "experiment"):
        assert f"{{{{ choices {group} }}}}" in TEXT
    for error in (errors.ConfigError, errors.DataError, errors.CheckpointError, errors.TrainingError, trust.TrustError):
        assert f"| {error.exit_code} |" in PAGES["docs/exit-codes.md"]


def test_the_files_that_pages_name_exist():
    found = re.findall(r"`((?:genlab|scripts|tests|configs|docs)/[\w./-]+)`", TEXT)
    assert len(found) > 30
    for path in found:
        assert (ROOT / path.rstrip("/")).exists() or "FAMILY" in path, path


def test_the_markers_are_there_once():
    for page, names in {"docs/results.md": ("results", "compare"), "docs/speed.md": ("speed",)}.items():
        for name in names:
            assert PAGES[page].count(f"<!-- {name} -->") == PAGES[page].count(f"<!-- /{name} -->") == 1


def test_all_targets_are_configured_by_a_file():
    held = "".join(path.read_text() for path in listing.config_dir().glob("*/*.yaml"))
    named = {node: {each.target: [] for each in targets.offered(node).values()} for node in ("data", "model")}
    for node, found in named.items():
        for name, each in targets.short(node).items():
            found[each.target].append(name)
    for found in named.values():
        assert [target for target, names in found.items() if not any(name in held for name in (target, *names))] == []

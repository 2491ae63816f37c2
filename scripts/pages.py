"""What the site says of the code, out of the code: a hook of MkDocs (``mkdocs.yml``), which imports no torch.

A page asks by a line ``{{ NAME ARGUMENT }}``:

    {{ choices metric }}    the table of a config group: each name and its line
    {{ yaml data/mnist }}   the file ``configs/data/mnist.yaml``, comments and all
    {{ options metric }}    every option of every choice of a group, with its default and its comment
    {{ numbers vae iwae }}  the rows of these models in the table of ``docs/results.md``
    {{ picture vae }}       a figure of `scripts/pictures.py` and the commands that made it
    {{ folders genlab }}    the packages of a folder and the first line of each
    {{ modules genlab }}    its modules, likewise
    {{ rules layers }}      the import rules of ``pyproject.toml``: the order of the layers, or ``forbidden``

and a block of kind ``math`` (LaTeX, which GitHub shows too) becomes MathML, which needs no script.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pictures  # beside this file: MkDocs looks there while it loads a hook
import results

from genlab.config import listing
from genlab.config.schema import targets
from genlab.signatures.described import held

ROOT = Path(__file__).resolve().parent.parent

ASKED = re.compile(r"^\{\{ (\w+) ([\w/ .-]+) \}\}$", re.MULTILINE)
FORMULA = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = re.compile(r"^(\s*)(\w+):\s*(.*?)(?:\s+#\s*(.*))?$")


def on_page_markdown(markdown: str, *, page, **_: object) -> str:
    """MkDocs calls this with each page."""
    return expand(markdown, at=page.file.src_uri)


def expand(text: str, *, at: str) -> str:
    """The page ``at`` (its path below ``docs/``) with all that it asks for.

    Raises:
        ValueError: it asks for what there is not.
    """
    base = posixpath.dirname(at)

    def answer(found: re.Match[str]) -> str:
        name, words = found[1], found[2].split()
        if name not in ANSWERS:
            raise ValueError(f"{at}: {found[0]} asks for {name}; there are {', '.join(ANSWERS)}")
        return ANSWERS[name](words, base)

    return FORMULA.sub(lambda found: formula(found[1]), ASKED.sub(answer, text))


def formula(latex: str) -> str:
    """LaTeX as a block of MathML, one for each line of it."""
    from latex2mathml.converter import convert

    lines = [line for line in latex.splitlines() if line.strip()]
    return "\n".join(f'<div class="formula">{convert(line, display="block")}</div>' for line in lines)


def choices(words: list[str], _: str) -> str:
    """The names of a group and what they are."""
    (group,) = words
    found = listing.choices(group)
    if not found:
        raise ValueError(f"configs/{group}/ holds nothing")
    return table([f"`{group}=`", ""], [[f"`{name}`", cell(about)] for name, about in found.items()])


def yaml_file(words: list[str], _: str) -> str:
    """A config file as it is, less the line that says where Hydra puts it."""
    (name,) = words
    text = (ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8")
    return f'```yaml title="configs/{name}.yaml"\n{text.removeprefix("# @package _global_").strip()}\n```'


def options(words: list[str], _: str) -> str:
    """The options of a group's files or classes, or of one model, data source or objective: key, default, comment."""
    group, *names = words
    rows = []
    for name in names:
        each = targets.offered(group)[name]
        for key, value in each.defaults().items():
            shown = value if isinstance(value, str) else json.dumps(value)
            rows.append([f"`{group}.{key}`", f"`{shown}`", cell(each.notes.get(key, "").replace("None:", "null:"))])
    if names:
        return table(["option", "default", ""], rows)
    if group in listing.HELD:
        for name, each in held(listing.HELD[group]).items():
            for key, value in each.defaults().items():
                shown = value if isinstance(value, str) else json.dumps(value)
                written = f"{group}={name} {key}=" if group == "task" else f"{group}.{name}.{key}"
                rows.append([f"`{written}`", f"`{shown}`", cell(each.notes.get(key, "").replace("None:", "null:"))])
        return table(["option", "default", ""], rows)
    for name in listing.choices(group):
        for line in (ROOT / "configs" / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
            found = KEY.match(line)
            if found and found[1] and not line.lstrip().startswith(("#", "-")):
                rows.append([f"`{group}.{name}.{found[2]}`", f"`{found[3]}`", cell(found[4] or "")])
    return table(["option", "default", ""], rows)


def numbers(words: list[str], _: str) -> str:
    """What ``docs/results.md`` has of these models: command, score, time. A number stands in one place."""
    lines = results.between(ROOT / "docs" / "results.md", "results").strip().splitlines()
    held = [[part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    head, rows = held[0], held[2:]
    shown = [head.index(name) for name in ("score", "K", "training", "command", "machine")]
    found = [row for row in rows if re.split(r"[-_](?=[a-z0-9]+)", row[0])[0] in words or row[0].split("-")[0] in words]
    if not found:
        raise ValueError(f"docs/results.md has no row of {', '.join(words)}")
    return table([head[place] for place in shown], [[row[place] for place in shown] for row in found])


def picture(words: list[str], base: str) -> str:
    """A figure and what made it."""
    (name,) = words
    figure = pictures.FIGURES[name]
    path = posixpath.relpath(f"figures/{name}.png", base or ".")
    made = "\n".join(f"    {line}" for line in figure.commands())
    film = f"![The same, moving]({path.removesuffix('.png')}.gif)\n\n" if figure.film else ""
    shown = f"![{figure.caption}]({path})\n\n{film}{figure.caption}"
    return f'{shown}\n\n??? note "How it was made"\n\n    ```sh\n{made}\n    ```\n'


def folders(words: list[str], _: str) -> str:
    """The packages of a folder: what the first line of their docstrings says."""
    (folder,) = words
    found = sorted(path.parent for path in (ROOT / folder).glob("*/__init__.py"))
    return table(["folder", ""], [[f"`{path.name}/`", cell(summary(path / "__init__.py"))] for path in found])


def modules(words: list[str], _: str) -> str:
    """The modules of a folder, likewise."""
    (folder,) = words
    found = sorted(path for path in (ROOT / folder).glob("*.py") if not path.name.startswith("__"))
    return table(["module", ""], [[f"`{path.name}`", cell(summary(path))] for path in found])


def summary(path: Path) -> str:
    """The first line of a module's docstring, without the marks of a literal.

    Raises:
        ValueError: it has none.
    """
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if said is None:
        raise ValueError(f"{path} has no docstring")
    return re.sub(r"``(.+?)``", r"`\1`", said.partition("\n")[0])


def rules(words: list[str], _: str) -> str:
    """The contracts of import-linter, by their names; of kind ``layers`` with what they order."""
    (kind,) = words
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    lines = []
    for contract in contracts:
        if contract["type"] == kind:
            lines.append(f"- {contract['name']}")
            lines += [
                f"    1. {', '.join(f'`{name}`' for name in re.split(r' *[:|] *', layer))}"
                for layer in contract.get("layers", [])
            ]
    return "\n".join(lines)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def cell(text: str) -> str:
    """``text`` as a cell of a table, which a bare ``|`` would end."""
    return text.replace("|", "\\|")


ANSWERS: dict[str, Callable[[list[str], str], str]] = {
    "choices": choices,
    "yaml": yaml_file,
    "options": options,
    "numbers": numbers,
    "picture": picture,
    "folders": folders,
    "modules": modules,
    "rules": rules,
}

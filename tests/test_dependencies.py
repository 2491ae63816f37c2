"""What is imported is declared, and what is declared is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = metadata.packages_distributions()

BY_NAME = {
    "tensorboard": ("genlab/training/loggers.py", "TensorBoardLogger"),
    "wandb": ("genlab/training/loggers.py", "WandbLogger"),
    "hydra-joblib-launcher": ("genlab/config/forbidden.py", "joblib"),
    "hydra-optuna-sweeper": ("genlab/config/forbidden.py", "optuna"),
    "hydra-submitit-launcher": ("genlab/config/forbidden.py", "submitit_local"),
    "pytest-xdist": ("pyproject.toml", "--dist worksteal"),
    "ruff": (".ci/run", "ruff check"),
    "mypy": (".ci/run", "mypy --cache-dir"),
    "build": (".ci/run", "python -m build"),
    "pre-commit": (".pre-commit-config.yaml", "pre-commit install"),
    "mkdocs-material": ("mkdocs.yml", "name: material"),
    "mkdocstrings": ("mkdocs.yml", "- mkdocstrings:"),
}
"""Packages that are used without an import: a plugin that a name chooses, what a library imports, a command."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """Distributions that genlab, or its extras, ask for."""
    wanted = [*PROJECT["dependencies"]] if not extras else []
    wanted += [each for extra in extras for each in PROJECT["optional-dependencies"][extra]]
    return {canonical(re.match(r"[\w.-]+", each)[0]) for each in wanted}


def imports(*folders: str, at_start: bool = False) -> Iterator[tuple[str, Path]]:
    """Third-party modules and who imports them; ``at_start``: only when the file itself is imported."""
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body if at_start else ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in OWN:
                    yield name, path


OWN = {"genlab", "tests", "scripts"} | {path.stem for path in (ROOT / "scripts").glob("*.py")}


def distributions(module: str) -> set[str]:
    """Those that hold a module; one that is not installed is taken to be named as its module."""
    return {canonical(name) for name in MODULES.get(module, [module])}


EXTRAS = [extra for extra in PROJECT["optional-dependencies"] if extra not in ("dev", "docs")]
WHERE = {"genlab": (), **dict.fromkeys(EXTRAS, ("genlab",)), "dev": ("tests", "scripts"), "docs": ("tests", "scripts")}
WHERE["genlab"] = ("genlab",)


@pytest.mark.parametrize("group", WHERE)
def test_what_is_declared_is_used(group):
    used = {name for module, _ in imports(*WHERE[group]) for name in distributions(module)}
    unused = declared(*([] if group == "genlab" else [group])) - used
    assert {name for name in unused if name not in BY_NAME} == set()


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_used_by_name_is_named_there_and_declared(name):
    file, text = BY_NAME[name]
    assert text in (ROOT / file).read_text(encoding="utf-8")
    assert name in declared() | declared(*PROJECT["optional-dependencies"])


def undeclared(found, known):
    return {f"{path.relative_to(ROOT)}: {name}" for name, path in found if not distributions(name) & known}


def test_what_genlab_imports_is_declared():
    assert undeclared(imports("genlab"), declared() | declared(*EXTRAS)) == set()


def test_what_genlab_imports_at_once_is_no_extra():
    assert undeclared(imports("genlab", at_start=True), declared()) == set()


def test_what_tests_and_scripts_import_is_declared():
    # but for libraries that genlab is measured beside, which are installed by whoever measures
    found = undeclared(imports("tests", "scripts"), declared() | declared(*PROJECT["optional-dependencies"]))
    assert found == {f"scripts/bench_peers.py: {name}" for name in ("pythae", "zuko", "normflows")}

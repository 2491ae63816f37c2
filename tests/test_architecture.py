"""The import rules of pyproject.toml hold, and bite; modules stay small; every package has tests where it lies."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES = 300


MODULES = sorted((ROOT / "genlab").rglob("*.py"))


def test_the_import_rules_hold():
    pytest.importorskip("importlinter", reason="import-linter is part of the extra dev")
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command(args=sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("genlab.evaluation.record", "genlab.training.single"),
        ("genlab.models.vae.vae", "genlab.objectives.elbo"),
        ("genlab.ops.random", "genlab.models.capabilities"),
        ("genlab.bijectors.base", "genlab.models.capabilities"),
        ("genlab.distributions.priors", "genlab.bijectors.base"),
        ("genlab.training.single", "genlab.build"),
        ("genlab.training.callbacks.steps", "genlab.commands.train"),
        ("genlab.data.spaces", "genlab.ops.random"),
        ("genlab.objectives.elbo", "genlab.training.single"),
        ("genlab.storage.checkpoint", "omegaconf"),
        ("genlab.comparison.recorded", "genlab.models.capabilities"),
        ("genlab.commands.compare", "genlab.launch.comparison"),
        ("genlab.cli.verbs", "genlab.cli.main"),
        ("genlab.launch.jobs", "genlab.launch.resume"),
        ("genlab.models.flow.flow", "genlab.models.flow.realnvp"),
    ],
)
def test_the_import_rules_bite(importer, imported, graph):
    grimp_graph, contracts = graph
    changed = _copied(grimp_graph)
    changed.add_import(importer=importer, imported=imported)
    assert not all(_kept(contract, changed) for contract in contracts)


@pytest.fixture(scope="module")
def graph():
    """The import graph of the package and its contracts."""
    pytest.importorskip("importlinter", reason="import-linter is part of the extra dev")
    import grimp
    from importlinter import configuration
    from importlinter.application.use_cases import read_user_options
    from importlinter.contracts import acyclic_siblings, forbidden, layers

    configuration.configure()
    options = read_user_options(str(ROOT / "pyproject.toml"))
    kinds = {
        "acyclic_siblings": acyclic_siblings.AcyclicSiblingsContract,
        "forbidden": forbidden.ForbiddenContract,
        "layers": layers.LayersContract,
    }
    contracts = [
        kinds[each["type"]](
            each["name"],
            options.session_options,
            {key: value for key, value in each.items() if key not in {"id", "name", "type"}},
        )
        for each in options.contracts_options
    ]
    built = grimp.build_graph(
        "genlab", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    assert all(_kept(contract, built) for contract in contracts)
    return built, contracts


def _kept(contract, graph) -> bool:
    return contract.check(_copied(graph), verbose=False).kept


def _copied(graph):
    from copy import deepcopy

    return deepcopy(graph)


def test_few_modules_lie_loose_at_the_top():
    assert len([path for path in MODULES if path.parent == ROOT / "genlab"]) <= 8


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "genlab").as_posix())
def test_a_module_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


STATEMENTS = 65
"""Lines of a function at most, its docstring not counted: a screen."""


def functions(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_a_function_fits_a_screen():
    long = {}
    for path in MODULES:
        for node in functions(path):
            first = node.body[1] if ast.get_docstring(node, clean=False) and len(node.body) > 1 else node.body[0]
            if node.end_lineno - first.lineno + 1 > STATEMENTS:
                long[f"{path.relative_to(ROOT)}: {node.name}"] = node.end_lineno - first.lineno + 1
    assert long == {}


def test_a_run_of_training_reads_on_a_screen():
    (run,) = (node for node in functions(ROOT / "genlab/commands/train.py") if node.name == "run")
    assert run.end_lineno - run.body[1].lineno + 1 <= 30


QUANTITY = ("metrics", "objectives", "evaluation", "evaluation/statistics")
ONE_MEANING = [
    QUANTITY,  # what is computed from numbers, reported as a metric, or trained on
    ("objectives", "models/diffusion"),  # flow matching is what is learned, and how
    ("commands", "tasks"),  # what a verb does, and the task that it does by default
]
"""Folders in which a name means the same."""


def one_meaning(first: Path, second: Path) -> bool:
    """Whether two modules of one name stand for one thing."""
    folders = [path.parent.relative_to(ROOT / "genlab").as_posix() for path in (first, second)]
    if any(set(folders) <= set(alike) for alike in ONE_MEANING):
        return True
    if "config/schema" in folders:  # the schema of what has this name
        return True
    return any(not defines(path) for path in (first, second))  # an old name for what lies elsewhere now


def defines(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body)


def two_meanings(modules) -> list[str]:
    named = defaultdict(list)
    for path in modules:
        if path.stem not in {"__init__", "__main__", "base"}:
            named[path.stem].append(path)
    pairs = (pair for paths in named.values() for pair in combinations(paths, 2))
    return [" and ".join(str(p.relative_to(ROOT)) for p in pair) for pair in pairs if not one_meaning(*pair)]


def test_no_two_modules_share_a_name_and_not_a_meaning():
    assert two_meanings(MODULES) == []


def test_a_shared_name_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    holds = {
        "nn/chain.py": "class Chain: ...",
        "bijectors/chain.py": "class Chain: ...",
        "models/vae.py": "class VAE: ...",
        "vae.py": "from genlab.models.vae import VAE",
        "metrics/elbo.py": "class ELBO: ...",
        "objectives/elbo.py": "class ELBO: ...",
    }
    modules = [tmp_path / "genlab" / name for name in holds]
    for path, text in zip(modules, holds.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert two_meanings(modules) == ["genlab/nn/chain.py and genlab/bijectors/chain.py"]


def untested(modules, tests: Path) -> list[str]:
    """The packages without a test in the folder of their path; the laws of a family of models lie together."""
    missing = []
    for folder in sorted({path.parent.relative_to(ROOT / "genlab") for path in modules}):
        found = list((tests / folder).glob("test_*.py"))
        if folder.parent == Path("models"):
            found += (tests / "contracts").glob(f"test_{folder.name}*_laws.py")
        if not found:
            missing.append(folder.as_posix())
    return missing


def test_the_tests_mirror_the_packages():
    assert untested(MODULES, ROOT / "tests") == []


def test_a_package_without_tests_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    packages = ("ops", "nn", "config", "config/schema", "models", "models/vae", "models/gan", "models/flow")
    holds = ("ops/test_a.py", "nn/helper.py", "config/test_a.py", "models/gan/test_a.py", "contracts/test_vae_laws.py")
    for path in (tmp_path / "tests" / name for name in holds):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    modules = [tmp_path / "genlab" / name / "__init__.py" for name in packages]
    assert untested(modules, tmp_path / "tests") == ["config/schema", "models", "models/flow", "nn"]

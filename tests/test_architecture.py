"""The import rules of pyproject.toml hold, and bite; modules stay small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES = 350


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
    assert len(path.read_text(encoding="utf-8").splitlines()) < LINES

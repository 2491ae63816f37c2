"""Checkpoints of version 0.1.0, one of each family, still score what they scored, sample, and train on as they did.

``tests/earlier/<run>`` are run directories of tiny networks after six steps (``genlab train model=... seed=3
trainer.max_steps=6 data.batch_size=16``); ``reference.json`` holds what the code that wrote them said of them, and of
them after three more steps.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.cli.main import main
from genlab.evaluation.validate import validate
from genlab.models.capabilities import UnnormalisedDensity
from genlab.models.translating import Translator
from genlab.restore import Loaded, load
from genlab.storage import checkpoint

EARLIER = Path(__file__).parent.parent / "earlier"
REFERENCE: dict[str, dict[str, Any]] = json.loads((EARLIER / "reference.json").read_text())
TRAINED = sorted(name for name, said in REFERENCE.items() if "after_resume" in said)


def newest(run: Path) -> Loaded:
    return load(checkpoint.latest(run / "checkpoints"), trust=[], device=torch.device("cpu"))


@torch.no_grad()
def scores(loaded: Loaded, *, root: str | None) -> dict[str, float]:
    """What the reference says of a model: its bound at three particles, or a mean of what it has instead."""
    data, model = loaded.dataset(root=root, trust=[]), loaded.model
    if isinstance(model, Translator):
        drawn = model.translate(data.test.x[:4], generator=torch.Generator().manual_seed(0))
        return {"translate_mean": drawn.double().mean().item()}
    record = validate(model, data, split="test", num_particles=3, batch_size=100, seed=0)
    if record is not None:
        return {"nll": record.value}
    if isinstance(model, UnnormalisedDensity):
        return {"energy_mean": model.energy(data.test.x[:50]).double().mean().item()}
    z = torch.linspace(-1, 1, 4 * model.latent_dim).view(4, -1)
    c = None if model.given is None else torch.arange(4)
    return {"decode_mean": model.decode(z, c).double().mean().item()}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``copied(name)``: the run directory, where it may be written to, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)

    def copy(name: str) -> Path:
        return Path(shutil.copytree(EARLIER / name, tmp_path / name))

    return copy


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_it_scores_what_it_scored_and_samples(name, copied):
    loaded = newest(copied(name))
    said = REFERENCE[name]
    root = str(EARLIER / "pairs") if name == "pix2pix" else None
    found = scores(loaded, root=root)
    assert found == pytest.approx({key: said[key] for key in found}, rel=1e-5)
    if isinstance(loaded.model, Translator):
        return
    c = None if loaded.model.given is None else torch.arange(3)
    drawn = loaded.model.sample(3, c, generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (3, *loaded.spec.event_shape)
    assert drawn.double().isfinite().all()


@pytest.mark.parametrize("name", TRAINED)
def test_it_trains_on_as_it_did(name, copied):
    run = copied(name)
    words = [f"data.root={EARLIER / 'pairs'}"] if name == "pix2pix" else []
    assert main(["train", f"resume={run}", "trainer.max_steps=9", *words]) == 0
    loaded = newest(run)
    assert loaded.step == 9
    said = REFERENCE[name]["after_resume"]
    assert scores(loaded, root=None) == pytest.approx(said, rel=1e-4)


def test_an_earlier_run_is_scored_and_sampled_from_the_command_line(copied):
    run = copied("cvae")
    assert main(["eval", f"ckpt={run}", "--metric", "nll", "metric.nll.num_particles=3", "accelerator=cpu"]) == 0
    assert main(["sample", f"ckpt={run}", "n=4", "label=3", "accelerator=cpu"]) == 0
    assert len(list(Path("outputs").rglob("sample.npz"))) == 1

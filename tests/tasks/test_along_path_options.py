"""task=sample along a path of noise: steps, sampler, guidance, trajectory; and who has none of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.samplers import ALONG_PATH
from genlab.tasks import Work
from genlab.tasks.sample import Sample
from tests.contracts.catalogue import CATALOGUE
from tests.tasks.test_task_laws import loaded

CASES = {case.name: case for case in CATALOGUE}
DIGITS, PLANE = "conditional-flow-matching-rgb", "flow-matching-plane"


def drawn(name: str, folder: Path, *, n: int = 3, **options):
    with torch.no_grad():
        return Sample(**options).draw(Work(loaded(CASES[name]), folder, n=n, seed=1))


@pytest.mark.parametrize("sampler", ALONG_PATH)
def test_each_sampler_draws_in_so_many_steps_and_says_so(sampler: str, tmp_path: Path) -> None:
    few, many = (drawn(PLANE, tmp_path, sampler=sampler, steps=steps) for steps in (1, 9))
    each = ALONG_PATH[sampler].evaluations
    assert few.note.startswith(f"samples by {sampler} in 1 step, {each} evaluations")
    assert many.note.startswith(f"samples by {sampler} in 9 steps, {9 * each} evaluations")
    assert (few.arrays["samples"] != many.arrays["samples"]).any()


def test_guidance_0_is_the_unconditional_model(tmp_path: Path) -> None:
    model = CASES[DIGITS].model().eval()

    def draw(c: int, guidance: float) -> torch.Tensor:
        g = torch.Generator().manual_seed(0)
        return model.sample(4, torch.full((4,), c), guidance=guidance, generator=g)

    assert torch.equal(draw(0, 0.0), draw(1, 0.0))
    assert not torch.equal(draw(0, 1.0), draw(1, 1.0))
    assert not torch.equal(draw(0, 1.0), draw(0, 3.0))
    assert "at guidance 3 " in drawn(DIGITS, tmp_path, guidance=3.0).note


def test_a_trajectory_goes_from_noise_to_the_very_draw(tmp_path: Path) -> None:
    plain = drawn(DIGITS, tmp_path).arrays["samples"]
    moving = drawn(DIGITS, tmp_path, trajectory=True)
    assert (moving.arrays["samples"] == plain).all()
    path = moving.arrays["trajectory"]
    assert path.shape == (20, 3, *plain.shape[1:])
    assert (path[-1] == plain).all()
    assert len(np.unique(path.reshape(20, -1), axis=0)) == 3, "two steps: noise, half-way, the draw"
    assert moving.files["gif"]()[:3] == b"GIF"
    assert moving.files["strip.png"]()[1:4] == b"PNG"


@pytest.mark.parametrize("option", [{"steps": 3}, {"sampler": "euler"}, {"guidance": 2.0}, {"trajectory": True}])
def test_who_goes_along_no_path_has_no_steps(option: dict[str, object]) -> None:
    refused = Sample().lacks_with(loaded(CASES["vae-grey"]), option)
    assert refused is not None
    assert refused[0] in option
    assert "\n" not in refused[1]


def test_guidance_needs_a_condition_that_was_hidden_at_times() -> None:
    assert Sample.lacks_with(loaded(CASES[DIGITS]), {"guidance": 2.0}) is None
    refused = Sample.lacks_with(loaded(CASES[PLANE]), {"guidance": 2.0})
    assert refused is not None
    assert "model.condition=label" in refused[1]

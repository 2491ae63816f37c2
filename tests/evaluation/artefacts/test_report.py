"""The pictures of every kind of model: which there are, that they repeat, and what they show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.bijectors import Chain
from genlab.data.spaces import Dataset, Split
from genlab.evaluation.artefacts import figures, report
from genlab.evaluation.artefacts.latents import great_circle, walk
from genlab.models import VAE
from genlab.models.flow.flow import Flow
from tests.contracts.catalogue import CATALOGUE, FITTED, PLANE, Case

SHOWN = {
    "vae-grey": {"samples", "reconstructions", "interpolations", "latents"},
    "cvae-conv-rgb": {"samples", "reconstructions", "interpolations", "latents"},
    "vae-plane": {"plane", "latents"},
    "cvae-plane": {"latents", "plane"},
    "realnvp-plane": {"plane", "latents", "flow"},
    "realnvp-rgb": {"samples", "reconstructions", "interpolations", "latents"},
    "pixelcnn-rgb": {"samples", "bits"},
    "conditional-gated-pixelcnn-binary": {"samples", "bits"},
    "ebm-grey": {"samples", "chain"},
    "ebm-plane": {"plane", "chain"},
    "histogram-rgb": {"samples", "bits"},
    "naive-bayes-grey": {"samples", "bits"},
    "ppca-plane": {"plane", "latents"},
    "knn-grey": {"samples"},
}
CASES = {case.name: case for case in (*CATALOGUE, *FITTED)}


def dataset(case: Case) -> Dataset:
    parts = [Split(*case.batch(40, seed=seed)[:2]) for seed in range(3)]
    return Dataset("random", case.spec, *parts)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.evaluation.artefacts.draw.PLANE_SAMPLES", 200)
    monkeypatch.setattr("genlab.evaluation.artefacts.draw.PLANE_PARTICLES", 2)
    monkeypatch.setattr("genlab.evaluation.artefacts.report.CHAINS_DRAWN", {True: 3, False: 50})


@pytest.mark.parametrize("name", SHOWN)
def test_a_model_has_the_pictures_of_its_type_and_they_repeat(name: str) -> None:
    case = CASES[name]
    model, data = case.model().train(), dataset(case)
    found = report.pictures(model, data, seed=0, n=4)
    assert set(found) == SHOWN[name]
    assert model.training
    for picture in found.values():
        assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
        assert len(np.unique(picture)) > 1
    again = report.pictures(model, data, seed=0, n=4)
    assert all(np.array_equal(picture, again[kind]) for kind, picture in found.items())
    if "samples" in found:
        other = report.pictures(model, data, seed=1, n=4)
        assert any(not np.array_equal(picture, other[kind]) for kind, picture in found.items())


def test_what_is_no_generative_model_has_no_pictures() -> None:
    assert report.pictures(nn.Linear(2, 2), dataset(CASES["vae-grey"]), seed=0) == {}


def test_the_costs_of_pixels_add_up_over_channels_to_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["pixelcnn-rgb"]
    model, data, seen = case.model().eval(), dataset(case), []
    monkeypatch.setattr(report, "bits_map", lambda x, bits, spec: seen.append((x, bits)) or np.zeros((2, 2, 3)))
    report.pictures(model, data, seed=0, n=1)
    ((x, bits),) = seen
    assert torch.allclose(bits.flatten(1).sum(1).float(), -model.log_prob(x) / math.log(2), rtol=1e-5)
    assert len(x) == report.COSTED


def test_a_grid_goes_through_every_layer_from_latents_to_data() -> None:
    model = CASES["realnvp-plane"].model().eval()
    assert isinstance(model, Flow)
    assert isinstance(model.bijector, Chain)
    z = model.sample_latents(30, generator=torch.Generator().manual_seed(0))
    path = model.bijector.inverse_path(z)
    assert len(path) == len(model.bijector.parts) + 1
    assert torch.equal(path[0], z)
    assert torch.allclose(path[-1], model.decode(z))
    back = path[-1]
    for part, expected in zip(model.bijector.parts, path[-2::-1], strict=True):
        back = part.forward_and_log_det(back).value
        assert torch.allclose(back, expected, atol=1e-4)
    lines = report.latent_grid(2.0).view(2 * report.LINES, report.POINTS, 2)
    assert (lines[: report.LINES, :, 1].std(1) == 0).all()
    assert (lines[report.LINES :, :, 0].std(1) == 0).all()
    assert lines.abs().max() == 2


def test_codes_are_seen_along_their_principal_components() -> None:
    g = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 4, generator=g, dtype=torch.float64) * torch.tensor([0.1, 3.0, 0.2, 1.0])
    plane = figures.in_plane(codes + 5)
    centred = codes - codes.mean(0)
    assert torch.allclose(plane.points[:, 0], centred[:, 1], atol=0.5)
    assert torch.allclose(plane.points[:, 1], centred[:, 3], atol=0.5)
    assert plane.axes[0] == "principal component 1 (91% of the variance)"
    assert torch.equal(figures.in_plane(codes[:, :2]).points, codes[:, :2])
    assert figures.in_plane(codes[:, :1]).points.shape == (500, 2)
    mirrored = figures.in_plane(codes[torch.randperm(500, generator=g)] + 5)
    assert torch.allclose(mirrored.points.sort(0).values, plane.points.sort(0).values), (
        "its signs do not depend on order"
    )


@pytest.mark.parametrize("classes", [None, 3, 10, 40])
def test_codes_of_any_number_of_classes_are_drawn(classes: int | None) -> None:
    codes = torch.randn(80, 3)
    y = None if classes is None else torch.arange(80) % classes
    picture = figures.latent_scatter(codes, y, title="codes")
    assert picture.shape[2] == 3
    colours = {tuple(int(hexed[i : i + 2], 16) for i in (1, 3, 5)) for hexed in figures.CLASS_COLOURS}
    present = {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()} & colours
    black = (0, 0, 0)  # also the colour of axes and letters
    expected = 1 if classes in {None, 40} else min(classes, 7)
    assert len(present - {black}) == expected - (classes == 10)


def test_histograms_take_what_is_infinite_or_all_alike() -> None:
    odd = torch.tensor([1.0, 1.0, math.inf])
    panels = [figures.Compared("a", "b", odd, odd), figures.Compared("c", "d", odd[2:], odd[2:])]
    picture = figures.histograms(panels, names=("in", "out"))
    assert np.array_equal(picture, figures.histograms(panels, names=("in", "out")))


def test_paths_join_their_ends_at_the_length_of_both() -> None:
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    path = great_circle(a, b, torch.linspace(0, 1, 5))
    assert torch.allclose(path.norm(dim=2), torch.full((1, 5), 3.0), atol=1e-5)
    assert torch.allclose(path[0, [0, 2, 4]], torch.tensor([[3, 0], [4.5**0.5, 4.5**0.5], [0, 3]]), atol=1e-5)
    model = VAE(PLANE, latent_dim=2, hidden=[4])
    z: Tensor = torch.randn(6, 2)
    latents, means = walk(model, z, None, steps=4)
    assert torch.allclose(latents[:, 0], z[:3], atol=1e-4)
    assert torch.allclose(latents[:, -1], z[3:], atol=1e-4)
    assert torch.allclose(means, model.decode(latents.flatten(0, 1)))

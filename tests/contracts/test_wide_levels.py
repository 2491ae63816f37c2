"""Pictures of more than 256 levels: nothing is squeezed into a byte."""

from __future__ import annotations

import pytest
import torch

from genlab.data.spaces import DataSpec, Split
from genlab.evaluation.artefacts.grids import to_8bit
from genlab.evaluation.energies import noise
from genlab.models import EBM, GAN, IDF, VAE, PixelCNN, gmm, histogram, kde, knn, nice, ppca, realnvp
from genlab.models.capabilities import GenerativeModel
from genlab.models.classical.base import Fitted

SPEC = DataSpec((1, 4, 4), 1000)
BUILDERS = {
    "vae": lambda: VAE(SPEC, latent_dim=2, hidden=[4]),
    "realnvp": lambda: realnvp(SPEC, couplings=1, hidden=[4], channels=2, blocks=1),
    "nice": lambda: nice(SPEC, hidden=[4]),
    "idf": lambda: IDF(SPEC, couplings=1, channels=2),
    "pixelcnn": lambda: PixelCNN(SPEC, channels=4, blocks=1, kernel_size=3, head_channels=4),
    "gan": lambda: GAN(SPEC, latent_dim=2, hidden=[4]),
    "ebm": lambda: EBM(SPEC, network="mlp", hidden=[4], chain_steps=1),
    "gmm": lambda: gmm(SPEC, components=2),
    "kde": lambda: kde(SPEC),
    "knn": lambda: knn(SPEC),
    "histogram": lambda: histogram(SPEC),
    "ppca": lambda: ppca(SPEC),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_samples_hold_all_levels(name: str) -> None:
    torch.manual_seed(0)
    model: GenerativeModel = BUILDERS[name]()
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(600, 1000, (200, *SPEC.event_shape), generator=generator).to(SPEC.dtype)
    if isinstance(model, Fitted):
        model.fit(Split(x[:150]), Split(x[150:]), generator=generator)
    drawn = model.eval().sample(64, generator=generator)
    assert drawn.dtype == SPEC.dtype == torch.int16
    assert drawn.min() >= 0
    assert drawn.max() < 1000
    assert drawn.max() > 256, "a byte would have wrapped"
    if isinstance(model, Fitted) and name != "ppca":
        assert drawn.double().mean() == pytest.approx(800, abs=60)


def test_what_is_made_of_levels_holds_them_too() -> None:
    assert noise(SPEC, torch.zeros(1), 50, generator=torch.Generator().manual_seed(0)).max() > 256
    assert to_8bit(torch.full((1, 1, 2, 2), 999, dtype=torch.int16), SPEC).max() == 255
    assert [DataSpec((1,), levels).dtype for levels in (2, 256, 257, 2**15, 2**16, None)] == [
        torch.uint8,
        torch.uint8,
        torch.int16,
        torch.int16,
        torch.int32,
        torch.float32,
    ]

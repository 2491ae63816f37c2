"""Laws of bits back: what is written is read, and all but the bits to begin with is the bound."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from genlab.codec.coded import Coded, Examples, Written
from genlab.codec.latent import LatentCoder
from genlab.data.batches import Batch
from genlab.errors import DataError
from genlab.models import VAE
from genlab.models.conditions import condition
from genlab.models.latent_coding import GaussianLatents
from genlab.ops.bars import no_bar
from tests.contracts.catalogue import BINARY, CATALOGUE, Case

pytest.importorskip("constriction")

CASES = [
    case
    for case in CATALOGUE
    if case.spec.levels is not None and isinstance(case.model(), GaussianLatents) and "iwae" not in case.name
]


def far(case: Case, by: float = 0.1) -> GaussianLatents:
    """Away from where posterior and prior agree, in double precision."""
    model = case.model().eval()
    assert isinstance(model, GaussianLatents)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += by * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5))
    return model.double().eval()


def read(model: GaussianLatents, coded: Coded, batch: Batch, c: torch.Tensor | None, **options) -> torch.Tensor:
    payload = options.get("payload", coded.payload)
    written = Written(payload, coded.facts, len(batch.x), c=c, at_once=options.get("at_once"))
    return LatentCoder().decode(model, written, progress=no_bar)


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_what_is_written_is_read(case: Case, lanes: int) -> None:
    model, batch = far(case), case.batch(7)
    c = condition(model, batch)
    coded = LatentCoder(lanes=lanes).encode(model, Examples(batch.x, c=c), progress=no_bar)
    for at_once in (None, 1, 2):
        assert torch.equal(read(model, coded, batch, c, at_once=at_once), batch.x)
    begun = 32 * coded.facts["start"]
    assert coded.bits["net"] <= 8 * len(coded.payload) - begun <= coded.bits["net"] + 32
    assert coded.bits["first"] * lanes / 7 >= coded.bits["net"] / 7 * 0.5


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_the_net_rate_is_the_bound_or_less(case: Case) -> None:
    """Of examples that the model has drawn: what it finds impossible is cheaper by tables than it says.

    Posteriors that are much wider than their prior are cut, which also makes a file shorter.
    """
    model, batch = far(case, by=0.04), case.batch(120)
    c, single = condition(model, batch), copy.deepcopy(model).float()
    x = single.sample(120, c, generator=torch.Generator().manual_seed(1))
    coded = LatentCoder(lanes=20).encode(model, Examples(x, c=c), progress=no_bar)
    generators = [torch.Generator().manual_seed(seed) for seed in range(20)]
    draws = torch.stack([single.elbo(x, c, generator=each).double() for each in generators])
    bound = -draws.sum(1).mean().item() / math.log(2)
    noise = draws.sum(1).std().item() / math.log(2)
    assert coded.ideal == pytest.approx(bound, abs=4 * noise)
    assert coded.bits["net"] <= 1.003 * coded.ideal + 64 + 4 * noise


@torch.no_grad()
def test_another_model_or_payload_is_told() -> None:
    case = Case("vae", BINARY, lambda spec: VAE(spec, latent_dim=3, hidden=[16]))
    model, batch = far(case), case.batch(6)
    coded = LatentCoder().encode(model, Examples(batch.x), progress=no_bar)
    changed = bytes([coded.payload[0] ^ 1]) + coded.payload[1:]
    with pytest.raises(DataError, match="does not end where it began"):
        read(model, coded, batch, None, payload=changed)
    with pytest.raises(DataError, match="no whole number of words"):
        read(model, coded, batch, None, payload=coded.payload[:-1])


@torch.no_grad()
def test_a_first_example_needs_bits_to_begin_with_and_lanes_need_as_many_each() -> None:
    case = next(case for case in CASES if case.name == "vdvae-binary")
    model, batch = far(case), case.batch(8)
    one, many = (LatentCoder(lanes=k).encode(model, Examples(batch.x), progress=no_bar) for k in (1, 8))
    assert one.bits["first"] > 1.2 * one.bits["net"]
    assert 5 < many.facts["start"] / one.facts["start"] < 9


@torch.no_grad()
def test_latents_are_drawn_anew_for_each_example() -> None:
    """Posteriors that are narrower than their prior by the same for all: without a pad each draw follows the last."""
    case = Case("vae", BINARY, lambda spec: VAE(spec, latent_dim=40, hidden=[16]))
    model = far(case, by=0.0)
    assert isinstance(model, VAE)
    last = model.net.encoder[-1]
    last.weight.zero_()
    last.bias.copy_(torch.tensor([0.0] * 40 + [2 * math.log(0.6)] * 40))
    model.net.decoder[-1].weight.zero_()
    coded = LatentCoder().encode(model, Examples(case.batch(200).x), progress=no_bar)
    kl = 40 * (0.5 * (0.36 - 1) - math.log(0.6)) / math.log(2)
    rest = coded.ideal - 200 * kl
    assert (coded.bits["net"] - rest) / 200 == pytest.approx(kl, abs=1.2)  # 4 standard errors

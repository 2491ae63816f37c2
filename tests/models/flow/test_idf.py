"""Laws of integer flows: one to one on integers in every precision, all mass, parts that make up the likelihood."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.bijectors import RoundedShift
from genlab.data.dataset import DataSpec
from genlab.errors import ConfigError
from genlab.models import IDF
from genlab.models.conditions import condition
from genlab.models.integer_parts import IntegerParts
from tests.contracts.catalogue import CATALOGUE, Case, off_identity

CASES = [case for case in CATALOGUE if isinstance(case.model(), IntegerParts)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def far(model: IntegerParts) -> IntegerParts:
    """With shifts of many integers."""
    for module in model.modules():
        if isinstance(module, RoundedShift):
            module.step = 8 * module.unit
    return model


def awake(model: IDF) -> IDF:
    """With weights at which nothing is the identity, and shifts of several integers."""
    torch.manual_seed(0)
    return far(off_identity(model))  # type: ignore[return-value]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_examples_come_back_from_their_integers_bit_by_bit(case: Case, dtype: torch.dtype) -> None:
    batch = case.batch(40)
    model = far(case.model()).to(dtype)
    c = condition(model, batch)
    parts = model.to_integers(batch.x, c)
    assert [tuple(part.shape[1:]) for part in parts] == list(model.part_shapes)
    moved = torch.cat([part.flatten() for part in parts]).sort().values
    assert not torch.equal(moved, (batch.x.long() - case.spec.levels // 2).flatten().sort().values), "no shift at all"
    assert torch.equal(model.from_integers(parts, c), batch.x)
    z = model.encode(batch.x, c)
    assert torch.equal(z, z.round())
    assert torch.equal(model.decode(z, c).to(batch.x.dtype), batch.x)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_the_distributions_of_the_parts_make_up_the_likelihood(case: Case) -> None:
    """By tables over a range, as a codec reads them: each part given those before it alone."""
    model, batch = case.model().double().eval(), case.batch(5)
    assert isinstance(model, IntegerParts)
    c = condition(model, batch)
    parts = model.to_integers(batch.x, c)
    low, high = (int(torch.cat([part.flatten() for part in parts]).aminmax()[i]) for i in range(2))
    total = torch.zeros(5, dtype=torch.float64)
    for i, part in enumerate(parts):
        table = model.next_part(parts[:i], 5, c).log_probs(low, high)
        assert table.shape == (*part.shape, high - low + 1)
        total += table.gather(-1, (part - low)[..., None]).flatten(1).sum(1)
    assert torch.allclose(total, model.log_prob(batch.x, c), rtol=1e-12)


@torch.no_grad()
def test_probabilities_of_all_integer_pictures_add_up_to_one_and_draws_follow_them() -> None:
    """Three numbers of three levels; outside the range lies what a likelihood loses."""
    spec = DataSpec((3,), 3)
    model = awake(IDF(spec, hidden=[8], mixtures=2)).double()
    wide = torch.arange(-20, 23)
    all_of_them = model.log_prob(torch.cartesian_prod(wide, wide, wide)).exp()
    assert all_of_them.sum().item() == pytest.approx(1, abs=1e-5)
    inside = torch.cartesian_prod(*[torch.arange(3)] * 3)
    p = model.log_prob(inside).exp()
    assert p.sum() < 0.999
    drawn = model.decode(model.sample_latents(40_000, generator=seeded()))  # clamped
    middle = (drawn == 1).all(1).double().mean().item()  # no other integers become this one
    expected = p[13].item()
    assert middle == pytest.approx(expected, abs=4 * math.sqrt(expected / 40_000))
    assert torch.equal(
        model.sample(50, generator=seeded()), model.decode(model.sample_latents(50, generator=seeded())).to(torch.uint8)
    )


def test_an_untrained_flow_shifts_nothing_and_every_weight_has_a_gradient_through_the_rounding() -> None:
    model = IDF(DataSpec((1, 8, 8), 17), channels=8)
    x = torch.randint(17, (6, 1, 8, 8), generator=seeded(), dtype=torch.uint8)
    moved = torch.cat([part.flatten() for part in model.to_integers(x)])
    assert torch.equal(moved.sort().values, (x.long() - 8).flatten().sort().values)
    awake(model).log_prob(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@torch.no_grad()
def test_autocast_changes_no_integer() -> None:
    model = awake(IDF(DataSpec((1, 8, 8), 256), channels=8))
    x = torch.randint(256, (6, 1, 8, 8), generator=seeded(), dtype=torch.uint8)
    parts = model.to_integers(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(torch.equal(one, other) for one, other in zip(parts, model.to_integers(x), strict=True))
        assert torch.equal(model.from_integers(parts), x)


def test_scales_part_channels_as_long_as_there_are_two() -> None:
    assert IDF(DataSpec((1, 28, 28), 256), channels=2).part_shapes == ((2, 7, 7), (2, 7, 7), (4, 7, 7), (2, 14, 14))
    assert IDF(DataSpec((1, 9, 7), 17), channels=2).part_shapes == ((1, 9, 7),)
    assert IDF(DataSpec((1, 8, 8), 17), channels=2, scales=2).part_shapes == ((8, 2, 2), (2, 4, 4))
    assert sum(math.prod(shape) for shape in IDF(DataSpec((3, 6, 6), 17), channels=2).part_shapes) == 108
    with pytest.raises(ConfigError, match=r"model.scales=2: 9x7 pictures have 1 at most"):
        IDF(DataSpec((1, 9, 7), 17), scales=2)
    with pytest.raises(ConfigError, match="needs integer values, this data has real values"):
        IDF(DataSpec((2,), None))

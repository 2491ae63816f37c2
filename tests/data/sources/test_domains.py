"""Pairs stay pairs, domains without pairs have none, and jitter moves both alike or apart accordingly."""

from __future__ import annotations

import pytest
import torch

from genlab.data import unpaired_digits
from genlab.data.batches import BatchLoader
from genlab.data.images.jitter import jitter
from genlab.data.spaces import Split
from genlab.errors import ConfigError


def numbered(n: int, size: int = 8) -> torch.Tensor:
    """Pictures with their number in every pixel of the first channel, and a ramp in the second."""
    x = torch.zeros(n, 2, size, size, dtype=torch.uint8)
    x[:, 0] = torch.arange(n)[:, None, None]
    x[:, 1] = 8 * torch.arange(size)
    return x


def batches(split: Split, *, start: int = 0, rank: int = 0, world_size: int = 1, paired: bool, jittered: bool = True):
    return list(
        BatchLoader(
            split,
            batch_size=4,
            seed=3,
            num_steps=12,
            start=start,
            rank=rank,
            world_size=world_size,
            transform=jitter if jittered else None,
            paired=paired,
        )
    )


def test_jitter_crops_and_mirrors_every_picture_at_a_place_of_its_own() -> None:
    size = 64
    ramp = (3 * torch.arange(size)).to(torch.uint8)
    x = torch.stack([ramp.expand(size, size), ramp.view(-1, 1).expand(size, size)])[None].repeat(200, 1, 1, 1)
    y = jitter(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert y.dtype == torch.uint8
    assert y.is_contiguous()
    across, down = y[:, 0, 30].float(), y[:, 1, :, 30].float()
    mirrored = across[:, 0] > across[:, -1]
    assert 70 < int(mirrored.sum()) < 130
    assert (down[:, 0] < down[:, -1]).all(), "upside down"
    # 72 pixels for 64: the slope falls to 64/72, and nine places along each axis
    assert (down[:, -1] - down[:, 0]).mean().item() == pytest.approx(3 * 63 * 64 / 72, abs=2)
    assert len(down[:, 30].unique()) == 9
    assert len(across[~mirrored][:, 30].unique()) == 9


def test_jitter_is_a_function_of_the_generator_and_not_of_the_picture() -> None:
    x = torch.randint(256, (6, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    one, inverted = (jitter(each, torch.Generator().manual_seed(5)) for each in (x, 255 - x))
    assert (one.int() + inverted.int() - 255).abs().max() <= 3  # rows and columns are rounded one after the other
    assert not torch.equal(one, jitter(x, torch.Generator().manual_seed(6)))


def test_pairs_stay_pairs_and_are_cut_alike() -> None:
    x = numbered(16)
    for batch in batches(Split(x, x_b=x.clone()), paired=True):
        assert batch.x_b is not None
        assert torch.equal(batch.x, batch.x_b)


@pytest.mark.parametrize("others", [11, 16, 40])
def test_domains_without_pairs_have_orders_and_cuts_of_their_own(others: int) -> None:
    split = Split(numbered(16), x_b=numbered(others))
    plain, cut = (batches(split, paired=False, jittered=jittered) for jittered in (False, True))
    a = torch.cat([batch.x[:, 0, 0, 0] for batch in plain])
    b = torch.cat([batch.x_b[:, 0, 0, 0] for batch in plain])
    assert sorted(a[:16].tolist()) == list(range(16))
    assert set(b.tolist()) <= set(range(others))
    assert len(set(b[:16].tolist())) == min(16, others), "an epoch repeats pictures of B before it has had all"
    pairings = [set(zip(a[i : i + 16].tolist(), b[i : i + 16].tolist(), strict=True)) for i in (0, 16, 32)]
    assert len(pairings[0] & pairings[1]) < 8
    assert any(not torch.equal(batch.x[:, 1], batch.x_b[:, 1]) for batch in cut)


@pytest.mark.parametrize("paired", [True, False])
def test_a_loader_that_starts_later_goes_on_with_the_same_batches(paired: bool) -> None:
    split = Split(numbered(16), x_b=numbered(16))
    straight, resumed = batches(split, paired=paired), batches(split, start=7, paired=paired)
    for one, other in zip(straight[7:], resumed, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.x_b, other.x_b)


def test_ranks_share_an_epoch_of_both_domains() -> None:
    split = Split(numbered(16), x_b=numbered(16))
    ranks = [batches(split, rank=rank, world_size=2, paired=False, jittered=False) for rank in (0, 1)]
    for part in ("x", "x_b"):
        epoch = torch.cat([getattr(batch, part)[:, 0, 0, 0] for rank in ranks for batch in rank[:2]])
        assert sorted(epoch.tolist()) == list(range(16))


def test_unpaired_digits_have_disjoint_training_halves_and_known_truth() -> None:
    data = unpaired_digits()
    assert data.spec.event_shape == (3, 8, 8)
    assert data.spec.layout == "unpaired"
    assert data.train_transform is None
    assert (len(data.train.x), len(data.train.x_b), len(data.test.x), len(data.test.x_b)) == (599, 598, 300, 300)

    def truth(x: torch.Tensor) -> torch.Tensor:
        v = x[:, :1].double() / 255
        return ((1 - v) * torch.tensor([1.0, 0.7, 0.2]).view(3, 1, 1) * 255).round()

    for part in (data.val, data.test):
        assert (truth(part.x) - part.x_b).abs().max() <= 1
        assert torch.equal(part.y, part.y_b)
    seen = {x.numpy().tobytes() for x in truth(data.train.x).to(torch.uint8)}
    assert not any(x.numpy().tobytes() in seen for x in data.train.x_b)
    assert len(data.train.y) == 599
    assert len(data.train.y_b) == 598
    from sklearn.datasets import load_digits  # an oracle for the labels: the pictures say which digit they are

    bunch = load_digits()
    known = {(16 * image).astype(int).tobytes(): label for image, label in zip(bunch.images, bunch.target, strict=True)}
    for x, y in ((data.train.x[:, 0], data.train.y), (255 - data.train.x_b[:, 0].int(), data.train.y_b)):
        levels = (x.double() * 16 / 255).round().long()
        assert [known[(16 * each).numpy().tobytes()] for each in levels] == y.tolist()


def test_unpaired_digits_of_mnist(need) -> None:
    data = unpaired_digits(source="mnist", root=need("MNIST"), download=False)
    assert data.spec.event_shape == (3, 28, 28)
    assert (len(data.train.x), len(data.train.x_b), len(data.test.x)) == (27500, 27500, 10000)


def test_built_in_digits_have_no_root() -> None:
    with pytest.raises(ConfigError, match=r"data\.source=digits is built in and has no root"):
        unpaired_digits(root="x")
    with pytest.raises(ConfigError, match="give digits, mnist or fashion_mnist"):
        unpaired_digits(source="letters")  # type: ignore[arg-type]

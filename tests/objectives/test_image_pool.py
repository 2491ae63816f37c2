"""The pool of earlier pictures that CycleGAN's discriminators see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.errors import ConfigError
from genlab.objectives.image_pool import ImagePool


def numbers(first: int, n: int) -> Tensor:
    return torch.arange(first, first + n, dtype=torch.float32).view(n, 1, 1, 1)


def test_a_pool_that_fills_gives_every_picture_back() -> None:
    pool = ImagePool(6, (1, 1, 1))
    for first in (0, 2, 4):
        assert torch.equal(pool.exchange(numbers(first, 2)), numbers(first, 2))
    assert pool.pictures.flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_full_pool_exchanges_half_of_the_pictures_and_loses_none() -> None:
    torch.manual_seed(0)
    pool, exchanged, rounds = ImagePool(10, (1, 1, 1)), 0, 400
    pool.exchange(numbers(0, 5))
    pool.exchange(numbers(5, 5))
    drawn = []
    for first in range(10, 10 + 4 * rounds, 4):
        held, new = set(pool.pictures.flatten().tolist()), numbers(first, 4)
        given = pool.exchange(new)
        after = set(pool.pictures.flatten().tolist())
        assert len(after) == 10
        assert after | set(given.flatten().tolist()) == held | set(new.flatten().tolist()), "a picture got lost"
        assert not after & set(given.flatten().tolist()), "a picture is in two places"
        old = [value for value in given.flatten().tolist() if value in held]
        exchanged += len(old)
        drawn += [new.flatten().tolist().index(value) for value in given.flatten().tolist() if value not in held]
    assert exchanged / (4 * rounds) == pytest.approx(0.5, abs=0.04)
    assert sorted(set(drawn)) == [0, 1, 2, 3]


def test_a_batch_that_overflows_the_pool_fills_it() -> None:
    pool = ImagePool(5, (1, 1, 1))
    pool.exchange(numbers(0, 3))
    assert torch.equal(pool.exchange(numbers(3, 3)), numbers(3, 3))
    assert pool.pictures.flatten().tolist() == [5, 1, 2, 3, 4]


def test_no_pool_and_too_small_a_pool() -> None:
    assert torch.equal(ImagePool(0, (1, 1, 1)).exchange(numbers(0, 3)), numbers(0, 3))
    with pytest.raises(ConfigError, match=r"objective\.pool_size=2 is smaller than the 3 x 1 pictures of a step"):
        ImagePool(2, (1, 1, 1)).exchange(numbers(0, 3))


def test_two_ranks_keep_one_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ranks write the slots of both; here each in turn, with what the other one has exchanged."""
    from genlab.objectives import image_pool as module

    pools = [ImagePool(6, (1, 1, 1)) for _ in range(2)]
    for step in range(8):
        parts: list[list[Tensor]] = [[], []]
        for rank in range(2):  # what each gathers from the other: pictures, then slots
            probe = ImagePool(6, (1, 1, 1))
            probe.load_state_dict(pools[rank].state_dict())
            monkeypatch.setattr(module, "world", lambda rank=rank: (rank, 2))
            monkeypatch.setattr(module, "gathered", lambda x, own=parts[rank]: own.append(x) or x)
            torch.manual_seed(100 * step + rank)
            probe.exchange(numbers(10 * step + 5 * rank, 2))
            assert set((parts[rank][1] % 2).tolist()) == {rank}
        for rank in range(2):
            queue = [torch.cat([a, b]) for a, b in zip(*parts, strict=True)]
            monkeypatch.setattr(module, "world", lambda rank=rank: (rank, 2))
            monkeypatch.setattr(module, "gathered", lambda x, queue=queue: queue.pop(0))
            torch.manual_seed(100 * step + rank)
            pools[rank].exchange(numbers(10 * step + 5 * rank, 2))
        assert torch.equal(pools[0].pictures, pools[1].pictures)

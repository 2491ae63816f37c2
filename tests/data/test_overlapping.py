"""Windows that overlap are a view of their stream wherever they go: never as many copies of it."""

from __future__ import annotations

import hashlib

import pytest
import torch

from genlab.data.batches import BatchLoader, ordered
from genlab.data.dataset import Split
from genlab.data.fingerprint import digest
from genlab.data.overlapping import memory, moved, overlap, stream
from genlab.training.feed import Resident, Streamed

CPU = torch.device("cpu")


def windows(n: int = 1000, length: int = 64, step: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    whole = torch.randint(256, (n,), dtype=torch.uint8)
    return whole, whole[3:].unfold(0, length, step)


@pytest.mark.parametrize(("length", "step"), [(64, 8), (64, 64), (64, 100), (1, 1), (990, 5)])
def test_the_stream_holds_each_value_once_and_gives_the_windows_back(length: int, step: int) -> None:
    whole, x = windows(length=length, step=step)
    assert overlap(x) == (step < length and len(x) > 1)
    found = stream(x)
    used = 3 + torch.arange(len(x))[:, None] * step + torch.arange(length)
    assert torch.equal(found, whole[used.unique()])
    if overlap(x):
        assert found.data_ptr() == x.data_ptr()
    for there in (moved(x, CPU), moved(x.clone(), CPU)):
        assert torch.equal(there, x)
    assert memory(x) == found.nbytes


def test_a_move_takes_the_stream_alone() -> None:
    _, x = windows()
    there = moved(x, torch.device("meta"))  # a device that none of it lies on yet
    assert (there.shape, there.stride()) == (x.shape, x.stride())
    assert there.untyped_storage().nbytes() == memory(x) < x.nbytes / 4


@pytest.mark.parametrize("kind", [Resident, Streamed])
def test_a_feed_gives_the_loader_s_windows(kind: type) -> None:
    _, x = windows()
    loader = BatchLoader(Split(x), batch_size=5, seed=3, num_steps=30)
    feed = kind(loader, CPU)
    for step, expected in enumerate(loader):
        feed.fill(step)
        assert torch.equal(feed.batch().x, expected.x)
    if kind is Resident:
        assert feed.x.data_ptr() == x.data_ptr()
    assert torch.equal(torch.cat([batch.x for _, batch in ordered(Split(x), batch_size=7)]), x)


def test_a_digest_is_that_of_the_bytes_whatever_the_layout() -> None:
    _, x = windows(300_000, 256, 2)  # 38 MB of windows on 0.3 MB
    expected = hashlib.sha256(f"uint8 {tuple(x.shape)}".encode() + x.contiguous().numpy().tobytes()).hexdigest()
    assert digest(x) == digest(x.clone()) == expected
    assert digest(x[1:]) != expected

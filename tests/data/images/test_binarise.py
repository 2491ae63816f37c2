from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from genlab.data.images.binarise import _below, _below_on_device, binarise, binarise_once


def test_threshold_is_the_nearest_multiple_of_two_to_the_minus_16():
    r = np.arange(65536, dtype=np.uint16)
    counts = np.array([_below(r, np.full(65536, p, np.uint8)).sum(dtype=np.int64) for p in range(256)])
    assert counts.tolist() == [round(p * 65536 / 255) for p in range(256)]
    assert counts[0] == 0
    assert counts[255] == 65536


def test_on_a_device_the_probabilities_are_the_same():
    r = torch.arange(-32768, 32768).to(torch.int16)
    counts = [int(_below_on_device(r, torch.full((65536,), p, dtype=torch.uint8)).sum()) for p in range(256)]
    assert counts == [round(p * 65536 / 255) for p in range(256)]


def test_frequencies():
    n = 200_000
    x = torch.arange(256, dtype=torch.uint8)[:, None].expand(256, n).contiguous()
    y = binarise(x, torch.Generator().manual_seed(3))
    p = torch.arange(256, dtype=torch.float64) / 255
    z = (y.double().mean(1) - p)[1:-1] / (p * (1 - p) / n).sqrt()[1:-1]
    assert not y[0].any()
    assert y[255].all()
    assert z.abs().max() < 5
    assert 0.7 < z.std() < 1.3


def test_all_bits_of_each_word_are_used():
    # A 63-bit draw would leave every fourth number below one half.
    y = binarise(torch.full((4 * 100_000,), 128, dtype=torch.uint8), torch.Generator().manual_seed(0)).view(-1, 4)
    means = y.double().mean(0)
    assert (means - 128 / 255).abs().max() < 5 * 0.5 / 100_000**0.5
    assert np.abs(np.corrcoef(y.numpy().T) - np.eye(4)).max() < 5 / 100_000**0.5


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 1, 5, 5), (2, 1, 28, 28)])
def test_same_generator_state_same_bits(shape):
    x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    before = x.clone()
    draws = [binarise(x, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert draws[0].shape == x.shape
    assert draws[0].dtype == torch.uint8
    assert torch.equal(draws[0], draws[1])
    assert x.numel() < 100 or not torch.equal(draws[0], draws[2])
    assert torch.equal(x, before)


def test_consecutive_draws_differ():
    x = torch.full((1000,), 128, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(binarise(x, generator), binarise(x, generator))


def test_non_contiguous_input():
    x = torch.randint(0, 256, (8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    same = [binarise(t, torch.Generator().manual_seed(2)) for t in (x.t(), x.t().contiguous())]
    assert torch.equal(*same)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    x = torch.arange(256, dtype=torch.uint8, device="cuda").repeat_interleave(100_000)
    y = binarise(x, torch.Generator("cuda").manual_seed(0)).view(256, -1).double().mean(1)
    assert y[0] == 0
    assert y[255] == 1
    assert (y.cpu() - torch.arange(256) / 255).abs().max() < 5 * 0.5 / 100_000**0.5


def test_refuses_floats():
    with pytest.raises(TypeError, match="uint8"):
        binarise(torch.rand(4), torch.Generator())


def test_once_is_frozen():
    x = torch.arange(256, dtype=torch.uint8).repeat(8)
    bits = binarise_once(x, seed=2016)
    assert torch.equal(bits, binarise_once(x, seed=2016))
    assert not torch.equal(bits, binarise_once(x, seed=2017))
    # The same bits under every version of every library: a published figure depends on them.
    assert int((bits.long() * torch.arange(1, 2049)).sum()) == 1084068


def test_throughput():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x = torch.randint(0, 256, (128, 1, 28, 28), dtype=torch.uint8)
        generator = torch.Generator().manual_seed(0)
        rates = []
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(10):
                binarise(x, generator)
            rates.append(1280 / (time.perf_counter() - start))
    finally:
        torch.set_num_threads(threads)
    assert max(rates) > 50_000  # 440,000 on one quiet core; low, for a busy machine must not turn this red

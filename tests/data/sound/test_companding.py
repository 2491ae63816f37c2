from __future__ import annotations

import math

import pytest
import torch

from genlab.data.sound.companding import compressed, decode, encode, heard
from genlab.data.spaces import Waveform

LEVELS = (2, 3, 16, 255, 256, 1000, 65536)
X = torch.cat([torch.linspace(-1, 1, 10_001, dtype=torch.float64), torch.logspace(-6, 0, 500, dtype=torch.float64)])


@pytest.mark.parametrize("law", ["linear", "mu-law"])
@pytest.mark.parametrize("levels", LEVELS)
def test_every_level_is_decoded_to_a_sample_of_that_level(law, levels):
    k = torch.arange(levels)
    x = decode(k, levels=levels, law=law)
    assert torch.equal(encode(x, levels=levels, law=law), k)
    assert (x.diff() > 0).all()
    assert x.abs().max() <= 1
    assert torch.allclose(x, -x.flip(0), atol=1e-12)


@pytest.mark.parametrize("levels", LEVELS)
def test_a_sample_is_within_half_a_step_of_what_becomes_of_it(levels):
    back = decode(encode(X, levels=levels, law="linear"), levels=levels, law="linear")
    assert (back - X).abs().max() <= 1 / levels + 1e-12
    back = decode(encode(X, levels=levels, law="mu-law"), levels=levels, law="mu-law")
    mu = levels - 1
    assert (compressed(back, mu=mu) - compressed(X, mu=mu)).abs().max() <= 1 / mu + 1e-9


@pytest.mark.parametrize("levels", [16, 256])
def test_the_mu_law_is_the_formula_and_finer_where_it_is_quiet(levels):
    mu = levels - 1
    for x in (-1.0, -0.3, -0.001, 0.0, 0.02, 1.0):
        wanted = math.copysign(math.log(1 + mu * abs(x)) / math.log(1 + mu), x)
        assert encode(torch.tensor(x), levels=levels, law="mu-law") == math.floor((wanted + 1) / 2 * mu + 0.5)
    steps = decode(torch.arange(levels), levels=levels, law="mu-law").diff()
    assert (steps[levels // 2 :].diff() > 0).all()
    assert steps[levels // 2] < steps[-1] / 5


def test_samples_of_16_bits_are_65536_linear_levels():
    pcm = torch.arange(-32768, 32768)
    k = encode(pcm.float() / 32768, levels=65536, law="linear")
    assert torch.equal(k, pcm + 32768)


def test_what_is_too_loud_is_cut():
    for law in ("linear", "mu-law"):
        assert encode(torch.tensor([-3.0, 1.5]), levels=10, law=law).tolist() == [0, 9]


def test_samples_are_heard_by_their_law_and_without_what_is_no_number():
    k = torch.tensor([[[0, 128, 255]]])
    for law in ("linear", "mu-law"):
        assert torch.equal(heard(Waveform(3, 1, 256, companding=law), k), decode(k, levels=256, law=law))
    real = torch.tensor([[[0.5, -7.0, math.nan]]])
    assert heard(Waveform(3), real).tolist() == [[[0.5, -1.0, 0.0]]]

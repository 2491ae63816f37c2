"""A spectrogram says how loud, when and how high; what is drawn is what is heard."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genlab.data.spaces import Waveform
from genlab.evaluation.artefacts import spectrograms as module
from genlab.evaluation.artefacts.spectrograms import QUIETEST, spectrogram, spectrograms

RATE = 8000
SECONDS = np.arange(RATE) / RATE


def axes_of(found):
    """Middles of the cells, in seconds and kHz."""
    first, last, low, high = found.edges
    times, frequencies = found.level.shape[1], found.level.shape[0]
    return (
        first + (np.arange(times) + 0.5) * (last - first) / times,
        low + (np.arange(frequencies) + 0.5) * (high - low) / frequencies,
    )


@pytest.mark.parametrize("kilohertz", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("amplitude", [1.0, 0.5, 0.01])
def test_a_sine_is_a_line_at_its_frequency_as_loud_as_it_is(kilohertz, amplitude):
    found = spectrogram(amplitude * np.sin(2 * np.pi * 1000 * kilohertz * SECONDS), RATE)
    _, frequencies = axes_of(found)
    middle = found.level[:, found.level.shape[1] // 2]
    assert frequencies[middle.argmax()] == pytest.approx(kilohertz, abs=1e-9)
    assert middle.max() == pytest.approx(20 * math.log10(amplitude), abs=0.1)
    assert np.median(middle) == QUIETEST  # and nothing elsewhere


def test_a_click_is_a_line_at_its_time():
    sound = np.zeros(RATE)
    sound[6000] = 1.0
    found = spectrogram(sound, RATE)
    times, _ = axes_of(found)
    assert times[found.level.sum(0).argmax()] == pytest.approx(0.75, abs=0.008)
    assert found.level.sum(0).min() == QUIETEST * len(found.level)


@pytest.mark.parametrize("length", [1, 5, 40, 1000, RATE])
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_all_of_a_sound_is_covered_however_short(length, rate):
    found = spectrogram(np.ones(length), rate)
    assert np.isfinite(found.level).all()
    first, last, low, high = found.edges
    assert first <= 0
    assert last >= (length - 1) / rate
    assert low < 0 < rate / 2000 < high
    assert axes_of(found)[1][-1] == pytest.approx(rate / 2000)


def companded(x, levels=256):
    mu = levels - 1
    y = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)
    return ((y + 1) / 2 * mu).round().to(torch.uint8)


def test_levels_are_drawn_as_they_are_heard():
    x = (torch.from_numpy(np.sin(2 * np.pi * 440 * SECONDS) * SECONDS * 0.5))[None, None]
    real = spectrograms(Waveform(RATE, rate=RATE), x).astype(float)
    mu_law = spectrograms(Waveform(RATE, 1, 256, RATE, "mu-law"), companded(x)).astype(float)
    wrong = spectrograms(Waveform(RATE, 1, 256, RATE), companded(x)).astype(float)
    assert np.abs(real - mu_law).mean() < np.abs(real - wrong).mean() / 2


def test_what_comes_after_the_end_is_not_drawn():
    space = Waveform(RATE, 2, None, RATE, ragged=True)
    x = torch.randn(2, 2, RATE, generator=torch.Generator().manual_seed(0)) * 0.1
    lengths = torch.tensor([2000, RATE])
    cut = x.clone()
    cut[0, :, 2000:] = 0
    assert np.array_equal(spectrograms(space, x, lengths), spectrograms(space, cut, lengths))
    assert not np.array_equal(spectrograms(space, x), spectrograms(space, cut, lengths))


def test_the_first_sounds_are_shown(monkeypatch):
    monkeypatch.setattr(module, "SHOWN", 3)  # which leaves a place empty
    space = Waveform(100, rate=RATE)
    x = torch.rand(5, 1, 100)
    x[0] = torch.nan
    assert np.array_equal(spectrograms(space, x), spectrograms(space, x[:3]))

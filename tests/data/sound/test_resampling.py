from __future__ import annotations

import numpy as np
import pytest

from genlab.data.sound.resampling import resampled, samples_at


def sine(rate, hertz, seconds=0.5):
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize(("rate", "to"), [(44100, 8000), (48000, 16000), (8000, 22050), (8000, 8000)])
def test_a_tone_stays_the_same_tone(rate, to):
    x = resampled(sine(rate, 440), rate=rate, to=to)
    assert x.dtype == np.float32
    assert len(x) == samples_at(int(0.5 * rate), rate=rate, to=to) == -(-rate // 2 * to // rate)
    inner = slice(to // 20, -to // 20)
    assert np.abs(x - sine(to, 440)[: len(x)])[inner].max() < 0.01


def test_what_the_new_rate_cannot_hold_is_removed_and_does_not_come_back_as_another_tone():
    x = resampled(sine(44100, 7000), rate=44100, to=8000)
    assert np.abs(x[400:-400]).max() < 0.01
    assert np.abs(sine(44100, 7000)[::5]).max() > 0.9  # every fifth sample would be a tone of 1.8 kHz


@pytest.mark.parametrize("samples", [1, 2, 79, 441, 1000])
def test_the_number_of_samples_is_known_before(samples):
    for rate, to in [(44100, 8000), (8000, 44100), (11025, 8000)]:
        assert len(resampled(np.ones(samples, np.float32), rate=rate, to=to)) == samples_at(samples, rate=rate, to=to)

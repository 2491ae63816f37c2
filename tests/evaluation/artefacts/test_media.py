"""What is heard of samples is the sound that their levels stand for."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import torch

from genlab.data.sound.companding import encode
from genlab.data.spaces import Waveform
from genlab.evaluation.artefacts.media import PAUSE, sound

RATE = 8000


def played(space, x, **options):
    """The frames of a WAV file, ``(n, channels)``, in [-1, 1]."""
    with wave.open(io.BytesIO(sound(space, x, rate=RATE, **options)), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm.reshape(-1, file.getnchannels()) / 32768


@pytest.mark.parametrize("law", ["linear", "mu-law"])
@pytest.mark.parametrize("amplitude", [0.9, 0.05])
def test_a_tone_comes_back_with_its_frequency_and_amplitude(law, amplitude):
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    tone = amplitude * torch.sin(2 * torch.pi * 440 * t)
    k = encode(tone, levels=256, law=law).to(torch.uint8)[None, None]
    heard = played(Waveform(RATE, 1, 256, RATE, companding=law), k)[:RATE, 0]
    spectrum = np.abs(np.fft.rfft(heard)) * 2 / RATE
    assert spectrum[1:].argmax() + 1 == 440
    assert spectrum[440] == pytest.approx(amplitude, rel=0.02)
    noise = np.sqrt(np.mean((heard - tone.numpy()) ** 2))
    assert noise < (0.02 * amplitude if law == "mu-law" else 1 / 256)


def test_levels_of_16_bits_are_written_as_they_are():
    pcm = torch.tensor([-32768, -32767, -1, 0, 1, 12345, 32767])
    space = Waveform(7, 1, 65536, RATE)
    assert (played(space, (pcm + 32768)[None, None])[:7, 0] * 32768).tolist() == pcm.tolist()
    assert (played(Waveform(7), pcm[None, None] / 32768)[:7, 0] * 32768).tolist() == pcm.tolist()


def test_examples_follow_each_other_with_pauses_and_end_where_they_end():
    space = Waveform(5, 2, 256, RATE, companding="mu-law", ragged=True)
    x = torch.full((3, 2, 5), 255)
    pause = int(PAUSE * RATE)
    frames = played(space, x, lengths=torch.tensor([5, 1, 3]))
    assert frames.shape == (9 + 3 * pause, 2)
    loud = np.flatnonzero((frames > 0.99).all(1)).tolist()
    assert loud == [0, 1, 2, 3, 4, 5 + pause, *range(6 + 2 * pause, 9 + 2 * pause)]
    assert np.count_nonzero(frames) == 2 * 9

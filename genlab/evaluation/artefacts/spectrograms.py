"""Sound as a figure: the waveform, and below it the spectrogram, in decibels below full scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from genlab.data.sound.companding import heard
from genlab.data.spaces import Waveform
from genlab.evaluation.artefacts.grids import render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

SHOWN, COLUMNS = 10, 2
"""Sounds in a figure, at most, and how many stand side by side."""

WINDOW = 0.032
"""Seconds of a spectrum: long enough to tell the harmonics of a voice, short enough for its syllables."""

FEWEST, PARTS = 8, 4
"""Samples of a spectrum at least, and spectra side by side in the shortest sound."""

QUIETEST = -80.0
"""dB; a sine of amplitude 1 is 0 dB."""

INK = "#0072B2"


class Spectrogram(NamedTuple):
    """How loud a sound is, by frequency and time.

    Attributes:
        level: ``(F, T)`` dB, `QUIETEST` at least.
        edges: first and last second, lowest and highest kHz that it covers.
    """

    level: np.ndarray
    edges: tuple[float, float, float, float]


def spectrograms(
    space: Waveform, x: Tensor, lengths: Tensor | None = None, *, names: Sequence[str] | None = None
) -> np.ndarray:
    """Sounds ``x (B, C, L)``, the first `SHOWN` of them, as ``(H, W, 3) uint8``.

    Args:
        space: of the samples, with their rate; companded levels are drawn as they sound.
        x: on the data's own scale.
        lengths: ``(B,)`` samples of each; what comes after them is not drawn.
        names: of each; None: "sample 1" and so on.
    """
    from matplotlib.figure import Figure

    assert space.rate is not None
    sounds = heard(space, x[:SHOWN]).numpy()
    long = [x.shape[2]] * len(sounds) if lengths is None else lengths[:SHOWN].tolist()
    columns = min(COLUMNS, len(sounds))
    rows = math.ceil(len(sounds) / columns)
    figure = Figure(figsize=(4.4 * columns + 0.8, 2.4 * rows + 0.2), dpi=100, layout="constrained")
    panels = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=[1, 1.5] * rows)
    pictures = []
    for i in range(rows * columns):
        pair = panels[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]
        if i >= len(sounds):
            for axes in pair:
                axes.set_axis_off()
            continue
        _waveform(pair[0], sounds[i, :, : long[i]], space.rate)
        pair[0].set_title(
            _title(f"sample {i + 1}" if names is None else names[i], long[i], space), fontsize=8, loc="left"
        )
        pictures.append(_spectrum(pair[1], sounds[i, :, : long[i]], space.rate))
    panels[0, 0].set_xlim(0, max(1, *long) / space.rate)
    bar = figure.colorbar(pictures[0], ax=panels, shrink=min(1.0, 1.5 / rows), aspect=14, pad=0.01)
    bar.set_label("dB", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return render(figure)


def spectrogram(sound: np.ndarray, rate: int) -> Spectrogram:
    """How loud ``(T,)`` is: magnitudes of windowed spectra, so scaled that a sine of amplitude 1 has 0 dB."""
    from scipy import signal

    size = max(FEWEST, min(round(WINDOW * rate), len(sound) // PARTS)) // 2 * 2
    hop = size // 4
    padded = np.pad(sound, (size // 2, size // 2 + hop))  # the first sample is in the middle of the first spectrum
    frequencies, times, found = signal.spectrogram(
        padded,
        fs=rate,
        window="hann",
        nperseg=size,
        noverlap=size - hop,
        detrend=False,
        scaling="spectrum",
        mode="magnitude",
    )
    level = 20 * np.log10(np.maximum(2 * found, 10 ** (QUIETEST / 20)))
    begin, wide, high = -hop / 2 / rate, hop * len(times) / rate, frequencies[1] / 2
    return Spectrogram(level, (begin, begin + wide, -high / 1000, (frequencies[-1] + high) / 1000))


def _title(name: str, length: int, space: Waveform) -> str:
    assert space.rate is not None
    told = f"{name}: {length / space.rate:.2f} s"
    return told if space.channels == 1 else f"{told}, the spectrogram of the mean of {space.channels} channels"


def _waveform(axes: Axes, sound: np.ndarray, rate: int) -> None:
    for channel in sound:
        axes.plot(np.arange(sound.shape[1]) / rate, channel, color=INK, linewidth=0.5, alpha=1 / len(sound))
    axes.set(ylim=(-1.05, 1.05), yticks=[-1, 0, 1])
    axes.tick_params(labelsize=7, labelbottom=False)


def _spectrum(axes: Axes, sound: np.ndarray, rate: int) -> AxesImage:
    found = spectrogram(sound.mean(0), rate)
    image = axes.imshow(
        found.level, extent=found.edges, origin="lower", aspect="auto", cmap="magma", vmin=QUIETEST, vmax=0
    )
    axes.set_ylim(0, rate / 2000)
    axes.set_xlabel("seconds", fontsize=8)
    axes.set_ylabel("kHz", fontsize=8)
    axes.tick_params(labelsize=7, labelbottom=True)
    return image

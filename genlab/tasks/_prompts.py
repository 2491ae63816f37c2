"""What all draws begin with, as a command line says it: a text, or a file of sound or of frames."""

from __future__ import annotations

import zipfile
from functools import singledispatch
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.data.spaces import Frames, Space, Tokens, Waveform
from genlab.errors import ConfigError
from genlab.process.printable import printable

LISTED = 128
"""Characters of a vocabulary that a message lists."""


class Start(NamedTuple):
    """A prompt.

    Attributes:
        x: ``(P,)`` tokens, ``(C, P)`` samples or ``(P, W)`` frames.
        said: what was done to it, to stand in a note; often nothing.
    """

    x: Tensor
    said: str = ""


@singledispatch
def start(space: Space, prompt: str) -> Start:
    """The steps of a prompt, as an example of a space has them.

    Raises:
        ConfigError: it cannot be read, or is none of this data.
    """
    raise TypeError(f"{type(space).__name__} has no time")


@start.register
def _(space: Tokens, prompt: str) -> Start:
    """A text, or numbers with spaces between."""
    from genlab.data.text.coding import encoded

    symbols = space.symbols or ()
    try:
        tokens = encoded(space, prompt)
    except ConfigError as error:
        few = 0 < len(symbols) <= LISTED and space.coding == "characters"
        has = f"; it has {printable(''.join(symbols))}" if few else ""
        line = "; a shell writes a line end as $'\\n'" if "\\n" in prompt else ""
        raise ConfigError(f"prompt: {error}{has}{line}") from error
    if space.end is not None and bool((tokens == space.end).any()):
        ends = printable(symbols[space.end]) if symbols else space.end
        raise ConfigError(f"prompt: holds {ends}, which ends an example; leave it out")
    return Start(tokens)


@start.register
def _(space: Waveform, prompt: str) -> Start:
    """A file of sound: at the rate of the data, one channel, and on its levels."""
    from genlab.data.sound.companding import encode
    from genlab.data.sound.resampling import resampled
    from genlab.data.sound.sound_files import BadSoundError, is_recording, measure, need_extra, read_mono

    path = _file(prompt, "sound", "a WAV file")
    if not is_recording(path.name):
        raise ConfigError(f"prompt={prompt}: is no file of sound by its name; give a WAV file")
    need_extra([path], path.parent)
    assert space.levels is not None  # of models that draw step by step
    try:
        found, x = measure(path), read_mono(path)
    except BadSoundError as error:
        raise ConfigError(f"prompt={prompt}: cannot be used ({error}); give another WAV file") from error
    said = [] if found.channels == 1 else [f"{found.channels} channels mixed down"]
    if space.rate is not None and found.rate != space.rate:
        x = resampled(x, rate=found.rate, to=space.rate)
        said.append(f"resampled from {found.rate:,} Hz")
    levels = encode(torch.from_numpy(x), levels=space.levels, law=space.companding)
    return Start(levels.expand(space.channels, -1), f" ({', '.join(said)})" if said else "")


@start.register
def _(space: Frames, prompt: str) -> Start:
    """A ``.npy`` or ``.npz`` file of frames ``(P, W)``, or of several such, of which the first counts."""
    path = _file(prompt, "frames", f"a .npy or .npz file of frames (P, {space.width})")
    try:
        held = np.load(path, allow_pickle=False)
        arrays = {"x": held} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"prompt={prompt}: is no .npy or .npz file of numbers; give one of frames") from error
    x = next((arrays[name] for name in ("x", "samples") if name in arrays), None)
    if x is None:
        raise ConfigError(f"prompt={prompt}: holds {', '.join(arrays) or 'nothing'}; give x (P, {space.width})")
    if x.ndim == 3 and len(x):
        lengths = arrays.get("lengths")
        x = x[0] if lengths is None or not lengths.size else x[0][: int(lengths.flat[0])]
    if x.ndim != 2 or x.shape[1] != space.width or len(x) == 0:
        raise ConfigError(f"prompt={prompt}: its shape is {x.shape}; give (P, {space.width}), a row for each frame")
    if x.dtype.kind not in "biuf" or not np.isin(x, np.arange(space.levels or 0)).all():
        raise ConfigError(f"prompt={prompt}: holds other values than 0 to {(space.levels or 1) - 1}")
    return Start(torch.from_numpy(x.astype(np.int64)))


def _file(prompt: str, kind: str, wanted: str) -> Path:
    path = Path(prompt).expanduser()
    if not path.is_file():
        raise ConfigError(f"prompt={prompt}: is no file; a model of {kind} goes on from {wanted}")
    return path

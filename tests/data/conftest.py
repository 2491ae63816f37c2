from __future__ import annotations

import os
import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets, or a skip."""
    value = os.environ.get("GENLAB_DATA")
    if not value:
        pytest.skip("GENLAB_DATA is not set: no real data to test with")
    if not Path(value).is_dir():
        pytest.skip(f"GENLAB_DATA={value} is not a folder: no real data to test with")
    return Path(value)


@pytest.fixture
def need(data_folder: Path):
    """``need("MNIST")`` gives the data root if that data set is in it, else skips."""

    def check(name: str) -> Path:
        if not (data_folder / name).is_dir():
            pytest.skip(f"{data_folder / name} is absent")
        return data_folder

    return check


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test."""
    home = tmp_path / "cache-home"
    monkeypatch.setenv("GENLAB_CACHE", str(home))
    return home


@pytest.fixture
def png16():
    """``png16(path)`` writes a 16-bit RGB PNG: Pillow cannot."""

    def write(path: Path, width: int = 8, height: int = 8) -> None:
        row = b"\0" + struct.pack(">3H", 65535, 32768, 0) * width

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(row * height))
            + chunk(b"IEND", b"")
        )

    return write


@pytest.fixture
def picture():
    """``picture(path, width, height, seed)`` writes a picture of smooth random colours."""

    def write(path: Path, width: int = 40, height: int = 30, *, seed: int = 0, mode: str = "RGB", **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        small = np.random.RandomState(seed).randint(0, 256, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        image.convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def record():
    """``record(path, samples)`` writes a WAV file of integers ``(n,)`` or ``(n, channels)`` by the standard library."""

    def write(path: Path, samples, *, rate: int = 8000, width: int = 2) -> Path:
        samples = np.asarray(samples)
        if samples.ndim == 1:
            samples = samples[:, None]
        path.parent.mkdir(parents=True, exist_ok=True)
        little = samples.astype("<i4").view(np.uint8).reshape(*samples.shape, 4)[..., :width]
        with wave.open(str(path), "wb") as file:
            file.setparams((samples.shape[1], width, rate, 0, "NONE", ""))
            file.writeframes(little.tobytes())
        return path

    return write


@pytest.fixture
def riff():
    """``riff(path, body, form)`` writes the chunks of a WAV file as they are given."""

    def write(path: Path, body: bytes, form: bytes, *, said: int | None = None, before: bytes = b"") -> Path:
        chunks = b"fmt " + struct.pack("<I", len(form)) + form + before
        chunks += b"data" + struct.pack("<I", len(body) if said is None else said) + body
        path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks)
        return path

    return write


@pytest.fixture
def spoken(tmp_path: Path, record):
    """A folder of names as those of the free spoken digit dataset: 3 digits, 2 speakers, index 0 to 11."""
    random = np.random.default_rng(0)
    for digit in (1, 2, 7):
        for speaker in ("ada", "bo"):
            for index in range(12):
                samples = random.integers(-20000, 20000, 20 + 3 * index + digit)
                record(tmp_path / "set" / "recordings" / f"{digit}_{speaker}_{index}.wav", samples)
    return tmp_path / "set"

"""The free spoken digit dataset: ten digits by six speakers, recordings of 0.1 to 2.3 s."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from genlab.data.dataset import Dataset
from genlab.data.fetch.roots import data_root
from genlab.data.sound.companding import Law
from genlab.data.sound.sound_files import list_recordings
from genlab.data.sources.audio import Levels, Rate, audio
from genlab.errors import DataError
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "recordings", "integers")
gives_with = {"label": ("labels",), "levels=2": ("binary",)}

FOLDER = "free-spoken-digit-dataset"
ADDRESS = "https://github.com/Jakobovski/free-spoken-digit-dataset"


def spoken_digits(
    *,
    root: Folder | None = None,
    rate: Rate | None = None,
    levels: Levels = 256,
    companding: Law = "mu-law",
    length: Positive | None = 4096,
    label: Literal["digit", "speaker"] | None = "digit",
) -> Dataset:
    """Spoken digits, 3,000 recordings at 8 kHz; index 0 to 4 of each digit and speaker is the official test split.

    Z. Jackson, C. Souza, J. Flaks, Y. Pan, H. Nicolas, A. Thite, "Free Spoken Digit Dataset", 2018,
    https://github.com/Jakobovski/free-spoken-digit-dataset. Validation is index 5 to 9: 2,400 / 300 / 300 recordings.
    All else is as `genlab.data.audio` has it.

    Args:
        root: the folder ``free-spoken-digit-dataset``, or one that holds it; None: ``$GENLAB_DATA`` or
            ``~/.cache/genlab``.
        rate: samples a second; None: 8,000, as they are.
        levels: number of integer values of a sample.
        companding: how they lie between -1 and 1.
        length: samples that a piece has at most; None: recordings are whole, and padded to the longest.
        label: the class: the digit, or who says it; None: none.

    Raises:
        DataError: the recordings are not there; the message says where they are to be had.
        ConfigError: an argument is out of range.
    """
    need = f"{FOLDER}/recordings/*.wav from {ADDRESS}"
    folder = data_root(root, need=need)
    inner = [folder / FOLDER / "recordings", folder / "recordings", folder / FOLDER, folder]
    found = next((each for each in inner if each.is_dir() and list_recordings(each)), None)
    if found is None:
        raise DataError(f"{folder} holds no {FOLDER}: put {need} there, or give another data.root")
    made = audio(root=found, rate=rate, levels=levels, companding=companding, length=length, label=label)
    return replace(made, name="spoken_digits")

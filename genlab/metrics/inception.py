"""``metric=fid``, ``kid``, ``inception_score``: in the features of the standard Inception network.

The network and the treatment of pictures before it are torch-fidelity's (extra ``fidelity``): 8-bit RGB, grey repeated
to three channels, resized to 299x299 as TensorFlow 1 does it. The weights are those of the original FID, a file that
is never fetched from here: where it is missing, the message says what to put where.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import to_8bit
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.inception_score import SPLITS, inception_score
from genlab.metrics.features import HASH, Extractor, of_samples
from genlab.metrics.sets import frechet_record, kernel_record
from genlab.metrics.subject import Metric, Subject, at_least, no_samples, number_of_samples, record
from genlab.restore import Loaded

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the file, 95,628,359 bytes; its beginning is in the file's name."""

FEATURES = 2048
PICTURES_AT_ONCE = 50
GROUPS = 5
"""Of the jackknife: a distance of 2,048 features takes seconds, and 16 are computed."""


def place(options: Mapping[str, Any]) -> Path:
    """Where the weights are: ``weights`` of the options, or where PyTorch keeps downloads."""
    given = options["weights"]
    return Path(given).expanduser() if given is not None else Path(torch.hub.get_dir()) / "checkpoints" / FILE


def _missing(name: str, options: Mapping[str, Any]) -> str | None:
    if importlib.util.find_spec("torch_fidelity") is None:
        return f"metric={name} needs torch-fidelity: pip install 'genlab[fidelity]'"
    path = place(options)
    if not path.is_file():
        return (
            f"metric={name} needs Inception's weights: put {URL} (sha256 {SHA256}) at {path}, or say where it is with "
            f"metric.{name}.weights=FILE; metric=fcd needs none"
        )
    return None


def verified(path: Path) -> Path:
    """The file, if it is the standard one; its reader would run what a foreign one tells it to.

    Raises:
        DataError: another file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise DataError(f"{path} is not {URL}: its sha256 is {found}, not {SHA256}")
    return path


def network(path: Path) -> nn.Module:
    """``(B, 3, H, W) uint8 -> ((B, 2048) float32,)``, with the matrix ``fc.weight: (classes, 2048)``."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3(
        "inception-v3-compat", [str(FEATURES)], feature_extractor_weights_path=str(verified(path))
    )


def _inception(subject: Subject, options: Mapping[str, Any]) -> tuple[Extractor, Tensor]:
    """The features, and the matrix that makes logits of them (the network's bias is left out, as in the score)."""

    def make() -> tuple[Extractor, Tensor]:
        device = next(subject.loaded.model.parameters()).device
        net = network(place(options)).to(device).eval()

        def extract(x: Tensor) -> Tensor:
            rgb = torch.from_numpy(to_8bit(x, subject.data.spec)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
            return net(rgb.contiguous().to(device))[0].float().cpu()

        name = f"{FEATURES} features of Inception-v3 (2015-12-05, by torch-fidelity), sha256 {SHA256[:HASH]}"
        weight = net.get_parameter("fc.weight")
        return Extractor(name, SHA256, weight.shape[1], extract, PICTURES_AT_ONCE), weight.detach().float().cpu()

    return subject.once(("inception", place(options)), make)


def _fid(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    extractor, _ = _inception(subject, options)
    n = number_of_samples(subject, options)
    return [frechet_record(subject, extractor, n, metric="fid", groups=GROUPS, beside=False)]


def _kid(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    extractor, _ = _inception(subject, options)
    return [kernel_record(subject, extractor, number_of_samples(subject, options), metric="kid")]


def _inception_score(subject: Subject, options: Mapping[str, Any]) -> list[Record]:
    n = number_of_samples(subject, options)
    at_least(SPLITS, n, metric="inception_score", what="samples", why=f"a mean over {SPLITS} parts")
    extractor, weight = _inception(subject, options)
    logits = of_samples(subject, extractor, n) @ weight.T
    method = f"inception_score: the mean over {SPLITS} parts of {n} samples"
    return [
        record(
            subject,
            "inception_score",
            inception_score(logits),
            unit="classes",
            n=n,
            method=method,
            extractor=extractor.name,
        )
    ]


def _no_pictures(loaded: Loaded) -> str | None:
    return no_samples(loaded) if loaded.spec.is_image else "pictures"


FID, KID, INCEPTION_SCORE = (
    Metric(lacks=_no_pictures, run=run, missing=partial(_missing, name))
    for name, run in (("fid", _fid), ("kid", _kid), ("inception_score", _inception_score))
)

"""The features of the standard Inception network: what fid, kid and inception_score share.

The network and the treatment of pictures before it are torch-fidelity's (extra ``fidelity``): 8-bit RGB, grey repeated
to three channels, resized to 299x299 as TensorFlow 1 does it. The weights are those of the original FID, a file that
is never fetched from here: where it is missing, the message says what to put where.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from genlab.errors import DataError
from genlab.evaluation.artefacts.grids import to_8bit
from genlab.evaluation.needs import pictures
from genlab.metrics._features import HASH, Extractor
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models.capabilities import GenerativeModel
from genlab.signatures.ranges import Positive, Text

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the file, 95,628,359 bytes; its beginning is in the file's name."""

FEATURES = 2048
PICTURES_AT_ONCE = 50


def place(weights: str | None) -> Path:
    """Where the file ``weights`` is, or, if None, where PyTorch keeps downloads."""
    return Path(weights).expanduser() if weights is not None else Path(torch.hub.get_dir()) / "checkpoints" / FILE


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


def inception(subject: Subject, weights: str | None) -> tuple[Extractor, Tensor]:
    """The features, and the matrix that makes logits of them (the network's bias is left out, as in the score)."""

    def make() -> tuple[Extractor, Tensor]:
        device = next(subject.loaded.model.parameters()).device
        net = network(place(weights)).to(device).eval()

        def extract(x: Tensor) -> Tensor:
            rgb = torch.from_numpy(to_8bit(x, subject.data.spec)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
            return net(rgb.contiguous().to(device))[0].float().cpu()

        name = f"{FEATURES} features of Inception-v3 (2015-12-05, by torch-fidelity), sha256 {SHA256[:HASH]}"
        weight = net.get_parameter("fc.weight")
        return Extractor(name, SHA256, weight.shape[1], extract, PICTURES_AT_ONCE), weight.detach().float().cpu()

    return subject.once(("inception", place(weights)), make)


class OfInception(Metric):
    """A metric in these features, of the file ``weights`` or of what PyTorch keeps among its downloads.

    Args:
        n: samples.
        weights: the file of Inception's weights; None: where PyTorch keeps downloads.
    """

    needs = (pictures, GenerativeModel)

    def __init__(self, *, n: Positive | None, weights: Text | None = None) -> None:
        self.n = n
        self.weights = weights

    def missing(self) -> str | None:
        """The package, or the file."""
        if importlib.util.find_spec("torch_fidelity") is None:
            return f"metric={self.name} needs torch-fidelity: pip install 'genlab[fidelity]'"
        path = place(self.weights)
        if not path.is_file():
            return (
                f"metric={self.name} needs Inception's weights: put {URL} (sha256 {SHA256}) at {path}, or say where it "
                f"is with metric.{self.name}.weights=FILE; metric=fcd needs none"
            )
        return None

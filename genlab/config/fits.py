"""Which model fits which data, as far as the config alone tells: said at once, before PyTorch is imported.

The models check the data's own type again; a data set or a model of the user's is left to that check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from genlab.nn.doubling import doublings

SINGLE = "digits, mnist, fashion_mnist, binarized_mnist, cifar10, celeba, image_folder, toy2d"
PICTURES = "digits, mnist, fashion_mnist, binarized_mnist, cifar10, celeba, image_folder"
LABELLED = (
    "digits, mnist, fashion_mnist, binarized_mnist, cifar10, celeba with data.label=..., "
    "image_folder with one folder per class"
)

UNPAIRED = ("unpaired_digits", "unpaired")
TRANSLATORS = "model=cyclegan: it fits data=unpaired_digits, unpaired; model=pix2pix: it fits data=paired"

Rule = Callable[[Mapping[str, Any], Mapping[str, Any], str], Iterator[str]]
"""``(model node, data node, source) -> `` one sentence for each reason why they do not go together."""


def labelled(source: str, data: Mapping[str, Any]) -> bool:
    """Whether the data can have labels, as far as its config tells."""
    return source != "toy2d" and not (source == "celeba" and data["label"] is None)


def _histogram(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source == "toy2d" and model.get("condition") is not None:
        yield f"model.condition=label of a histogram needs labelled pictures, this data is not; it fits data={LABELLED}"


def _any(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    """Vectors or pictures of any kind."""
    yield from ()


def _vae(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    vectors, binary = source == "toy2d", source == "binarized_mnist"
    if vectors and model["network"] == "conv":
        yield "model.network=conv needs pictures, data=toy2d is vectors; use model.network=mlp"
    if vectors and model["likelihood"] in {"bernoulli", "discretised_logistic"}:
        yield f"model.likelihood={model['likelihood']} needs integer data, data=toy2d is real; use gaussian"
    if not vectors and model["likelihood"] == "gaussian":
        yield (
            "model.likelihood=gaussian is a density on reals, no likelihood of integer pixels; use "
            + ("bernoulli" if binary else "discretised_logistic")
        )
    if not vectors and not binary and model["likelihood"] == "bernoulli":
        yield "model.likelihood=bernoulli needs binary data; use data=binarized_mnist or discretised_logistic"


def _pixelcnn(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source == "toy2d":
        yield f"a PixelCNN models the levels of pictures, data=toy2d is real vectors; it fits data={PICTURES}"


def _ebm(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source == "toy2d" and model["network"] == "conv":
        yield "model.network=conv needs pictures, data=toy2d is vectors; use model.network=mlp"


def _dcgan(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source == "toy2d":
        yield f"a DCGAN models pictures, data=toy2d is vectors; it fits data={PICTURES}"
    elif "size" in data and doublings(data["size"]) is None:
        yield (
            f"a DCGAN grows pictures from a field by doubling, data.size={data['size']} is none that it reaches; it "
            f"fits data={source} with data.size=8, 16, 32, 64 or 128"
        )


def _cyclegan(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source not in UNPAIRED:
        yield f"model=cyclegan learns from two unpaired domains, data={source} is {_layout(source)}; {TRANSLATORS}"


def _pix2pix(model: Mapping[str, Any], data: Mapping[str, Any], source: str) -> Iterator[str]:
    if source != "paired":
        yield f"model=pix2pix learns from pairs of pictures, data={source} is {_layout(source)}; {TRANSLATORS}"


def _layout(source: str) -> str:
    return "two unpaired domains" if source in UNPAIRED else "pairs" if source == "paired" else "one set"


RULES: dict[str, tuple[str, Rule]] = {
    "genlab.models.VAE": ("vae", _vae),
    "genlab.models.realnvp": ("realnvp", _any),
    "genlab.models.nice": ("nice", _any),
    "genlab.models.PixelCNN": ("pixelcnn", _pixelcnn),
    "genlab.models.GatedPixelCNN": ("gated_pixelcnn", _pixelcnn),
    "genlab.models.EBM": ("ebm", _ebm),
    "genlab.models.GAN": ("gan", _any),
    "genlab.models.CycleGAN": ("cyclegan", _cyclegan),
    "genlab.models.Pix2Pix": ("pix2pix", _pix2pix),
    "genlab.models.DCGAN": ("dcgan", _dcgan),
    "genlab.models.histogram": ("histogram", _histogram),
    "genlab.models.kde": ("kde", _any),
    "genlab.models.knn": ("knn", _any),
    "genlab.models.gmm": ("gmm", _any),
    "genlab.models.ppca": ("ppca", _any),
}
"""By ``_target_``: the model's name in a sentence, and its rule. All but the translators model one set of examples."""


FLAT = ("image", "vector", "waveform", "video")
"""Kinds of arrays of one size, whose values a model can take as they come."""

IMAGES_ONLY = ("pixelcnn", "gated_pixelcnn", "dcgan")

CLASSICAL = ("histogram", "kde", "knn", "gmm", "ppca")


def _arrays(name: str, model: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    """A user's own arrays, by ``data.kind``; what else they are tells the file."""
    kind = data["kind"]
    images_only = name in IMAGES_ONLY or (name == "histogram" and model.get("condition") == "label")
    fitting = () if name in {"cyclegan", "pix2pix"} else ("image",) if images_only else FLAT
    if not fitting:
        yield f"model={name} learns from two domains of images, data=arrays is one set; {TRANSLATORS}"
    elif kind not in fitting:
        yield (
            f"model={name} models {', '.join(fitting)}, data.kind={kind} is none of these; "
            f"it fits data=arrays with data.kind={', '.join(fitting)}"
        )
    elif name in CLASSICAL and kind != "vector" and data["levels"] is None:
        yield f"model={name} models real vectors or integers, data.kind={kind} is real; {REALS}"


REALS = "it fits data=toy2d, data=arrays with data.kind=vector or data.levels=256"


def check_pair(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each reason why the model cannot have this data; it names what fits."""
    model, data = config["model"], config["data"]
    source = data["_target_"].removeprefix("genlab.data.")
    if model["_target_"] not in RULES or source == data["_target_"]:
        return
    name, rule = RULES[model["_target_"]]
    if source in {"paired", *UNPAIRED} and name not in {"cyclegan", "pix2pix"}:
        yield f"model={name} models one set of examples, data={source} is two; it fits data={SINGLE}"
        return
    if source == "arrays":
        yield from _arrays(name, model, data)
        return
    reasons = list(rule(model, data, source))
    if not reasons and model.get("condition") == "label" and not labelled(source, data):
        reasons = [f"model.condition=label needs labels, this data has none; it fits data={LABELLED}"]
    if not reasons and model.get("condition") == "vector":
        reasons = [f"model.condition=vector needs vectors beside the examples, data={source} has none"]
    yield from reasons

"""Which model fits which data, as far as the config alone tells: said at once, before PyTorch is imported.

The models check the data's own type again; a data set or a model of the user's is left to that check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SINGLE = "digits, mnist, fashion_mnist, binarized_mnist, cifar10, celeba, image_folder, toy2d"
LABELLED = (
    "digits, mnist, fashion_mnist, binarized_mnist, cifar10, celeba with data.label=..., "
    "image_folder with one folder per class"
)
_VAES = {"genlab.models.VAE": "vae", "genlab.models.ConditionalVAE": "cvae"}


def check_pair(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each reason why the model cannot have this data; it names what fits."""
    model, data = config["model"], config["data"]
    name, source = _VAES.get(model["_target_"]), data["_target_"].removeprefix("genlab.data.")
    if name is None or source == data["_target_"]:
        return
    if source in {"paired", "unpaired"}:
        yield f"model={name} models one set of examples, data={source} is two; it fits data={SINGLE}"
        return
    vectors, binary = source == "toy2d", source == "binarized_mnist"
    if name == "cvae" and (vectors or (source == "celeba" and data["label"] is None)):
        yield f"model=cvae needs labels, this data has none; it fits data={LABELLED}"
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

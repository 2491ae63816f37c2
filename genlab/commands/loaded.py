"""A trained model out of a checkpoint: nothing about it is asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genlab import build, checkpoint
from genlab.data.classes import aligned
from genlab.data.spec import Dataset, DataSpec
from genlab.errors import CheckpointError, ConfigError
from genlab.models.base import GenerativeModel
from genlab.schema import validate
from genlab.trust import check_claim


@dataclass(frozen=True)
class Loaded:
    """What a checkpoint holds.

    Attributes:
        path: the file.
        config: the training run's config, checked.
        spec: the data's type.
        step: training batches behind the weights.
        model: in eval mode, on ``device``; the averaged weights where there are any.
    """

    path: Path
    config: dict[str, Any]
    spec: DataSpec
    step: int
    model: GenerativeModel

    def dataset(self, *, root: str | None, trust: Sequence[str]) -> Dataset:
        """The data that it was trained on, its labels numbered as the model numbers them.

        Raises:
            DataError: the files are missing or damaged, or hold classes that the model does not know.
            CheckpointError: the data are of another type.
        """
        node = dict(self.config["data"])
        if self.spec.value_range is not None and "range" in node:  # that of the training pictures, not of these
            node["range"] = list(self.spec.value_range)
        data = aligned(build.dataset(node, trust=trust, root=root), self.spec)
        if data.spec != self.spec:
            raise CheckpointError(f"{self.path}: was trained on data of type {self.spec}, this data is {data.spec}")
        return data


def device_of(accelerator: str) -> torch.device:
    """The device of ``accelerator=auto|cpu|gpu|cuda|mps``.

    Raises:
        ConfigError: this machine does not have it.
    """
    if accelerator == "cpu":
        return torch.device("cpu")
    found = torch.accelerator.current_accelerator(check_available=True)
    wanted = {"gpu": None, "cuda": "cuda", "mps": "mps", "auto": None}[accelerator]
    if found is None or (wanted is not None and found.type != wanted):
        if accelerator == "auto":
            return torch.device("cpu")
        raise ConfigError(f"accelerator={accelerator}: this machine has none; use cpu or auto")
    return torch.device(found.type)


def load(path: Path, *, trust: Sequence[str], device: torch.device) -> Loaded:
    """Build the model that a checkpoint describes and fill in its weights.

    Raises:
        CheckpointError: the file is damaged, or its config does not describe its weights.
        TrustError: it would build what is not on the positive list.
    """
    payload = checkpoint.read(path)
    meta = payload["genlab"]
    try:
        # foreign code is trusted by this command line only, never by what the file says of itself
        config = validate("train", {**meta["config"], "trust": list(trust)})
        check_claim(meta["config"].get("trust"), trust=trust, where=str(path))
        spec = DataSpec.from_dict(meta["spec"])
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its config cannot be read by this version of genlab: {error}") from error
    model = build.model(config["model"], spec, trust=trust)
    state = payload["state_dict"]
    prefix = "averaged.module." if any(key.startswith("averaged.module.") for key in state) else "model."
    weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    checkpoint.load_weights(model, weights, source=str(path))
    model.requires_grad_(requires_grad=False)
    return Loaded(path, config, spec, meta["step"], model.to(device).eval())  # type: ignore[arg-type]

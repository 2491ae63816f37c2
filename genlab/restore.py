"""A trained model out of a checkpoint: nothing about it is asked for again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from genlab import build
from genlab.config.permitted import check_config
from genlab.config.schema import validate
from genlab.config.trust import check_claim
from genlab.data.classes import aligned
from genlab.data.fingerprint import changed, fingerprint
from genlab.data.spaces import Dataset, DataSpec, Layout
from genlab.errors import CheckpointError, ConfigError, TrainingError, TrustError
from genlab.models.capabilities import GenerativeModel
from genlab.runs import directory, history
from genlab.storage import checkpoint
from genlab.storage.weights import load_weights

MAX_DIM = 1 << 28
"""Numbers in an example, at most."""

_NO_MODEL = (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, MemoryError)
"""What the layers of a model raise on sizes that cannot be."""


@dataclass(frozen=True)
class Loaded:
    """What a checkpoint holds.

    Attributes:
        path: the file.
        config: the training run's config, checked.
        spec: the data's type.
        step: training batches behind the weights.
        model: in eval mode, on ``device``; the averaged weights where there are any.
        fingerprint: of the data that it was trained on, as the file has it; None in an older one.
    """

    path: Path
    config: dict[str, Any]
    spec: DataSpec
    step: int
    model: GenerativeModel
    fingerprint: object = None

    def dataset(self, *, root: str | None, trust: Sequence[str]) -> Dataset:
        """The data that it was trained on, its labels numbered as the model numbers them.

        A line on stderr says if the examples are not those of then.

        Raises:
            DataError: the files are missing or damaged, or hold classes that the model does not know.
            CheckpointError: the data are of another type.
        """
        node = dict(self.config["data"])
        if self.spec.value_range is not None and "range" in node:  # that of the training pictures, not of these
            node["range"] = list(self.spec.value_range)
        data = aligned(build.dataset(node, trust=trust, root=root), self.spec)
        if data.spec != self.spec:
            raise CheckpointError(
                f"{self.path}: was trained on data of another type: {self.spec.difference(data.spec)}; "
                "give the folder of such data as data.root"
            )
        difference = changed(self.fingerprint, fingerprint(data))
        if difference is not None:
            checkpoint.say(f"this is not the data that {self.path} was trained on: {difference}")
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
        spec = _spec(meta["spec"])
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its config cannot be read by this version of genlab: {error}") from error
    try:
        model = build.model(config["model"], spec, trust=trust)
    except (*_NO_MODEL, ConfigError, TrainingError) as error:  # too large, too: no command can load it
        raise CheckpointError(f"{path}: its config and its data's type make no model: {_line(error)}") from error
    state = payload.get("state_dict")
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise CheckpointError(f"{path} holds no weights (no state_dict): it is no checkpoint of a training run")
    prefix = "averaged.module." if any(key.startswith("averaged.module.") for key in state) else "model."
    weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    load_weights(model, weights, source=str(path))
    model.requires_grad_(requires_grad=False)
    _tell_edits(path, config)
    if meta["step"] == 0:
        checkpoint.say(f"{path} is of step 0: these are untrained weights")
    return Loaded(path, config, spec, meta["step"], model.to(device).eval(), meta.get("data"))  # type: ignore[arg-type]


def _tell_edits(path: Path, config: Mapping[str, Any]) -> None:
    """Say in one line if the ``config.yaml`` beside a checkpoint says otherwise; what counts is the checkpoint's."""
    run_dir = path.resolve().parent.parent
    if not (run_dir / directory.CONFIG).is_file():
        return
    try:
        shown = validate("train", {**history.read(run_dir)["config"], "trust": config["trust"]})
        check_config(config, shown, source=str(path))
    except (CheckpointError, ConfigError, TrustError) as error:
        checkpoint.say(f"{error}; what follows is of the checkpoint's settings")


def _spec(held: Mapping[str, Any]) -> DataSpec:
    """The type of the data in a checkpoint.

    Raises:
        ValueError: it is that of no data.
    """
    spec = DataSpec.from_dict(dict(held))
    shape, numbers = spec.event_shape, [spec.levels, spec.num_classes]
    whole = all(type(n) is int and n > 0 for n in shape) and all(
        n is None or (type(n) is int and n > 0) for n in numbers
    )
    if not whole or not 1 <= len(shape) <= 4 or math.prod(shape) > MAX_DIM or spec.layout not in get_args(Layout):
        raise ValueError(f"its data would be of type {_line(spec)}")
    return spec


def _line(error: object) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__

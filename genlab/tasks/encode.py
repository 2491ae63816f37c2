"""``task=encode``: the codes of all examples, as data for another model."""

from __future__ import annotations

from functools import partial

import numpy as np

from genlab.data.dataset import DataSpec
from genlab.evaluation.artefacts.clouds import cloud
from genlab.evaluation.artefacts.latents import encoded
from genlab.models.capabilities import EncodesLatents
from genlab.tasks.base import Task
from genlab.tasks.drawn import Drawn
from genlab.tasks.work import Work


class Encode(Task):
    """The codes of all examples, with their labels, in a file that data=arrays data.kind=vector reads."""

    needs = (EncodesLatents,)

    def draw(self, work: Work) -> Drawn:
        """``x_train``, ``y_train``, ``x_val`` and so on, and how the codes of the test split lie."""
        model, data = work.model, work.data()
        assert isinstance(model, EncodesLatents)  # `needs` says so
        arrays: dict[str, np.ndarray] = {}
        for name in ("train", "val", "test"):
            split = data.split(name)
            arrays[f"x_{name}"] = encoded(model, split, batch_size=work.batch_size).float().numpy()
            if split.y is not None:
                arrays[f"y_{name}"] = split.y.numpy()
        codes = encoded(model, data.split("test"), batch_size=work.batch_size).float()
        spec = DataSpec((codes.shape[1],), None)
        note = "the codes of all examples, for data=arrays; the picture: those of the test split, a pair of dimensions"
        return Drawn(partial(cloud, spec, codes, data=None), arrays, note)

"""``metric=label_accuracy``: how often the model's classifier is right, beside one trained on the labels alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.data.labelled import labelled_examples
from genlab.data.spaces import Split
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.classify import accuracy
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, record
from genlab.models.classifying import Classifies
from genlab.seeding import derive
from genlab.signatures.ranges import NonNegative

BATCH, LR = 100, 1e-3


class LabelAccuracy(Metric):
    """Share of examples whose class the model tells; beside it the same network trained on the same labels alone.

    Args:
        steps: of the network beside it, of batches of 100; 0: none is trained.
    """

    needs = (Classifies, _needs.labels)
    better = "higher"

    def __init__(self, *, steps: NonNegative = 1000) -> None:
        self.steps = steps

    def compute(self, subject: Subject) -> Iterator[Record]:
        """A record of the model, and one of the baseline."""
        model, split = subject.loaded.model, subject.split
        assert isinstance(model, Classifies)
        assert split.y is not None
        labels, chosen = self._labelled(subject)
        found = _classes(model.class_log_probs, model, split, subject.config["batch_size"])
        yield self._record(subject, "label_accuracy", found, f"a model that was given {labels} labels")
        if self.steps:
            with torch.enable_grad():
                network = self._baseline(subject, model, chosen)
            found = _classes(network, model, split, subject.config["batch_size"])
            about = f"its classifier trained on the same {labels} labels alone, {self.steps} steps"
            yield self._record(subject, "label_accuracy_supervised", found, about)

    @staticmethod
    def _labelled(subject: Subject) -> tuple[str, Tensor]:
        """How many labels training had, and the indices of their examples."""
        data, objective = subject.data, subject.loaded.config.get("objective") or {}
        n = objective.get("labelled")
        if n is None:
            return f"{len(data.train):,}", torch.arange(len(data.train))
        return f"{n:,}", labelled_examples(data.train, data.spec, n, seed=objective.get("seed", 0))

    def _baseline(self, subject: Subject, model: Classifies, chosen: Tensor) -> nn.Module:
        data, device = subject.data, next(model.parameters()).device
        generator = torch.Generator().manual_seed(derive(subject.seed, "supervised"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(subject.seed, "supervised", "weights"))
            network = model.new_classifier().to(device)
        optimiser = torch.optim.Adam(network.parameters(), LR)
        x, y = data.train.x, data.train.y
        assert y is not None
        for _ in range(self.steps):
            index = chosen[torch.randint(len(chosen), (BATCH,), generator=generator)]
            seen = x[index] if data.train_transform is None else data.train_transform(x[index], generator)
            optimiser.zero_grad()
            F.cross_entropy(network(seen.to(device)), y[index].to(device)).backward()
            optimiser.step()
        return network.eval()

    def _record(self, subject: Subject, name: str, found: Tensor, about: str) -> Record:
        y = subject.split.y
        assert y is not None
        share = accuracy(found, y)
        return record(subject, name, share, unit="share correct", n=len(y), method=about, of_samples=False)


def _classes(classify: Callable[[Tensor], Tensor], model: nn.Module, split: Split, batch_size: int) -> Tensor:
    """The likeliest class of each example, ``(N,) int64`` on the CPU."""
    device = next(model.parameters()).device
    parts = [classify(x.to(device)).argmax(1).cpu() for x in split.x.split(batch_size)]
    return torch.cat(parts)

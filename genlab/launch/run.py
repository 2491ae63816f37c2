"""A training run as an object: its model, its settings, its numbers, and what can be drawn from it."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.errors import ConfigError
from genlab.launch import in_process
from genlab.launch.calling import called
from genlab.runs import directory
from genlab.storage import checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from genlab.data.spaces import Dataset, DataSpec
    from genlab.evaluation.record import Record
    from genlab.models.capabilities import GenerativeModel
    from genlab.restore import Loaded

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")


class Run:
    """A training run: what `genlab.train` and `genlab.load` return.

    Attributes:
        path: the run directory; of a checkpoint that lies elsewhere, the file's folder.
        checkpoint: the file that `model` is read from.

    Args:
        path: a run directory, a checkpoint file, ``"last"`` or ``"best"``.
        trust: packages whose classes the checkpoint may name.
        accelerator: where the model goes.
        outputs: the folder of all runs, for ``last`` and ``best``.

    Raises:
        CheckpointError: there is none.
        ConfigError: no such accelerator.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        trust: Sequence[str] = (),
        accelerator: str = "auto",
        outputs: Path = Path("outputs"),
    ) -> None:
        if accelerator not in ACCELERATORS:
            raise ConfigError(f"accelerator={accelerator}: choose from {', '.join(ACCELERATORS)}")
        self.checkpoint = Path(checkpoint.resolve(str(path), outputs=outputs)).resolve()
        above = self.checkpoint.parent.parent
        self.path = above if (above / directory.CONFIG).is_file() else self.checkpoint.parent
        self._trust, self._accelerator = list(trust), accelerator

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def _loaded(self) -> Loaded:
        from genlab.restore import device_of, load

        with called(quiet=True):
            return load(self.checkpoint, trust=self._trust, device=device_of(self._accelerator))

    @property
    def model(self) -> GenerativeModel:
        """The trained model in eval mode, a `torch.nn.Module`: the averaged weights where there are any."""
        return self._loaded.model

    @property
    def config(self) -> dict[str, Any]:
        """The settings that it was trained with, all of them, in plain types."""
        return self._loaded.config

    @property
    def spec(self) -> DataSpec:
        """The type of the data: shape, levels, classes."""
        return self._loaded.spec

    @property
    def step(self) -> int:
        """Training batches behind the weights."""
        return self._loaded.step

    @cached_property
    def data(self) -> Dataset:
        """The data that it was trained on: splits ``train``, ``val``, ``test`` with ``x (N, *event_shape)``.

        Raises:
            DataError: the files are missing or damaged.
        """
        with called(quiet=True):
            return self._loaded.dataset(root=None, trust=self._trust)

    @property
    def summary(self) -> dict[str, Any]:
        """What the run's end says of itself, as in ``summary.json``; empty before its end."""
        path = self.path / directory.SUMMARY
        return directory.read_json(path) if path.is_file() else {}

    def sample(
        self, n: int = 64, *overrides: str | Mapping[str, Any], label: int | str | None = None, seed: int = 0
    ) -> Tensor:
        """Draw from `model`; nothing is written. The same draws as ``genlab sample n=N seed=SEED`` writes.

        Args:
            n: how many.
            overrides: further settings of ``genlab sample``: ``"temperature=0.7"``, ``"truncation=0.5"``.
            label: the class, by index or name; by default all classes of a conditional model in turn, ``i % classes``.
            seed: the same seed gives the same draws, whatever n is.

        Returns:
            ``(n, *event_shape)`` on the CPU, in the values of the data: pixels ``0 .. levels - 1``, or real numbers.

        Raises:
            ConfigError: the model has no such setting, or translates pictures and has no samples.
        """
        said = [{"n": n, "seed": seed, "label": label}, *overrides]
        parsed = in_process.parsed("sample", [*said, {"ckpt": self.checkpoint}], self._trust)
        config = in_process.composed("sample", parsed).config
        if config["task"] != "sample":
            raise ConfigError(f"task={config['task']}: Run.sample draws from the model; use genlab.sample for tasks")
        loaded = self._loaded
        from torch import from_numpy

        from genlab.commands.sample import draw

        with called(quiet=True), tempfile.TemporaryDirectory() as folder:
            return from_numpy(draw(loaded, config, folder=Path(folder)).arrays["samples"])

    def evaluate(self, *asked: str | Mapping[str, Any], quiet: bool = True) -> list[Record]:
        """Score `checkpoint`, as `genlab.evaluate` does: ``run.evaluate("nll", "bpd", "split=val")``.

        The records are written beside the run, to ``outputs/eval/...``.
        """
        return in_process.scored([*self._here(), *asked], trust=self._trust, quiet=quiet)

    def resume(self, *overrides: str | Mapping[str, Any], quiet: bool = True) -> Run:
        """Go on with the run, as ``genlab train resume=RUN`` does: ``run.resume("trainer.max_epochs=400")``.

        Returns:
            The run with its latest checkpoint.
        """
        said = [{"resume": self.path}, *overrides]
        path, _ = in_process.trained(said, trust=self._trust, quiet=quiet)
        return Run(path, trust=self._trust, accelerator=self._accelerator)

    def _here(self) -> list[Mapping[str, Any]]:
        """The settings that name this run, and the folder that it lies in."""
        parents = self.path.parents
        beside = {"outputs": parents[2]} if len(parents) > 2 and parents[1].name == "train" else {}
        return [{"ckpt": self.checkpoint, "accelerator": self._accelerator, **beside}]

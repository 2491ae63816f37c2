"""Schemas of the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from genlab.config.arguments import nearest
from genlab.config.schema.metrics import PACKAGE, Metrics
from genlab.config.schema.nodes import (
    Node,
    NonNegative,
    Positive,
    PositiveFloat,
    Seed,
    Shown,
    Text,
)
from genlab.config.schema.targets import options
from genlab.config.schema.tasks import TaskName
from genlab.signatures.described import described, held
from genlab.signatures.syntax import is_path

if TYPE_CHECKING:

    class Optim(Node):
        """Optimiser and learning-rate schedule: the fields of `genlab.training.optim.OptimiserRecipe`."""
else:
    Optim = options(described("genlab.training.optim", "OptimiserRecipe"))


class Trainer(Node):
    """Lightning's options, by Lightning's names."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Positive | Literal["auto"] | list[NonNegative]
    num_nodes: Positive
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    max_epochs: Positive
    max_steps: Positive | None
    gradient_clip_val: PositiveFloat | None
    accumulate_grad_batches: Positive
    log_every_n_steps: Positive
    check_val_every_n_epoch: Positive
    val_check_interval: Positive | None
    compile: bool
    capture: bool = True  # earlier runs have neither this nor the next
    deterministic: bool = True
    threads: Positive | None
    timeout: PositiveFloat
    enable_progress_bar: bool


class CheckpointCallback(Node):
    """When checkpoints are written, and how many are kept."""

    every_n_steps: Positive | None
    every_seconds: PositiveFloat | None
    keep: Annotated[int, Field(ge=1)]


class Samples(Node):
    """Pictures drawn at every validation."""

    n: Shown


class EMA(Node):
    """Exponential moving average of the weights."""

    decay: Annotated[float, Field(gt=0, lt=1)] | None


class Guard(Node):
    """Going back to the last good state when training diverges."""

    every_n_steps: Positive
    max_rollbacks: NonNegative


class Callbacks(Node):
    """What happens around the training steps."""

    checkpoint: CheckpointCallback
    samples: Samples
    ema: EMA
    guard: Guard


class Logger(Node):
    """Where scalars and pictures go."""

    csv: bool
    tensorboard: bool
    wandb: bool


class Test(Node):
    """The likelihood on the test split that ends a run."""

    num_particles: Positive
    batch_size: Positive


def _metric(value: str) -> str:
    names = list(held(PACKAGE))
    if value in names or is_path(value):
        return value
    raise ValueError(f"no such metric; choose from {', '.join(names)}{nearest(value, names)}")


MetricName = Annotated[Text, AfterValidator(_metric)]
"""One of ``genlab list metrics``, or the module of a user's own."""


class Validation(Node):
    """What is scored at every validation beside the likelihood, and which checkpoint is the best."""

    metrics: list[MetricName]
    max_examples: Positive
    best: MetricName | None


class Train(Node):
    """`genlab train`. The nodes that build objects are checked by the schema of their ``_target_``.

    A model that is fitted in one pass has no objective and no optimiser; a game has one for each player, in the order
    of their updates.
    """

    name: Text
    seed: Seed
    outputs: Text
    resume: Text | None
    trust: list[Text]
    validation: Validation | None = None  # earlier runs have none
    test: Test
    trainer: Trainer
    callbacks: Callbacks
    logger: Logger
    optim: Optim | None
    players: dict[str, Optim] | None
    data: dict[str, Any]
    model: dict[str, Any]
    objective: dict[str, Any] | None


def _class_of_data(value: object) -> object:
    if value is None or (isinstance(value, str) and value) or (type(value) is int and value >= 0):
        return value
    raise ValueError("give the name of a class, or its index from 0")


Label = Annotated[int | str, BeforeValidator(_class_of_data)]


class DataRoot(Node):
    """Where the data is now, if it has moved since training."""

    root: Text | None


class Sample(Node):
    """`genlab sample`, without the options of its task: see `genlab.config.schema.tasks`."""

    ckpt: Text
    task: TaskName
    n: Positive
    seed: Seed
    label: Label | None
    grid: Shown
    format: Literal["npz", "png"]
    batch_size: Positive
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    outputs: Text
    trust: list[Text]
    data: DataRoot


class Translate(Node):
    """`genlab translate`."""

    ckpt: Text
    input: Text | None
    output: Text | None
    direction: Literal["AtoB", "BtoA"] | None
    n: Positive
    max_side: Positive | None
    pairs: bool | None
    skip_bad: bool
    seed: Seed
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    outputs: Text
    trust: list[Text]
    data: DataRoot


class Compress(Node):
    """`genlab compress`."""

    ckpt: Text
    input: Text | None
    output: Text | None
    label: Label | None
    split: Literal["train", "val", "test"]
    n: Positive | None
    lanes: Positive
    outputs: Text
    trust: list[Text]
    data: DataRoot


class Decompress(Node):
    """`genlab decompress`."""

    ckpt: Text
    input: Text
    output: Text | None
    batch_size: Positive | None
    outputs: Text
    trust: list[Text]


class Eval(Node):
    """`genlab eval`."""

    ckpt: Text
    split: Literal["train", "val", "test"]
    seed: Seed
    batch_size: Positive
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Positive
    outputs: Text
    trust: list[Text]
    data: DataRoot
    metric: Metrics


class Compare(Node):
    """`genlab compare`."""

    runs: list[Text]
    models: Annotated[list[Text], Field(min_length=1)] | None
    seeds: Annotated[list[Seed], Field(min_length=1)]
    budget: Text | PositiveFloat | Positive | None
    ckpt: Literal["last", "best"]
    split: Literal["train", "val", "test"]
    seed: Seed
    n: Shown
    batch_size: Positive
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    outputs: Text
    trust: list[Text]
    settings: list[Text]
    root: Text | None
    metric: Metrics


VERBS: dict[str, type[Node]] = {
    "train": Train,
    "sample": Sample,
    "translate": Translate,
    "compress": Compress,
    "decompress": Decompress,
    "eval": Eval,
    "compare": Compare,
}

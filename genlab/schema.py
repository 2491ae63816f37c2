"""The schema of every configuration: names, types and ranges, checked before data or model are touched.

The YAML files hold the values and this module their types; `validate` refuses unknown keys, wrong types and
values out of range in one sentence that names the key. The keys of `TARGETS` are the positive list of what a
config may build (see `genlab.trust`). Nothing here imports PyTorch, so a config error is told at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genlab.errors import ConfigError
from genlab.pairs import check_pair
from genlab.trust import check_config

Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Node(BaseModel):
    """A config node: no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Target(Node):
    """A node that builds an object; ``_target_`` was checked against the positive list."""

    target: Text = Field(alias="_target_")


class External(Target):
    """A user's own class (``trust=[package]``): its keys are its own business."""

    model_config = ConfigDict(extra="allow", strict=True)


class ExternalData(External):
    """A user's own data source."""

    batch_size: Positive


class VAE(Target):
    """`genlab.models.VAE` and `genlab.models.ConditionalVAE`."""

    latent_dim: Positive | Literal["auto"]
    hidden: list[Positive] | Literal["auto"]
    network: Literal["auto", "mlp", "conv"]
    channels: Positive
    likelihood: Literal["auto", "bernoulli", "discretised_logistic", "gaussian"]
    variance: Literal["network", "shared"]


class ELBO(Target):
    """`genlab.objectives.ELBO`."""

    beta: NonNegativeFloat
    warmup_steps: NonNegative


class IWAE(Target):
    """`genlab.objectives.IWAE`."""

    num_particles: Positive


class Digits(Target):
    """`genlab.data.digits`."""

    batch_size: Positive


class Downloaded(Target):
    """The sets that are downloaded: MNIST, Fashion-MNIST, binarised MNIST, CIFAR-10."""

    root: Text | None
    download: bool
    batch_size: Positive


class CelebA(Target):
    """`genlab.data.celeba`."""

    root: Text | None
    size: Positive
    crop: Annotated[int, Field(gt=0, le=178)]
    label: Text | None
    skip_bad: bool
    batch_size: Positive


class Toy2D(Target):
    """`genlab.data.toy2d`."""

    name: Literal[
        "two_moons",
        "standard_moons",
        "eight_gaussians",
        "gaussian_mixture",
        "checkerboard",
        "pinwheel",
        "spirals",
        "rings",
        "circles",
        "swiss_roll",
    ]
    num_train: Positive
    num_val: Positive
    num_test: Positive
    seed: Seed
    batch_size: Positive


class ImageFolder(Target):
    """`genlab.data.image_folder` and `genlab.data.unpaired`."""

    root: Text
    size: Positive
    channels: Literal[1, 3]
    skip_bad: bool
    batch_size: Positive


class Paired(ImageFolder):
    """`genlab.data.paired`."""

    direction: Literal["AtoB", "BtoA"]


class Optim(Node):
    """Optimiser and learning-rate schedule."""

    name: Literal["adam", "adamw", "adamax", "sgd"]
    lr: PositiveFloat
    betas: Annotated[list[Unit], Field(min_length=2, max_length=2)]
    weight_decay: NonNegativeFloat
    schedule: Literal["constant", "cosine", "linear"]
    warmup_steps: NonNegative


class Trainer(Node):
    """Lightning's options, by Lightning's names."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Positive | Literal["auto"] | list[NonNegative]
    num_nodes: Positive
    strategy: Literal["auto", "ddp"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"]
    max_epochs: Positive
    max_steps: Positive | None
    gradient_clip_val: PositiveFloat | None
    accumulate_grad_batches: Positive
    log_every_n_steps: Positive
    check_val_every_n_epoch: Positive
    val_check_interval: Positive | None
    compile: bool
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

    n: Positive


class EMA(Node):
    """Exponential moving average of the weights."""

    decay: Annotated[float, Field(gt=0, lt=1)] | None


class Callbacks(Node):
    """What happens around the training steps."""

    checkpoint: CheckpointCallback
    samples: Samples
    ema: EMA


class Logger(Node):
    """Where scalars and pictures go."""

    csv: bool
    tensorboard: bool
    wandb: bool


class Test(Node):
    """The likelihood on the test split that ends a run."""

    num_particles: Positive
    batch_size: Positive


TARGETS: dict[str, type[Target]] = {
    "genlab.models.VAE": VAE,
    "genlab.models.ConditionalVAE": VAE,
    "genlab.objectives.ELBO": ELBO,
    "genlab.objectives.IWAE": IWAE,
    "genlab.data.digits": Digits,
    "genlab.data.mnist": Downloaded,
    "genlab.data.fashion_mnist": Downloaded,
    "genlab.data.binarized_mnist": Downloaded,
    "genlab.data.cifar10": Downloaded,
    "genlab.data.celeba": CelebA,
    "genlab.data.toy2d": Toy2D,
    "genlab.data.image_folder": ImageFolder,
    "genlab.data.unpaired": ImageFolder,
    "genlab.data.paired": Paired,
}
"""The positive list: what a config may build, and the schema of its arguments."""


class Train(Node):
    """`genlab train`. The nodes that build objects are checked by the schema of their ``_target_``."""

    name: Text
    seed: Seed
    outputs: Text
    resume: Text | None
    trust: list[Text]
    test: Test
    trainer: Trainer
    callbacks: Callbacks
    logger: Logger
    optim: Optim
    data: dict[str, Any]
    model: dict[str, Any]
    objective: dict[str, Any]


class DataRoot(Node):
    """Where the data is now, if it has moved since training."""

    root: Text | None


class Sample(Node):
    """`genlab sample`."""

    ckpt: Text
    task: Literal["sample", "reconstruct", "interpolate", "traverse"]
    n: Positive
    seed: Seed
    label: NonNegative | None
    steps: Annotated[int, Field(ge=2)]
    batch_size: Positive
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    outputs: Text
    trust: list[Text]
    data: DataRoot


class Particles(Node):
    """Options of a likelihood metric."""

    num_particles: Positive


class Metrics(Node):
    """The metrics and their options; the names that are present are what is computed."""

    nll: Particles | None = None
    bpd: Particles | None = None
    elbo: Node | None = None


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


NODES = ("data", "model", "objective")
"""The nodes of a training config that build an object each, checked by the schema of their ``_target_``."""

VERBS: dict[str, type[Node]] = {"train": Train, "sample": Sample, "eval": Eval}


def keys(config: Mapping, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a nested config, branches included."""
    for name, value in config.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from keys(value, f"{prefix}{name}.")


def suggest(key: str, known: list[str]) -> str:
    """A half-sentence that names the nearest key: ``; did you mean optim.lr?`` or nothing."""
    leaf = key.rsplit(".", 1)[-1]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    near += [name for name in known if name.rsplit(".", 1)[-1] == leaf]
    by_leaf = {name.rsplit(".", 1)[-1]: name for name in reversed(known)}
    near += [by_leaf[hit] for hit in difflib.get_close_matches(leaf, list(by_leaf), n=1, cutoff=0.6)]
    return f"; did you mean {near[0]}?" if near else ""


def validate(verb: str, config: dict[str, Any], *, known: list[str] | None = None) -> dict[str, Any]:
    """Check a resolved config against the schema of ``verb`` and the positive list of targets.

    Args:
        verb: "train", "sample" or "eval".
        config: plain types, as composed and resolved.
        known: names to suggest for a misspelt key; those of the schema's siblings in ``config`` when None.

    Returns:
        ``config`` itself.

    Raises:
        ConfigError: an unknown key, a wrong type or a value out of range; the message names all of them.
        TrustError: a ``_target_`` that is neither genlab's own nor covered by ``trust``.
    """
    trust = config.get("trust")
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise ConfigError("trust: must be a list of package names, for example trust=[mypackage]")
    check_config(config, allowed=TARGETS, trust=trust)
    names = known or list(keys(config))
    problems = list(_problems(VERBS[verb], config, (), names))
    for node in NODES if verb == "train" else ():
        value = config.get(node)
        if isinstance(value, Mapping):
            fallback = ExternalData if node == "data" else External
            schema = TARGETS.get(str(value.get("_target_")), fallback)
            problems += _problems(schema, value, (node,), names)
    if verb == "train" and not problems:
        problems += check_pair(config)
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    return config


def _problems(schema: type[Node], value: Mapping, prefix: tuple[str, ...], known: list[str]) -> Iterator[str]:
    try:
        schema.model_validate(value)
    except ValidationError as error:
        for item in error.errors():
            yield _describe(item, prefix, known)


def _describe(item: Any, prefix: tuple[str, ...], known: list[str]) -> str:
    location = [*prefix, *item["loc"]]
    location = [part for part in location if not (isinstance(part, str) and part.startswith(("function-", "list[")))]
    if location and location[-1] in {"int", "constrained-int", "literal['auto']"}:
        location = location[:-1]
    key = ".".join(str(part) for part in location)
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}{suggest(key, [name for name in known if name != key])}"
    if item["type"] == "missing":
        return f"{key}: is missing"
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(item["input"], Mapping) else f" (got {item['input']!r})"
    return f"{key}: {message}{shown}"

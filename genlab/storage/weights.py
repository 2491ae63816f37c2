"""Put the tensors of a checkpoint into a module, once it is clear that they are of that module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from genlab.errors import CheckpointError


def load_weights(module: nn.Module, state_dict: Mapping[str, Any], *, source: str) -> None:
    """Load ``state_dict`` into ``module``, strictly.

    Args:
        module: takes the weights.
        state_dict: names and tensors.
        source: what they come from, for the message; such as ``"RUN/step-000000100.ckpt (VAE)"``.

    Raises:
        CheckpointError: keys or shapes differ; names the module's class, ``source`` and the first differing key.
    """
    try:
        module.load_state_dict(dict(state_dict), strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        check_weights(module, state_dict, source=source)  # says more
        raise CheckpointError(f"{source} does not fit {type(module).__name__}: {_line(error)}") from error


def check_weights(module: nn.Module, state_dict: object, *, source: str, name: str | None = None) -> None:
    """As `load_weights`, without loading, for a module whose shapes are fixed; kinds of numbers count too.

    ``name`` is what the module is called in messages.
    """
    called = name or type(module).__name__
    if not isinstance(state_dict, Mapping):
        raise CheckpointError(f"{source} does not fit {called}: it holds no weights")
    own = module.state_dict()
    differing = [key for key in [*own, *state_dict] if kind(own, key) != kind(state_dict, key)]
    if differing:
        count = len(dict.fromkeys(differing))
        raise CheckpointError(
            f"{source} does not fit {called}: {differing[0]!r} is {kind(state_dict, differing[0])} there and "
            f"{kind(own, differing[0])} here" + (f" (and {count - 1} more keys differ)" if count > 1 else "")
        )


def kind(values: Mapping[Any, Any], key: Any) -> str:
    """What stands under ``key``: a shape, with the type of numbers unless they are real; or that it is missing."""
    if key not in values:
        return "missing"
    value = values[key]
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)}" + (
        "" if value.is_floating_point() else f" {str(value.dtype).removeprefix('torch.')}"
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__

"""Which objective trains which model: the capabilities that it needs, of the model's class or its bases.

An objective's class says ``needs``, a tuple of classes; ``ExactLikelihood | LikelihoodBound`` are alternatives. A model
is a class, or a function whose annotation says which classes it returns; where that depends on the data, its module
says which: ``gives = {"reals": Flow, "integers": Dequantised}``. All of it is read without importing anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from genlab.data.fits import facts
from genlab.errors import ConfigError
from genlab.signatures.described import Described, described, held

MODELS, OBJECTIVES = "genlab.models", "genlab.objectives"

FITTED = "Fitted"
"""The class of models that are fitted in one pass, and have no objective."""


def refusal(objective: Described, model: Described, data: frozenset[str]) -> str | None:
    """A sentence if a model has not what an objective needs; it names what fits.

    Args:
        objective: whose ``needs`` count.
        model: by its source.
        data: words that hold of the data, see `genlab.data.fits`.
    """
    lacking = lack(objective, model, data)
    if lacking is None:
        return None
    others = [name for name, each in held(OBJECTIVES, says="needs").items() if lack(each, model, data) is None]
    return (
        f"objective={objective.called} needs a model that is {lacking.replace(' | ', ' or ')}, "
        f"model={model.called} is not; it fits model={_either(_trained(objective, data))}; "
        f"model={model.called} fits objective={_either(others)}"
    )


def require(objective: Any, model: object) -> None:
    """Refuse a model that is not what an objective needs.

    Raises:
        ConfigError: what is lacking, and what fits.
    """
    for need in objective.needs:
        if not isinstance(model, need):
            wanted = getattr(need, "__name__", str(need)).split(" | ")
            spec, is_not = getattr(model, "spec", None), f"{type(model).__name__} is not"
            said = f"needs a model that is {' or '.join(part.rpartition('.')[2] for part in wanted)}, {is_not}"
            each = described(type(objective).__module__, type(objective).__name__)
            if each is None:  # of no file: nothing can be read of it
                raise ConfigError(f"objective={type(objective).__name__} {said}")
            models = _trained(each, frozenset() if spec is None else facts(spec))
            raise ConfigError(f"objective={each.called} {said}; it fits model={_either(models)}")


def lack(objective: Described, model: Described, data: frozenset[str]) -> str | None:
    """The first need of an objective that a model has not."""
    kinds = possible(model, data)
    if kinds and all(FITTED in each for each in kinds):
        return "trained by gradient descent"
    for need in objective.says("needs") or ():
        if kinds and not any({*need.split(" | ")} & each for each in kinds):
            return need
    return None


def possible(model: Described, data: frozenset[str]) -> list[frozenset[str]]:
    """The classes that a model may be of, each with its bases."""
    kinds, gives = model.kinds(), model.says("gives") or {}
    wanted = {name for word, name in gives.items() if word in data}
    return [each for each in kinds if each & wanted] if wanted else kinds


def _trained(objective: Described, data: frozenset[str]) -> list[str]:
    """Genlab's models that an objective trains."""
    return [name for name, each in held(MODELS, says="needs").items() if lack(objective, each, data) is None]


def _either(names: Iterable[str]) -> str:
    return ", ".join(names) or "none of genlab's own"

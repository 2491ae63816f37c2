"""genlab: train, sample and compare deep generative models under one honest protocol.

From Python, the verbs of the command line are functions::

    import genlab

    run = genlab.train("model=vae", "data=digits")
    pictures = run.sample(64)  # (64, 1, 8, 8) uint8
    (nll,) = run.evaluate("nll")  # a Record: value, error, unit, exact or a bound
    run.model  # a torch.nn.Module
    run = genlab.load("outputs/train/vae-digits/...")

They and `Run` are in `genlab.launch.interface`, which is imported, as PyTorch is, when one of them is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.launch.interface import Comparison, Run, Samples, compare, evaluate, load, sample, train

__version__ = "0.1.0"
__all__ = ["Comparison", "Run", "Samples", "__version__", "compare", "evaluate", "load", "sample", "train"]


if not TYPE_CHECKING:  # for whom any name would do, a misspelt one too

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # not an import statement: the layers below, which ask for __version__, know nothing of launch

        return getattr(importlib.import_module("genlab.launch.interface"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

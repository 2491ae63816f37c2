"""Labels of what a user compresses by a model that is given them: of a folder for each class, or one label for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from genlab.data.classes import class_folders, class_index, class_of_folder, listed
from genlab.data.images.layout import split_of
from genlab.data.spaces import DataSpec, Label
from genlab.errors import ConfigError, DataError
from genlab.models.capabilities import GenerativeModel
from genlab.process.printable import printable


def check_given(model: GenerativeModel) -> None:
    """Refuse a model that is given what no compressed file holds.

    Raises:
        ConfigError: it is given something else than a label.
    """
    if model.given is not None and not isinstance(model.given, Label):
        raise ConfigError(
            f"{type(model).__name__} is given {model.given.kind} data, which a compressed file would have to hold as "
            "well; models of labels and unconditional ones compress"
        )


def of_all(model: GenerativeModel, spec: DataSpec, path: Path, n: int, *, label: int | str | None) -> Tensor | None:
    """One label for all of a file's examples, ``(n,) int64``; None: the model is given none.

    Raises:
        ConfigError: it is missing, there is no such class, or the model is given none.
    """
    check_given(model)
    who = type(model).__name__
    if model.given is None:
        if label is None:
            return None
        raise ConfigError(f"label={label}: {who} is not given the class; leave it out")
    if label is None:
        raise ConfigError(
            f"input={printable(str(path))}: {who} is given the class, which this does not say; say it as label=NAME "
            f"({listed(class_folders(spec))})"
        )
    return torch.full((n,), class_index(label, spec))


def of_pictures(
    model: GenerativeModel, spec: DataSpec, path: Path, names: Sequence[str], *, label: int | str | None
) -> Tensor | None:
    """A label for each picture, ``(n,) int64``; None: the model is given none.

    Args:
        model: what compresses.
        spec: of its data.
        path: a picture, or a folder.
        names: of its pictures, relative to the folder.
        label: of all; None: their folders say it.

    Raises:
        ConfigError: as `of_all`; or folders say it as well.
        DataError: a folder is called as no class, or pictures lie in none.
    """
    firsts = [PurePosixPath(name).parts[0] for name in names]
    inside = [first for first, name in zip(firsts, names, strict=True) if first != name]
    if label is None and isinstance(model.given, Label) and path.is_dir():
        return _by_folders(spec, path, firsts, inside)
    found = of_all(model, spec, path, len(names), label=label)
    said = [each for each in dict.fromkeys(inside) if class_of_folder(each, spec) is not None]
    if label is not None and said:
        raise ConfigError(
            f"label={label}: {printable(str(path))} has folders of classes ({_shown(said)}): leave label out, or give "
            "one of them as input"
        )
    return found


def _by_folders(spec: DataSpec, path: Path, firsts: Sequence[str], inside: Sequence[str]) -> Tensor:
    where, counts = f"input={printable(str(path))}", Counter(inside)
    loose = len(firsts) - len(inside)
    if loose:
        lie = f"beside its folders ({_shown(counts)})" if counts else "in no folder of a class"
        own = path.resolve().name
        name = own if class_of_folder(own, spec) is not None and not counts else "NAME"
        instead = "" if counts else f", or say the class of all as label={printable(name)}"
        raise DataError(f"{where}: {loose} of {len(firsts)} pictures lie {lie}: put them into one{instead}")
    classes = {name: class_of_folder(name, spec) for name in counts}
    unknown = [name for name, found in classes.items() if found is None]
    if unknown:
        splits = all(split_of(name) for name in unknown)
        remedy = (
            f"give input={printable(str(path / unknown[0]))}" if splits else "rename the folders, or leave them out"
        )
        raise DataError(
            f"{where}: {_shown(unknown)} is no class of the model, which knows {listed(class_folders(spec))}: {remedy}"
        )
    return torch.tensor([classes[name] for name in firsts], dtype=torch.int64)


def _shown(names: Sequence[str] | Counter[str]) -> str:
    return listed([printable(name) for name in names], shown=3)

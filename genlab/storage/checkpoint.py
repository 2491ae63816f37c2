"""Write checkpoints atomically, find them again, and read them without ever running foreign code.

A checkpoint is a dict of plain types and tensors, saved by ``torch.save`` (so ``torch.load(weights_only=True)`` reads
it anywhere) and sealed (:mod:`genlab.storage.archive`): a copy that lost the ``.sha256`` file beside it is still
verified.

Why a kill at any moment leaves a valid checkpoint: bytes go to a hidden sibling file and are durable (fsync) before a
name points at them; ``os.replace`` switches the name in one step; older files are removed only after the folder is
durable too. For a name that exists, the old ``.sha256`` goes first: until the new one is there, the seal vouches.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from genlab.errors import CheckpointError, TrainingError, TrustError
from genlab.files import atomic, foreign
from genlab.process.printable import printable
from genlab.runs import directory
from genlab.storage import archive
from genlab.storage.contents import allowed_globals, extent_fault, header_fault, load, save, type_fault
from genlab.storage.pickles import check_pickle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FORMAT = 1
BEST = "best.ckpt"
_MAX_SIDE = 4096

_STEP = re.compile(r"step-(\d{9,18})\.ckpt")


def step_path(folder: Path, step: int) -> Path:
    """The name of the checkpoint of ``step``: zero-padded, so that names sort as steps do."""
    return Path(folder) / f"step-{step:09d}.ckpt"


def steps(folder: Path) -> list[Path]:
    """The step checkpoints in ``folder``, oldest first, unverified; empty if there is no such folder."""
    found = [
        (int(match[1]), path) for path in Path(folder).glob("step-*.ckpt") if (match := _STEP.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]


def write(path: Path, payload: Mapping[str, Any]) -> None:
    """Write ``payload`` to ``path``, durable when this returns; killed before that, ``path`` is what it was.

    Raises:
        TrainingError: disk full, read-only folder and the like; or the payload lacks the ``genlab`` header, or holds
            something that :func:`read` would refuse, which is named. A checkpoint already there is untouched.
    """
    path = Path(path)
    fault = header_fault(payload, newest=FORMAT) or type_fault(payload)
    if fault:
        raise TrainingError(f"cannot write {path}: the payload {fault}")
    side = _side(path)
    with atomic.disk_errors(path), atomic.temporary(path) as (name, file):
        sealed = archive.SealedWriter(file)
        try:
            save(payload, sealed)
            digest = sealed.seal()
        except RecursionError:
            raise TrainingError(f"cannot write {path}: the payload is nested too deeply") from None
        except RuntimeError as error:
            raise sealed.error or error from None  # torch wraps what the disk said
        if path.exists():
            side.unlink(missing_ok=True)
            atomic.sync_dir(path.parent)
            os.replace(name, path)
            atomic.sync_dir(path.parent)
            atomic.write_text(side, f"{digest}  {path.name}\n")
        else:
            atomic.write_text(side, f"{digest}  {path.name}\n")
            os.replace(name, path)
            atomic.sync_dir(path.parent)


def write_step(folder: Path, step: int, payload: Mapping[str, Any], *, keep: int = 2) -> Path:
    """Write the checkpoint of ``step``, then remove all but the ``keep`` newest up to it, and what killed writers left.

    Files of a later step stay: :func:`latest` has passed them over as damaged, or they belong to someone else.
    Raises as :func:`write`.
    """
    if keep < 1:
        raise ValueError(f"keep={keep}: at least the new checkpoint stays")
    path = step_path(folder, step)
    write(path, payload)
    with atomic.disk_errors(path):
        known = [other for other in steps(path.parent) if int(_STEP.fullmatch(other.name)[1]) <= step]  # type: ignore[index]
        for old in known[:-keep]:
            _side(old).unlink(missing_ok=True)
            old.unlink(missing_ok=True)
        atomic.remove_abandoned(path.parent)
    return path


def say(line: str) -> None:
    """Tell on stderr what the user should know and need not act upon."""
    print(f"genlab: {printable(line)}", file=sys.stderr, flush=True)


def latest(folder: Path, *, report: Callable[[str], None] = say) -> Path:
    """The newest checkpoint in ``folder`` that verifies: of the last step, or after damage whatever is newest.

    Args:
        folder: a run's ``checkpoints``.
        report: is told, in one line, if newer ones are damaged; then ``best.ckpt`` counts too, by its step.

    Raises:
        CheckpointError: there is none, or none verifies.
        TrustError: the newest readable file is one that could run code.
    """
    damaged, found = [], None
    for path in reversed(steps(folder)):
        try:
            verify(path)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        found = (int(_STEP.fullmatch(path.name)[1]), path)  # type: ignore[index]
        break
    best = Path(folder) / BEST
    if (damaged or found is None) and os.path.lexists(best):
        try:
            step = read(best)["genlab"]["step"]
            found = (step, best) if found is None or step > found[0] else found
        except CheckpointError as error:
            damaged.append(str(error))
    if found is None:
        if damaged:
            raise CheckpointError(f"no checkpoint in {folder} can be read: {damaged[0]}")
        others = sorted(path.name for path in Path(folder).glob("*.ckpt"))
        remedy = f"give a file: {', '.join(others[:3])}" if others else "give a run directory or a .ckpt file"
        if folder.name == "checkpoints" and not others:
            remedy = f"its run was stopped before it wrote one; genlab train resume={folder.parent} goes on with it"
        raise CheckpointError(f"{folder} is a directory without a step checkpoint: {remedy}")
    if damaged or found[1] == best:
        why = damaged[0] if damaged else f"{folder} has no step checkpoint"
        report(f"{why} -> falling back to {found[1].name}, of step {found[0]}")
    return found[1]


def any_in(folder: Path) -> bool:
    """Whether a run has got as far as a checkpoint, damaged or not."""
    return bool(steps(folder)) or os.path.lexists(Path(folder) / BEST)


def verify(path: Path) -> None:
    """Check that ``path`` is whole: its seal, the ``.sha256`` beside it if any, and every member's checksum.

    Raises:
        CheckpointError: missing, damaged, or no checkpoint.
        TrustError: a bare pickle, or an archive that holds code.
    """
    with _verified(path):
        pass


def read(path: Path) -> dict[str, Any]:
    """Verify ``path`` and load it, on the CPU, with nothing but plain types and tensors in it; no switch changes that.

    Raises:
        CheckpointError: missing, damaged, of another program, or without the ``genlab`` header.
        TrustError: it would run code, or is not a file; nothing ran.
    """
    source = str(path)
    with _verified(path) as (file, contents):  # one descriptor: what was verified is what is loaded
        try:
            check_pickle(contents.pickle, allowed=allowed_globals(), records=contents.records, source=source)
        except ValueError as error:
            raise CheckpointError(f"{source} is damaged: its pickle breaks off ({_line(error)})") from error
        try:
            payload = load(file)
        except Exception as error:  # whatever a crafted archive makes torch raise, it is refused
            raise CheckpointError(f"{source} cannot be read: {_line(error)}") from error
    fault = header_fault(payload, newest=FORMAT) or extent_fault(payload)
    if fault:
        raise CheckpointError(f"{source} {fault}")
    return payload


def resolve(ckpt: str, *, outputs: Path) -> Path:
    """The file that ``ckpt`` means: ``last``, ``best``, a file, a run directory or its ``checkpoints`` directory.

    ``last`` is the latest checkpoint of the newest training run in ``outputs`` that has one, ``best`` its best.ckpt.

    Raises:
        CheckpointError: there is none, or it is plainly something else.
        TrustError: a URL, or a bare pickle.
    """
    ckpt = str(ckpt)
    if "://" in ckpt:
        raise TrustError(
            f"ckpt={ckpt!r}: genlab reads checkpoints from files only; download it, look at it, then ckpt=FILE"
        )
    if ckpt in ("last", "best"):
        return _newest(outputs, ckpt)
    path = Path(os.path.expanduser(ckpt))
    if os.path.isdir(path):
        inner = path / directory.CHECKPOINTS
        return latest(inner if inner.is_dir() else path)
    with _open(path) as file:
        archive.check_head(file, str(path))
    return path


def _newest(outputs: Path, which: str) -> Path:
    for run in directory.listing(outputs, verb="train"):
        folder = run / directory.CHECKPOINTS
        best = folder / BEST
        if which == "last" and any_in(folder):
            return latest(folder)
        if which == "best" and best.exists():
            return best
        if which == "best" and steps(folder):
            raise CheckpointError(f"{run} has no {BEST}: use ckpt=last")
    raise CheckpointError(
        f"ckpt={which}: no training run with a checkpoint in {outputs}; start one with `genlab train`, "
        "or name the folder with outputs=FOLDER"
    )


def _side(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _expected(path: Path) -> str | None:
    try:
        return foreign.read_bytes(_side(path), most=_MAX_SIDE, links=True).decode("ascii", "replace")[:64]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"cannot read {_side(path)}: {error.strerror or error}") from error


@contextmanager
def _verified(path: Path) -> Iterator[tuple[BinaryIO, archive.Contents]]:
    if "://" in str(path):
        raise TrustError(f"{path}: genlab reads checkpoints from files only")
    path = Path(path)
    while True:
        with _open(path) as file:
            try:
                contents = archive.verify(file, str(path), expected=_expected(path))
            except CheckpointError:
                if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                    continue  # its writer put a new one in place: what we opened is not what the .sha256 is of
                raise
            yield file, contents
            return


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        file = foreign.open_plain(path, most=None, links=True)
    except FileNotFoundError:
        raise CheckpointError(f"no such checkpoint: {path}{_near(path)}") from None
    except OSError as error:
        raise CheckpointError(f"cannot open {path}: {error.strerror or error}") from error
    with file:
        yield file


def _near(path: Path) -> str:
    try:
        entries = sorted(entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    except OSError:
        return f" (there is no folder {path.parent})"
    names = [name for name in entries if not name.endswith(".sha256")]
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    close = close or [name for name in names if name.endswith(".ckpt")][-3:]
    return f"; did you mean {', '.join(str(path.parent / name) for name in close)}?" if close else ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__

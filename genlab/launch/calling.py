"""Around a call from Python: settings as words, what genlab says, and a process that is left as it was found."""

from __future__ import annotations

import io
import logging
import re
import signal
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.config.arguments import TEXTS, quote
from genlab.errors import ConfigError, GenlabError, Interrupted, out_of_memory, too_large
from genlab.files.atomic import told
from genlab.process import signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_TAKEN = frozenset({"null", "true", "false", "yes", "no", "on", "off", "nan", "inf"})
_NOTICE = re.compile(r"^(?:genlab: |warning  +)(.*)$", re.MULTILINE)
_LOGGERS = ("pytorch_lightning", "lightning_fabric")


def words(overrides: Sequence[str | Mapping[str, Any]]) -> list[str]:
    """Settings as the command line has them; of a mapping, those of its keys: ``{"optim": {"lr": 1e-3}}`` is one.

    Raises:
        ConfigError: a setting that is neither, or a value that no config holds.
    """
    found: list[str] = []
    for each in overrides:
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, Mapping):
            found += _of(each, "")
        else:
            raise ConfigError(f"{each!r} is no setting: write 'key=value', or a dict of keys and values")
    return found


def _of(settings: Mapping[str, Any], before: str) -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _of(value, f"{before}{key}.")
        elif key in TEXTS and isinstance(value, str):
            yield f"{before}{key}={value}"  # which is taken as it stands
        else:
            yield f"{before}{key}={_word(value, f'{before}{key}')}"


def _word(value: Any, key: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(_word(item, key) for item in value)}]"
    if not isinstance(value, str | Path):
        raise ConfigError(f"{key}: a config holds numbers, text, lists and null, no {type(value).__name__}")
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _TAKEN else quote(text)


@contextmanager
def called(*, quiet: bool) -> Iterator[None]:
    """Within, genlab works in a process that is its caller's.

    Signals are answered as on the command line (a run saves, then stops) while it lasts; the random state, the number
    of threads and other settings of PyTorch, the filters of warnings and the levels of logging are restored. What has
    to be known is said by Python's warnings when all else is ``quiet``.

    Raises:
        GenlabError: what the command line would say in one line.
        KeyboardInterrupt: Ctrl-C.
        Interrupted: another signal that asks to stop.
    """
    said = io.StringIO()
    caught: list[warnings.WarningMessage] | None = None
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    try:
        with ExitStack() as stack:
            caught = stack.enter_context(warnings.catch_warnings(record=quiet))
            if quiet:
                stack.enter_context(redirect_stdout(said))
                stack.enter_context(redirect_stderr(said))
            stack.enter_context(signals.raising(own_process=False))
            stack.enter_context(_pytorch_as_before())
            with _explained():
                yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for notice in dict.fromkeys(_NOTICE.findall(said.getvalue())):
            warnings.warn(notice, stacklevel=4)
        for each in caught or []:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


@contextmanager
def _explained() -> Iterator[None]:
    """What `genlab.cli.main` says of an error, as an exception."""
    try:
        yield
    except Interrupted as stop:
        if stop.signum == signal.SIGINT:
            raise KeyboardInterrupt(str(stop)) from stop
        raise
    except GenlabError:
        raise
    except Exception as error:
        asked = signals.swallowed()
        if asked is not None:
            raise KeyboardInterrupt(str(asked)) if asked.signum == signal.SIGINT else asked from error
        known = told(error) or (too_large(error) if out_of_memory(error) else None)
        if known is None:
            raise
        raise known from error


@contextmanager
def _pytorch_as_before() -> Iterator[None]:
    import torch

    state, threads = torch.get_rng_state(), torch.get_num_threads()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    exact, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    benchmark = torch.backends.cudnn.benchmark
    flushed = torch.full((1,), 1e-310, dtype=torch.float64).mul(1.0).item() == 0.0  # nothing else tells
    try:
        yield
    finally:
        torch.set_rng_state(state)
        torch.set_num_threads(threads)
        if on_gpus is not None:
            torch.cuda.set_rng_state_all(on_gpus)
        torch.use_deterministic_algorithms(exact, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = benchmark
        torch.set_flush_denormal(flushed)

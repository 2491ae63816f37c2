"""The command line: ``genlab VERB key=value ...``.

Imports nothing heavy: ``genlab --help`` answers at once, and torch is imported only when a config is known to be right.
Every failure that a user can mend is one line on stderr and the exit code of its class (`genlab.errors`).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from genlab import __version__
from genlab.cli.verbs import VERBS
from genlab.errors import ConfigError, GenlabError, Interrupted, TrainingError, out_of_memory, too_large
from genlab.files.atomic import told
from genlab.process import allocator, signals, streams, threads
from genlab.process.printable import printable
from genlab.runs import ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

PIPE_CLOSED = 128 + signal.SIGPIPE
LONG = 1024
"""Characters of a word, such as a path, up to which a message shows it whole."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; the console script."""
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    streams.settle()
    streams.outlast("stderr")
    try:
        with signals.raising():
            status = _dispatch(words)
            sys.stdout.flush()
            return status
    except (Interrupted, KeyboardInterrupt) as stop:
        return _fail(str(stop) or "interrupted", getattr(stop, "exit_code", 128 + signal.SIGINT))
    except BrokenPipeError:
        # The reader has gone (genlab list | head): nobody is left to tell. stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        asked = signals.swallowed()
        if asked is not None:
            return _fail(str(asked), asked.exit_code)
        if debug:
            raise
        if isinstance(error, GenlabError):
            return _fail(str(error), error.exit_code)
        disk = told(error)
        if disk is not None:
            return _fail(str(disk), disk.exit_code)
        if out_of_memory(error):
            return _fail(str(too_large(error)), TrainingError.exit_code)
        return _fail(f"unexpected {type(error).__name__}: {error} (a bug in genlab; --debug shows where)", 1)


def _dispatch(words: list[str]) -> int:
    if words and words[0] in {"-sc", "--shell-completion"}:
        from genlab.cli import completion

        return completion.main(words[1:])
    if not words or words[0] in {"--help", "-h", "help"}:
        from genlab.cli import usage

        print(usage.overview(VERBS))
        return 0
    if words[0] in {"--version", "-V"}:
        print(f"genlab {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in VERBS:
        from genlab.config.arguments import nearest

        shown = [verb for verb, entry in VERBS.items() if not entry.hidden]
        kind = "unknown flag" if name.startswith("-") else "unknown command"
        raise ConfigError(f"{kind} {name}; choose from {', '.join(shown)}{nearest(name, shown)}")
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError("the working directory is gone: go to one that exists (cd) and start again") from error
    if not VERBS[name].hidden and any(word in {"--help", "-h"} for word in rest):
        from genlab.cli import usage

        print(usage.verb(name, VERBS[name]))
        return 0
    if VERBS[name].works:
        if not VERBS[name].hidden:  # a rank or a job was started by one of ours
            ranks.check()
        threads.prepare()
        allocator.prepare()
        streams.outlast("stdout")  # of what is only printed, the reader's going is the end; of work it is not
    return VERBS[name].run(name, rest)


def _fail(message: str, status: int) -> int:
    line = " ".join(word if len(word) <= LONG else f"{word[:60]}...{word[-20:]}" for word in message.split())
    print(f"genlab: error: {printable(line)}", file=sys.stderr, flush=True)
    return status

"""A progress bar on the terminal, for whatever takes a while; nothing where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

REFRESH_SECONDS = 0.5


def is_wide(console: Console) -> bool:
    """Whether there is room for the bar itself, the epoch and the elapsed time."""
    return console.width >= 125


def bar(console: Console) -> Progress:
    """A bar with counts, free text and ETA on a terminal; a narrow one keeps the numbers and gives up the rest."""
    columns: list[ProgressColumn] = [MofNCompleteColumn(table_column=Column(no_wrap=True))]
    room = console.width - 34
    if is_wide(console):
        columns = [TextColumn("{task.description}"), BarColumn(bar_width=20), *columns]
        room -= 36
    columns.append(
        TextColumn("{task.fields[text]}", table_column=Column(overflow="ellipsis", max_width=room, no_wrap=True))
    )
    if is_wide(console):
        columns.append(TimeElapsedColumn(table_column=Column(no_wrap=True)))
    columns += [TextColumn("ETA"), TimeRemainingColumn(table_column=Column(no_wrap=True))]
    return Progress(
        *columns,
        console=console,
        auto_refresh=False,
        transient=False,
    )


def track(batches: Iterable, total: int, *, description: str, console: Console) -> Iterator:
    """Yield ``batches`` behind a bar (evaluation, sampling); silent where there is no terminal."""
    if not console.is_terminal:
        yield from batches
        return
    with bar(console) as progress:
        task = progress.add_task(description, total=total, text="")
        drawn = 0.0
        for batch in batches:
            yield batch
            progress.advance(task)
            if time.monotonic() - drawn > REFRESH_SECONDS:
                progress.refresh()
                drawn = time.monotonic()
        progress.refresh()

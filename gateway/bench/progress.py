"""How far a benchmark has come: a bar on a terminal, silence everywhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[float], None]


@contextlib.contextmanager
def progress(text: str, total: float) -> Iterator[Advance]:
    """Call what it gives with how much is done so far, of `total`. Drawn twice a second: it must not be what is measured."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=2,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)

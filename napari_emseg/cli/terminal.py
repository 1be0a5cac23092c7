"""What the person at the terminal sees: messages, and bars while they wait."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_emseg.progress import Progress as Step

T = TypeVar("T")


def tell(message: Exception | str) -> None:
    """Write one line for the person at the terminal, not for a file or a pipe."""
    sys.stderr.write(f"napari-emseg: {' '.join(str(message).split())}\n")


def follow(steps: Generator[Step, None, T]) -> T:
    """Run steps to their end, with a bar for each stage on a terminal.

    Parameters
    ----------
    steps : generator of Progress
        What is to be done.

    Returns
    -------
    object
        What the generator returns.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        stages: dict[str, Any] = {}
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            if step.stage not in stages:
                stages[step.stage] = bars.add_task(step.stage)
            bars.update(
                stages[step.stage], completed=step.done, total=step.total or None
            )

"""What the person at the terminal sees: messages, and bars while they wait."""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from cyclopts import CoercionError, CycloptsError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from napari_emseg.batch import BatchProgress, Outcome
    from napari_emseg.pipeline.progress import Progress as Step

T = TypeVar("T")
DONE, NO_WINDOW, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 1, 2, 130
# What is told in a line: wrong input, a package that is missing, too large an image.
REFUSED = (ImportError, MemoryError, OSError, TypeError, ValueError)
_SPACES = re.compile("[ \t\r\n]+")  # no sign that separates in Unicode alone


def escape_unknown(stream: Any) -> None:
    """Write characters that a stream cannot hold by their numbers.

    A name of a file, or the sign between two settings, is no reason to fail once the
    work is done.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def shown(text: object) -> str:
    """Return a text with the numbers of signs that are not to be seen.

    A name of a file may hold some that a terminal takes for commands.

    Examples
    --------
    >>> bell = chr(7)
    >>> len(bell), len(shown(bell))
    (1, 4)
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in str(text)
    )


def tell(message: Exception | str) -> None:
    """Write one line for the person at the terminal, not for a file or a pipe."""
    line = " ".join(part for part in _SPACES.split(text_of(message)) if part)
    sys.stderr.write(f"napari-emseg: {shown(line)}\n")


def status_of(error: Exception) -> int:
    """Return the exit status: it tells whether the input was wrong, or the program."""
    return WRONG_INPUT if isinstance(error, REFUSED) else FAILED


def tell_of(source: Path, error: Exception) -> None:
    """Write what is wrong with one image of several; its name comes first."""
    text = text_of(error)
    tell(text if text.startswith(str(source)) else f"{source}: {text}")


def text_of(message: Exception | str) -> str:
    """Return what a message says to the person at the terminal."""
    if isinstance(message, MemoryError):
        return f"there is not enough memory; take a part or less of it ({message})"
    if isinstance(message, OSError) and message.filename and message.strerror:
        name = os.fsdecode(message.filename)
        return f"{name}: {message.strerror}; check its name, and your access to it"
    if isinstance(message, Exception) and not isinstance(message, REFUSED):
        frames = traceback.extract_tb(message.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" * bool(
            frames
        )
        return (
            f"this failed by a fault of the program ({type(message).__name__}{place}: "
            f"{message}); please report it, with the file if you can"
        )
    return str(message)


@contextmanager
def warnings_told(name: str) -> Iterator[None]:
    """Write each warning once, in one line that begins with the name of an image."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        tell(f"{name}: {message}")


def explain_error(error: CycloptsError) -> str:
    """Return why the command line cannot be understood.

    Returns
    -------
    str
        Ends in where to read on.
    """
    text = str(error).removesuffix(".")
    if isinstance(error, CoercionError) and error.token and error.msg is None:
        kind, token = error.target_type, error.token
        if get_origin(kind) is not Literal and token.keyword:
            text = f"{token.keyword} {token.value} should be {_wanted(kind)}"
    chain = " ".join(error.command_chain or ())
    joint = " See" if text.endswith("?") else "; see"
    return f"{text}{joint} napari-emseg {f'{chain} ' if chain else ''}--help"


def _wanted(kind: Any) -> str:
    """Return the name of a type for people."""
    parts = get_args(kind)
    if parts:
        words = map(repr, parts) if get_origin(kind) is Literal else map(_wanted, parts)
        return " or ".join(words)
    return {int: "a whole number", float: "a number"}.get(kind, kind.__name__)


def pluralize(number: int, noun: str, ending: str = "s") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> pluralize(1, "class", "es"), pluralize(2, "class", "es")
    ('1 class', '2 classes')
    """
    return f"{number} {noun}{ending if number != 1 else ''}"


def _run(steps: Generator[Any, None, T], show: Callable[[Any], None]) -> T:
    # With numpy and OpenCV, which whoever asks for help need not wait for.
    from napari_emseg.pipeline.progress import finish, map_steps

    return finish(map_steps(steps, show))


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

        def show(step: Step) -> None:
            if step.stage not in stages:
                stages[step.stage] = bars.add_task(step.stage)
            bars.update(
                stages[step.stage], completed=step.done, total=step.total or None
            )

        return _run(steps, show)


def follow_batch(
    steps: Generator[BatchProgress, None, T], note: Callable[[Outcome], None]
) -> T:
    """Run a batch to its end, with bars on a terminal.

    Parameters
    ----------
    steps : generator of BatchProgress
        What is to be done.
    note : callable
        Told what becomes of each picture; it may write lines.

    Returns
    -------
    object
        What the generator returns.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TimeElapsedColumn())
    bars = Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    stages: dict[tuple[str, str], Any] = {}
    pictures: Any = None

    def show(step: BatchProgress) -> None:
        nonlocal pictures
        if pictures is None and step.total > 1:
            pictures = bars.add_task("pictures", total=step.total)
        if step.step is not None:
            key = step.name, step.step.stage
            if key not in stages:
                several = f"{Path(step.name).name} " if step.total > 1 else ""
                stages[key] = bars.add_task(f"{shown(several)}{step.step.stage}")
            done, total = step.step.done, step.step.total or None
            bars.update(stages[key], completed=done, total=total)
        if step.outcome is not None:
            for key in [key for key in stages if key[0] in (step.name, "")]:
                bars.remove_task(stages.pop(key))
            if pictures is not None:
                bars.update(pictures, completed=step.done)
            # A line for a file or a pipe must not meet the bars on a terminal.
            bars.stop()
            note(step.outcome)
            bars.start()

    with bars:
        return _run(steps, show)

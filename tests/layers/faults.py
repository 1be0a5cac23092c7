"""Faults at every line of a call: a helper of tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Scene = TypeVar("Scene")


class Fault(BaseException):
    """Raised where no code expects it."""


def with_faults(
    scene: Callable[[], Scene],
    act: Callable[[Scene], Any],
    places: Iterable[Path],
    *,
    most: int | None = None,
    fault: type[BaseException] = Fault,
) -> Iterator[tuple[int, Scene]]:
    """Act again and again, with a fault at a later line each time.

    Parameters
    ----------
    scene : callable
        Returns what is acted on, made anew each time.
    act : callable
        Takes it.
    places : iterable of Path
        Lines count that are executed in files of these folders, or in these files.
    most : int, optional
        At so many lines about; by default at each.
    fault : type of BaseException, optional
        What is raised.

    Yields
    ------
    int
        The number of the line that failed.
    Scene
        What was acted on.

    Raises
    ------
    AssertionError
        If a fault does not come out.
    """
    names = tuple(str(place) for place in places)
    lines = _run(act, scene(), names, 0, fault)
    for line in range(1, lines + 1, max(1, lines // (most or lines))):
        now = scene()
        if _run(act, now, names, line, fault):
            raise AssertionError(f"the fault at line {line} did not come out")
        yield line, now


def _run(
    act: Callable[[Scene], Any],
    scene: Scene,
    names: tuple[str, ...],
    line: int,
    fault: type[BaseException],
) -> int:
    """Act with a fault at one line; return the number of lines, 0 if it came out."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(names):
            return None
        if event == "line":
            count += 1
            if count == line:
                raise fault(f"line {frame.f_lineno} of {frame.f_code.co_filename}")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act(scene)
    except fault:
        return 0
    finally:
        sys.settrace(before)
    return count

"""Steps of what takes its time: how far it is, and what it gives in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from napari_emseg.engine.user_warnings import collect_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_emseg.engine.cluster.fit_state import FitState

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a segmentation is.

    For a progress bar.

    Attributes
    ----------
    stage : str
        "images", counting the images of a joint fit; "plane", beginning a plane that is
        fitted by itself; "colors", counting the colors; "order", choosing how many
        classes; "fit"; "label", or "smooth", labeling with smoothing; "join", joining
        small regions to others; "pyramid", making coarser levels of labels in a store.
    done, total : int
        Steps of this stage; a total of 0 is not known beforehand.
    state : FitState or None
        The latest state of the fit.
    """

    stage: str
    done: int
    total: int
    state: FitState | None = None


def map_steps(
    steps: Generator[Any, None, T], convert: Callable[[Any], S]
) -> Generator[S, None, T]:
    """Yield each step converted, and return what the generator returns.

    Examples
    --------
    >>> list(map_steps((step for step in "ab"), str.upper))
    ['A', 'B']
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield convert(step)


def finish(steps: Generator[Any, None, T]) -> T:
    """Take all steps, and return what the generator returns.

    Examples
    --------
    >>> def count():
    ...     yield from "abc"
    ...     return 3
    >>> finish(count())
    3
    """
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def collecting(
    steps: Generator[Any, None, Any], tell: Callable[[str], None]
) -> Generator[Any, None, Any]:
    """Yield steps and return their result; hand on what they warn of, each once."""
    told: set[str] = set()
    while True:
        with collect_warnings() as messages:
            try:
                step = next(steps)
                end = None
            except StopIteration as stop:
                end = stop
        for message in messages:
            if message not in told:
                told.add(message)
                tell(message)
        if end is not None:
            return end.value
        yield step

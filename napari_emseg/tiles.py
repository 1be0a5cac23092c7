"""One fixed grid of overlapping tiles over anything that slices."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

T = TypeVar("T")
Slices = tuple[slice, ...]

# Tasks that wait in an executor at once: enough to keep it busy, few enough that
# their tiles do not fill the memory.
_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a grid.

    Attributes
    ----------
    write : tuple of slice
        The part of the whole that this tile is responsible for.
    read : tuple of slice
        The same with its surroundings.
    inner : tuple of slice
        Where `write` lies inside `read`.
    """

    write: Slices
    read: Slices
    inner: Slices


def tiles(shape: tuple[int, ...], size: tuple[int, ...], halo: int = 0) -> list[Tile]:
    """Cut a shape into tiles of at most `size`, overlapping by `halo` on each side.

    Parameters
    ----------
    shape, size : tuple of int
        Of the same length; leading axes are walked slowest.
    halo : int, optional
        Pixels of surroundings on each side, along the axes where `size` is not 1.

    Returns
    -------
    list of Tile

    Examples
    --------
    >>> [tile.read for tile in tiles((5,), (3,), halo=1)]
    [(slice(0, 4, None),), (slice(2, 5, None),)]
    """
    axes = []
    for length, step in zip(shape, size, strict=True):
        margin = halo if step > 1 else 0
        axes.append(
            [
                _cut(start, min(start + step, length), length, margin)
                for start in range(0, length, step)
            ]
        )
    return [
        Tile(*(tuple(part) for part in zip(*parts, strict=True)))
        for parts in product(*axes)
    ]


def _cut(start: int, stop: int, length: int, margin: int) -> tuple[slice, slice, slice]:
    low, high = max(start - margin, 0), min(stop + margin, length)
    return slice(start, stop), slice(low, high), slice(start - low, stop - low)


def in_order(
    function: Callable[..., T],
    arguments: Iterable[tuple[Any, ...]],
    executor: Executor | None,
) -> Iterator[T]:
    """Call a function on each tuple of arguments, results in the same order.

    With an executor, some calls run ahead; without, each runs when it is asked for.
    """
    if executor is None:
        for each in arguments:
            yield function(*each)
        return
    waiting: deque[Future[T]] = deque()
    try:
        for each in arguments:
            waiting.append(executor.submit(function, *each))
            if len(waiting) >= _IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()

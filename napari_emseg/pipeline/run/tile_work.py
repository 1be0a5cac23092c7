"""What is done with one tile of a large image: counted, labeled, made coarser.

Workers read and write for themselves; only counts come back.
"""

from __future__ import annotations

from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.cells.palette import count_values
from napari_emseg.io.store.stored_array import as_reference
from napari_emseg.pipeline.parallel import in_order, room_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.image.axes import AxisOrder
    from napari_emseg.engine.labels.labeler import Labeler
    from napari_emseg.io.store.label_target import LabelTarget
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.pipeline.tiles import Slices, Tile

    Read = Callable[[Tile], tuple[Any, ...]]

# OpenCV counts in float32, which holds whole numbers up to here.
_EXACT = 2**24
# Tasks that other processes are told of beforehand.
_AHEAD = 1024


@dataclass(frozen=True, slots=True, eq=False)
class TileWork:
    """All that it takes to work on any tile of an image.

    Attributes
    ----------
    source : SegmentationInput or None
        The image; None if the pixels are sent.
    target : LabelTarget or None
        Where labels go.
    labeler : Labeler or None
        What gives them.
    coding : Coding or None
        What is counted.
    order : AxisOrder or None
        Of the axes of the tiles, if it is not that of the labels.
    """

    source: SegmentationInput | None
    target: LabelTarget | None = None
    labeler: Labeler | None = None
    coding: Coding | None = None
    order: AxisOrder | None = None

    def __call__(self, task: str, *arguments: Any) -> Any:
        """Do a task: "count", "label" or "shrink"."""
        return getattr(self, task)(*arguments)

    def read(self, tile: Tile) -> tuple[Any, ...]:
        """Read what the labels of a tile are made of."""
        source, labeler = self.source, self.labeler
        assert source is not None
        assert labeler is not None
        seeds = None if source.seed_labels is None else source.seed_labels[tile.read]
        raw = labeler.reads_values(labels=True)
        with _told(tile.write, "read"):
            return *source.pixels(tile.read, raw=raw), seeds

    def count(self, where: Slices) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Count the codes of a part."""
        assert self.source is not None
        assert self.coding is not None
        with _told(where, "read"):
            values = self.source.part(where, raw=True)[0]
        return count_values([values], self.coding, size=len(values))

    def label(self, tile: Tile, *pixels: Any) -> NDArray[np.int64]:
        """Label a tile, write it, and return how many pixels have each label."""
        labeler, target = self.labeler, self.target
        assert labeler is not None
        assert target is not None
        found = labeler.labels(*(pixels or self.read(tile)))[tile.inner]
        with _told(tile.write, "written"):
            target.write(*in_image(self.order, tile.write, found))
        return _pixels_of(found, labeler.model.n_classes + 1)

    def shrink(self, level: int, where: Slices) -> None:
        """Make a part of a coarser level of the labels."""
        assert self.target is not None
        with _told(where, "written"):
            self.target.shrink(level, where)

    def for_others(self) -> TileWork | None:
        """Return the same for other processes; None if the pixels must be sent."""
        if self.source is None:
            return self
        picture = self.source.picture
        array = as_reference(picture.source)
        if array is None:
            return None
        # White is found out once, and a sample is of no use to them.
        white = picture.full_scale if picture.rgb else None
        picture = replace(picture, source=array, given_scale=white)
        return replace(self, source=replace(self.source, picture=picture))


def _pixels_of(labels: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """Return how many pixels have each label."""
    if labels.size > _EXACT:
        return np.bincount(labels.ravel(), minlength=count)
    row = np.ascontiguousarray(labels).reshape(1, -1)
    counts = cv2.calcHist([row], [0], None, [count], [0, count])
    return counts.ravel().astype(np.int64)


def in_image(
    order: AxisOrder | None, where: Slices, labels: NDArray[np.uint8]
) -> tuple[Slices, NDArray[np.uint8]]:
    """Return a part of labels, and where it is, with the axes of the image."""
    if order is None:
        return where, labels
    places = dict(zip(order.order, where, strict=True))
    kept = sorted(axis for axis in places if axis is not None)
    return tuple(places[axis] for axis in kept), order.restore(labels)


@contextmanager
def _told(where: Slices, what: str) -> Iterator[None]:
    """Say which part cannot be read or written, and that the others are kept."""
    try:
        yield
    except MemoryError:
        raise
    # Stores of all kinds, and what they are compressed with, have errors of their own.
    except Exception as error:
        place = ", ".join(f"{part.start}:{part.stop}" for part in where)
        remedy = "free some space, or ask for access" * (what == "written")
        remedy = remedy or "mend or fetch the file again"
        raise OSError(
            f"the part [{place}] cannot be {what} ({type(error).__name__}: {error}); "
            f"{remedy}: what is done is kept, and --resume (resume=True) goes on"
        ) from error


def shares_memory(executor: Executor | None) -> bool:
    """Tell whether an executor works in this process."""
    return executor is None or isinstance(executor, ThreadPoolExecutor)


def iter_tasks(
    work: Callable[..., Any],
    task: str,
    arguments: Sequence[tuple[Any, ...]],
    executor: Executor | None,
    *,
    read: Read | None = None,
    planes: int = 1,
) -> Iterator[Any]:
    """Do a task on each tile, and yield what comes of it in the same order.

    Parameters
    ----------
    work : callable
        A `TileWork`, or its name.
    task : str
        Of its tasks.
    arguments : sequence of tuple
        Of each.
    executor : concurrent.futures.Executor or None
        Who does it.
    read : callable, optional
        Reads here what is sent along.
    planes : int, optional
        Numbers that each pixel needs.

    Raises
    ------
    OSError
        If the workers are gone, or a tile cannot be read or written.
    """
    ahead = _AHEAD
    if read is not None or shares_memory(executor):
        ahead = room_for([each[0] for each in arguments], planes)

    def calls() -> Iterator[tuple[Any, ...]]:
        for each in arguments:
            yield (task, *each, *(() if read is None else read(each[0])))

    try:
        # Threads that still write must not do so after others have begun.
        settle = shares_memory(executor)
        yield from in_order(work, calls(), executor, ahead, settle=settle)
    except Exception as error:
        theirs = type(error).__module__.split(".")[0] == "distributed"
        if not (theirs or isinstance(error, BrokenExecutor | CancelledError)):
            raise
        raise OSError(
            f"the workers are gone ({type(error).__name__}: {error}); start others: "
            "what is done is kept, and --resume (resume=True) goes on"
        ) from error

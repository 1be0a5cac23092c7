"""A run whose labels go to a place on disk: counted, fitted, labeled, named.

Two passes over the image, tile by tile; a run that was interrupted is gone on with.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cluster.fit_state import bounded
from napari_emseg.io.store.run_journal import RunJournal
from napari_emseg.io.store.stored_array import identity_of
from napari_emseg.pipeline.parallel import one_thread_a_step
from napari_emseg.pipeline.progress import Progress
from napari_emseg.pipeline.run.fit_note import describe, note_fit, noted_fit
from napari_emseg.pipeline.run.large_fit import class_colors, iter_fit
from napari_emseg.pipeline.run.stored_run import StoredRun, digest_of, start_tasks
from napari_emseg.pipeline.run.tile_work import (
    TileWork,
    in_image,
    iter_tasks,
    shares_memory,
)
from napari_emseg.pipeline.segmentation import (
    Segmentation,
    iter_labels,
)
from napari_emseg.pipeline.tiles import (
    Tile,
    chunked_slab,
    slab,
    tiles,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from napari_emseg.engine.image.axes import AxisOrder
    from napari_emseg.engine.labels.labeler import Labeler
    from napari_emseg.io.store.label_target import LabelTarget
    from napari_emseg.pipeline.fitting import Fit
    from napari_emseg.pipeline.source import SegmentationInput

    Steps = Generator[Progress, None, Segmentation]

# Pixels of a tile that needs none around it, along its sides and in all.
_SIDE, _PIXELS = 2048, 2**22


@one_thread_a_step
def iter_stored(
    run: StoredRun, executor: Executor | None, *, resume: bool, force: bool
) -> Steps:
    """Segment an image into a place on disk; to cancel, stop iterating.

    Parameters
    ----------
    run : StoredRun
        What is to be done.
    executor : concurrent.futures.Executor or None
        Who works on tiles; those of other processes read and write for themselves.
    resume, force : bool
        Whether to go on with a run that was interrupted, or to throw it away.

    Yields
    ------
    Progress
        After each part.

    Raises
    ------
    OSError
        If a part cannot be read or written, or the workers are gone; what is done is
        kept.
    ValueError
        If a run is there that was asked for something else, or if the image changes
        meanwhile.
    """
    yield Progress("colors", 0, 0)
    asked = run.asked()
    assert run.target is not None
    journal = RunJournal(run.target.folder, asked, resume=resume, force=force)
    try:
        return (yield from _iter_run(run, asked, journal, executor))
    finally:
        journal.close()


def _iter_run(
    run: StoredRun,
    asked: Mapping[str, Any],
    journal: RunJournal,
    executor: Executor | None,
) -> Steps:
    assert run.target is not None
    # Workers of a run that was thrown away write elsewhere.
    tag = digest_of(json.dumps(asked).encode())
    target, tables = replace(run.target, tag=tag), journal.folder / "table.npy"
    noted = journal.fitted()
    fresh = noted is None
    if noted is None:
        found, core, table, census = yield from iter_fit(run, journal, executor)
        colors = class_colors(run.coarse, found.model, census)
        if table is not None:
            np.save(tables, table)
        noted = note_fit(found, core, colors)
    else:
        found, core, colors = noted_fit(noted)
        table = np.load(tables) if tables.exists() else None
    fine = replace(run.fine, core=core)
    labeler = run.labeler(fine, found, table)
    grid, target = _grid(fine, labeler, target, run.order)
    model = run.working.back(found.model)
    about = describe(run.image.picture, run.params, model, run.choices)
    if fresh:
        target.create(about)
        journal.note_fit(noted)
    elif not target.place.exists():
        raise FileNotFoundError(
            f"{target.place} is gone, though parts of it were done; begin anew "
            "(--force, force=True)"
        )
    left = [number for number in range(len(grid)) if number not in journal.done]
    work = TileWork(fine, target, labeler, order=run.order)
    stage = "label" if labeler.smoother is None else "smooth"
    yield Progress(stage, len(grid) - len(left), len(grid))
    results = start_tasks(
        work,
        "label",
        [(grid[n],) for n in left],
        journal,
        executor,
        planes=labeler.planes,
    )
    for number, pixels in zip(left, results, strict=True):
        journal.note_tile(number, pixels)
        yield Progress(stage, len(journal.done), len(grid))
    yield from _iter_pyramid(target, journal, executor)
    if identity_of(run.image.picture.source) != asked["image"]:
        raise ValueError(
            "the image changed while it was segmented, so that its labels may be those "
            "of two images; begin anew (--force, force=True)"
        )
    counted = np.zeros(found.model.n_classes + 1, np.int64)
    for pixels in journal.done.values():
        counted += pixels
    labels = target.publish(colors, {}, counted[1:].tolist(), about)
    return _segmentation(run, fine, labeler, found, labels, noted)


@one_thread_a_step
def iter_into(run: StoredRun, out: Any, executor: Executor | None) -> Steps:
    """Segment an image into an array that somebody else has made.

    Parameters
    ----------
    run : StoredRun
        What is to be done; its target is not written to.
    out : (…) array_like
        Anything that takes parts of labels: numpy, a memory map, Zarr.
    executor : concurrent.futures.Executor or None
        Who works on tiles.
    """
    found, core, table, _ = yield from iter_fit(run, None, executor)
    fine = replace(run.fine, core=core)
    labeler = run.labeler(fine, found, table)
    shape = run.image.picture.shape
    if fine.mask is not None:
        for tile in tiles(shape, slab(shape, _PIXELS)):
            out[tile.write] = 0
    place = out if run.order is None else _ArrangedOutput(out, run.order)
    yield from iter_labels(fine, labeler, executor, out=place)
    noted = note_fit(found, core, [])
    return _segmentation(run, fine, labeler, found, out, noted)


def _segmentation(
    run: StoredRun,
    fine: SegmentationInput,
    labeler: Labeler,
    fit: Fit,
    labels: Any,
    noted: Mapping[str, Any],
) -> Segmentation:
    working = run.working
    states = tuple(working.back_state(state) for state in fit.states)
    return Segmentation(
        labels=labels,
        model=working.back(fit.model),
        params=run.params,
        objective=tuple(noted["objective"]),
        levels=tuple(noted["levels"]),
        converged=noted["converged"],
        source=run.image if working.changes else fine,
        labeler=replace(labeler, table=None),
        states=bounded(states),
        start=run.start,
        working=replace(working, source=fine) if working.changes else None,
    )


class _ArrangedOutput:
    """An array that takes parts of labels with the axes as they are worked on."""

    def __init__(self, out: Any, order: AxisOrder) -> None:
        self._out, self._order = out, order

    def __setitem__(self, key: tuple[Any, ...], labels: NDArray[Any]) -> None:
        where, found = in_image(self._order, key[1:], labels)
        self._out[where] = found


def _iter_pyramid(
    target: LabelTarget, journal: RunJournal, executor: Executor | None
) -> Generator[Progress, None, None]:
    work = TileWork(None, target)
    for level, factor in enumerate(target.factors[1:], start=1):
        shape = target.level_shape(factor)
        size = tuple(map(min, target.chunks, shape))
        arguments = [(level, tile.write) for tile in tiles(shape, size)]
        done = _start_pyramid(work, arguments, journal, executor)
        for number, _ in enumerate(done, start=1):
            yield Progress("pyramid", number, len(arguments))


def _start_pyramid(
    work: TileWork,
    arguments: list[tuple[Any, ...]],
    journal: RunJournal,
    executor: Executor | None,
) -> Any:
    if shares_memory(executor):
        return (work("shrink", *each) for each in arguments)
    shared: Callable[..., Any] = journal.share(work)
    return iter_tasks(shared, "shrink", arguments, executor)


def _grid(
    source: SegmentationInput,
    labeler: Labeler,
    target: LabelTarget,
    order: AxisOrder | None,
) -> tuple[list[Tile], LabelTarget]:
    """Cut the image into tiles, and the labels into chunks that fit them."""
    shape, chunks = source.picture.shape, source.picture.chunks
    halo = labeler.halo(len(shape))
    if halo > 0:
        size = source.tile_size(labeler.planes, labeler.zoom)
    elif chunks is None:
        size = (*(1,) * (len(shape) - 2), _SIDE, _SIDE)
    else:
        size = chunked_slab(shape, _PIXELS, chunks)
    grid = tiles(shape, size, halo)
    if source.mask is not None:
        # What has no tissue stays 0, as it is made.
        grid = [tile for tile in grid if source.mask[tile.write].any()]
    if order is not None:
        of_axis = dict(zip(order.order, size, strict=True))
        size = tuple(
            of_axis[axis] for axis in sorted(a for a in of_axis if a is not None)
        )
    return grid, target.chunked(size)

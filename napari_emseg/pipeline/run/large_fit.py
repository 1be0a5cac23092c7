"""The classes of a large image: its colors counted, by workers too, and fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cells.counting import (
    cells_of_counts,
    count_cells,
)
from napari_emseg.engine.cells.palette import occupied, type_of_counts
from napari_emseg.engine.labels.labeler import full_table, label_table
from napari_emseg.engine.labels.measures import Measures
from napari_emseg.pipeline.fitting import Fit, choose_n_classes, iter_fits
from napari_emseg.pipeline.missing_data import warn_of_marks
from napari_emseg.pipeline.progress import Progress, map_steps
from napari_emseg.pipeline.run.coarse_view import CoarseMask, CoarsePicture
from napari_emseg.pipeline.run.stored_run import StoredRun, coding_of, start_tasks
from napari_emseg.pipeline.run.tile_work import (
    TileWork,
    shares_memory,
)
from napari_emseg.pipeline.segmentation import (
    Segmentation,
    colors_of,
)
from napari_emseg.pipeline.source import SegmentationInput, count_source
from napari_emseg.pipeline.tiles import (
    choose_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.engine.image.value_range import Core
    from napari_emseg.io.store.run_journal import RunJournal

    Steps = Generator[Progress, None, Segmentation]

# Pixels of the level that is fitted; where there is none, and no palette either, so
# many of all pixels are.
LEVEL, _SOME = 2**24, 2**22
# Pixels from which on a table of all colors there can be is made sooner than labels.
_MANY = 2**22
# Pixels that show which color a class has.
_SHOWN = 2**18


def iter_fit(
    run: StoredRun, journal: RunJournal | None, executor: Executor | None
) -> Generator[
    Progress,
    None,
    tuple[Fit, Core | None, NDArray[np.uint8] | None, CellCounts | None],
]:
    """Count and fit; return the table of colors, and what was counted, too."""
    fine = run.fine
    coding, color = coding_of(fine), fine.space.color
    white = fine.picture.full_scale
    lookup = coding is not None and run.params.smoothing == 0
    many = fine.picture.size > _MANY
    table = None
    if run.model is not None:
        if lookup and coding is not None and many:
            table = full_table(run.model, coding, color, white)
        return Fit(run.model), None, table, None
    census = yield from _iter_census(run.coarse, journal, executor)
    coarse = replace(run.coarse, core=census.cells.core)
    warn_of_marks(coarse, census)
    params = run.params
    if params.n_classes == "auto":
        # Which looks at a whole plane.
        picture = CoarsePicture.of(coarse.picture, LEVEL)
        few = coarse
        if picture is not coarse.picture:
            mask = _coarser(coarse, picture)
            few = replace(coarse, picture=picture, mask=mask, seed_labels=None)
        params = params.replace(
            n_classes=(yield from choose_n_classes(few, census, params, run.start))
        )
    steps = iter_fits(coarse, census, params, run.start)
    fit = yield from map_steps(steps, run.working.back_step)
    if lookup and coding is not None:
        if run.coarse is fine:
            table = label_table(fit.model, census, color, white)
        elif many:
            table = full_table(fit.model, coding, color, white)
    return fit, census.cells.core, table, census


def _coarser(source: SegmentationInput, picture: LazyImage) -> Any:
    """Return the mask of an image for one of fewer pixels."""
    mask = source.mask
    if mask is None or isinstance(mask, CoarseMask):
        return None if mask is None else mask.of_shape(picture.shape)
    step = -(-mask.shape[-1] // picture.shape[-1])
    return mask[..., ::step, ::step]


def _iter_census(
    source: SegmentationInput, journal: RunJournal | None, executor: Executor | None
) -> Generator[Progress, None, CellCounts]:
    """Count all pixels of an image, or some if it has no palette and is large."""
    picture, color = source.picture, source.space.color
    coding = coding_of(source)
    if coding is None:
        if picture.size <= LEVEL:
            yield Progress("colors", 0, 0)
            return count_source(source)
        features, valid, seeds = source.sample_blocks(_SOME, small=True, seeded=True)
        yield Progress("colors", 0, 0)
        parts = [(features[valid], None if seeds is None else seeds[valid])]
        parts = [part for part in parts if len(part[0])]
        return count_cells(picture, iter(parts), color=color, coding=None)
    boxes = source.boxes(raw=True)
    alone = executor is None or source.seed_labels is not None
    if alone or (journal is None and not shares_memory(executor)):

        def parts_told() -> Any:
            for where in boxes:
                part = source.part(where, raw=True)
                if len(part[0]):
                    yield part

        yield Progress("colors", 0, len(boxes))
        return count_cells(picture, parts_told(), color=color, coding=coding)
    work = TileWork(source, coding=coding)
    table = np.zeros(2**coding.bits, type_of_counts(picture.size))
    arguments = [(where,) for where in boxes]
    counted = start_tasks(work, "count", arguments, journal, executor, planes=4)
    for done, (codes, counts) in enumerate(counted, start=1):
        table[codes] += counts.astype(table.dtype)
        yield Progress("colors", done, len(boxes))
    return cells_of_counts(picture, *occupied(table), color=color, coding=coding)


def class_colors(
    source: SegmentationInput, model: Model, census: CellCounts | None
) -> list[list[float]]:
    """Return the mean colors (K, 3) of the classes, before they are smoothed."""
    picture = source.picture
    mean = None if census is None else _palette_means(model, census)
    if mean is None:
        found = Measures(range(1, model.n_classes + 1), picture.channels)
        for where in choose_blocks(picture.shape, _SHOWN, small=True):
            values = picture.read(where)[..., : picture.channels]
            features, inside = source.features(where)
            labels = model.predict(features)
            found.add(labels if inside is None else labels * inside, values)
        mean = found.mean()
    return np.round(np.nan_to_num(colors_of(picture, mean)), 6).tolist()


def _palette_means(model: Model, census: CellCounts) -> NDArray[np.float64] | None:
    """Return the means (K, C) of counted colors; None if there is no palette."""
    coding, cells = census.coding, census.cells
    if coding is None or cells.seed_labels is not None:
        return None
    values = coding.decode(census.codes)
    labels = model.predict(cells.points.T)
    sums = [
        np.bincount(labels, cells.weights * channel, model.n_classes + 1)
        for channel in values.T
    ]
    pixels = np.bincount(labels, cells.weights, model.n_classes + 1)
    return (np.array(sums) / np.maximum(pixels, 1)).T[1:]

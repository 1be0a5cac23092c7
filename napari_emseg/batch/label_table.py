"""Labels of the colors of many pictures by one model, each color looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.counting import find_coding
from napari_emseg.engine.image.color_space import black, convert
from napari_emseg.engine.labels.labeler import Labeler, check_model
from napari_emseg.pipeline.missing_data import warn_of_scale
from napari_emseg.pipeline.progress import Progress
from napari_emseg.pipeline.segmentation import Segmentation, iter_join_small

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params
    from napari_emseg.pipeline.source import SegmentationInput

    # How values become codes, the color space of the features, and white.
    TableKey = tuple[Coding, str, float]


class SharedLabels:
    """Labels without smoothing, from tables that grow with each picture.

    Most colors of a picture are in those before it, too: a picture costs one look-up
    for each pixel, and the model sees new colors alone.

    Parameters
    ----------
    model : Model
        The classes.
    tables : mapping of TableKey to ndarray of uint8, optional
        Labels of codes that are known already; 0 where they are not. A copy grows.
    """

    def __init__(
        self, model: Model, tables: Mapping[TableKey, NDArray[np.uint8]] | None = None
    ) -> None:
        self._model = model
        self._tables = {key: table.copy() for key, table in (tables or {}).items()}

    def suit(self, source: SegmentationInput, params: Params) -> bool:
        """Return whether colors alone tell the labels of a picture."""
        return (
            params.smoothing == 0
            and source.mask is None
            and source.space.plain
            and find_coding(source.picture, source.space.color) is not None
        )

    def iter_segment(
        self, source: SegmentationInput, params: Params
    ) -> Generator[Progress, None, Segmentation]:
        """Yield progress; return what `napari_emseg.iter_segment` does with a model.

        Raises
        ------
        ValueError
            If the model does not fit the picture.
        """
        picture, color, model = source.picture, source.space.color, self._model
        check_model(model, picture, source.space, None)
        warn_of_scale(source, model)
        coding = find_coding(picture, color)
        assert coding is not None
        key = coding, color, picture.full_scale
        if key not in self._tables:
            self._tables[key] = np.zeros(2**coding.bits, np.uint8)
        labels = np.zeros(picture.shape, np.uint8)
        grid = source.tiles(0)
        for done, tile in enumerate(grid, start=1):
            values, inside = source.read(tile.write)
            labels[tile.write] = self._labels(values, key)
            if inside is not None:
                labels[tile.write][~inside] = 0
            yield Progress("label", done, len(grid))
        if params.min_size > 1:
            labels = (yield from iter_join_small(source, labels, params.min_size))[1]
        return Segmentation(
            labels=labels,
            model=model,
            params=params,
            objective=(),
            levels=(),
            converged=True,
            source=source,
            labeler=Labeler(model, black(color), coding),
        )

    def _labels(self, values: NDArray[Any], key: TableKey) -> NDArray[np.uint8]:
        """Return the labels (…) of values (…, C), after a look at new colors."""
        (coding, color, white), table = key, self._tables[key]
        found = coding.lookup_values(values, table)
        if not found.all():
            codes = np.unique(coding.encode(values[found == 0]))
            points = convert(coding.decode(codes), color, white)
            table[codes] = self._model.predict(points)
            found = coding.lookup_values(values, table)
        return found

"""The census of many images: their pixels counted into cells, one image at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cells.counting import (
    CellCounts,
    find_coding,
    least_variances,
)
from napari_emseg.engine.cells.palette import (
    count_into,
    count_values,
    encoded,
    occupied,
    type_of_counts,
)
from napari_emseg.engine.image.color_space import LARGEST, PLANE, convert, native
from napari_emseg.engine.image.lazy_image import LazyImage
from napari_emseg.engine.image.value_range import find_core
from napari_emseg.pipeline.tiles import slab, tiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_emseg.batch.label_table import TableKey
    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.source import SegmentationInput

    # Codes (M,), values (M, C), and cells.
    _Palette = tuple[NDArray[np.uint32], NDArray[Any], Cells]

# Pixels of an image without a palette that tell what its classes look like.
_SHOWN = 2**10
# Pixels of an image that are read before any is counted. One of more is counted by
# itself first, into a table that takes as much memory.
_HELD = 2**24
# Pixels of images without a palette that are kept; of more, every second is.
MOST_PIXELS = 2**24


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the pixels of an image are counted: alike are added up.

    Attributes
    ----------
    color : str
        Color space of the features, resolved.
    rgb : bool
        Whether they come from red, green and blue.
    white : float or None
        The value that is white in RGB; None where it is guessed of all images.
    dtype : numpy.dtype
        Type of the values.
    coding : Coding or None
        Of a palette; None where pixels are their own cells.
    """

    color: str
    rgb: bool
    white: float | None
    dtype: np.dtype[Any]
    coding: Coding | None


class JointCounts:
    """Pixels of many images, counted together; one image is held at a time.

    Palettes are merged by adding their counts, which is exact: RGB of 8 bit, and gray
    of 8 and 16 bit. Other pixels are cells of their own, kept as they are up to
    `MOST_PIXELS` of all images together; of more, every second is left out, in all
    images alike, and the others weigh twice as much, again and again.

    Attributes
    ----------
    images, pixels : int
        How many there are, and how many of their pixels are usable.
    largest : SegmentationInput or None
        The image with most pixels, if one shall be kept.
    white : float or None
        The value that is white in all RGB images of 16 bit that do not tell it.
    """

    def __init__(self, *, keep_largest: bool = False) -> None:
        self.images = 0
        self.pixels = 0
        self.largest: SegmentationInput | None = None
        self.white: float | None = None
        self._keep_largest = keep_largest
        self._counts: dict[_Kind, NDArray[np.integer[Any]]] = {}
        self._loose: dict[_Kind, list[Cells]] = {}
        self._listed: dict[_Kind, _Palette] = {}
        self._shown: list[tuple[NDArray[Any], NDArray[Any], _Kind]] = []
        self._step = 1
        # Names of what the images are: all are of one family.
        self._families: set[str] = set()

    @property
    def color(self) -> str:
        """Color space of the features of all images, resolved."""
        colors = [kind.color for kind in (*self._counts, *self._loose)]
        return next((color for color in colors if color != PLANE), PLANE)

    @property
    def rgb(self) -> bool:
        """Whether all images are RGB."""
        return all(kind.rgb for kind in (*self._counts, *self._loose))

    def add(self, source: SegmentationInput) -> None:
        """Count the pixels of one more image.

        Raises
        ------
        ValueError
            If it has other features than those before, or no usable pixel.
        """
        picture, color = source.picture, source.space.color
        self._check(source)
        self._listed.clear()
        coding = find_coding(picture, color) if source.space.plain else None
        white: float | None = picture.full_scale
        if picture.rgb and picture.dtype == np.uint16 and picture.given_scale is None:
            # A dark image of 16 bit looks as if it had fewer.
            self.white = max(self.white or 0, picture.full_scale)
            white = None
        kind = _Kind(color, picture.rgb, white, picture.dtype, coding)
        if coding is None:
            found = self._add_pixels(source, kind)
        else:
            found = self._add_codes(source, kind, coding)
        if found == 0:
            raise ValueError(
                "the image has no usable pixel: all are transparent, not finite, or "
                f"beyond ±{LARGEST:g}; leave it out"
            )
        self.images += 1
        self.pixels += found
        if self._keep_largest and (
            self.largest is None or picture.size > self.largest.picture.size
        ):
            self.largest = source

    @property
    def _kinds(self) -> list[_Kind]:
        return [*self._counts, *self._loose]

    @property
    def _colored(self) -> bool:
        """Whether gray saved as RGB is a color among others."""
        return self.color != PLANE and all(kind.rgb for kind in self._kinds)

    def tables(self, model: Model) -> dict[TableKey, NDArray[np.uint8]]:
        """Return the labels of the codes of palettes, as `SharedLabels` takes them."""
        found = {}
        for kind in self._counts:
            codes, _, cells = self._palette(kind)
            assert kind.coding is not None
            table = np.zeros(2**kind.coding.bits, np.uint8)
            table[codes] = model.predict(cells.points.T)
            color = self.color if self._colored else kind.color
            found[kind.coding, color, self._white(kind)] = table
        return found

    def class_colors(
        self, model: Model, tables: Mapping[TableKey, NDArray[np.uint8]]
    ) -> NDArray[np.float64] | None:
        """Return mean colors (K, 3) of classes, in [0, 1].

        Those of all pixels where there are palettes, otherwise of some.

        Returns
        -------
        (K, 3) ndarray of float64 or None
            None if the images are not RGB; NaN for a class without pixels.
        """
        if not all(kind.rgb for kind in self._kinds):
            return None
        sums = np.zeros((model.n_classes, 4))
        for kind, table in zip(self._counts, tables.values(), strict=True):
            codes, values, cells = self._palette(kind)
            _add_colors(sums, table[codes], values, cells.weights, self._white(kind))
        for values, points, kind in self._shown:
            dims = model.means.shape[1]
            if points.shape[1] != dims or (kind.white is None and dims == 3):
                points = self._converted(values, kind)
            labels = model.predict(points).ravel()
            weights = np.ones(len(values))
            _add_colors(sums, labels, values, weights, self._white(kind))
        with np.errstate(invalid="ignore"):
            return np.clip(sums[:, 1:] / sums[:, :1], 0, 1)

    def census(self) -> CellCounts:
        """Return the cells of all images.

        Raises
        ------
        ValueError
            If there is no image.
        """
        if not self.images:
            raise ValueError("there are no images; pass at least one")
        color, kinds = self.color, self._kinds
        if len(self._counts) == 1 and not self._loose:
            (kind,) = self._counts
            coding, (codes, _, cells) = kind.coding, self._palette(kind)
        else:
            codes, coding = np.empty(0, np.uint32), None
            palettes = [self._palette(kind)[-1] for kind in self._counts]
            loose = [
                self._promoted(kind, cells)
                for kind, found in self._loose.items()
                for cells in found
            ]
            cells = _joined([*palettes, *loose])
        if native(color):
            cells = replace(cells, core=find_core(cells.points, cells.weights))
        # Where types differ, floats tell no step, and few bits the largest.
        dtype = min((kind.dtype for kind in kinds), key=lambda d: (d.kind, d.itemsize))
        one = LazyImage(np.zeros((1, 1), dtype), (1, 1), None, rgb=False)
        floor = least_variances(one, cells, codes, color)
        return CellCounts(cells, coding, codes, floor)

    def _palette(self, kind: _Kind) -> _Palette:
        """Return codes (M,), values (M, C) and cells of a palette."""
        if kind not in self._listed:
            assert kind.coding is not None
            codes, counts = occupied(self._counts[kind])
            values = kind.coding.decode(codes)
            points = np.ascontiguousarray(self._converted(values, kind).T)
            cells = Cells(counts.astype(np.float64), points)
            self._listed[kind] = codes, values, cells
        return self._listed[kind]

    def _promoted(self, kind: _Kind, cells: Cells) -> Cells:
        """Return cells of features, of gray ones as colors if others have some."""
        values = cells.points.T
        if kind.color == PLANE and self._colored:
            values = values.astype(kind.dtype)
        elif values.dtype != np.uint16:
            return cells
        return replace(cells, points=self._converted(values, kind).T)

    def _converted(self, values: NDArray[Any], kind: _Kind) -> NDArray[np.float32]:
        """Return features of values (M, C)."""
        white = self._white(kind)
        if self._colored:
            values = np.repeat(values, 3, axis=1) if values.shape[1] == 1 else values
            return convert(values, self.color, white)
        return convert(values, kind.color, white)

    def _white(self, kind: _Kind) -> float:
        """Return the value of white of a kind."""
        return kind.white or self.white or 1.0

    def _add_codes(self, source: SegmentationInput, kind: _Kind, coding: Coding) -> int:
        """Count the colors or levels of an image; return how many pixels it has."""
        size = source.picture.size
        parts = (values for values, _ in source.parts(raw=True))
        dtype = type_of_counts(self.pixels + size)
        table = self._counts.get(kind)
        if table is None:
            table = np.zeros(2**coding.bits, dtype)
        table = table.astype(dtype, copy=False)
        # Nothing is added before all is read: an image that fails leaves no trace.
        if coding.bits < 24:
            codes, counts = count_values(parts, coding, size=size)
            table[codes] += counts.astype(table.dtype)
            found = int(counts.sum())
        elif size > _HELD:
            added = np.zeros_like(table)
            found = count_into(added, encoded(parts, coding))
            table += added
        else:
            found = count_into(table, encoded(list(parts), coding))
        if found:
            self._counts[kind] = table
        return found

    def _add_pixels(self, source: SegmentationInput, kind: _Kind) -> int:
        """Keep the pixels of an image as cells; return how many it has."""
        raw = source.space.plain and kind.white is None
        parts = [values.T for values, _ in source.parts(raw=raw)]
        if not parts:
            return 0
        points = np.concatenate(parts, axis=1)[: None if not raw else 3]
        cells = Cells(np.broadcast_to(np.ones(1), points.shape[1]), points)
        if kind.rgb:
            self._show(source, kind)
        self._loose.setdefault(kind, []).append(_thinned(cells, self._step))
        while self._kept() > MOST_PIXELS:
            self._step *= 2
            for found in self._loose.values():
                found[:] = [_thinned(cells, 2) for cells in found]
        return points.shape[1]

    def _show(self, source: SegmentationInput, kind: _Kind) -> None:
        """Keep colors and features of some pixels."""
        shape = source.picture.shape
        every = max(1, source.picture.size // _SHOWN)
        for tile in tiles(shape, slab(shape, 2**20)):
            values, inside = source.read(tile.write)
            flat = values.reshape(-1, values.shape[-1])[:, : source.picture.channels]
            points = source.features(tile.write)[0]
            points = points.reshape(-1, points.shape[-1])
            if inside is not None:
                flat, points = flat[inside.ravel()], points[inside.ravel()]
            if len(flat):
                some = flat[::every].copy(), points[::every].copy(), kind
                self._shown.append(some)

    def _kept(self) -> int:
        return sum(cells.count for found in self._loose.values() for cells in found)

    def _check(self, source: SegmentationInput) -> None:
        """Refuse an image that has other features than those before."""
        picture, space = source.picture, source.space
        family = "RGB" if picture.rgb else f"{picture.channels} channels"
        family = family.replace("1 channels", "gray")
        # Gray saved as RGB is gray among gray, and a color among colors.
        either = picture.rgb and space.color == PLANE
        more = space.dims(picture) - replace(space, texture=0, position=0).dims(picture)
        if more:
            family += f" with {more} features of texture and position"
        known = self._families or {family}
        fits = family in known or (either and family.replace("RGB", "gray") in known)
        if not fits:
            raise ValueError(
                f"the image is {family}, but those before it are {min(known)}, and one "
                "model has the features of all; leave it out, or fit it apart"
            )
        if not either:
            self._families = {family}
        if not picture.rgb and picture.dtype.kind in "ui":
            sizes = {kind.dtype for kind in self._kinds if not kind.rgb}
            other = next((one for one in sizes if one.kind in "ui"), picture.dtype)
            if other.itemsize != picture.dtype.itemsize:
                raise ValueError(
                    f"the image is {picture.dtype}, but those before it are {other}, "
                    "and one model has the values of all; bring them to one type, "
                    "leave it out, or fit it apart"
                )


def _thinned(cells: Cells, step: int) -> Cells:
    """Return one cell of so many, at even distances, with the weight of all."""
    return cells if step == 1 else cells.sample(max(1, cells.count // step))


def _add_colors(
    sums: NDArray[np.float64],
    labels: NDArray[np.uint8],
    values: NDArray[Any],
    weights: NDArray[np.float64],
    white: float,
) -> None:
    """Add weights and colors of values (M, C) to the sums (K, 4) over their classes."""
    index = labels.astype(np.intp) - 1
    sums[:, 0] += np.bincount(index, weights, len(sums))
    # Gray saved as RGB has one channel here.
    for column in range(3):
        channel = values[:, column if values.shape[1] > 1 else 0]
        total = np.bincount(index, weights * channel, len(sums))
        sums[:, 1 + column] += total / white


def _joined(parts: list[Cells]) -> Cells:
    """Return all cells; where all are single pixels, the weights take no memory."""
    points = np.concatenate([cells.points for cells in parts], axis=1)
    if all((cells.weights == 1).all() for cells in parts):
        return Cells(np.broadcast_to(np.ones(1), points.shape[1]), points)
    return Cells(np.concatenate([cells.weights for cells in parts]), points)

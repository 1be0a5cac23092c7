"""What is segmented: a picture, and the pixels of it that count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cells.counting import count_cells, find_coding
from napari_emseg.engine.image.color_space import (
    PLANE,
    check_size,
    convert,
    resolve_color,
    usable,
)
from napari_emseg.engine.image.feature_space import FeatureSpace
from napari_emseg.engine.image.noise import noise_level
from napari_emseg.engine.image.value_range import find_core
from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.mrf.smoother import CELL
from napari_emseg.pipeline.axes.channel_units import channel_units
from napari_emseg.pipeline.run.coarse_view import CoarseMask
from napari_emseg.pipeline.tiles import (
    Slices,
    Tile,
    bounding_box,
    choose_blocks,
    chunked_slab,
    slab,
    tiles,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.cells.counting import CellCounts, Part
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.engine.image.value_range import Core

MAX_CLASSES = 64
# Pixels of a part that needs no surroundings, and of one that is only counted.
_SLAB, _COUNT = 2**20, 2**24
# Pixels that tell what an image is like.
_SAMPLE = 2**18
# So many pixels of a seed label are enough to tell its class.
_KNOWN = 64
# Values of `color` with which gray saved as RGB is one plane.
_NOT_ASKED = ("auto", "gray", "none")
# Pixels of one tile along each of its axes; a volume's tile holds as many.
_TILE = {2: 1024, 3: 192}
# Numbers of a tile of a plane at most.
_NUMBERS = 2**23


@dataclass(frozen=True, eq=False)
class SegmentationInput:
    """An image, its mask, and the labels that the user fixed; read tile by tile.

    Attributes
    ----------
    picture : LazyImage
        The image.
    mask : (*S) ndarray of bool, CoarseMask or None
        Pixels inside; None is all.
    seed_labels : (*S) ndarray of uint8 or None
        Labels that the user fixed; 0 where free.
    space : FeatureSpace
        What features are made of.
    core : Core or None
        Range of the features of nearly all pixels, if some are far outside, as it is
        known when the pixels are counted.
    cut : bool
        Whether the mask was found in the picture, as dark corners are, not given: it is
        found anew in another.
    """

    picture: LazyImage
    mask: BoolArray | None
    seed_labels: NDArray[np.uint8] | None
    space: FeatureSpace
    core: Core | None = None
    cut: bool = False

    def tiles(self, halo: int, planes: int = 1, zoom: int = 1) -> list[Tile]:
        """Cut the image into parts that need `halo` pixels around them.

        Without any, slabs which are contiguous in memory; otherwise tiles of the last
        two or three axes, which have the least surroundings. Tiles of a plane are the
        smaller, the more numbers each pixel of them needs, and `zoom` times as long.
        Parts where no pixel is inside the mask are left out.
        """
        shape = self.picture.shape
        box = self._box()
        if halo == 0:
            sides = tuple(part.stop - part.start for part in box)
            size = chunked_slab(sides, _SLAB, self.picture.chunks)
        else:
            size = self.tile_size(planes, zoom)
            # What is smoothed is looked at in cells.
            box = tuple(slice(part.start // CELL * CELL, part.stop) for part in box)
        grid = tiles(shape, size, halo, box)
        if self.mask is None:
            return grid
        return [tile for tile in grid if self.mask[tile.write].any()]

    def tile_size(self, planes: int, zoom: int) -> tuple[int, ...]:
        """Return the size of tiles that need pixels around them."""
        n_axes = len(self.picture.shape)
        n = min(n_axes, 3)
        side = _TILE[n] * (zoom if n == 2 else 1)
        # Cells have fewer numbers, of half as many bytes.
        while n == 2 and side**2 * planes > _NUMBERS * zoom**3:
            side //= 2
        return (1,) * (n_axes - n) + (side,) * n

    def _box(self) -> Slices:
        """Return the smallest part of the image that holds the mask."""
        if self.mask is None:
            return tuple(slice(0, length) for length in self.picture.shape)
        if isinstance(self.mask, CoarseMask):
            return self.mask.box()
        return bounding_box(self.mask)

    def read(self, where: Slices) -> tuple[NDArray[Any], BoolArray | None]:
        """Read the channels (*S, C) of a part, and which of its pixels count."""
        values = self.picture.read(where)
        mask = None if self.mask is None else self.mask[where]
        return values, usable(values, rgb=self.picture.rgb, mask=mask)

    def pixels(
        self, where: Slices, *, raw: bool
    ) -> tuple[NDArray[Any], BoolArray | None]:
        """Read the channels of a part if `raw`, else its features, and what counts."""
        return self.read(where) if raw else self.features(where)

    def parts(self, *, raw: bool) -> Iterator[Part]:
        """Read the usable pixels of each tile that has any, and their fixed classes.

        Their channels if `raw`, else their features.
        """
        for where in self.boxes(raw=raw):
            part = self.part(where, raw=raw)
            if len(part[0]) > 0:
                yield part

    def boxes(self, *, raw: bool) -> list[Slices]:
        """Cut the image into parts that are counted one by one."""
        shape = self.picture.shape
        # The order of features is that of pixels, however they are stored.
        size = slab(shape, _SLAB)
        if raw:
            size = chunked_slab(shape, _COUNT, self.picture.chunks)
        return [tile.write for tile in tiles(shape, size)]

    def part(self, where: Slices, *, raw: bool) -> Part:
        """Read the usable pixels of a part, as for `parts`."""
        values, inside = self.pixels(where, raw=raw)
        flat = values.reshape(-1, values.shape[-1])
        seed_labels = None
        if self.seed_labels is not None:
            seed_labels = self.seed_labels[where].ravel()
        if inside is not None:
            flat = flat[inside.ravel()]
            seed_labels = None if seed_labels is None else seed_labels[inside.ravel()]
        return flat, seed_labels

    def sample_blocks(
        self, limit: int | None, *, small: bool = False, seeded: bool = False
    ) -> tuple[FloatArray, BoolArray, NDArray[np.uint8] | None]:
        """Read blocks of the image, side by side, or what is inside the mask.

        Parameters
        ----------
        limit : int or None
            Pixels that are enough; None reads all, outside of the mask too.
        small : bool
            Whether to read more and smaller blocks.
        seeded : bool
            Whether to read further blocks, where seed labels are, until each of these
            is known from some pixels.

        Returns
        -------
        features : (*S, D) ndarray of float32
            S has 2 or 3 axes; 0 where not valid.
        valid : (*S) ndarray of bool
            Pixels that count: some, if any block that was tried has some. Those
            between two blocks do not, so that no two blocks are neighbors.
        seed_labels : (*S) ndarray of uint8 or None
            Labels that the user fixed; 0 where free.
        """
        found = []
        places = self._places(limit, small=small)
        if seeded and self.seed_labels is not None:
            seeds = self.seed_labels
            seeds = seeds if self.mask is None else np.where(self.mask, seeds, 0)
            places += self._places_of_seeds(seeds, places)
        for where in places:
            features, inside = self.features(where)
            # Planes without neighbors in front and behind are pictures.
            flat = features.ndim > 4 and features.shape[-4] == 1
            n = 2 if flat else min(features.ndim - 1, 3)
            features = features.reshape(*features.shape[-1 - n : -1], -1)
            shape = features.shape[:-1]
            valid = np.ones(shape, bool) if inside is None else inside.reshape(shape)
            seed_labels = (
                None
                if self.seed_labels is None
                else self.seed_labels[where].reshape(shape)
            )
            found.append((features, valid, seed_labels))
        if len(found) == 1:
            features, valid, seed_labels = found[0]
            if limit is None or not valid.any():
                return found[0]
            # Transparent pixels are as much outside as those of a mask.
            box = bounding_box(valid)
            return (
                features[box],
                valid[box],
                None if seed_labels is None else seed_labels[box],
            )
        gap = [(0, 1)] + [(0, 0)] * (found[0][1].ndim - 1)
        features, valid = (
            np.concatenate([np.pad(part, gap + rest) for part in parts])
            for parts, rest in (
                ([f for f, _, _ in found], [(0, 0)]),
                ([v for _, v, _ in found], []),
            )
        )
        padded = [np.pad(s, gap) for _, _, s in found if s is not None]
        return features, valid, np.concatenate(padded) if padded else None

    @kept_property
    def noise_power(self) -> float:
        """Variance of the noise, summed over the features; of the sample."""
        features, valid = self.sample_core[:2]
        noise = noise_level(np.moveaxis(features, -1, 0), valid)
        return float(noise @ noise)

    @kept_property
    def sample_core(self) -> tuple[FloatArray, BoolArray, NDArray[np.uint8] | None]:
        """Return the sample, extremes nearer."""
        features, valid, seed_labels = self.sample
        if self.core is not None:
            features = self.core.clip(features)
        return features, valid, seed_labels

    @kept_property
    def sample(self) -> tuple[FloatArray, BoolArray, NDArray[np.uint8] | None]:
        """Return a sample of few pixels, read once; read-only."""
        features, valid, seed_labels = self.sample_blocks(_SAMPLE)
        features, valid = features.view(), valid.view()
        features.flags.writeable = valid.flags.writeable = False
        return features, valid, seed_labels

    def _places(self, limit: int | None, *, small: bool) -> list[Slices]:
        """Choose the blocks of a sample."""
        if limit is None:
            return choose_blocks(self.picture.shape, self.picture.size)
        box = self._box()

        def place(piece: Slices) -> Slices:
            return tuple(
                slice(part.start + a.start, part.stop + a.start)
                for part, a in zip(piece, box, strict=True)
            )

        def useful(piece: Slices) -> bool:
            where = place(piece)
            if self.mask is not None and not self.mask[where].any():
                return False
            inside = self.read(where)[1]
            return inside is None or bool(inside.any())

        size = tuple(part.stop - part.start for part in box)
        found = choose_blocks(size, limit, useful, small=small)
        return [place(p) for p in found or choose_blocks(size, limit, small=small)]

    def _places_of_seeds(
        self, seeds: NDArray[np.uint8], places: list[Slices]
    ) -> list[Slices]:
        """Choose blocks that hold seed labels which others hold too few pixels of."""
        found = []
        for label in filter(None, np.unique(seeds).tolist()):
            held = sum(np.count_nonzero(seeds[where] == label) for where in places)
            if held >= _KNOWN:
                continue
            at = np.flatnonzero(seeds == label)
            if held < at.size:
                middle = np.unravel_index(at[at.size // 2], seeds.shape)
                found.append(_around(middle, places[0], seeds.shape))
        return found

    def features(self, where: Slices) -> tuple[FloatArray, BoolArray | None]:
        """Return the features (*S, D) of a part, and which of its pixels count.

        Features of pixels that do not count are 0.
        """
        full = where + tuple(slice(0, n) for n in self.picture.shape[len(where) :])
        halo, lead = self.space.halo, len(full) - 2
        wide = tuple(
            slice(max(part.start - halo, 0), min(part.stop + halo, n))
            if axis >= lead
            else part
            for axis, (part, n) in enumerate(zip(full, self.picture.shape, strict=True))
        )
        values, inside = self.read(wide)
        if inside is not None and halo:
            # Their neighbors' texture must not see what NaN or a mask hides.
            values = np.where(inside[..., np.newaxis], values, values.dtype.type(0))
        origin = tuple(part.start for part in wide)
        found = self.space.features(values, origin, self.picture)
        core = tuple(
            slice(a.start - b.start, a.stop - b.start)
            for a, b in zip(full, wide, strict=True)
        )
        found = found[core]
        if inside is not None:
            inside = inside[core]
            # A copy: without conversion the features may be the user's own array.
            found = np.where(inside[..., np.newaxis], found, np.float32(0))
        return found, inside


def _around(
    middle: tuple[np.intp, ...], like: Slices, shape: tuple[int, ...]
) -> Slices:
    """Return a block that is as large as another, around a pixel, within a shape."""
    sizes = [part.stop - part.start for part in like]
    starts = [
        min(max(int(at) - size // 2, 0), n - size)
        for at, size, n in zip(middle, sizes, shape, strict=True)
    ]
    return tuple(slice(a, a + size) for a, size in zip(starts, sizes, strict=True))


def as_source(
    picture: LazyImage,
    mask: ArrayLike | None,
    seed_labels: ArrayLike | None,
    space: FeatureSpace,
) -> SegmentationInput:
    """Check mask and seed labels against the picture.

    Raises
    ------
    TypeError
        If the mask has values of another type than bool, integer or float.
    ValueError
        If a shape differs, or if seed labels are not integers from 0 to 64.
    """
    shape = picture.shape
    inside = None if mask is None else np.asarray(mask)
    if inside is not None:
        if inside.shape != shape:
            raise ValueError(
                f"mask has shape {inside.shape}, but the image has {shape}; give one "
                "value for each pixel, without channels"
            )
        if inside.dtype.kind not in "buif":
            raise TypeError(f"mask has values of type {inside.dtype}; pass bool")
        # Of a soft selection, as everywhere, what is covered by half.
        inside = inside >= 0.5 if inside.dtype.kind == "f" else inside.astype(bool)
    seed_labels = None if seed_labels is None else np.asarray(seed_labels)
    if seed_labels is not None:
        if seed_labels.shape != shape or seed_labels.dtype.kind not in "bui":
            raise ValueError(
                f"seed_labels has shape {seed_labels.shape} and type "
                f"{seed_labels.dtype}, but integers of the image's shape {shape} are "
                "needed"
            )
        if seed_labels.min() < 0 or seed_labels.max() > MAX_CLASSES:
            raise ValueError(
                f"seed_labels has labels from {seed_labels.min()} to "
                f"{seed_labels.max()}, but 0 (free) to {MAX_CLASSES} are allowed; "
                "renumber them"
            )
    return SegmentationInput(
        picture,
        inside,
        None
        if seed_labels is None or not seed_labels.any()
        else seed_labels.astype(np.uint8),
        space,
    )


def find_space(
    picture: LazyImage,
    color: str,
    texture: float,
    position: float,
    *,
    like: Model | None = None,
) -> FeatureSpace:
    """Resolve what features are made of, in units of the image's contrast.

    Gray saved as RGB is what it would be as one plane, unless a color space is asked
    for.

    Parameters
    ----------
    picture : LazyImage
        The image.
    color, texture, position
        As in `Params`.
    like : Model, optional
        A model that the features are for: one of colors takes gray for a color.

    Raises
    ------
    ValueError
        If the image has not the channels of the color space.
    """
    units = channel_units(picture)
    color_found = resolve_color(picture, color)
    space = FeatureSpace(color_found, texture, position, units=units)
    if color in _NOT_ASKED and picture.gray:
        plane = replace(space, color=PLANE)
        if like is None or like.means.shape[1] == plane.dims(picture):
            space = plane
    if space.plain or (picture.rgb and space.color != PLANE):
        return space
    contrast, some = _contrast(picture, space)
    core = find_core(some[np.newaxis])
    if core is None:
        return replace(space, contrast=contrast)
    # Texture and units are those of nearly all pixels.
    low, high = core.clip(np.array([[-np.inf], [np.inf]])).ravel().tolist()
    contrast, _ = _contrast(picture, space, core)
    return replace(space, contrast=contrast, low=low, high=high)


def _contrast(
    picture: LazyImage, space: FeatureSpace, core: Core | None = None
) -> tuple[float, NDArray[np.float64]]:
    """Return the standard deviation of the first feature, and some of its values.

    Without extremes, if their range is known.
    """
    count, total, square, most, origin = 0, 0.0, 0.0, 0.0, None
    some = [np.empty(0)]
    step = max(1, picture.size // _SAMPLE)
    for part in tiles(picture.shape, slab(picture.shape, _SLAB)):
        values = picture.read(part.write)
        inside = usable(values, rgb=picture.rgb)
        light = convert(values, space.color)[..., space.lead].astype(np.float64)
        light = light.ravel() if inside is None else light[inside]
        if core is not None:
            light = light[core.holds(light[:, np.newaxis])]
        if light.size == 0:
            continue
        some += [light[::step].copy(), np.array([light.min(), light.max()])]
        most = max(most, float(np.abs(some[-1]).max()))
        # Squares of what is far from zero would lose the digits that differ.
        origin = light.mean() if origin is None else origin
        light -= origin
        count += light.size
        total += float(light.sum())
        square += float(light @ light)
    check_size(most)
    if count == 0:
        return space.contrast, np.concatenate(some)
    variance = square / count - (total / count) ** 2
    return float(np.sqrt(max(variance, 0))), np.concatenate(some)


def count_source(source: SegmentationInput) -> CellCounts:
    """Count the pixels of an image into the cells that fits work on.

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    picture, color = source.picture, source.space.color
    coding = find_coding(picture, color) if source.space.plain else None
    parts = source.parts(raw=coding is not None)
    return count_cells(picture, parts, color=color, coding=coding)

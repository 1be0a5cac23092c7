"""Images as the color tools read them: part by part, or prepared for many calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from napari_emseg.engine.cells.counting import find_coding
from napari_emseg.engine.cells.palette import count_codes
from napari_emseg.engine.image.color_space import convert, resolve_color, usable
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.image.value_range import usual_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.image.lazy_image import LazyImage

    # Score 0..255 of (N, D) features: from 128 on, they are selected.
    Score: TypeAlias = Callable[[FloatArray], NDArray[np.uint8]]

__all__ = ["Prepared", "prepare"]

Window: TypeAlias = tuple[slice, ...]
# Pixels that are converted at once.
_SLAB = 2**20
# And that tell the range of colors.
_SAMPLE = 2**16


class ColorIndex(Protocol):
    """What the color tools need to know of an image."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def picture(self) -> LazyImage: ...
    @property
    def span(self) -> float: ...
    def colors(self, where: Window | BoolArray) -> FloatArray:
        """Return features (N, D) of the usable pixels of a window, or under a mask."""

    def reader(self, score: Score) -> Callable[[Window], NDArray[np.uint8]]:
        """Return a function that scores the pixels of a window."""

    def score(self, window: Window, score: Score) -> NDArray[np.uint8]:
        """Return the scores of the pixels of a window, for one that is small."""

    def features_in(self, window: Window) -> tuple[FloatArray, BoolArray | None]:
        """Return features (…, D) of a window, and its usable pixels; None is all."""


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """An image that is read where it is looked at, and converted each time."""

    picture: LazyImage

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return self.picture.shape

    @property
    def span(self) -> float:
        """Length of the diagonal of the box that holds all usual colors."""
        whole = tuple(slice(0, n) for n in self.shape)
        step = max(1, self.picture.size // _SAMPLE)
        some = []
        for part in _slabs(whole):
            colors = self.colors(part)
            if len(colors) > 0:
                ends = [colors.argmin(axis=0), colors.argmax(axis=0)]
                some += [colors[::step], *(colors[end] for end in ends)]
        if not some:
            return 0.0
        return _span(np.concatenate(some).T, None)

    def colors(self, where: Window | BoolArray) -> FloatArray:
        """Return features (N, D) of the usable pixels of a window, or under a mask."""
        if isinstance(where, np.ndarray):
            box = tuple(slice(0, n) for n in self.shape)
            parts = [self._read(part, where[part]) for part in _slabs(box)]
            return np.concatenate([found[inside] for found, inside in parts])
        found, inside = self._read(where)
        return found.reshape(-1, found.shape[-1]) if inside is None else found[inside]

    def reader(self, score: Score) -> Callable[[Window], NDArray[np.uint8]]:
        """Return a function that scores the pixels of a window."""

        def read(window: Window) -> NDArray[np.uint8]:
            starts = [part.start for part in window]
            out = np.empty([part.stop - part.start for part in window], np.uint8)
            for part in _slabs(window):
                found, inside = self._read(part)
                near = score(found)
                to = tuple(
                    slice(p.start - start, p.stop - start)
                    for p, start in zip(part, starts, strict=True)
                )
                out[to] = near if inside is None else np.where(inside, near, 0)
            return out

        return read

    def score(self, window: Window, score: Score) -> NDArray[np.uint8]:
        """Return the scores of the pixels of a window, for one that is small."""
        return self.reader(score)(window)

    def features_in(self, window: Window) -> tuple[FloatArray, BoolArray | None]:
        """Return features (…, D) of a window, and its usable pixels; None is all."""
        return self._read(window)

    def _read(
        self, window: Window, mask: BoolArray | None = None
    ) -> tuple[FloatArray, Any]:
        values = self.picture.read(window)
        inside = usable(values, rgb=self.picture.rgb, mask=mask)
        color = resolve_color(self.picture, "auto")
        return convert(values, color, self.picture.full_scale), inside


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An image made ready for many calls of the color tools; made by `prepare`.

    Attributes
    ----------
    picture : LazyImage
        The image; only its shape and type are asked for.
    coding : Coding or None
        How its values became codes; None if it has no short list of values.
    codes : (…, Y, X) ndarray of unsigned int
        Code of each pixel; empty without coding.
    palette : (M,) ndarray of uint32
        Distinct codes, rising.
    features : (M, D) or (…, Y, X, D) ndarray of float32
        Of the palette; without coding, of each pixel. Lab of RGB images.
    inside : (…, Y, X) ndarray of bool or None
        Pixels that can be selected; None is all.
    span : float
        Length of the diagonal of the box that holds all colors but those of hot pixels
        and of marks of missing data: a tolerance above it selects everything else.

    Notes
    -----
    Memory: 4 bytes per pixel and 16 per distinct color for RGB of 8 bit; 1 or 2 bytes
    per pixel for gray levels; 4 D bytes per pixel for others.
    """

    picture: LazyImage
    coding: Coding | None
    codes: NDArray[Any]
    palette: NDArray[np.uint32]
    features: FloatArray
    inside: BoolArray | None
    span: float

    def __repr__(self) -> str:
        """Return the shape, and the span that a tolerance is measured against."""
        shape = " x ".join(map(str, self.shape))
        return f"Prepared({shape}, span {self.span:.4g})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return self.picture.shape

    def colors(self, where: Window | BoolArray) -> FloatArray:
        """Return features (N, D) of the usable pixels of a window, or under a mask.

        Under a mask each color of a palette is given once.
        """
        inside = None if self.inside is None else self.inside[where]
        if self.coding is None:
            found = self.features[where]
            if inside is None:
                return found.reshape(-1, found.shape[-1])
            return found[inside]
        codes = self.codes[where].ravel()
        if inside is not None:
            codes = codes[inside.ravel()]
        if isinstance(where, np.ndarray):
            codes = np.unique(codes)
        return self.features[np.searchsorted(self.palette, codes)]

    def score(self, window: Window, score: Score) -> NDArray[np.uint8]:
        """Return the scores of the pixels of a window, for one that is small."""
        found, inside = self.features_in(window)
        near = score(found)
        return near if inside is None else np.where(inside, near, np.uint8(0))

    def features_in(self, window: Window) -> tuple[FloatArray, BoolArray | None]:
        """Return features (…, D) of a window, and its usable pixels; None is all."""
        inside = None if self.inside is None else self.inside[window]
        if self.coding is None:
            return self.features[window], inside
        places = np.searchsorted(self.palette, self.codes[window])
        return self.features[places], inside

    def reader(self, score: Score) -> Callable[[Window], NDArray[np.uint8]]:
        """Return a function that scores the pixels of a window.

        Colors are scored once, however many pixels have them.
        """
        coding = self.coding
        if coding is not None:
            table = coding.table(self.palette, score(self.features))

        def read(window: Window) -> NDArray[np.uint8]:
            if coding is None:
                near = score(self.features[window])
            else:
                near = coding.lookup(self.codes[window], table)
            if self.inside is None:
                return near
            return np.where(self.inside[window], near, np.uint8(0))

        return read


def prepare(
    image: ArrayLike, *, channel_axis: int | None = None, rgb: bool | None = None
) -> Prepared:
    """Return an image prepared for the color tools, so that each call of them is fast.

    What they need is cached.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        As for `napari_emseg.segment`.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    Prepared
        To be passed instead of the image. It does not follow later changes of it.

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.segment`.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> ready = select.prepare(np.array([[0, 40], [40, 100]], np.uint8))
    >>> ready
    Prepared(2 x 2, span 100)
    >>> select.wand(ready, (0, 1), tolerance=50).sum()
    np.int64(3)
    """
    picture = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
    color = resolve_color(picture, "auto")
    coding = find_coding(picture, color)
    values = picture.read()
    inside = usable(values, rgb=picture.rgb)
    codes, palette = np.empty(0, np.uint8), np.empty(0, np.uint32)
    weights = None
    if coding is None:
        features = np.empty((*picture.shape, picture.channels), np.float32)
        for part in _slabs(tuple(slice(0, n) for n in picture.shape)):
            features[part] = convert(values[part], color, picture.full_scale)
        if inside is not None:
            features[~inside] = 0
    else:
        codes = coding.encode(values)
        # Arrays of others (dask, zarr) cannot tell whose memory they gave.
        if not isinstance(image, np.ndarray) or np.may_share_memory(codes, image):
            codes = codes.copy()
        palette, counts = count_codes([codes], bits=coding.bits, size=codes.size)
        features = convert(coding.decode(palette), color, picture.full_scale)
        weights = counts.astype(np.float64)
    flat = features if inside is None or coding is not None else features[inside]
    flat = flat.reshape(-1, features.shape[-1])
    span = 0.0
    if len(flat) > 0:
        span = _span(flat.T, weights)
    return Prepared(picture, coding, codes, palette, features, inside, span)


def as_scene(image: Any, *, channel_axis: int | None, rgb: bool | None) -> ColorIndex:
    """Return a prepared image as it is, and another one to be read where needed."""
    if isinstance(image, Prepared):
        return image
    return Direct(as_lazy_image(image, channel_axis=channel_axis, rgb=rgb))


def _span(colors: FloatArray, weights: Float64Array | None) -> float:
    """Return the length of the diagonal of the box that holds colors (D, N)."""
    low, high = usual_range(colors, weights)
    return float(np.linalg.norm(high - low))


def _slabs(window: Window) -> Iterator[Window]:
    """Yield parts of a window of about `_SLAB` pixels, cut along its first axis."""
    rest = int(np.prod([part.stop - part.start for part in window[1:]]))
    step = max(1, _SLAB // max(rest, 1))
    for start in range(window[0].start, window[0].stop, step):
        yield (slice(start, min(start + step, window[0].stop)), *window[1:])

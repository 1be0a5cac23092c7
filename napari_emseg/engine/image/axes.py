"""Axes by their letters, and arrays whose axes are seen in another order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Sliceable

CHANNELS, COLORS = "C", "S"
# Axes whose names nobody tells, from the last to the first.
_UNNAMED = "XYZTPQRUVWABDEFGHIJKLMNO"
# What people call axes, beside the letters themselves.
_NAMES = {
    "time": "T",
    "times": "T",
    "frame": "T",
    "frames": "T",
    "depth": "Z",
    "plane": "Z",
    "slice": "Z",
    "slices": "Z",
    "planes": "Z",
    "channel": "C",
    "channels": "C",
    "ch": "C",
    "band": "C",
    "bands": "C",
    "wavelength": "C",
    "row": "Y",
    "rows": "Y",
    "height": "Y",
    "lat": "Y",
    "latitude": "Y",
    "column": "X",
    "columns": "X",
    "col": "X",
    "cols": "X",
    "width": "X",
    "lon": "X",
    "longitude": "X",
    "rgb": "S",
    "rgba": "S",
    "sample": "S",
}
# Few planes in front are channels, unless something tells otherwise; and planes of less
# than so many pixels along a side may be anything.
_FEW, _SIDE = 4, 16
# So many ways to read axes can be looked through.
_CHOICES = 24


def check_axes(axes: str, shape: tuple[int, ...]) -> str:
    """Return the letters of an image's axes, in capitals.

    Parameters
    ----------
    axes : str
        One letter for each axis: Y and X; Z for depth; C for channels, or S for red,
        green and blue; T for time. Any other letter is as good as T.
    shape : tuple of int
        Of the image.

    Raises
    ------
    TypeError, ValueError
        If they cannot be those of the image.

    Examples
    --------
    >>> check_axes("tczyx", (5, 2, 9, 64, 64))
    'TCZYX'
    """
    if not isinstance(axes, str):
        raise TypeError(
            f"axes is {axes!r}, but a text with one letter for each axis is needed, "
            "such as 'TZCYX'"
        )
    found = axes.upper()
    twice = next((one for one in found if found.count(one) > 1), None)
    if twice or not (found.isascii() and found.isalpha()):
        what = f"has {twice} twice" if twice else "has other signs than letters"
        raise ValueError(
            f"axes={axes!r} {what}; pass one letter for each axis, such as 'TZCYX'"
        )
    if len(found) != len(shape):
        raise ValueError(
            f"axes={axes!r} names {len(found)} axes, but the image of shape {shape} "
            f"has {len(shape)}; pass one letter for each"
        )
    if not {"Y", "X"} <= {*found}:
        raise ValueError(
            f"axes={axes!r} has no Y or no X, but planes have both; name the two axes "
            "of a plane so"
        )
    if {CHANNELS, COLORS} <= {*found}:
        raise ValueError(
            f"axes={axes!r} has channels (C) and colors (S); pass one of them as "
            "another axis, or leave it out"
        )
    return found


def letters_of(names: Sequence[Any]) -> str | None:
    """Return the letters of axes that have names; None if one is not known.

    Parameters
    ----------
    names : sequence of str
        Such as the ``dims`` of xarray, or the ``axis_labels`` of napari.

    Examples
    --------
    >>> letters_of(("time", "c", "y", "x")), letters_of(("-3", "-2", "-1"))
    ('TCYX', None)
    """
    found = []
    for name in names:
        word = str(name).lower()
        letter = _NAMES.get(word, word.upper() if len(word) == 1 else "")
        if not (letter.isascii() and letter.isalpha()):
            return None
        found.append(letter)
    once = len({*found}) == len(found) and not {CHANNELS, COLORS} <= {*found}
    return "".join(found) if once and {"Y", "X"} <= {*found} else None


def unnamed_axes(count: int) -> str:
    """Return letters for axes that nobody names; the last two are Y and X.

    Examples
    --------
    >>> unnamed_axes(2), unnamed_axes(4)
    ('YX', 'TZYX')
    """
    return _UNNAMED[:count][::-1]


def guess_axes(shape: tuple[int, ...], *, rgb: bool = False) -> str:
    """Return what the axes of an image are most likely, by their lengths.

    Parameters
    ----------
    shape : tuple of int
        Of the image, which has two axes or more.
    rgb : bool, optional
        Whether the last one is red, green and blue.

    Returns
    -------
    str
        As `check_axes`. An axis of 2 to 4 before large planes is one of channels; of
        several, the shortest, and of these the last but two, where ImageJ has it.

    Examples
    --------
    >>> guess_axes((2, 512, 512)), guess_axes((30, 512, 512))
    ('CYX', 'ZYX')
    >>> guess_axes((9, 20, 3, 512, 512)), guess_axes((64, 64, 3), rgb=True)
    ('TZCYX', 'YXS')
    """
    if rgb:
        return unnamed_axes(len(shape) - 1) + COLORS
    *lead, _, _ = shape
    few = [size for size in lead if 2 <= size <= _FEW]
    if not few or min(shape[-2:]) < _SIDE:
        return unnamed_axes(len(shape))
    place = max(axis for axis, size in enumerate(lead) if size == min(few))
    rest = unnamed_axes(len(shape) - 1)
    return rest[:place] + CHANNELS + rest[place:]


def axes_choices(likely: str, *, channels: bool) -> list[str]:
    """Return what the axes of an image may be, the likely first.

    Parameters
    ----------
    likely : str
        Letters of its axes.
    channels : bool
        Whether one of them may be an axis of channels.

    Examples
    --------
    >>> axes_choices("CYX", channels=True)
    ['CYX', 'ZYX', 'TYX']
    >>> axes_choices("ZYX", channels=False)
    ['ZYX', 'TYX']
    """
    known = "CZT" if channels else "ZT"
    lead = [place for place, axis in enumerate(likely) if axis not in "YX"]
    # Where there are more axes than names, others are as good as time.
    letters = known + "".join(one for one in _UNNAMED[4:] if one not in known)
    found = [likely]
    for order in permutations(letters[: max(len(known), len(lead))], len(lead)):
        named = dict(zip(lead, order, strict=True))
        axes = "".join(named.get(place, axis) for place, axis in enumerate(likely))
        if axes not in found:
            found.append(axes)
    return found[:_CHOICES]


def without_channels(axes: str) -> str:
    """Return the letters of all axes but that of channels or colors."""
    return "".join(axis for axis in axes if axis not in (CHANNELS, COLORS))


def count_space(axes: str) -> int:
    """Return how many of the last axes are space: 3 of volumes, otherwise 2.

    Parameters
    ----------
    axes : str
        Letters of the axes of labels.

    Raises
    ------
    ValueError
        If Y and X are not the last.

    Examples
    --------
    >>> count_space("TZYX"), count_space("TYX")
    (3, 2)
    """
    if not axes.endswith("YX"):
        raise ValueError(
            f"the axes of the labels are {axes}, but objects lie in planes whose Y and "
            "X come last; transpose the image, and segment that"
        )
    return 3 if axes.endswith("ZYX") else 2


def channels_as_told(
    pixels: NDArray[Any], axes: str, channel_axis: int | None, *, each: bool = False
) -> tuple[NDArray[Any], str]:
    """Return the pixels of a file, whose channels may have been moved, and their axes.

    Parameters
    ----------
    pixels : ndarray
        As `napari_emseg.files.read_image` reads them.
    axes : str
        Letters of the axes, wherever channels are.
    channel_axis : int or None
        The last axis, if the file told of channels.
    each : bool, optional
        Whether channels are to stand where `axes` has them.

    Examples
    --------
    >>> found = channels_as_told(np.zeros((8, 9, 2)), "CYX", 2)
    >>> found[0].shape, found[1]
    ((8, 9, 2), 'YXC')
    """
    axes = axes.upper()
    place = max(axes.find(CHANNELS), axes.find(COLORS))
    moved = channel_axis is not None or (place >= 0 and axes[place] == COLORS)
    if place < 0 or not moved or place == len(axes) - 1:
        return pixels, axes
    if each:
        return np.moveaxis(pixels, -1, place), axes
    return pixels, without_channels(axes) + axes[place]


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """How the axes of an image stand while it is worked on, (…, Z, Y, X).

    What is smoothed has neighbors along the last three. Where planes have no neighbors
    in front and behind, there is an axis of length 1 before Y.

    Attributes
    ----------
    order : tuple of int or None
        For each axis the one of the image; None for an axis of length 1.
    """

    order: tuple[int | None, ...]

    @classmethod
    def of(cls, axes: str, *, volume: bool) -> AxisOrder:
        """Return the order for an image without channels.

        Parameters
        ----------
        axes : str
            Letters of its axes.
        volume : bool
            Whether planes along Z are neighbors.

        Examples
        --------
        >>> AxisOrder.of("TYX", volume=True).order
        (0, None, 1, 2)
        >>> AxisOrder.of("ZTYX", volume=True).order
        (1, 0, 2, 3)
        """
        near = "ZYX" if volume and "Z" in axes else "YX"
        lead = [place for place, axis in enumerate(axes) if axis not in near]
        last = [axes.index(axis) for axis in near]
        thin = [None] if lead and near == "YX" else []
        return cls((*lead, *thin, *last))

    @property
    def changes(self) -> bool:
        """Whether anything stands elsewhere."""
        return self.order != tuple(range(len(self.order)))

    def arrange(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array (*S) of the image with its axes in this order, a view."""
        return array[self._index].transpose(self._axes)

    def restore(self, array: NDArray[Any], lead: int = 0) -> NDArray[Any]:
        """Return an array in this order as one of the image, C-contiguous.

        Parameters
        ----------
        array : (…, *S) ndarray
            In this order, behind some other axes.
        lead : int, optional
            How many others.
        """
        kept = [axis for axis in self.order if axis is not None]
        index = [0 if axis is None else slice(None) for axis in self.order]
        found = array[(slice(None),) * lead + tuple(index)]
        back = [lead + kept.index(axis) for axis in range(len(kept))]
        return np.ascontiguousarray(found.transpose([*range(lead), *back]))

    def view(self, image: Sliceable, channel_axis: int | None) -> Sliceable:
        """Return an image with its axes in this order; its channels, if any, last."""
        pixels = [a for a in range(len(image.shape)) if a != channel_axis]
        order = [None if a is None else pixels[a] for a in self.order]
        if channel_axis is not None:
            order.append(channel_axis)
        return view_of(image, tuple(order), {})

    @property
    def _index(self) -> tuple[Any, ...]:
        return (..., *(np.newaxis,) * self.order.count(None))

    @property
    def _axes(self) -> list[int]:
        thin = iter(range(len(self.order) - self.order.count(None), len(self.order)))
        return [next(thin) if axis is None else axis for axis in self.order]


def view_of(
    image: Sliceable, order: tuple[int | None, ...], at: Mapping[int, int]
) -> Sliceable:
    """Return an image with its axes in another order, of which nothing is read.

    Parameters
    ----------
    image : Sliceable
    order : tuple of int or None
        For each axis of the result that of the image; None is one of length 1.
    at : mapping of int to int
        Indices of all other axes.

    Examples
    --------
    >>> view_of(np.zeros((5, 3, 8, 9)), (2, 3, 1), {0: 4}).shape
    (8, 9, 3)
    """
    view = ArrayView(image, order, dict(at))
    # All of an array is a view, too, and stays an array.
    return view[()] if isinstance(image, np.ndarray) else view


@dataclass(frozen=True, slots=True, eq=False)
class ArrayView:
    """An array with its axes in another order, or a part of it; reads when sliced.

    Attributes
    ----------
    source : Sliceable
        The array.
    order : tuple of int or None
        For each axis that of the array; None is one of length 1.
    at : dict of int to int
        Indices of the other axes of the array.
    """

    source: Sliceable
    order: tuple[int | None, ...]
    at: dict[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(1 if a is None else self.source.shape[a] for a in self.order)

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        return self.source.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a part, for which there are slices of the first axes."""
        parts = dict(enumerate(key if isinstance(key, tuple) else (key,)))
        full: list[Any] = [self.at.get(a, slice(None)) for a in range(self._ndim)]
        for place, axis in enumerate(self.order):
            if axis is not None:
                full[axis] = parts.get(place, slice(None))
        found = np.asarray(self.source[tuple(full)])
        kept = sorted(axis for axis in self.order if axis is not None)
        found = found.transpose([kept.index(a) for a in self.order if a is not None])
        thin = [place for place, axis in enumerate(self.order) if axis is None]
        return np.expand_dims(found, tuple(thin))

    @property
    def _ndim(self) -> int:
        return len(self.source.shape)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStack:
    """Arrays of one shape as the channels of one image, which come last.

    Attributes
    ----------
    parts : tuple of Sliceable
        One for each channel; nothing is read before it is sliced.
    """

    parts: tuple[Sliceable, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, channels last."""
        return (*self.parts[0].shape, len(self.parts))

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds the values of all."""
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a part."""
        key = key if isinstance(key, tuple) else (key,)
        last = key[-1] if len(key) == self.ndim else slice(None)
        where = key[: self.ndim - 1]
        found = [np.asarray(part[where]) for part in self.parts]
        return np.stack(found, axis=-1).astype(self.dtype, copy=False)[..., last]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it."""
        found = self[()]
        return found if dtype is None else found.astype(dtype)

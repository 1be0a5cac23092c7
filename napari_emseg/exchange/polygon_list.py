"""Objects that a file names one after the other, and their polygons."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.exchange.annotations import Annotations
from napari_emseg.exchange.class_scheme import ClassScheme, SchemeClass
from napari_emseg.exchange.polygons import Polygons, rasterize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# Programs that draw may be this far off at the rim of the image, in pixels.
_SLACK = 0.5
_MOST = 2**31


class PolygonList:
    """Collects the objects of one file, and makes labels of them.

    Parameters
    ----------
    source : str
        The file, for messages.
    shape : (…, Y, X)
        Of the image.

    Examples
    --------
    >>> objects = PolygonList("a.json", (2, 3))
    >>> objects.add([[[0, 0], [2, 0], [2, 1], [0, 1]]])
    >>> objects.end(name="nuclei")
    >>> found = objects.annotations()
    >>> found.labels
    array([[1, 1, 0],
           [0, 0, 0]], dtype=uint8)
    >>> found.class_of_label(1).name
    'nuclei'
    """

    def __init__(self, source: str, shape: tuple[int, ...]) -> None:
        self._source, self._shape = source, shape
        self._rings: list[Sequence[Any]] = []
        self._starts = [0]
        self._owners: list[int] = []
        self._planes: list[tuple[int, ...]] = []
        self._labels: list[int | None] = []
        self._names: list[str | None] = []
        self._numbers: list[int | None] = []
        self._colors: dict[str, str] = {}

    def add(
        self,
        rings: Sequence[Sequence[Any]],
        plane: tuple[int, ...] = (),
        *,
        closed: bool = False,
    ) -> None:
        """Add a polygon to the object that comes next.

        Parameters
        ----------
        rings : sequence of (n, 2) sequences of float
            X and Y of corners, where whole numbers are corners of pixels.
        plane : tuple of int, optional
            Index for each axis before Y and X.
        closed : bool, optional
            Whether the first point of each ring stands at its end again.

        Raises
        ------
        ValueError
            If a ring has no three corners, or there is no such plane.
        """
        if len(plane) != len(self._shape) - 2 or not all(
            0 <= index < size for index, size in zip(plane, self._shape, strict=False)
        ):
            raise ValueError(
                f"{self._source} has an object in plane {plane}, but the image has the "
                f"shape {self._shape}; choose the image that it belongs to"
            )
        for ring in rings:
            if closed and len(ring) > 1 and list(ring[0]) == list(ring[-1]):
                ring = ring[:-1]
            if len(ring) < 3:
                raise ValueError(
                    f"{self._source} has a ring of {len(ring)} corners, which has no "
                    "area; export it again"
                )
            self._rings.append(ring)
        self._starts.append(len(self._rings))
        self._owners.append(len(self._labels) + 1)
        self._planes.append(plane)

    def end(
        self,
        label: Any = None,
        name: Any = None,
        number: Any = None,
        color: str | None = None,
    ) -> None:
        """End an object.

        Parameters
        ----------
        label : int, optional
            Its label.
        name : str, optional
            Name of its class.
        number : int, optional
            Number of its class.
        color : str, optional
            Of its class, as `SchemeClass` has it.
        """
        self._labels.append(_whole(label))
        self._names.append(name if isinstance(name, str) and name else None)
        self._numbers.append(_whole(number))
        if self._names[-1] is not None and color is not None:
            self._colors.setdefault(name, color)

    def polygons(self) -> Polygons:
        """Return the polygons, each with the number of its object, from 1.

        Raises
        ------
        ValueError
            If some are outside the image, or are no polygons.
        """
        try:
            points = np.array([*chain.from_iterable(self._rings)], np.float64)
            points = points.reshape(-1, 2) if not len(points) else points[:, 1::-1]
        except (ValueError, TypeError, IndexError):
            points = np.full((1, 2), np.nan)
        if not np.isfinite(points).all() or points.shape[1:] != (2,):
            raise ValueError(
                f"{self._source} has corners that are not two numbers each; export it "
                "again"
            )
        self._check_frame(points)
        sizes = [len(ring) for ring in self._rings]
        axes = len(self._shape) - 2
        return Polygons(
            points,
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
            np.array(self._starts, np.int64),
            np.array(self._owners, np.int64),
            np.array(self._planes, np.int64).reshape(len(self._planes), axes),
            self._shape,
        )

    def annotations(
        self, *, as_classes: bool = False, masks: NDArray[Any] | None = None
    ) -> Annotations:
        """Return labels and classes of the objects.

        Parameters
        ----------
        as_classes : bool, optional
            Labels are classes, if each object has one.
        masks : (…, Y, X) ndarray of int, optional
            Numbers of objects that are no polygons, over those that are.

        Returns
        -------
        Annotations
            Objects have their labels, or if one of them has none, 1, 2, 3 in their
            order. Classes without a number get the next one that is free.
        """
        order = rasterize(self.polygons())
        if masks is not None:
            order = np.where(masks > 0, masks, order)
        labels = [*range(1, len(self._labels) + 1)]
        known = [label for label in self._labels if label is not None]
        complete = len(known) == len(labels)
        if complete:
            labels = known
        as_classes = as_classes and complete
        numbers = labels if as_classes else self._class_numbers()
        named: dict[int, str] = {}
        for number, name in zip(numbers, self._names, strict=True):
            if number and name is not None:
                named.setdefault(number, name)
        table = np.array([0, *labels], np.int64)
        values = table.astype(np.min_scalar_type(int(table.max())))[order]
        class_of = dict(zip(labels, numbers, strict=True))
        return Annotations(
            values,
            _scheme(named, self._colors),
            None if as_classes else {i: n for i, n in class_of.items() if n},
        )

    def _class_numbers(self) -> list[int]:
        """Return the number of the class of each object, 0 for none."""
        taken = {number for number in self._numbers if number is not None}
        free = (number for number in count(1) if number not in taken)
        of_name: dict[str, int] = {}
        for number, name in zip(self._numbers, self._names, strict=True):
            if number is not None and name is not None:
                of_name.setdefault(name, number)
        found = []
        for number, name in zip(self._numbers, self._names, strict=True):
            if number is None and name is not None:
                number = of_name[name] if name in of_name else next(free)
                of_name[name] = number
            found.append(number or 0)
        return found

    def _check_frame(self, points: NDArray[np.float64]) -> None:
        if not len(points):
            return
        height, width = self._shape[-2:]
        (top, left), (bottom, right) = points.min(axis=0), points.max(axis=0)
        if (
            min(top, left) < -_SLACK
            or bottom > height + _SLACK
            or right > width + _SLACK
        ):
            raise ValueError(
                f"{self._source} is not of this image: it reaches from ({left:g}, "
                f"{top:g}) to ({right:g}, {bottom:g}), but the image is {width} x "
                f"{height} pixels; choose the image that it belongs to"
            )


def hex_color(given: Any) -> str | None:
    """Return red, green and blue, 0 to 255, as `SchemeClass` has them; None if not.

    Examples
    --------
    >>> hex_color([0, 128, 255]), hex_color("red")
    ('#0080ff', None)
    """
    right = (
        isinstance(given, list)
        and len(given) == 3
        and all(isinstance(part, int) and 0 <= part < 256 for part in given)
    )
    return "#" + bytes(given).hex() if right else None


def _whole(value: Any) -> int | None:
    """Return a number that can be a label; None if it cannot."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 and 1 <= value < _MOST else None


def _scheme(names: Mapping[int, str], colors: Mapping[str, str]) -> ClassScheme:
    plain = ClassScheme.of(sorted(names), names)
    return ClassScheme(
        classes=tuple(
            SchemeClass(**one.model_dump() | {"color": colors.get(one.name, one.color)})
            for one in plain.classes
        )
    )

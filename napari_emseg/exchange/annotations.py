"""Labels with a class for each: what is written for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.exchange.class_scheme import ClassScheme, renumbered
from napari_emseg.exchange.polygons import check_labels
from napari_emseg.pipeline.segmentation import Segmentation
from napari_emseg.regions.edit import whole_number
from napari_emseg.regions.instances.objects import Objects

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.exchange.class_scheme import SchemeClass

# As many as a segmentation may have.
MOST_CLASSES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Labels, the class of each, and what the classes are called.

    Attributes
    ----------
    labels : (…, Y, X) ndarray of int
        Classes or objects; 0 is none.
    scheme : ClassScheme
        Names and colors of classes.
    class_of : dict of int to int, or None
        Class of each object; those without have none. None if labels are classes.

    Examples
    --------
    >>> found = annotate(np.array([[1, 1, 7]]), {1: 2, 7: 2})
    >>> found.class_labels
    array([[2, 2, 2]], dtype=uint8)
    >>> found.class_of_label(7).name
    'class 2'
    """

    labels: NDArray[Any]
    scheme: ClassScheme
    class_of: Mapping[int, int] | None = None

    @property
    def class_labels(self) -> NDArray[np.unsignedinteger[Any]]:
        """The class of each pixel, (…, Y, X), in the smallest unsigned type."""
        if self.class_of is None:
            return renumbered(self.labels, {})
        known = {int(n): 0 for n in np.unique(self.labels)}
        return renumbered(self.labels, known | dict(self.class_of))

    def class_of_label(self, label: int) -> SchemeClass | None:
        """Return the class of a label; None if it has none."""
        number = label if self.class_of is None else self.class_of.get(label, 0)
        return self.scheme.of_number(number) if number else None


def annotate(
    labels: Any,
    classes: Mapping[int, int] | ArrayLike | None = None,
    scheme: ClassScheme | None = None,
) -> Annotations:
    """Return labels with their classes.

    Parameters
    ----------
    labels : (…, Y, X) array_like of int, Segmentation, Objects or Annotations
        0 is none. What brings classes and names keeps them, unless others are given.
    classes : dict of int to int, or (M + 1,) array_like of int, optional
        Class of each object; that of object i is ``classes[i]``. By default labels are
        classes; more than 64 of them, which no segmentation has, are objects without a
        class, unless there is a scheme.
    scheme : ClassScheme, optional
        Names and colors; by default those of the result, or "class 1" and so on.

    Raises
    ------
    ValueError
        If these are no labels, or there is not a class for each.

    Examples
    --------
    >>> annotate([[1, 2]], [0, 1, 1]).class_of
    {1: 1, 2: 1}
    """
    if isinstance(labels, Annotations):
        if classes is None:
            return Annotations(labels.labels, scheme or labels.scheme, labels.class_of)
        labels = labels.labels
    if isinstance(labels, Segmentation):
        scheme = scheme or ClassScheme.from_result(labels)
        values: Any = labels.labels
    elif isinstance(labels, Objects):
        classes = labels.classes if classes is None else classes
        names = {int(n): str(name) for n, name in labels.class_names.items()}
        numbers = sorted({int(n) for n in np.unique(labels.classes)} | {*names})
        scheme = scheme or ClassScheme.of([n for n in numbers if n > 0], names)
        values = labels.labels
    else:
        values = labels
    values = check_labels(values)
    if values.size == 0:
        raise ValueError(f"labels of shape {values.shape} have no pixel; pass others")
    if classes is None and scheme is None and int(values.max(initial=0)) > MOST_CLASSES:
        some = np.unique(values)
        classes = {} if len(some) > MOST_CLASSES else None
    scheme = scheme or ClassScheme()
    if classes is None:
        _check_class(int(values.max()))
        return Annotations(values, scheme)
    if isinstance(classes, Mapping):
        class_of = {
            whole_number("a label", label): whole_number("a class", number)
            for label, number in classes.items()
        }
    else:
        given = np.asarray(classes)
        most = int(values.max(initial=0))
        if given.ndim != 1 or given.dtype.kind not in "ui" or len(given) <= most:
            raise ValueError(
                f"classes have shape {given.shape} and type {given.dtype}, but a whole "
                f"number for each label from 0 to {most} is needed; pass these, or a "
                "dict"
            )
        class_of = {i: n for i, n in enumerate(given.tolist()) if i > 0 and n > 0}
    for number in {*class_of.values()}:
        _check_class(number)
    return Annotations(values, scheme, class_of)


def _check_class(number: int) -> None:
    if not 0 <= number < 2**31:
        raise ValueError(
            f"class {number} is not a number from 1 to {2**31 - 1}; renumber the "
            "classes, or tell the class of each object with classes="
        )

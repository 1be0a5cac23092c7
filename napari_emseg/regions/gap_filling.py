"""An edit that fills a class in between the planes in which it was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.regions.edit import Edit, EditableLabels
from napari_emseg.select.interpolation import between, check_gaps, find_gaps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

__all__ = ["interpolate"]


def interpolate(
    labels: ArrayLike,
    label: int,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Fill a label in between the planes that have it; other labels stay.

    The planes between get the shapes of `napari_emseg.select.interpolate`, where
    they have label 0. From a few annotated slices to a volume.

    Parameters
    ----------
    labels : (…, Z, Y, X) array_like of int
        Points of axes before the last three are apart, as points in time are.
    label : int
        The label, drawn in some planes.
    selection : (…, Z, Y, X) array_like of bool or float, optional
        Pixels that may change; of a soft one those of at least half coverage. All by
        default.
    locked : iterable of int, optional
        Labels that neither lose nor gain a pixel; with 0, nothing can change.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If there are fewer than three axes, fewer than two planes with the label, or no
        plane between them; or the label is 0 or locked.

    References
    ----------
    S. P. Raya, J. K. Udupa, "Shape-based interpolation of multidimensional objects",
    IEEE Transactions on Medical Imaging 9(1), 32-42, 1990.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((3, 5, 5), np.uint8)
    >>> labels[::2, 1:4, 1:4] = 7
    >>> labels[1, 1] = 2
    >>> interpolate(labels, 7).apply(labels)[1]
    array([[0, 0, 0, 0, 0],
           [2, 2, 2, 2, 2],
           [0, 7, 7, 7, 0],
           [0, 7, 7, 7, 0],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    target = EditableLabels.of(labels, selection, locked, reach=None)
    number = target.check(label)
    if number == 0:
        raise ValueError(
            "label 0 is where no class is, so nothing is drawn with it; pass the label "
            "of a class"
        )
    if target.labels.ndim < 3:
        raise ValueError(
            f"labels have shape {target.labels.shape}, but planes are needed to go "
            "between; pass (Z, Y, X)"
        )
    drawn = target.labels == number
    gaps = list(find_gaps(drawn))
    check_gaps(drawn, gaps, f"of label {number}")
    new = target.labels.copy()
    for index, below, above in gaps:
        part, volume = new[index], drawn[index]
        filled = between(volume[below], volume[above], above - below - 1)
        inner = part[below + 1 : above]
        inner[filled & (inner == 0)] = number
    return target.edit(new)

"""A new fit that keeps manual edits, and the numbers of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.params import Params
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segment import iter_segment
from napari_emseg.pipeline.source import MAX_CLASSES
from napari_emseg.regions.edit import as_labels, present

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.pipeline.progress import Progress


def refit(
    image: ArrayLike,
    labels: ArrayLike,
    seed_labels: ArrayLike,
    *,
    erased: ArrayLike | None = None,
    locked: Iterable[int] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
    axes: str | None = None,
    **params: Any,
) -> NDArray[Any]:
    """Return labels of a new fit of all classes that keeps what was edited.

    Teaches EM, which is semi-supervised then.

    Parameters
    ----------
    image, channel_axis, rgb, axes
        As for `napari_emseg.segment`; of letters of all axes, nothing else is needed.
    labels : (…) array_like of int
        The labels until now: new classes get the numbers of those that they have
        most pixels in common with.
    seed_labels : (…) array_like of int
        Labels of pixels that keep them and steer the fit; 0 elsewhere.
    erased : (…) array_like of bool, optional
        Pixels that stay 0.
    locked : iterable of int, optional
        Classes that neither lose nor gain a pixel; their pixels are seeds too.
    **params
        Fields of `Params`; there are at least as many classes as numbers of labels.

    Returns
    -------
    (…) ndarray of int
        Other labels, of the type of the old ones.

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.segment`, and if there are no seeds, or labels above 64.

    Examples
    --------
    >>> image = np.array([[10, 11, 90, 91], [10, 12, 90, 92]], np.uint8)
    >>> seeds = np.zeros((2, 4), int)
    >>> seeds[0, 2] = 1
    >>> refit(image, image // 50 + 1, seeds, n_classes=2, smoothing=0)
    array([[2, 2, 1, 1],
           [2, 2, 1, 1]], dtype=uint8)
    """
    steps = iter_refit(
        image,
        labels,
        seed_labels,
        Params(**params),
        erased=erased,
        locked=locked,
        channel_axis=channel_axis,
        rgb=rgb,
        axes=axes,
    )
    return finish(steps)


def iter_refit(
    image: ArrayLike,
    labels: ArrayLike,
    seed_labels: ArrayLike,
    params: Params,
    *,
    erased: ArrayLike | None = None,
    locked: Iterable[int] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
    axes: str | None = None,
) -> Generator[Progress, None, NDArray[Any]]:
    """Yield the progress of `refit`, and return its labels; to cancel, stop iterating.

    Yields
    ------
    Progress

    Returns
    -------
    (…) ndarray of int
    """
    old, fixed = as_labels(labels), list(locked)
    kept, given = np.isin(old, fixed), as_labels(seed_labels)
    gone = np.zeros(old.shape, bool) if erased is None else np.asarray(erased, bool)
    for name, array in (("seed_labels", given), ("erased", gone)):
        if array.shape != old.shape:
            raise ValueError(
                f"{name} have shape {array.shape}, but the labels {old.shape}; make "
                "both on one image"
            )
    seeds = np.where(kept, old, given)
    classes = [label for label in present(old) if label != 0]
    if not classes or not seeds.any():
        raise ValueError(
            "a refit keeps what was edited by hand, but nothing was; edit some pixels, "
            "or segment anew"
        )
    if classes[-1] > MAX_CLASSES:
        raise ValueError(
            f"there are labels up to {classes[-1]}, but a fit has classes 1 to "
            f"{MAX_CLASSES}; renumber them, or merge some"
        )
    if params.n_classes != "auto":
        params = params.replace(n_classes=max(params.n_classes, classes[-1]))
    else:
        params = params.replace(n_classes=classes[-1])
    how: dict[str, Any] = {"channel_axis": channel_axis, "rgb": rgb}
    if axes is not None:
        how = {"axes": axes}
    seg = yield from iter_segment(image, params, seed_labels=seeds, **how)
    found = match(seg.labels, old, [label for label in present(seeds) if label])
    # A locked class neither loses pixels nor gains some.
    kept |= np.isin(found, fixed)
    new = np.where(kept, old, found)
    new[gone] = 0
    return np.where(seeds > 0, seeds, new).astype(old.dtype)


def match(
    found: NDArray[Any], old: NDArray[Any], seeded: Iterable[int]
) -> NDArray[Any]:
    """Return classes with the numbers of those that they share most pixels with.

    Parameters
    ----------
    found, old : (…) ndarray of int
        New and old labels.
    seeded : iterable of int
        Classes whose number is right already.

    Examples
    --------
    >>> match(np.array([1, 2, 2, 3]), np.array([1, 3, 3, 2]), [1])
    array([1, 3, 3, 2])
    """
    count = int(max(found.max(), old.max())) + 1
    both = found.ravel().astype(np.int64) * count + old.ravel()
    shared = np.bincount(both, minlength=count**2).reshape(count, count)
    free = [label for label in range(1, count) if label not in set(seeded)]
    number = np.arange(count)
    if free:
        from scipy.optimize import linear_sum_assignment  # takes a while

        rows, columns = linear_sum_assignment(-shared[np.ix_(free, free)])
        number[np.take(free, rows)] = np.take(free, columns)
    return number[found]

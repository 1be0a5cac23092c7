"""A new fit that keeps what was edited by hand, and the numbers of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_emseg.layers.seeds import known_labels
from napari_emseg.params import Params
from napari_emseg.segment import iter_segment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from numpy.typing import NDArray


def fit_again(
    image: NDArray[Any],
    old: NDArray[Any],
    seeds: NDArray[Any],
    note: dict[str, Any],
    *,
    rgb: bool,
) -> Generator[Any, None, NDArray[Any]]:
    """Segment again, with at least as many classes as there are.

    Parameters
    ----------
    image : ndarray
        As `napari_emseg.segment` takes it.
    old : (…) ndarray of int
        The labels until now.
    seeds : (…) ndarray of int
        Where they are kept; 0 elsewhere.
    note : dict
        Parameters of the last fit.
    rgb : bool
        Whether the last axis is RGB(A).

    Yields
    ------
    Progress

    Returns
    -------
    (…) ndarray of int

    Raises
    ------
    ValueError
        If there are no seeds.
    """
    classes = known_labels(old)
    if not classes or not seeds.any():
        raise ValueError(
            "a refit keeps what was edited by hand, but nothing was; edit some pixels, "
            "or segment anew"
        )
    params = Params(**note)
    asked = params.n_classes if isinstance(params.n_classes, int) else 0
    params = Params(**{**note, "n_classes": max(asked, classes[-1])})
    seg = yield from iter_segment(image, params, seed_labels=seeds, rgb=rgb)
    return match(seg.labels, old, known_labels(seeds))


def match(
    found: NDArray[Any], old: NDArray[Any], seeded: Iterable[int]
) -> NDArray[Any]:
    """Give classes the numbers of those that they have most pixels in common with.

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
    rows, columns = linear_sum_assignment(-shared[np.ix_(free, free)])
    number = np.arange(count)
    number[np.take(free, rows)] = np.take(free, columns)
    return number[found]

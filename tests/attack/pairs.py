"""Few combinations of independent choices, in which all pairs of them occur."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def all_pairs(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return combinations with every pair of values of every two axes.

    Parameters
    ----------
    *axes : sequence
        The values to choose from, of each axis.

    Returns
    -------
    list of tuple
        A value of each axis; the same list each time. About as many as the two longest
        axes have pairs, rather than the product of all.
    """
    places = list(product(*(range(len(axis)) for axis in axes)))
    pairs = {place: set(combinations(enumerate(place), 2)) for place in places}
    missing = set().union(*pairs.values())
    chosen = []
    while missing:
        best = max(places, key=lambda place: len(pairs[place] & missing))
        missing -= pairs[best]
        chosen.append(best)
    return [
        tuple(axis[i] for axis, i in zip(axes, place, strict=True))
        for place in sorted(chosen)
    ]

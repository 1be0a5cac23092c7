"""Units of features: how unlike channels are made comparable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array


@dataclass(frozen=True, slots=True)
class FeatureUnits:
    """The order and the units in which features are worked on.

    Sums in floats depend on their order, K-means and noise on units. So channels are
    ordered by what they hold, and brought to one spread by powers of two, which no
    digit is lost to; models are told of in the image's own order and units.

    Attributes
    ----------
    order : tuple of int
        For each of the D features that of the image.
    factors : tuple of float
        What each of them is multiplied by.
    """

    order: tuple[int, ...]
    factors: tuple[float, ...]

    def extended(self, dims: int) -> FeatureUnits:
        """Return those of channels and of further features, `dims` in all."""
        more = range(len(self.order), dims)
        return FeatureUnits((*self.order, *more), (*self.factors, *(1.0 for _ in more)))


def comparable(
    shapes: Float64Array, spreads: Float64Array
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return an order of channels that depends on what they hold, and their factors.

    Parameters
    ----------
    shapes : (C,) ndarray of float64
        A number that tells channels apart whatever their units, such as the skewness.
    spreads : (C,) ndarray of float64
        The standard deviation of each.

    Returns
    -------
    order : tuple of int
        The channels; those that do not vary last.
    factors : tuple of float
        For each in this order the power of two that brings its spread nearest to that
        of the first.

    Examples
    --------
    >>> comparable(np.array([0.5, 0.0, 2.0]), np.array([0.1, 0.0, 3.0]))
    ((2, 0, 1), (1.0, 32.0, 1.0))
    """
    order = np.lexsort([-spreads, -shapes, spreads == 0])
    first = float(spreads[order[0]])
    factors = [
        2.0 ** np.round(np.log2(first / spread)) if spread > 0 else 1.0
        for spread in spreads[order].tolist()
    ]
    return tuple(order.tolist()), tuple(map(float, factors))

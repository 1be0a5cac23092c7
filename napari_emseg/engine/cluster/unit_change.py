"""Models in other units: those that features are worked on in, and the image's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.cluster.kmeans import KMeansModel

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.image.feature_units import FeatureUnits


def in_units(model: Any, units: FeatureUnits) -> Any:
    """Return a model of an image's features in the units that are worked in.

    Parameters
    ----------
    model : Model
        In the order and the units of the image.
    units : FeatureUnits
        Of all its features.

    Examples
    --------
    >>> from napari_emseg.engine.image.feature_units import FeatureUnits
    >>> model = KMeansModel(np.array([[3.0, 50.0]]), np.ones(1), 1.0)
    >>> in_units(model, FeatureUnits((1, 0), (1.0, 16.0))).centers
    array([[50., 48.]])
    """
    return _converted(model, list(units.order), np.array(units.factors))


def in_own_units(model: Any, units: FeatureUnits) -> Any:
    """Return a model in the units that are worked in as one of the image's features."""
    back = np.argsort(units.order)
    return _converted(model, back.tolist(), 1 / np.array(units.factors)[back])


def state_in_own_units(state: FitState, units: FeatureUnits) -> FitState:
    """Return a state of a fit with its model, and its likelihood, as the image's."""
    if state.model is None:
        return state
    # A density is per unit of each feature; K-means says itself what it measures in.
    shift = float(np.log(units.factors).sum()) if state.model.has_likelihood else 0.0
    model = in_own_units(state.model, units)
    return replace(state, model=model, objective=state.objective + shift)


def _converted(model: Any, order: list[int], factors: Float64Array) -> Any:
    """Return a model with its features in another order, and then multiplied."""
    if isinstance(model, GroupedMixture):
        parts = _converted(model.components, order, factors)
        return replace(model, components=parts)
    if isinstance(model, KMeansModel):
        units = np.ones(len(order)) if model.units is None else model.units
        units = units[order] / factors
        told = None if np.all(units == 1) else units
        return replace(model, centers=model.centers[:, order] * factors, units=told)
    return replace(
        model,
        means=model.means[:, order] * factors,
        covariances=model.covariances[:, order][:, :, order]
        * np.outer(factors, factors),
        log_uniform=model.log_uniform - float(np.log(factors).sum()),
    )

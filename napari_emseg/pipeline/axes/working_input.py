"""An image as it is worked on: its axes in order, its channels comparable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.unit_change import (
    in_own_units,
    in_units,
    state_in_own_units,
)
from napari_emseg.engine.image.axes import AxisOrder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.feature_units import FeatureUnits
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.source import SegmentationInput


@dataclass(frozen=True, slots=True, eq=False)
class WorkingInput:
    """An image with its axes in the order that is worked on, and the way back.

    Attributes
    ----------
    source : SegmentationInput
        What is worked on.
    order : AxisOrder
        Of its axes.
    units : FeatureUnits or None
        Of its features, if they are not those of the image.
    """

    source: SegmentationInput
    order: AxisOrder
    units: FeatureUnits | None

    @classmethod
    def of(cls, source: SegmentationInput, planes: str) -> WorkingInput:
        """Return an image in the order that is worked on.

        Parameters
        ----------
        source : SegmentationInput
            The image as it is.
        planes : str
            As in `Params`.
        """
        picture, units = source.picture, source.space.units
        order = AxisOrder.of(picture.axes, volume=planes == "volume")
        if units is not None:
            picture = replace(picture, order=units.order)
            space = replace(source.space, units=None, factors=units.factors)
            source = replace(source, picture=picture, space=space)
            units = units.extended(space.dims(picture))
        if not order.changes:
            return cls(source, order, units)
        return cls(arranged(replace(source, picture=picture), order), order, units)

    @property
    def changes(self) -> bool:
        """Whether anything is other than in the image."""
        return self.units is not None or self.order.changes

    def restore(self, array: NDArray[Any], lead: int = 0) -> NDArray[Any]:
        """Return an array (…, *S) of this order as one of the image."""
        return self.order.restore(array, lead) if self.order.changes else array

    def into(self, model: Any) -> Any:
        """Return a model of the image as one of what is worked on; None stays."""
        if model is None or self.units is None:
            return model
        return in_units(model, self.units)

    def back(self, model: Any) -> Any:
        """Return a model of what is worked on as one of the image."""
        return model if self.units is None else in_own_units(model, self.units)

    def back_state(self, state: FitState) -> FitState:
        """Return a state of a fit as one of the image."""
        if self.units is None:
            return state
        return state_in_own_units(state, self.units)

    def back_step(self, step: Progress) -> Progress:
        """Return a step whose state is one of the image."""
        if step.state is None:
            return step
        return replace(step, state=self.back_state(step.state))


def arranged(source: SegmentationInput, order: AxisOrder) -> SegmentationInput:
    """Return an image with its axes in another order, channels last."""
    picture = source.picture
    shape = tuple(1 if a is None else picture.shape[a] for a in order.order)
    found = replace(
        picture,
        source=order.view(picture.source, picture.channel_axis),
        shape=shape,
        channel_axis=None if picture.channel_axis is None else len(shape),
        given_scale=picture.full_scale if picture.rgb else None,
        given_axes=None,
    )
    mask, seeds = (
        None if array is None else order.arrange(array)
        for array in (source.mask, source.seed_labels)
    )
    return replace(source, picture=found, mask=mask, seed_labels=seeds)


def features_of(source: SegmentationInput, planes: str) -> FloatArray:
    """Return the features (*S, D) that an image is segmented by.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    planes : str
        As in `Params`. Where planes have no neighbors in front and behind, they have
        no position there: it is 0, or missing if each is fitted by itself.
    """
    order = AxisOrder.of(source.picture.axes, volume=planes == "volume")
    if not order.changes or source.space.position == 0:
        return source.features(())[0]
    found = np.moveaxis(arranged(source, order).features(())[0], -1, 0)
    if planes == "each" and len(order.order) > 2:
        found = np.delete(found, -3, axis=0)
    return np.ascontiguousarray(np.moveaxis(order.restore(found, 1), 0, -1))


def as_start(model: Model | None) -> Any:
    """Return a model in the units of what starts from it."""
    if isinstance(model, KMeansModel) and model.units is not None:
        return replace(model, units=None)
    return model

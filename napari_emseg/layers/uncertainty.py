"""Layers of the uncertainty and of the probabilities of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap

from napari_emseg.layers.classes import class_name
from napari_emseg.layers.fit_records import fit_record_of, fit_request_of
from napari_emseg.layers.geometry import placement
from napari_emseg.layers.metadata import image_of
from napari_emseg.layers.selection import add_quietly

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.layers.fit_records import FitRecord, FitRequest
    from napari_emseg.pipeline.posteriors import Posteriors

    Steps = Generator[Any, None, Posteriors]

# Black where all is certain, so that it vanishes when it is added to the picture.
DOUBT = Colormap(
    [[0, 0, 0], [0.45, 0.0, 0.35], [0.95, 0.25, 0.1], [1.0, 0.8, 0.1], [1, 1, 0.85]],
    name="uncertainty",
)
# Key of our entry in the metadata of these layers.
MARK = "emseg uncertainty"
# The layers, and the runs whose uncertainty they show.
_SHOWN: WeakKeyDictionary[Labels, tuple[ref[Image], FitRecord | None]] = (
    WeakKeyDictionary()
)


def iter_posteriors(viewer: ViewerModel, layer: Labels) -> Steps:
    """Return the probabilities of a result's classes, which are not yet worked out.

    They are kept with the layer. Of one that was copied or read from a file, the fit is
    done again from its recipe, which gives the same one.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer is, and the image that it was made from.
    layer : napari.layers.Labels
        A result; edits do not matter.

    Yields
    ------
    Progress
        Of the fit; any thread may take the steps.

    Returns
    -------
    Posteriors

    Raises
    ------
    ValueError
        If the layer is no result of this plugin, or its image is gone.
    """
    run = fit_record_of(layer)
    if run is not None:
        return _given(run.posteriors)
    return _fitted(fit_request_of(viewer, layer))


def add_uncertainty(
    viewer: ViewerModel, layer: Labels, values: NDArray[np.float32]
) -> Image:
    """Show uncertainty as an image layer that lies on a result.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    layer : napari.layers.Labels
        The result.
    values : (…) ndarray of float32
        Entropy in [0, 1]. A layer that shows the uncertainty already gets it.

    Returns
    -------
    napari.layers.Image
        Added to what is below; certain pixels leave it as it is.
    """
    values = values.reshape(_shape(layer))
    shown = uncertainty_layer(viewer, layer)
    if shown is not None:
        shown.data = values
        shown.visible = True
        _SHOWN[layer] = ref(shown), fit_record_of(layer)
        return shown
    # Most pixels are nearly certain: their square roots tell more.
    look = {"colormap": DOUBT, "blending": "additive", "gamma": 0.5}
    image = _add(viewer, layer, f"{layer.name} uncertainty", values, look)
    _SHOWN[layer] = ref(image), fit_record_of(layer)
    return image


def uncertainty_layer(viewer: ViewerModel, layer: Labels) -> Image | None:
    """Return the layer that shows a result's uncertainty; None if there is none."""
    found = _SHOWN[layer][0]() if layer in _SHOWN else None
    return found if found is not None and found in viewer.layers else None


def meant_image(viewer: ViewerModel) -> Image | None:
    """Return the image that is meant, None if there is none.

    It is the active layer, or what the active result was made from, or the uppermost
    image that is no map of a result.
    """
    active = viewer.layers.selection.active
    if isinstance(active, Image):
        return active
    of_result = image_of(viewer, active) if isinstance(active, Labels) else None
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    pictures = [layer for layer in images if MARK not in layer.metadata]
    return of_result or next(iter([*reversed(pictures), *reversed(images)]), None)


def shown_uncertainty(viewer: ViewerModel, layer: Labels) -> NDArray[np.float32] | None:
    """Return the uncertainty that a layer shows, if it is that of the latest fit."""
    shown = uncertainty_layer(viewer, layer)
    if shown is None or _SHOWN[layer][1] is not fit_record_of(layer):
        return None
    values: NDArray[np.float32] = shown.data
    return values


def add_probability(
    viewer: ViewerModel, layer: Labels, label: int, values: NDArray[np.float32]
) -> Image:
    """Show the probability of a class as an image layer that lies on a result.

    Parameters
    ----------
    viewer, layer
        As for `add_uncertainty`.
    label : int
        The class.
    values : (…) ndarray of float32
        Its probability in [0, 1].
    """
    name = f"{layer.name}: probability of {class_name(layer, label)}"
    values = values.reshape(_shape(layer))
    return _add(viewer, layer, name, values, {"colormap": "viridis"})


def _add(
    viewer: ViewerModel,
    layer: Labels,
    name: str,
    values: NDArray[Any],
    look: dict[str, Any],
) -> Image:
    image = Image(
        values,
        name=name,
        contrast_limits=(0, 1),
        metadata={MARK: layer.name},
        **look,
        **placement(layer, (None,) * values.ndim),
    )
    image.contrast_limits_range = (0, 1)
    # It is active for a moment, in which panels shall not take it for a new picture.
    with viewer.layers.selection.events.active.blocker():
        add_quietly(viewer, image)
    return image


def _shape(layer: Labels) -> tuple[int, ...]:
    shape: tuple[int, ...] = layer.data.shape
    return shape


def _given(kept: Posteriors) -> Steps:
    """Yield nothing, and return a value."""
    yield from ()
    return kept


def _fitted(fit: FitRequest) -> Steps:
    seg = yield from fit.iterate(fit.read())
    return seg.posteriors.slim()

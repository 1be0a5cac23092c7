"""Records of the fits that results came from, to repeat them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.layers.metadata import (
    RECIPE,
    entry_of,
    picture_of_result,
    slice_of_result,
)
from napari_emseg.pipeline.segment import iter_input, read_input
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.execute import unpacked

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params
    from napari_emseg.pipeline.posteriors import Posteriors
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation, SegmentationPart
    from napari_emseg.pipeline.source import SegmentationInput

# Not in the layers' metadata, which are copied and written to files. Nothing is lost
# with an entry: a fit is done again from the parameters.
# Bytes of labels that are kept to save a fit.
MOST = 2**26
_RUNS: WeakKeyDictionary[Labels, FitRecord] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class FitRecord:
    """The record of a fit.

    Attributes
    ----------
    states : tuple of FitState
        Of all iterations, with their models as far as there was room for these.
    source : SegmentationInput
        The image that was segmented.
    params : Params
        How.
    colors : (K, 3) ndarray of float64
        Of the classes, in [0, 1].
    posteriors : Posteriors
        What the probabilities of the classes come from.
    step : dict or None
        The step of a recipe that makes the labels, as JSON has it; if it is known.
    labels : (…) ndarray of unsigned int or None
        What it makes, if that is not very large: no edit has changed it.
    start : Model or None
        What the fit started from, if that was given.
    model : Model or None
        What was fitted, in the units of the image.
    parts : tuple of SegmentationPart
        Planes that were fitted by themselves, without their labels.
    """

    states: tuple[FitState, ...]
    source: SegmentationInput
    params: Params
    colors: NDArray[np.float64]
    posteriors: Posteriors
    step: dict[str, Any] | None = None
    labels: NDArray[np.unsignedinteger] | None = None
    start: Model | None = None
    model: Model | None = None
    parts: tuple[SegmentationPart, ...] = ()

    @classmethod
    def of(cls, seg: Segmentation, step: dict[str, Any] | None = None) -> FitRecord:
        """Return the record of a result."""
        posteriors = seg.posteriors.slim()
        labels = seg.labels if step is not None and seg.labels.nbytes <= MOST else None
        about = (seg.states, seg.source, seg.params, seg.class_colors, posteriors)
        empty = np.empty(0, np.uint8)
        parts = tuple(
            replace(part, seg=replace(part.seg, labels=empty)) for part in seg.parts
        )
        return cls(*about, step, labels, seg.start, seg.model, parts)


def remember_fit(layer: Labels, run: FitRecord | None) -> None:
    """Remember the fit that a layer came from; None if that is not known."""
    if run is None:
        _RUNS.pop(layer, None)
    else:
        _RUNS[layer] = run


def fit_record_of(layer: Labels) -> FitRecord | None:
    """Return the fit that a layer came from, None if that was in another session.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> from napari_emseg.layers import fit_record_of
    >>> seg = emseg.segment(np.arange(16, dtype=np.uint8).reshape(4, 4), n_classes=2)
    >>> layer = emseg.add_to(ViewerModel(), seg)
    >>> fit_record_of(layer).states == seg.states
    True
    """
    return _RUNS.get(layer)


@dataclass(frozen=True, slots=True, eq=False)
class FitRequest:
    """An image, and the step that made a result from it.

    Attributes
    ----------
    data : array-like
        The image, or the part of it that was segmented.
    step : dict
        Of the recipe, as JSON has it.
    args : Args
        What that says: parameters, mask, seed labels and models.
    axes : str or None
        Letters of the axes of `data`, if the step tells those of the image.
    """

    data: Any
    step: dict[str, Any]
    args: Any
    axes: str | None = None

    def read(self) -> SegmentationInput:
        """Return the checked input of the segmentation; any thread may call it."""
        args = self.args
        axes = {
            "rgb": args.rgb if args.channel_axis is None else None,
            "channel_axis": args.channel_axis,
            "axes": self.axes,
        }
        picture = as_lazy_image(self.data, **axes)
        if args.params.channels == "each":
            picture = picture.split()
        shape = picture.shape
        mask, seeds = (
            None if packed is None else unpacked(packed, shape)
            for packed in (args.mask, args.seed_labels)
        )
        given = args.start if args.model is None else args.model
        return read_input(
            self.data,
            args.params,
            mask=mask,
            seed_labels=seeds,
            like=None if given is None else given.model(),
            **axes,
        )

    def iterate(
        self, source: SegmentationInput
    ) -> Generator[Progress, None, Segmentation]:
        """Yield the progress of segmenting what `read` returned; return the result."""
        model, start = self.args.model, self.args.start
        return iter_input(
            source,
            self.args.params,
            model=None if model is None else model.model(),
            start=None if start is None else start.model(),
        )


def fit_request_of(viewer: ViewerModel, layer: Labels) -> FitRequest:
    """Return what is needed to repeat the fit of a result, in any session.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer is, and the image that it was made from.
    layer : napari.layers.Labels
        A result; edits do not matter.

    Raises
    ------
    ValueError
        If the layer is no result of this plugin, or its image is gone.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_emseg as emseg
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.arange(16, dtype=np.uint8).reshape(4, 4))
    >>> layer = emseg.add_to(viewer, emseg.segment(image.data, n_classes=2), image)
    >>> fit_request_of(viewer, layer).args.params.n_classes
    2
    """
    entry = entry_of(layer)
    recipe = entry.get(RECIPE, {"steps": ()})
    steps = Recipe.model_validate(recipe).steps
    if not steps or steps[0].op != "segment":
        raise ValueError(
            f"{layer.name!r} was not made by this plugin, so there is no fit behind "
            "it; segment an image, and take what comes of it"
        )
    picture = picture_of_result(viewer, layer)
    if picture is None:
        name = entry.get("image")
        what = "the image" if name is None else f"the image {name!r}"
        how = "" if name is None else ", and give it this name"
        raise ValueError(
            f"{what} that {layer.name!r} was made from is not among the layers; open "
            f"it again{how}"
        )
    at = slice_of_result(layer)
    args: Any = steps[0].args
    axes = None if args.axes is None else picture.data_axes(at)
    return FitRequest(picture.data(at), recipe["steps"][0], args, axes)

"""The fit that a result came from, to be done once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_emseg.layers.entries import RECIPE, entry_of
from napari_emseg.layers.record import image_of
from napari_emseg.layers.results import image_data
from napari_emseg.recipe import Recipe
from napari_emseg.segment import iter_source, read_source

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_emseg.segment import Progress, Segmentation
    from napari_emseg.source import Source


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """An image, and how a result was made from it.

    Attributes
    ----------
    data : array-like
        The image, or the part of it that was segmented.
    step : dict
        Of the recipe, as JSON has it.
    args : Args
        What that says: parameters, mask, seed labels and models.
    """

    data: Any
    step: dict[str, Any]
    args: Any

    def read(self) -> Source:
        """Check what is to be segmented; any thread may."""
        args = self.args
        return read_source(
            self.data,
            args.params,
            mask=None if args.mask is None else args.mask.array(),
            seed_labels=None if args.seed_labels is None else args.seed_labels.array(),
            rgb=args.rgb if args.channel_axis is None else None,
            channel_axis=args.channel_axis,
        )

    def iterate(self, source: Source) -> Generator[Progress, None, Segmentation]:
        """Segment what `read` gave, which gives the same result."""
        model, start = self.args.model, self.args.start
        return iter_source(
            source,
            self.args.params,
            model=None if model is None else model.model(),
            start=None if start is None else start.model(),
        )


def fit_of(viewer: ViewerModel, layer: Labels) -> Fit:
    """Return the fit of a result; it needs not be known in this session.

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
    >>> fit_of(viewer, layer).args.params.n_classes
    2
    """
    note = entry_of(layer)
    recipe = note.get(RECIPE, {"steps": ()})
    steps = Recipe.model_validate(recipe).steps
    if not steps or steps[0].op != "segment":
        raise ValueError(
            f"{layer.name!r} was not made by this plugin, so there is no fit behind "
            "it; segment an image, and take what comes of it"
        )
    image = image_of(viewer, layer)
    if image is None:
        raise ValueError(
            f"the image {note.get('image')!r} that {layer.name!r} was made from is not "
            "among the layers; open it again, and give it this name"
        )
    at = note.get("at")
    data = image_data(image, None if at is None else tuple(at))
    return Fit(data, recipe["steps"][0], steps[0].args)

"""The first step of a recipe: how a segmentation is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from napari_emseg.pipeline.segmentation import Segmentation


def segment_step(
    seg: Segmentation,
    at: tuple[int | None, ...] | None = None,
    axes: str | None = None,
) -> Step:
    """Return the step that makes a segmentation.

    Parameters
    ----------
    seg : Segmentation
    at : tuple of int or None, optional
        The slice of the image that was segmented.
    axes : str, optional
        Letters of all axes of the image; those of what was segmented by default.
    """
    source = seg.source
    picture = source.picture
    axes = axes or picture.given_axes
    channels = None if picture.rgb else picture.channel_axis
    return Step.of(
        "segment",
        at=None if at is None or set(at) == {None} else at,
        params=seg.params,
        mask=None if source.mask is None or source.cut else pack(source.mask),
        seed_labels=None if source.seed_labels is None else pack(source.seed_labels),
        model=None if seg.states else FittedModel.of(seg.model),
        start=None
        if seg.start is None or not seg.states
        else FittedModel.of(seg.start),
        full_scale=picture.given_scale if picture.rgb else None,
        n_channels=None if channels is None else picture.channels,
        rgb=picture.rgb if channels is None and axes is None else None,
        channel_axis=channels if axes is None else None,
        axes=axes,
    )

"""The hierarchy of regions of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.engine.hierarchy.build import comparable
from napari_emseg.engine.hierarchy.build import hierarchy as grow_tree
from napari_emseg.engine.image.color_space import native
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.source import as_source, find_space

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_emseg.engine.hierarchy.region_tree import RegionTree


def hierarchy(
    image: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
) -> RegionTree:
    """Find the regions of an image at all levels of detail at once.

    From superpixels to the whole image, as a tree. Neighbors of a region adjacency
    graph are merged, the most alike first.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        As for `napari_emseg.segment`, of two spatial axes.
    mask : (Y, X) array_like of bool, optional
        Pixels that take part.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.
    full_scale : float, optional
        The value that is white in RGB, as for `segment`.

    Returns
    -------
    RegionTree
        Its `cut` gives label maps in milliseconds: by the number of regions, by
        level, or at its own choice.

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.segment`, and if the image has not two spatial axes.

    References
    ----------
    P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical
    image segmentation", IEEE PAMI 33(5), 898-916, 2011.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.zeros((40, 60), np.uint8)
    >>> image[:, 20:] = 200
    >>> emseg.hierarchy(image).cut(n_regions=2)[0, ::30]
    array([1, 2], dtype=int32)
    """
    picture = as_lazy_image(
        image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale
    )
    if len(picture.shape) != 2:
        raise ValueError(
            f"the image has the spatial shape {picture.shape}, but a hierarchy has two "
            "axes (Y, X); pass one slice at a time"
        )
    space = find_space(picture, "auto", 0, 0)
    found, inside = as_source(picture, mask, None, space).features(())
    with one_thread():
        if native(space.color):
            found = comparable(found, valid=inside)
        return grow_tree(found, valid=inside)

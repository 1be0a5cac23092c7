"""The labels of an image at each iteration of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.image.color_space import convert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.pipeline.tiles import Slices

# Pixels with fewer distinct colors than this share of them are labeled by color.
_WORTH = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class IterationLabels:
    """Pixels of a part of an image, to be labeled by one model after another.

    Attributes
    ----------
    features : (M, D) ndarray of float32
        Of each pixel, or of each distinct color.
    color : (*S) ndarray of int32 or None
        Index into the features of each pixel; None: they are in order.
    usable : (*S) ndarray of bool or None
        Pixels that get a label; None is all.
    seed_labels : (*S) ndarray of uint8 or None
        Labels that the user fixed; 0 where free.
    shape : tuple of int
        S.
    """

    features: NDArray[np.float32]
    color: NDArray[np.int32] | None
    usable: NDArray[np.bool_] | None
    seed_labels: NDArray[np.uint8] | None
    shape: tuple[int, ...]

    def labels(self, model: Model) -> NDArray[np.uint8]:
        """Label the pixels (*S), as the fit would without smoothing.

        Examples
        --------
        >>> import napari_emseg as emseg
        >>> image = np.arange(12, dtype=np.uint8).reshape(3, 4)
        >>> seg = emseg.segment(image, n_classes=2, smoothing=0)
        >>> frame = read_iteration_labels(seg.source)
        >>> bool((frame.labels(seg.states[-1].model) == seg.labels).all())
        True
        """
        found = model.predict(self.features)
        out = found if self.color is None else found[self.color]
        out = out.reshape(self.shape)
        if self.seed_labels is not None:
            out = np.where(self.seed_labels > 0, self.seed_labels, out)
        if self.usable is not None:
            out = np.where(self.usable, out, np.uint8(0))
        return out


def read_iteration_labels(
    source: SegmentationInput, where: Slices = (), step: tuple[int, ...] | int = 1
) -> IterationLabels:
    """Read a part of an image.

    Parameters
    ----------
    source : SegmentationInput
        As `Segmentation.source`.
    where : tuple of slice, optional
        The part; all of the image by default.
    step : int or tuple of int, optional
        Only each so-manieth pixel along the axes is taken, from the middle of so many.

    Returns
    -------
    IterationLabels
    """
    shape = source.picture.shape
    full = tuple(where) + tuple(slice(0, n) for n in shape[len(where) :])
    steps = (step,) * len(full) if isinstance(step, int) else step
    few = tuple(slice(s // 2, None, s) for s in steps)
    seed_labels = None if source.seed_labels is None else source.seed_labels[full][few]
    if source.space.plain:
        values, usable = source.read(full)
        values = values[few]
        flat = values.reshape(-1, values.shape[-1])
        color = None
        if values.dtype == np.uint8 and values.shape[-1] <= 4:
            flat, color = _distinct(flat)
        features = convert(flat, source.space.color, source.picture.full_scale)
        size = values.shape[:-1]
    else:
        found, usable = source.features(full)
        found = found[few]
        features, color, size = (
            found.reshape(-1, found.shape[-1]),
            None,
            found.shape[:-1],
        )
    return IterationLabels(
        features, color, None if usable is None else usable[few], seed_labels, size
    )


def _distinct(
    flat: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    """Find the distinct colors (M, C) of bytes (N, C), and which each pixel has."""
    packed = np.zeros((len(flat), 4), np.uint8)
    packed[:, : flat.shape[1]] = flat
    codes, color = np.unique(packed.view(np.uint32).ravel(), return_inverse=True)
    if codes.size > _WORTH * len(flat):
        return flat, None
    colors = codes[:, np.newaxis].view(np.uint8)[:, : flat.shape[1]]
    return np.ascontiguousarray(colors), color.astype(np.int32)

"""Paths that follow edges from one point to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.hierarchy import comparable
from napari_emseg.select.plane import read_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.features import Picture

# What is looked at around the way, in pixels and in shares of its length.
_MARGIN, _WIDER = 32, 0.25


def snap(
    picture: Picture, start: NDArray[np.intp], stop: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Find the path (M, 2) of pixels from start to stop that follows edges best.

    Only a part of the picture is read, so that a path is found while the pointer
    moves, however large the picture.
    """
    margin = _MARGIN + int(_WIDER * np.abs(stop - start).max())
    low = np.maximum(np.minimum(start, stop) - margin, 0)
    high = np.minimum(np.maximum(start, stop) + margin + 1, picture.shape)
    values = picture.read((slice(low[0], high[0]), slice(low[1], high[1])))
    tool = cv2.segmentation.IntelligentScissorsMB()
    tool.setEdgeFeatureCannyParameters(32, 100)
    tool.setGradientMagnitudeMaxLimit(200)
    tool.applyImage(_as_bytes(values, rgb=picture.rgb))
    tool.buildMap((int(start[1] - low[1]), int(start[0] - low[0])))
    found = tool.getContour((int(stop[1] - low[1]), int(stop[0] - low[0])))
    return np.asarray(found).reshape(-1, 2)[:, ::-1].astype(np.intp) + low


def _as_bytes(values: NDArray[np.generic], *, rgb: bool) -> NDArray[np.uint8]:
    """Bring one to three channels into 0..255; contrast stays that of the features."""
    features, _ = read_plane(
        values, channel_axis=None if rgb else 2, rgb=True if rgb else None
    )
    if features.shape[-1] > 3:
        features = comparable(features)
    if features.shape[-1] == 2:
        features = np.concatenate([features, np.zeros_like(features[..., :1])], axis=-1)
    low = features.min(axis=(0, 1))
    # Lightness covers 0..100 and is spread over all of 8 bit.
    return np.clip((features - low) * 2.55, 0, 255).astype(np.uint8)

"""How channels of unlike units are made comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.image.color_space import usable
from napari_emseg.engine.image.feature_units import FeatureUnits, comparable
from napari_emseg.engine.image.value_range import find_core
from napari_emseg.pipeline.tiles import choose_blocks

if TYPE_CHECKING:
    from napari_emseg.engine.image.lazy_image import LazyImage

# Pixels that tell the spread of a channel.
_SAMPLE = 2**18


def channel_units(picture: LazyImage) -> FeatureUnits | None:
    """Return order and units in which the channels of an image are worked on.

    Parameters
    ----------
    picture : LazyImage
        The image.

    Returns
    -------
    FeatureUnits or None
        None for one channel, for RGB, and where nothing would change.

    Notes
    -----
    Some blocks of the image are read. Hot pixels, and marks of missing data, do not
    count. A channel that does not vary stays as it is.
    """
    if picture.rgb or picture.channels < 2:
        return None
    found = []
    for where in choose_blocks(picture.shape, _SAMPLE):
        values = picture.read(where)
        inside = usable(values, rgb=False)
        flat = values.reshape(-1, values.shape[-1])
        found.append(flat if inside is None else flat[inside.ravel()])
    # Each channel for itself, so that what it holds decides, and not where it stands.
    columns = [
        np.concatenate([part[:, c] for part in found]) for c in range(picture.channels)
    ]
    shapes, spreads = np.array([_measured(x.astype(np.float64)) for x in columns]).T
    order, factors = comparable(shapes, spreads)
    if order == tuple(range(len(order))) and set(factors) == {1.0}:
        return None
    return FeatureUnits(order, factors)


def _measured(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float]:
    """Return skewness and standard deviation of (N,) values but the extreme ones."""
    if not values.size:
        return 0.0, 0.0
    core = find_core(values[np.newaxis])
    if core is not None:
        values = values[(values >= core.low[0]) & (values <= core.high[0])]
    away = values - values.mean()
    spread = float(np.sqrt((away**2).mean()))
    return (float(((away / spread) ** 3).mean()) if spread > 0 else 0.0), spread

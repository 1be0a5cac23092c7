"""Classes of an image of which the extremes were brought nearer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_emseg.engine.cluster.mixture import MixtureModel

if TYPE_CHECKING:
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.value_range import Core

    M = TypeVar("M", bound=Model)


def nearer(model: M, core: Core | None) -> M:
    """Return a model of features of which the extremes were brought nearer.

    What tells distances from each other, such as an edge from noise, is measured there.
    """
    if core is None:
        return model
    if not isinstance(model, MixtureModel):
        return replace(model, centers=core.clip(model.means))
    variance = np.einsum("kii->ki", model.covariances)
    shrink = np.sqrt(np.minimum(1, (core.high - core.low) ** 2 / 12 / variance))
    covariances = model.covariances * shrink[:, :, np.newaxis] * shrink[:, np.newaxis]
    return replace(model, means=core.clip(model.means), covariances=covariances)

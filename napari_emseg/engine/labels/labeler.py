"""Labels and posteriors of pixels, given a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cells.cells import largest
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.image.color_space import convert
from napari_emseg.engine.mrf.hmrf_steps import correct_bias
from napari_emseg.engine.mrf.smoother import Smoother

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.feature_space import FeatureSpace
    from napari_emseg.engine.image.lazy_image import LazyImage


@dataclass(frozen=True, slots=True, eq=False)
class Labeler:
    """Everything needed to label any part of an image, without the image.

    Attributes
    ----------
    model : Model
        The classes.
    black : (D,) or (1,) ndarray of float64
        Features from which illumination scales all others.
    coding : Coding or None
        How values become codes, if the image has a palette.
    table : ndarray of uint8 or None
        Label of each code.
    smoother : Smoother or None
        The random field; None looks labels up, pixel by pixel.
    """

    model: Model
    black: Float64Array
    coding: Coding | None = None
    table: NDArray[np.uint8] | None = None
    smoother: Smoother | None = None

    def halo(self, n_axes: int) -> int:
        """Pixels around a tile of 2 or more axes that its labels depend on."""
        return 0 if self.smoother is None else self.smoother.halo(min(n_axes, 3))

    @property
    def planes(self) -> int:
        """Numbers that each pixel of a tile needs while it is labeled."""
        n_classes, dims = self.model.means.shape
        return dims if self.smoother is None else n_classes

    def labels(
        self,
        data: NDArray[Any],
        usable: BoolArray | None,
        seed_labels: NDArray[np.integer[Any]] | None = None,
        light: FloatArray | None = None,
    ) -> NDArray[np.uint8]:
        """Label the pixels of a tile.

        Parameters
        ----------
        data : (*S, C) or (*S, D) ndarray
            Channels of the tile if there is a table, else its features.
        usable : (*S) ndarray of bool or None
            Pixels that get a label; the others get 0. None is all.
        seed_labels : (*S) ndarray of int, optional
            Labels that the user fixed; 0 where free.
        light : (*S) ndarray of float32, optional
            Illumination of the pixels.

        Returns
        -------
        (*S) ndarray of uint8
        """
        if self.smoother is not None:
            found = self.posteriors(data, usable, light)
            best = largest(found.reshape(len(found), -1)).astype(np.uint8)
            labels = best.reshape(found.shape[1:])
            labels += 1
        elif self.coding is not None and self.table is not None:
            labels = self.coding.lookup_values(data, self.table)
        else:
            labels = self.model.predict(data)
        if seed_labels is not None:
            np.copyto(labels, seed_labels.astype(np.uint8), where=seed_labels > 0)
        if usable is not None:
            labels[~usable] = 0
        return labels

    def posteriors(
        self,
        features: FloatArray,
        usable: BoolArray | None,
        light: FloatArray | None = None,
    ) -> FloatArray:
        """Return class probabilities (K, *S) float32; 0 where not usable."""
        if light is not None:
            planes = np.moveaxis(features, -1, 0)
            features = np.moveaxis(correct_bias(planes, light, self.black), 0, -1)
        smoother = self.smoother or Smoother(0.0, None)
        return smoother.posteriors(self.model, features, usable)


def label_table(
    model: Model, census: CellCounts, color: str, full_scale: float
) -> NDArray[np.uint8]:
    """Return the look-up table of labels for the codes of a palette."""
    coding, codes, cells = census.coding, census.codes, census.cells
    assert coding is not None
    if cells.seed_labels is None:
        features = cells.points.T
    else:
        # Colors with pixels of a fixed class have several cells.
        features = convert(coding.decode(codes), color, full_scale)
    return coding.table(codes, model.predict(features))


def check_model(
    model: Model,
    picture: LazyImage,
    space: FeatureSpace,
    seed_labels: NDArray[np.integer[Any]] | None,
) -> None:
    """Refuse to apply a model to a picture that it does not fit.

    Raises
    ------
    TypeError
        If the model is none.
    ValueError
        If it has other features than the picture, or fewer classes than the seeds.
    """
    kinds = tuple(method.model for method in METHODS.values())
    if not isinstance(model, kinds):
        raise TypeError(
            f"model is {type(model).__name__}, but a fitted "
            f"{' or '.join(kind.__name__ for kind in kinds)} is needed: pass the "
            "`model` of a Segmentation"
        )
    dims = space.dims(picture)
    if model.means.shape[1] != dims:
        raise ValueError(
            f"the model has {model.means.shape[1]} features, but this image has "
            f"{dims} in color={space.color!r}; use the parameters it was fitted with"
        )
    if seed_labels is not None and seed_labels.max() > model.n_classes:
        raise ValueError(
            f"seed_labels go up to {seed_labels.max()}, but the model has only "
            f"{model.n_classes} classes; renumber them, or fit without model="
        )

"""Labels and posteriors of pixels, given a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture, components_of
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.cluster.model import WEIGHTS_OFF
from napari_emseg.engine.image.color_space import convert
from napari_emseg.engine.mrf.hmrf_steps import correct_bias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cells.palette import Coding
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.feature_space import FeatureSpace
    from napari_emseg.engine.image.lazy_image import LazyImage
    from napari_emseg.engine.mrf.noise_smoother import NoiseSmoother
    from napari_emseg.engine.mrf.smoother import Smoother


# Codes that are labeled at once.
_CODES = 2**18


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
    smoother : Smoother, NoiseSmoother or None
        The random field; None looks labels up, pixel by pixel.
    """

    model: Model
    black: Float64Array
    coding: Coding | None = None
    table: NDArray[np.uint8] | None = None
    smoother: Smoother | NoiseSmoother | None = None

    def halo(self, n_axes: int) -> int:
        """Pixels around a tile of 2 or more axes that its labels depend on."""
        return 0 if self.smoother is None else self.smoother.halo(min(n_axes, 3))

    def reads_values(self, *, labels: bool) -> bool:
        """Tell whether labels, or else posteriors, are made of channels."""
        if self.smoother is not None:
            return self.smoother.reads_values
        return labels and self.table is not None

    @property
    def zoom(self) -> int:
        """How much longer than others tiles of pictures may be."""
        return 1 if self.smoother is None else self.smoother.zoom

    @property
    def planes(self) -> int:
        """Numbers that each pixel of a tile needs while it is labeled."""
        n_components, dims = components_of(self.model).means.shape
        return dims if self.smoother is None else n_components

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
            Channels of the tile if it `reads_values`, else its features.
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
            lit = self._lit(data, light)
            labels = self.smoother.labels(components_of(self.model), lit, usable)
            if isinstance(self.model, GroupedMixture):
                labels = np.append(0, self.model.owners).astype(np.uint8)[labels]
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
        data: NDArray[Any],
        usable: BoolArray | None,
        light: FloatArray | None = None,
    ) -> FloatArray:
        """Return class probabilities (K, *S) float32; 0 where not usable."""
        lit = self._lit(data, light)
        if self.smoother is not None:
            each = self.smoother.posteriors(components_of(self.model), lit, usable)
            if isinstance(self.model, GroupedMixture):
                return self.model.sum_up(each)
            return each
        found = np.moveaxis(self.model.predict_proba(lit), -1, 0).astype(np.float32)
        if usable is not None:
            found *= usable
        return found

    def _lit(self, data: NDArray[Any], light: FloatArray | None) -> NDArray[Any]:
        """Divide features by the illumination."""
        if light is None:
            return data
        planes = np.moveaxis(data, -1, 0)
        return np.moveaxis(correct_bias(planes, light, self.black), 0, -1)


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


def full_table(
    model: Model, coding: Coding, color: str, full_scale: float
) -> NDArray[np.uint8]:
    """Return the look-up table of labels for all codes that there can be."""
    table = np.empty(2**coding.bits, np.uint8)
    for start in range(0, table.size, _CODES):
        codes = np.arange(start, min(start + _CODES, table.size), dtype=np.uint32)
        features = convert(coding.decode(codes), color, full_scale)
        table[start : start + _CODES] = model.predict(features)
    return table


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
        If its weights do not sum to 1, or if it has other features than the picture, or
        fewer classes than the seeds.
    """
    kinds = tuple(method.model for method in METHODS.values())
    if not isinstance(model, (*kinds, GroupedMixture)):
        raise TypeError(
            f"model is {type(model).__name__}, but a fitted "
            f"{' or '.join(kind.__name__ for kind in kinds)} is needed: pass the "
            "`model` of a Segmentation"
        )
    total = float(model.weights.sum())
    if not abs(total - 1) <= WEIGHTS_OFF:
        raise ValueError(
            f"the weights of the model sum to {total:g}, but they are the shares of "
            "its classes; divide them by their sum"
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

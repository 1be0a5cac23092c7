"""Log-probabilities of classes at pixels of integers, as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.cells.cells import feature_rows, products
from napari_emseg.engine.cluster.mixture import MixtureModel, log_norm, quadratics
from napari_emseg.engine.mrf.fixed_field import FLOOR
from napari_emseg.engine.mrf.fixed_point import LIMIT

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.mrf.fixed_point import Integers, Unit

# Pixels whose products stay in the cache, and so many numbers of many classes.
_BLOCK, _NUMBERS = 8192, 2**17
# Bits of integers that float64 holds.
_BITS = 53


class ClassLogits:
    """Classes, asked for their log-probabilities at integers.

    Of Gaussian classes without outliers every sum is exact, so that it does not
    depend on the order in which a library for linear algebra adds.

    Parameters
    ----------
    model : Model
        K classes of D features.
    unit : Unit
        Of the features; those after its center's have their 0 at 0.
    nats : float
        Units of the logits for a nat, times the power of the likelihoods.
    even : bool
        Whether the shares of the classes do not count.
    """

    def __init__(
        self, model: Model, unit: Unit, nats: float, *, even: bool = False
    ) -> None:
        self._model, self._nats = model, nats
        dims = model.means.shape[1]
        self._center = np.zeros(dims)
        self._center[: len(unit.center)] = unit.center
        self._steps = np.full(dims, unit.step)
        self._steps[: len(unit.center)] = unit.steps
        self._prior = nats * model.log_prior if even else None
        self._matrix: Float64Array | None = None
        if isinstance(model, MixtureModel) and model.df is None and model.outliers == 0:
            self._matrix = self._exact(model)

    def _exact(self, model: MixtureModel) -> Float64Array:
        """Return coefficients (K - 1, F) over φ whose products have a common unit.

        They tell how far each class is ahead of the first.
        """
        form = quadratics(model, self._center)
        matrix = form.matrix / -2
        matrix[:, 0] += log_norm(model, form.log_det)
        dims = len(self._center)
        matrix *= products(self._steps[:, np.newaxis])[:, 0]
        matrix *= self._nats
        if self._prior is not None:
            matrix[:, 0] -= self._prior
        ahead: Float64Array = matrix[1:] - matrix[0]
        most = np.repeat((1.0, LIMIT, LIMIT**2), (1, dims, matrix.shape[1] - 1 - dims))
        largest = float((np.abs(ahead) @ most).max(initial=1.0))
        unit = 2.0 ** (np.ceil(np.log2(largest)) - _BITS)
        return np.rint(ahead / unit) * unit

    def __call__(self, planes: Integers, out: Integers) -> None:
        """Write the logits of pixels.

        Parameters
        ----------
        planes : (D, N) ndarray of int16
            Features.
        out : (K, N) ndarray of int16
            Receives the logits: 0 for the best class, the others down to `FLOOR`.
        """
        size = planes.shape[1]
        length = max(1, min(size, _BLOCK, _NUMBERS // len(out)))
        top, nothing = np.empty(length), np.zeros(length)
        least = np.full(length, FLOOR, np.int16)
        rows = feature_rows(len(planes), "full")
        phi = np.ones((rows if self._matrix is not None else 0, length))
        ahead = np.empty((len(out) - 1, length))
        for start in range(0, size, length):
            part = slice(start, min(start + length, size))
            count = part.stop - start
            found, best = ahead[:, :count], top[:count]
            if self._matrix is None:
                found = self._ahead(planes[:, part])
            else:
                np.matmul(
                    self._matrix,
                    products(planes[:, part], out=phi[:, :count]),
                    out=found,
                )
            np.copyto(best, 0)
            for row in found:
                np.maximum(best, row, out=best)
            for row, logits in zip((nothing[:count], *found), out, strict=True):
                # Rounds, and saturates.
                cv2.subtract(
                    row[np.newaxis],
                    best[np.newaxis],
                    dst=logits[np.newaxis, part],
                    dtype=cv2.CV_16S,
                )
                np.maximum(logits[part], least[:count], out=logits[part])

    def _ahead(self, planes: Integers) -> Float64Array:
        """Return how far ahead of the first class the others are, (K - 1, N)."""
        points = (planes.T * self._steps) + self._center
        log: Float64Array = self._nats * self._model.log_joint(points)
        if self._prior is not None:
            log -= self._prior[:, np.newaxis]
        return log[1:] - log[0]

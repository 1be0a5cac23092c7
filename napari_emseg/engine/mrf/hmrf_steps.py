"""An image laid out in lattices, with its random field: steps of a hidden field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import Blocks, Cells, feature_rows
from napari_emseg.engine.cluster.em import CovarianceSpec, Statistics, m_step
from napari_emseg.engine.cluster.mixture import component_log_joint, quadratics
from napari_emseg.engine.mrf.bias_field import bias_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.mixture import MixtureModel
    from napari_emseg.engine.mrf.potts import PottsField

    Planes = NDArray[np.float32]

# Log-odds of a class that the user fixed: no number of neighbors outweighs it.
_CERTAIN = 1e6
_NEWTON_STEPS, _CLOSE = 10, 1e-3
# Pixels that tell the bond: more do not make it better.
_WITNESSES = 2**13


@dataclass(frozen=True, slots=True, eq=False)
class HMRFData:
    """An image laid out in lattices, and the field on it.

    Attributes
    ----------
    planes : (D, *S) ndarray of float32
        Features; 0 where not valid.
    valid : (*S) ndarray of bool
        Pixels that count.
    field : PottsField
        The neighborhood.
    seed_labels : (N,) ndarray of int64 or None
        Classes 1..K that the user fixed for elements of the lattices, 0 where free.
    black : (D,) ndarray of float64
        Illumination multiplies the difference from this.
    """

    planes: Planes
    valid: NDArray[np.bool_]
    field: PottsField
    seed_labels: NDArray[np.int64] | None
    black: Float64Array

    def cells(self, planes: Planes) -> Cells:
        """Return features (D, *S) as N cells; those that are no pixel weigh 0."""
        points = self.field.lattices.split(planes).reshape(len(planes), -1)
        weights = self.field.valid.reshape(-1).astype(np.float64)
        return Cells(weights, points)

    def evidence(self, model: MixtureModel, data: Blocks) -> tuple[Planes, float]:
        """Return the log-densities of the classes.

        The shares of the classes do not count: the field is the prior.

        Returns
        -------
        unary : (K, 2ⁿ, size) ndarray of float32
            In lattices, less the largest of each pixel.
        top : float
            Mean of the largest over the pixels, in nats.
        """
        k = model.n_classes
        even = replace(model, weights=np.full(k, 1 / k))
        evaluate = component_log_joint(even, data.center, order=data.order)
        unary = np.empty((k, data.cells.count), np.float32)
        top = 0.0
        for part, phi in _parts(data):
            log = evaluate(phi)
            if model.outliers > 0:
                uniform = np.log(model.outliers / k) + model.log_uniform
                np.logaddexp(log, uniform, out=log)
            largest = log.max(axis=0)
            top += float(largest @ data.cells.weights[part])
            unary[:, part] = log - largest
        if self.seed_labels is not None:
            seeded = np.flatnonzero(self.seed_labels)
            unary[:, seeded] = -_CERTAIN
            unary[self.seed_labels[seeded] - 1, seeded] = 0
        top = top / data.cells.total + np.log(k)
        return unary.reshape(k, *self.field.valid.shape), top

    def bond(
        self,
        unary: Planes,
        posteriors: Planes,
        bond: float,
        bounds: tuple[float, float],
    ) -> tuple[float, float]:
        """Find the bond of the largest pseudo-likelihood [1]_ of the labels.

        Contrast is left out: bonds that it has cut already tell nothing of how
        smooth the labels are. One lattice of pixels is enough.

        Parameters
        ----------
        unary, posteriors : (K, 2ⁿ, size) ndarray of float32
            Evidence, and Q.
        bond : float
            Where to start, in nats.
        bounds : (low, high)
            The result is between these.

        Returns
        -------
        bond : float
            In nats, between side neighbors.
        objective : float
            Mean of ln Σ_k π_k(p) f_k(x_p) under that bond, f_k relative to the largest.

        References
        ----------
        .. [1] J. Besag, "Statistical analysis of non-lattice data", The Statistician
           24(3), 179-195, 1975.
        """
        k, field = len(unary), self.field
        labels = (posteriors == posteriors.max(axis=0)).astype(np.float32)
        labels *= field.valid
        best = int(field.valid.sum(axis=1).argmax())
        pixels = np.flatnonzero(field.valid[best])
        pixels = pixels[:: 1 + pixels.size // _WITNESSES]
        found = []
        for where in field.blocks(k):
            index, start, stop = where
            if index == best:
                inside = pixels[(pixels >= start) & (pixels < stop)] - start
                said = np.empty((2, k, stop - start), np.float32)
                field.neighbor_sum(labels, where, said[0], said[1], plain=True)
                own = (
                    said[0],
                    labels[:, index, start:stop],
                    unary[:, index, start:stop],
                )
                found.append(np.stack([part[:, inside] for part in own]))
        neighbors, own, evidence = np.concatenate(found, axis=2).astype(np.float64)
        neighbors -= neighbors.max(axis=0)
        agreed = float((own * neighbors).sum())
        for _ in range(_NEWTON_STEPS):
            odds = np.exp(bond * neighbors)
            odds /= odds.sum(axis=0)
            mean = (odds * neighbors).sum(axis=0)
            curve = float(((odds * neighbors**2).sum(axis=0) - mean**2).sum())
            if curve <= 1e-9 * neighbors.shape[1]:
                break
            step = (agreed - float(mean.sum())) / curve
            bond, last = float(np.clip(bond + step, *bounds)), bond
            if abs(bond - last) < _CLOSE:
                break
        prior = bond * neighbors
        seen = np.exp(prior + evidence).sum(axis=0) / np.exp(prior).sum(axis=0)
        return bond, float(np.log(np.maximum(seen, 1e-300)).mean())

    def illumination(self, model: MixtureModel, posteriors: Planes) -> Planes:
        """Find what the pixels are multiplied by, of mean 1, (*S) float32."""
        means = model.means - self.black
        pull = np.linalg.solve(model.covariances, means[..., np.newaxis])[..., 0]
        power = np.einsum("kd,kd->k", pull, means)
        shares = self.field.lattices.join(posteriors)
        expected = np.einsum("k,k...->...", power, shares)
        seen = np.zeros(self.valid.shape)
        for d, plane in enumerate(self.planes):
            weights = np.einsum("k,k...->...", pull[:, d], shares)
            seen += weights * (plane - self.black[d])
        return bias_field(seen, expected, self.valid)


def correct_bias(features: Planes, illumination: Planes, black: Float64Array) -> Planes:
    """Divide what lies above black by the illumination.

    Parameters
    ----------
    features : (D, *S) ndarray of float32
    illumination : (*S) ndarray of float32
    black : (D,) ndarray of float64

    Returns
    -------
    (D, *S) ndarray of float32
    """
    shift = black.astype(np.float32).reshape(-1, *(1,) * illumination.ndim)
    lit: Planes = (features - shift) / illumination + shift
    return lit


def update(
    model: MixtureModel, data: Blocks, posteriors: Planes, rules: CovarianceSpec
) -> MixtureModel:
    """M step from the posteriors (K, 2ⁿ, size) of a field, outliers put aside."""
    k, dims = model.means.shape
    shares = posteriors.reshape(k, -1)
    sums = np.zeros((k, feature_rows(dims, data.order)))
    mass, log_scale, total = np.zeros(k), np.zeros(k), 0.0
    even = replace(model, weights=np.ones(k))
    evaluate = component_log_joint(even, data.center, order=data.order)
    form = (
        None if model.df is None else quadratics(model, data.center, order=data.order)
    )
    for part, phi in _parts(data):
        share = shares[:, part].astype(np.float64)
        total += float(share.sum())
        if model.outliers > 0:
            uniform = np.log(model.outliers) + model.log_uniform
            share *= np.exp(-np.logaddexp(0, uniform - evaluate(phi)))
        mass += share.sum(axis=1)
        if form is not None and model.df is not None:
            df = model.df[:, np.newaxis]
            distance = np.maximum(form.matrix @ phi, 0)
            scale = (df + dims) / (df + distance)
            log_scale += (share * (np.log(scale) - scale)).sum(axis=1)
            share *= scale
        sums += share @ phi.T
    if mass.sum() == 0:
        # Outliers took all: nothing tells better classes.
        return model
    stats = Statistics(np.full(1, np.nan), mass, sums, log_scale)
    found = m_step(stats, model, data.center, rules)
    if model.outliers > 0:
        lost = 1 - float(mass.sum()) / max(total, 1e-300)
        found = replace(found, outliers=float(np.clip(lost, 1e-3, 0.5)))
    return found


def _parts(data: Blocks) -> Iterator[tuple[slice, Float64Array]]:
    start = 0
    for weights, phi, _ in data:
        yield slice(start, start + len(weights)), phi
        start += len(weights)

"""An image laid out in lattices, with its random field: steps of a hidden field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import Blocks, Cells, feature_rows, products
from napari_emseg.engine.cluster.em import CovarianceSpec, Statistics, m_step
from napari_emseg.engine.cluster.mixture import component_log_joint, quadratics
from napari_emseg.engine.mrf.bias_field import bias_field, block_side, parts, shrink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.mixture import MixtureModel
    from napari_emseg.engine.mrf.potts import PottsField

    Planes = NDArray[np.float32]

# Log-odds of a class that the user fixed: no number of neighbors outweighs it.
_CERTAIN = 1e6
# Evidence of one pixel that counts in its neighbors' start, in nats.
_LOUDEST = np.float32(-30)
# Elements whose densities are worked out together.
_PART = 2**13
_NEWTON_STEPS, _CLOSE = 10, 1e-3
# Pixels that tell the bond: more do not make it better.
_WITNESSES = 2**13


class FieldEvidence:
    """Log-densities of the classes, less the largest of each pixel, made when read.

    It is read as a (K, 2ⁿ, size) ndarray of float32, which would take as much memory as
    the posteriors. The shares of the classes do not count: the field is the prior.

    Parameters
    ----------
    model : MixtureModel
        The classes.
    data : Blocks
        The elements of the lattices.
    field : PottsField
        The neighborhood.
    seed_labels : (N,) ndarray of uint8 or None
        Classes 1..K that the user fixed for elements of the lattices, 0 where free.
    """

    def __init__(
        self,
        model: MixtureModel,
        data: Blocks,
        field: PottsField,
        seed_labels: NDArray[np.uint8] | None,
    ) -> None:
        self.model, self.data, self.field = model, data, field
        self.seed_labels = seed_labels
        even = replace(model, weights=np.full(len(self), 1 / len(self)))
        self._evaluate = component_log_joint(even, data.center, order=data.order)

    def __len__(self) -> int:
        """Return the number of classes."""
        return self.model.n_classes

    def __getitem__(self, where: tuple[slice, int, slice], /) -> Planes:
        """Return (K, n) of all classes, a lattice, and a range of its elements."""
        _, index, part = where
        start = index * self.field.lattices.size
        return self.at(slice(start + part.start, start + part.stop))

    def at(self, which: slice | NDArray[np.intp]) -> Planes:
        """Return (K, n) of some elements of all lattices."""
        points = self.data.cells.points[:, which]
        out = np.empty((len(self), points.shape[1]), np.float32)
        middle = self.data.center[:, np.newaxis]
        for start in range(0, points.shape[1], _PART):
            part = slice(start, start + _PART)
            log = self._densities(products(points[:, part] - middle, self.data.order))
            np.subtract(log, log.max(axis=0), out=out[:, part], casting="same_kind")
        if self.seed_labels is not None:
            labels = self.seed_labels[which]
            seeded = np.flatnonzero(labels)
            out[:, seeded] = -_CERTAIN
            out[labels[seeded].astype(np.intp) - 1, seeded] = 0
        return out

    def top(self) -> float:
        """Return the mean of the largest over the pixels, in nats."""
        inside, top = self.field.valid.reshape(-1), 0.0
        for part, phi in _parts(self.data):
            top += float(self._densities(phi).max(axis=0) @ inside[part])
        return top / np.count_nonzero(inside) + np.log(len(self))

    def _densities(self, phi: Float64Array) -> Float64Array:
        log = self._evaluate(phi)
        if self.model.outliers > 0:
            uniform = np.log(self.model.outliers / len(self)) + self.model.log_uniform
            np.logaddexp(log, uniform, out=log)
        return log


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """What pixels tell their neighbors before there are posteriors: their evidence.

    Attributes
    ----------
    evidence : FieldEvidence
        Of which no pixel speaks for all others.
    """

    evidence: FieldEvidence

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self.evidence)

    def __getitem__(self, where: tuple[slice, int, slice], /) -> Planes:
        """Return (K, n) of all classes, a lattice, and a range of its elements."""
        said = np.maximum(self.evidence[where], _LOUDEST)
        said *= self.evidence.field.valid[where[1:]]
        return said


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
    black : (D,) ndarray of float64
        Illumination multiplies the difference from this.
    """

    planes: Planes
    valid: NDArray[np.bool_]
    field: PottsField
    black: Float64Array

    def cells(self, planes: Planes, light: Planes | None = None) -> Cells:
        """Return features (D, *S) as N cells, freed from light (*S) if there is some.

        Elements of the lattices that are no pixel are cells, too.
        """
        lattices = self.field.lattices
        n = len(lattices.parities)
        points = np.zeros((len(planes), n, *lattices.padded), np.float32)
        for pixels, filled in lattices.places():
            part = planes[pixels]
            if light is not None:
                part = correct_bias(part, light[pixels], self.black)
            points[filled] = part
        return as_cells(points.reshape(len(planes), -1))

    def illumination(self, model: MixtureModel, posteriors: Planes) -> Planes:
        """Find what the pixels are multiplied by, of mean 1, (*S) float32."""
        means = model.means - self.black
        pull = np.linalg.solve(model.covariances, means[..., np.newaxis])[..., 0]
        power = np.einsum("kd,kd->k", pull, means)
        side = block_side(self.valid.shape)
        seen, expected = np.zeros((2, *(-(-n // side) for n in self.valid.shape)))
        for box in parts(self.valid.shape):
            blocks = tuple(slice(p.start // side, -(-p.stop // side)) for p in box)
            shares, inside = self.field.lattices.join(posteriors, box), self.valid[box]
            light = np.einsum("k,k...->...", power, shares)
            expected[blocks] = shrink(light * inside, side)
            light = np.zeros(inside.shape)
            for d, plane in enumerate(self.planes):
                weights = np.einsum("k,k...->...", pull[:, d], shares)
                light += weights * (plane[box] - self.black[d])
            seen[blocks] = shrink(light * inside, side)
        return bias_field(seen, expected, self.valid)


def as_cells(points: Planes) -> Cells:
    """Return points (D, N) as cells of weight 1."""
    return Cells(np.broadcast_to(np.float64(1), points.shape[1:]), points)


def estimate_bond(
    evidence: FieldEvidence,
    posteriors: Planes,
    bond: float,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Find the bond of the largest pseudo-likelihood [1]_ of the labels.

    Contrast is left out: bonds that it has cut already tell nothing of how
    smooth the labels are. Some pixels of one lattice are enough.

    Parameters
    ----------
    evidence : FieldEvidence
        Of the pixels by themselves.
    posteriors : (K, 2ⁿ, size) ndarray of float32
        Q.
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
    field, lattices = evidence.field, evidence.field.lattices
    best = int(field.valid.sum(axis=1).argmax())
    pixels = np.flatnonzero(field.valid[best])
    pixels = pixels[:: 1 + pixels.size // _WITNESSES]

    def labels(index: int, at: NDArray[np.intp]) -> Planes:
        shares = posteriors[:, index, at]
        highest = (shares == shares.max(axis=0)).astype(np.float32)
        return highest * field.valid[index, at]

    said = np.zeros((len(evidence), pixels.size), np.float32)
    for offset, weight in field.bonds.items():
        for sign in (1, -1):
            away = tuple(sign * d for d in offset)
            other, shift = lattices.step(best, away)
            said += labels(other, pixels + shift) * np.float32(weight)
    neighbors = said.astype(np.float64)
    own = labels(best, pixels).astype(np.float64)
    seen_alone = evidence.at(best * lattices.size + pixels).astype(np.float64)
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
    seen = np.exp(prior + seen_alone).sum(axis=0) / np.exp(prior).sum(axis=0)
    return bond, float(np.log(np.maximum(seen, 1e-300)).mean())


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

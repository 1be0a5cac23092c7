"""An image of integers, with what a hidden field does to it: steps of its fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import feature_rows, products
from napari_emseg.engine.cluster.em import CovarianceSpec, Statistics, m_step
from napari_emseg.engine.cluster.mixture import (
    class_log_joint,
    component_log_joint,
    quadratics,
)
from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.mrf.bias_field import (
    bias_field,
    block_side,
    multiplies_all,
    parts,
    shrink,
)
from napari_emseg.engine.mrf.class_logits import ClassLogits
from napari_emseg.engine.mrf.fixed_field import FLOOR, largest_class
from napari_emseg.engine.mrf.flat_grid import FlatGrid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.mixture import MixtureModel
    from napari_emseg.engine.mrf.fixed_field import Strength, Votes
    from napari_emseg.engine.mrf.fixed_point import Integers, Planes, Unit

# Pixels that are summed up together: so few that sums of their products are exact.
_PART = 2**13
# Units of a posterior of 1/255 that something else has weighed, too.
_FINE = 16
# Share of a class that no pixel is in.
_TRACE = 1e-6
# Smallest share of the largest feature whose logarithm is told from zero's.
_DARKEST = 1e-3
_NEWTON_STEPS, _CLOSE = 10, 1e-3
# Pixels that tell the bond: more do not make it better.
_WITNESSES = 2**13


@dataclass(frozen=True, eq=False)
class HMRFData:
    """An image, and how it becomes integers in flat planes.

    Sums over its pixels are exact, so that no fit depends on the order in which a
    library for linear algebra adds.

    Attributes
    ----------
    planes : (D, *S) ndarray of float32
        Features; 0 where not valid.
    valid : (*S) ndarray of bool
        Pixels that count.
    unit : Unit
        Of the features.
    black : (D,) ndarray of float64
        Illumination multiplies the difference from this.
    seed_labels : (*S) ndarray of uint8 or None
        Classes 1..K that the user fixed, 0 where free.
    """

    planes: Planes
    valid: NDArray[np.bool_]
    unit: Unit
    black: Float64Array
    seed_labels: NDArray[np.uint8] | None

    @kept_property
    def grid(self) -> FlatGrid:
        """Where the pixels are in flat planes."""
        return FlatGrid(self.valid.shape)

    @kept_property
    def inside(self) -> Votes:
        """1 where a pixel counts, 0 elsewhere, (size,)."""
        return np.asarray(self.grid.lay(self.valid.astype(np.uint16), None, 0))

    @kept_property
    def witnesses(self) -> NDArray[np.intp]:
        """Places of some pixels no two of which are neighbors, (W,)."""
        apart = (slice(None, None, 2),) * self.valid.ndim
        places = self.grid.view(np.arange(self.grid.size))
        found = places[apart][self.valid[apart]]
        if not found.size:
            found = places[self.valid][:1]
        return np.asarray(found[:: 1 + found.size // _WITNESSES])

    def codes(self, planes: Planes, light: Planes | None = None) -> Integers:
        """Return features (D, *S) as (D, size), freed from light (*S) if there is some.

        0 where there is no pixel.
        """
        codes = np.empty(planes.shape, np.int16)
        for box in parts(self.valid.shape):
            some = planes[:, *box]
            if light is not None:
                some = correct_bias(some, light[box], self.black)
            self.unit.encode(np.moveaxis(some, 0, -1), codes[:, *box])
        return np.asarray(self.grid.lay(codes, None, 0))

    def logits(
        self, model: MixtureModel, codes: Integers, strength: Strength, out: Integers
    ) -> None:
        """Write log-densities of the classes to (K, size); 0 where no pixel counts.

        The shares of the classes do not count: the field is the prior.
        """
        part = slice(self.grid.start, self.grid.stop)
        classes = ClassLogits(model, self.unit, strength.nat, even=True)
        classes(codes[:, part], out[:, part])
        if self.seed_labels is not None:
            seeded = self.seed_labels > 0
            for k, pixels in enumerate(self.grid.view(out), start=1):
                pixels[seeded] = np.where(self.seed_labels[seeded] == k, 0, FLOOR)
        np.multiply(out, self.inside.view(np.int16), out=out)

    def update(
        self,
        model: MixtureModel,
        codes: Integers,
        posteriors: Votes,
        rules: CovarianceSpec,
    ) -> MixtureModel:
        """M step from the posteriors (K, size) of a field, outliers put aside."""
        k, dims = model.means.shape
        scale = products(self.unit.steps[:, np.newaxis], rules.order)
        sums = np.zeros((k, feature_rows(dims, rules.order)))
        mass, log_scale, total = np.zeros(k), np.zeros(k), 0.0
        even, center = replace(model, weights=np.ones(k)), self.unit.center
        evaluate = component_log_joint(even, center, order=rules.order)
        form = None
        if model.df is not None:
            form = quadratics(model, center, order=rules.order)
        weighed = model.outliers > 0 or form is not None
        for part in self._parts():
            phi = products(codes[:, part], rules.order)
            share = (posteriors[:, part] * self.inside[part]).astype(np.float64)
            if weighed:
                share *= _FINE
                total += float(share.sum())
                if model.outliers > 0:
                    uniform = np.log(model.outliers) + model.log_uniform
                    log = evaluate(phi * scale)
                    share *= np.exp(-np.logaddexp(0, uniform - log))
                mass += share.sum(axis=1)
                if form is not None and model.df is not None:
                    df = model.df[:, np.newaxis]
                    distance = np.maximum(form.matrix @ (phi * scale), 0)
                    narrow = (df + dims) / (df + distance)
                    log_scale += (share * (np.log(narrow) - narrow)).sum(axis=1)
                    share *= narrow
                np.rint(share, out=share)
            sums += share @ phi.T
        sums *= scale[:, 0]
        # Outliers may leave of a class less than half a unit of any pixel: nothing.
        mass = np.where(sums[:, 0] > 0, mass, 0) if weighed else sums[:, 0].copy()
        if mass.sum() == 0:
            # Outliers took all: nothing tells better classes.
            return model
        stats = Statistics(np.full(1, np.nan), mass, sums, log_scale)
        found = m_step(stats, model, center, rules)
        if found.weights.min() < _TRACE:
            # It stays where it was, as with floats, of which a trace is always left.
            weights = np.maximum(found.weights, _TRACE)
            found = replace(found, weights=weights / weights.sum())
        if model.outliers > 0:
            lost = 1 - float(mass.sum()) / max(total, 1e-300)
            found = replace(found, outliers=float(np.clip(lost, 1e-3, 0.5)))
        return found

    def means(self, planes: Planes, posteriors: Votes) -> Float64Array:
        """Return the means (K, D) of other features (D, *S)."""
        shares = (self.grid.view(posteriors) * self.valid).reshape(len(posteriors), -1)
        flat = planes.reshape(len(planes), -1)
        sums = np.einsum("kn,dn->kd", shares, flat, dtype=np.float64)
        mass = shares.sum(axis=1, dtype=np.float64)
        return np.asarray(sums / np.maximum(mass, 1)[:, np.newaxis])

    def illumination(self, model: MixtureModel, posteriors: Votes) -> Planes:
        """Find what the pixels are multiplied by, of mean 1, (*S) float32."""
        means = model.means - self.black
        pull = np.linalg.solve(model.covariances, means[..., np.newaxis])[..., 0]
        power = np.einsum("kd,kd->k", pull, means)
        side = block_side(self.valid.shape)
        seen, expected = np.zeros((2, *(-(-n // side) for n in self.valid.shape)))
        pixels = self.grid.view(posteriors)
        for box in parts(self.valid.shape):
            blocks = tuple(slice(p.start // side, -(-p.stop // side)) for p in box)
            shares, inside = pixels[:, *box] / np.float32(255), self.valid[box]
            light = np.einsum("k,k...->...", power, shares)
            expected[blocks] = shrink(light * inside, side)
            light = np.zeros(inside.shape)
            for d, plane in enumerate(self.planes):
                weights = np.einsum("k,k...->...", pull[:, d], shares)
                light += weights * (plane[box] - self.black[d])
            seen[blocks] = shrink(light * inside, side)
        return bias_field(seen, expected, self.valid)

    def follows(self, field: Planes, posteriors: Votes) -> bool:
        """Tell whether all classes are multiplied by an illumination (*S)."""
        classes = self.grid.view(posteriors)
        least = np.float32(_DARKEST * max(float(np.abs(self.planes).max()), 1e-30))
        sums = np.zeros((5, len(classes)))
        for whole in parts(self.valid.shape):
            # Of each two rows and columns one is enough.
            box = tuple(slice(part.start, part.stop, 2) for part in whole)
            share = (classes[:, *box] * self.valid[box]).reshape(len(classes), -1)
            away = self.planes[:, *box].reshape(len(self.planes), -1).T - self.black
            size = np.log(np.maximum(np.sqrt((away**2).sum(axis=1)), least))
            light = np.log(field[box].ravel().astype(np.float64))
            terms = np.ones_like(size), light, size, light**2, light * size
            sums += [np.einsum("kn,n->k", share, term) for term in terms]
        light_mean, size_mean, square, product = sums[1:] / np.maximum(sums[0], 1)
        spread = np.maximum(square - light_mean**2, 1e-300)
        slopes = (product - light_mean * size_mean) / spread
        return multiplies_all(slopes, sums[0] / max(float(sums[0].sum()), 1))

    def estimate_bond(
        self,
        model: MixtureModel,
        codes: Integers,
        posteriors: Votes,
        bond: float,
        bounds: tuple[float, float],
    ) -> tuple[float, float]:
        """Find the bond of the largest pseudo-likelihood [1]_ of the labels.

        Contrast is left out: bonds that it has cut already tell nothing of how
        smooth the labels are. Some pixels are enough.

        Parameters
        ----------
        model : MixtureModel
            The classes.
        codes : (D, size) ndarray of int16
            Features.
        posteriors : (K, size) ndarray of uint16
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
            Mean of ln Σ_k π_k(p) f_k(x_p) over these pixels under that bond.

        References
        ----------
        .. [1] J. Besag, "Statistical analysis of non-lattice data", The Statistician
           24(3), 179-195, 1975.
        """
        labels = largest_class(posteriors)
        labels *= self.inside.astype(np.uint8)
        classes = np.arange(1, len(posteriors) + 1, dtype=np.uint8)[:, np.newaxis]
        pixels = self.witnesses
        neighbors = np.zeros((len(posteriors), pixels.size))
        for away, _, near in self.grid.ahead:
            for step in (away, -away):
                neighbors += near * (labels[pixels + step] == classes)
        own = (labels[pixels] == classes).astype(np.float64)
        neighbors -= neighbors.max(axis=0)
        agreed = float((own * neighbors).sum())
        for _ in range(_NEWTON_STEPS):
            odds = np.exp(bond * neighbors)
            odds /= odds.sum(axis=0)
            mean = (odds * neighbors).sum(axis=0)
            curve = float(((odds * neighbors**2).sum(axis=0) - mean**2).sum())
            if curve <= 1e-9 * neighbors.shape[1]:
                break
            change = (agreed - float(mean.sum())) / curve
            bond, last = float(np.clip(bond + change, *bounds)), bond
            if abs(bond - last) < _CLOSE:
                break
        prior = bond * neighbors
        scale = products(self.unit.steps[:, np.newaxis])
        even = replace(model, weights=np.ones(len(own)))
        log = class_log_joint(even, self.unit.center)(
            products(codes[:, pixels]) * scale
        )
        seen = np.logaddexp.reduce(prior + log) - np.logaddexp.reduce(prior)
        return bond, float(seen.mean())

    def _parts(self) -> Iterator[slice]:
        for start in range(self.grid.start, self.grid.stop, _PART):
            yield slice(start, min(start + _PART, self.grid.stop))


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
    lit: Planes = features - shift
    lit /= illumination
    lit += shift
    return lit

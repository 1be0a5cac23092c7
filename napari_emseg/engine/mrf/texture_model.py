"""Classes fitted to the edge-preserving filtered image and to its local texture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import largest, products, unpack, upper
from napari_emseg.engine.cluster.em import CovarianceSpec, shape_covariances
from napari_emseg.engine.mrf.fixed_point import FAR, soften
from napari_emseg.engine.mrf.fixed_texture import (
    FULL,
    HALF,
    texture_power,
    texture_table,
)
from napari_emseg.engine.mrf.flat_grid import FlatGrid, count_four, halve
from napari_emseg.engine.mrf.mean_field import edge_scale
from napari_emseg.engine.mrf.potts import PottsField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.mrf.edge_preserving import EdgePreservingFilter
    from napari_emseg.engine.mrf.fixed_point import Integers, Unit

    Planes = NDArray[np.float32]

# Passes of the filter, by the distance in pixels of the image at which they look.
_PASSES = (1, 2, 4)
# Squared units that textures must differ by to tell a line.
_FLAT = 1.0
# Pixels along each axis that lie between those that classes are fitted to, at most,
# and how many of them are enough.
_STRIDE, _ENOUGH = 5, 2**12
# Bond between those, in nats; iterations; and sweeps in each.
_BOND, _ITERATIONS, _SWEEPS = 2.0, 10, 3
# Pixels of each class that stay as they were fitted, as a share of all pixels. Stained
# nuclei want few, so that a class becomes what it looks like filtered; components that
# seeds own want more than .0025, or they become others. Photographs are the same.
_ANCHOR = 0.005
# How often weights are raised until no class is left out.
_ROUNDS = 8
# Likelihoods of neighbors are no independent evidence: they count less. Nuclei and
# photographs are the same within .003 for powers of .35 to .5.
_TEMPER = 0.4


@dataclass(frozen=True, slots=True)
class TextureModel:
    """Classes of color and texture in the filtered image.

    They are those of a fitted model, fitted again in a hidden Markov random field, and
    decide on smoothed labels only.

    Attributes
    ----------
    edge_filter : EdgePreservingFilter
        The filter.
    classes : Model or None
        K classes of D features and texture; None compares the filtered image with
        the model's own, widened.
    line : (a, b)
        a + b t is the texture of pixels whose means over cells have the texture t.
    """

    edge_filter: EdgePreservingFilter
    classes: Model | None = None
    line: tuple[float, float] = (0.0, 1.0)

    @property
    def power(self) -> float:
        """Power of likelihoods."""
        return 1.0 if self.classes is None else temper(self.edge_filter)

    def keep_small_classes(
        self, points: Planes, least: NDArray[np.floating]
    ) -> TextureModel:
        """Raise the weights of classes that win too few pixels.

        Parameters
        ----------
        points : (N, D + 1) ndarray of float32
            Some pixels, as `augment` gives them.
        least : (K,) ndarray of float
            How many each class has to win.

        Returns
        -------
        TextureModel
            The same if none wins too few.
        """
        if self.classes is None:
            return self
        log = self.classes.log_joint(points)
        raised = np.zeros(len(log))
        for _ in range(_ROUNDS):
            won = np.bincount(largest(log), minlength=len(log))
            poor = np.flatnonzero(won < least)
            if not poor.size:
                break
            for k in poor:
                own = log[k].copy()
                log[k] = -np.inf
                ahead = log.max(axis=0) - own
                rank = min(int(np.ceil(least[k])), ahead.size - 1)
                step = max(float(np.partition(ahead, rank)[rank]), 0) + 1e-6
                log[k] = own + step
                raised[k] += step
        if not raised.any():
            return self
        weights = self.classes.weights * np.exp(raised)
        return replace(self, classes=replace(self.classes, weights=weights))


def temper(edge_filter: EdgePreservingFilter) -> float:
    """Return the power of likelihoods: 1 without the filter, less with more of it."""
    return _TEMPER**edge_filter.amount


def see(
    seen: Integers,
    valid: NDArray[np.bool_] | None,
    edge_filter: EdgePreservingFilter | None,
    unit: Unit,
    *,
    line: tuple[float, float] | None = None,
    size: int = 1,
) -> Integers:
    """Look at features through the edge-preserving filter, and at their texture.

    Parameters
    ----------
    seen : (D, *S) ndarray of int16
        Features; S has 2 or 3 axes.
    valid : (*S) ndarray of bool or None
        Pixels that count.
    edge_filter : EdgePreservingFilter or None
        The filter, if there is one.
    unit : Unit
        Of the features.
    line : (a, b), optional
        As of `TextureModel`; without, texture is left out.
    size : int
        Pixels of the image along a side of each of these, which are means.

    Returns
    -------
    (D or D + 1, size) ndarray of int16
        Laid out in a `FlatGrid`: filtered features; last, the logarithm of the local
        deviation of the unfiltered ones.
    """
    grid = FlatGrid(seen.shape[1:])
    planes = grid.lay(seen, valid, FAR)
    if edge_filter is None:
        return planes
    dims = len(seen)
    out = grid.full((dims + (line is not None),), np.int16, FAR)
    passes = tuple(far // size for far in _PASSES if far >= size) or (1,)
    soften(grid, planes, unit.steepness, passes, out[:dims])
    if line is not None:
        table = texture_table(edge_filter, unit, line)
        texture = grid.view(out[dims:])[0]
        for at in np.ndindex(seen.shape[1:-2]):
            inside = None if valid is None else valid[at]
            power = texture_power(seen[:, *at], inside, FULL if size == 1 else HALF)
            texture[at] = table.take(power)
    return out


def augment(
    features: Planes,
    edge_filter: EdgePreservingFilter,
    unit: Unit,
    valid: NDArray[np.bool_],
) -> Planes:
    """Return filtered features and the local texture of the unfiltered ones.

    Parameters
    ----------
    features : (*S, D) ndarray of float32
        S has 2 or 3 axes.
    edge_filter : EdgePreservingFilter
        The filter.
    unit : Unit
        How features become integers.
    valid : (*S) ndarray of bool
        Pixels that take part.

    Returns
    -------
    (D + 1, *S) ndarray of float32
        Filtered features; last, the logarithm of the local deviation; 0 where not
        valid.
    """
    inside = None if valid.all() else valid
    flat = see(unit.encode(features), inside, edge_filter, unit, line=(0.0, 1.0))
    found = FlatGrid(features.shape[:-1]).view(flat)
    seen = np.empty(found.shape, np.float32)
    unit.decode(found[:-1], seen[:-1])
    np.multiply(found[-1], np.float32(unit.step), out=seen[-1])
    if inside is not None:
        seen[:, ~inside] = 0
    return seen


def find_line(
    features: Planes,
    texture: Planes,
    edge_filter: EdgePreservingFilter,
    unit: Unit,
    valid: NDArray[np.bool_],
    size: int = 2,
) -> tuple[float, float]:
    """Find how texture of pixels follows from that of means over cells.

    Parameters
    ----------
    features : (Y, X, D) ndarray of float32
        Some pixels.
    texture : (Y, X) ndarray of float32
        As `augment` gives it.
    edge_filter, unit, valid
        As for `augment`.
    size : int
        Pixels along a side of the cells, a power of two.

    Returns
    -------
    (a, b)
        a + b t for a texture t, by least squares.
    """
    cells = unit.encode(features)
    steps = np.rint(texture / np.float32(unit.step)).astype(np.int16)[np.newaxis]
    some = whole = valid
    for _ in range(size.bit_length() - 1):
        cells, steps = halve(cells, some), halve(steps, some)
        some, whole = count_four(some) > 0, count_four(whole) == 4
    table = texture_table(edge_filter, unit)
    small = table.take(texture_power(cells, some, HALF)) * unit.step
    x, y = small[whole], steps[0][whole] * unit.step
    if not x.size:
        return 0.0, 1.0
    spread = float(x.var())
    slope = 1.0
    if spread > _FLAT * unit.step**2:
        slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
    return float(y.mean() - slope * x.mean()), slope


def fit_texture_model(
    model: Model,
    planes: Planes,
    edge_filter: EdgePreservingFilter,
    valid: NDArray[np.bool_],
    *,
    seed_labels: NDArray[np.integer] | None = None,
    covariance: str = "full",
) -> TextureModel:
    """Fit classes to a filtered image, each beginning as one of a model's.

    Ten iterations of EM with mean field between pixels that lie apart, so that a
    class can be all that a texture mixes. Some pixels of each class are taken to look
    as in `model`: a class that the picture does not show stays what it was.

    Parameters
    ----------
    model : Model
        Gaussian classes, K at least 2, of D features.
    planes : (D + 1, *S) ndarray of float32
        As `augment` gives them.
    edge_filter : EdgePreservingFilter
        The one they were made with.
    valid : (*S) ndarray of bool
        Pixels that count.
    seed_labels : (*S) ndarray of int, optional
        Classes 1..K that the user fixed; 0 where free.
    covariance : str, optional
        As `CovarianceSpec`.

    Returns
    -------
    TextureModel

    References
    ----------
    G. Celeux, F. Forbes, N. Peyrard, "EM procedures using mean field-like
    approximations for Markov model-based image segmentation", Pattern Recognition
    36(1), 131-144, 2003.
    """
    apart = np.ix_(*_apart(valid.shape))
    inside = valid[apart]
    seen = np.stack([plane[apart] for plane in planes])
    seen[:, ~inside] = 0
    color = seen[:-1]
    scale = edge_scale(np.moveaxis(color, 0, -1), valid=inside)
    field = PottsField(
        inside.shape, guide=color if scale > 0 else None, scale=scale, valid=inside
    )
    seeded = None if seed_labels is None else seed_labels[apart] * inside
    rules = CovarianceSpec(
        covariance, np.full(len(seen), edge_filter.floor), edge_filter.shrinkage
    )
    wide = edge_filter.widen(model)
    power = temper(edge_filter)
    phi = products(seen.reshape(len(seen), -1).astype(np.float64))
    found, at = wide, color
    virtual: Float64Array | None = None
    posteriors = np.zeros((model.n_classes, *field.valid.shape), np.float32)
    for _ in range(_ITERATIONS):
        log = power * found.log_joint(np.moveaxis(at, 0, -1))
        unary = field.lattices.split(log.astype(np.float32))
        field.sweep(unary, posteriors, 0)
        for _ in range(_SWEEPS):
            field.sweep(unary, posteriors, _BOND)
        share = field.lattices.join(posteriors).astype(np.float64)
        if seeded is not None:
            share[:, seeded > 0] = np.eye(len(share))[:, seeded[seeded > 0] - 1]
        sums = share.reshape(len(share), -1) @ phi.T
        if virtual is None:
            virtual = _virtual(wide, sums, edge_filter.amount)
        found = _classes(model, sums + virtual, rules)
        at = seen
    return TextureModel(edge_filter, found)


def _apart(shape: tuple[int, ...]) -> list[NDArray[np.intp]]:
    """Choose pixels along each axis, alike from both ends."""
    long = max(1, sum(n > 1 for n in shape))
    step = np.clip((np.prod(shape) / _ENOUGH) ** (1 / long), 1, _STRIDE)
    return [
        np.rint(np.linspace(0, n - 1, int(np.ceil(n / step)))).astype(np.intp)
        for n in shape
    ]


def _virtual(wide: Model, sums: Float64Array, amount: float) -> Float64Array:
    """Return sums (K, F) over φ of virtual pixels that follow the fitted classes.

    Their texture is that of the pixels which the classes won first.
    """
    k, dims = wide.means.shape
    total = sums.sum(axis=0)
    rough = total[dims + 1] / total[0]
    pixels = total[0] * ((1 / amount - 1) / k + _ANCHOR)
    # A class without pixels has the texture of all.
    texture = (sums[:, dims + 1] + rough) / (sums[:, 0] + 1)
    means = np.concatenate([wide.means, texture[:, np.newaxis]], axis=1)
    second = means[:, :, np.newaxis] * means[:, np.newaxis]
    second[:, :dims, :dims] += wide.covariances
    second[:, dims, dims] += total[-1] / total[0] - rough**2
    i, j = upper(dims + 1)
    found = np.concatenate([np.ones((k, 1)), means, second[:, i, j]], axis=1)
    return pixels * found


def _classes(model: Model, sums: Float64Array, rules: CovarianceSpec) -> Model:
    """Return the classes that sums (K, F) over φ describe."""
    dims = len(rules.floor)
    moments = sums / sums[:, :1]
    means = moments[:, 1 : dims + 1]
    scatter = unpack(moments[:, dims + 1 :], dims)
    scatter -= means[:, :, np.newaxis] * means[:, np.newaxis]
    weights = sums[:, 0] / sums[:, 0].sum()
    covariances = shape_covariances(scatter, weights, rules)
    return replace(model, weights=weights, means=means, covariances=covariances)

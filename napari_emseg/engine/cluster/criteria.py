"""How many classes: criteria for the order of a mixture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cluster.mixture import class_log_joint, normalize
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture, levels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.em import CovarianceSpec
    from napari_emseg.engine.cluster.mixture import MixtureModel
    from napari_emseg.engine.cluster.model import Model

# Most classes that are tried.
MOST = 12
# Residuals of photographs keep shading and texture, which make neighbors look more
# alike than they are: best covering of human regions on 60 photographs, flat from 9
# to 24.
_OPTIMISM = 12.0
# Lags with less correlation than this are left out: they are noise.
_LEAST = 0.1
# Fits are compared on this many cells at most: the differences between orders are
# far larger than what is lost.
_CELLS = 2**14


@dataclass(frozen=True, slots=True)
class Criteria:
    """How well one number of classes explains an image.

    Attributes
    ----------
    n_classes : int
        K.
    log_likelihood : float
        Mean per pixel, in nats.
    entropy : float
        Mean entropy of the posteriors per pixel, in nats.
    parameters : int
        Free parameters of the model.

    References
    ----------
    .. [1] G. Schwarz, "Estimating the dimension of a model", Ann. Statistics 6(2),
       461-464, 1978.
    .. [2] C. Biernacki, G. Celeux, G. Govaert, "Assessing a mixture model for
       clustering with the integrated completed likelihood", IEEE Trans. PAMI 22(7),
       719-725, 2000.
    """

    n_classes: int
    log_likelihood: float
    entropy: float
    parameters: int

    def bic(self, n: float) -> float:
        """Bayesian information criterion [1]_ for `n` independent pixels."""
        return 2 * n * self.log_likelihood - self.parameters * float(np.log(n))

    def icl(self, n: float) -> float:
        """Integrated completed likelihood [2]_: BIC that punishes overlap."""
        return self.bic(n) - 2 * n * self.entropy


def effective_size(
    planes: FloatArray, pixels: float, valid: BoolArray | None = None
) -> float:
    """Return the number of independent pixels, from the spatial correlation.

    The variance of a mean over a correlated field is that of N / A independent
    values, where A is the integral of the autocorrelation. What correlates here is
    what the classes leave unexplained.

    Parameters
    ----------
    planes : (D, Y, X) ndarray of float32
        Residuals of the features of the image, of a plane of a stack, or of a
        thumbnail of it.
    pixels : float
        Number of pixels of the size of these, in the whole image.
    valid : (Y, X) ndarray of bool, optional
        Pixels that count.

    Returns
    -------
    float
        Effective number of pixels, at least 2 and at most `pixels`.

    References
    ----------
    G. V. Bayley, J. M. Hammersley, "The effective number of independent observations
    in an autocorrelated time series", J. R. Stat. Soc. Suppl. 8(2), 184-197, 1946.
    """
    inside = np.ones(planes.shape[1:], bool) if valid is None else valid
    overlap = np.rint(_lags(inside.astype(np.float64)))
    area, weight = 0.0, 0.0
    for plane in planes:
        some = plane[inside].astype(np.float64)
        variance = float(some.var())
        if variance > 0:
            away = np.where(inside, plane - some.mean(), 0)
            area += variance * _correlation_area(_lags(away), overlap)
            weight += variance
    if weight == 0:
        return 2.0
    return float(np.clip(_OPTIMISM * pixels * weight / area, 2, max(pixels, 2)))


def _lags(plane: Float64Array) -> Float64Array:
    """Sum the products of a plane with itself, moved down-right and down-left.

    Returns
    -------
    (2, Y, X) ndarray of float64
        At each lag; along the axes both are the same.
    """
    height, width = plane.shape
    from scipy import fft  # takes a while, which only this needs

    shape = [fft.next_fast_len(2 * n, real=True) for n in plane.shape]
    raw = fft.irfft2(np.abs(fft.rfft2(plane, shape)) ** 2, shape)
    return np.stack([raw[:height, :width], raw[:height, -np.arange(width)]])


def _correlation_area(lags: Float64Array, overlap: Float64Array) -> float:
    """Integrate an autocorrelation up to its first fall.

    Parameters
    ----------
    lags, overlap : (2, Y, X) ndarray of float64
        Sums of products at each lag, and over how many pairs of pixels.
    """
    _, height, width = lags.shape
    away = np.hypot(*np.meshgrid(np.arange(height), np.arange(width), indexing="ij"))
    pairs = overlap.sum(axis=0)
    near = (away <= max(height, width) / 2) & (pairs > 0)
    mean = lags.sum(axis=0)[near] / pairs[near]
    ring = away[near].astype(int)
    count = np.bincount(ring)
    # Lags that no two pixels have are as good as uncorrelated.
    profile = np.bincount(ring, mean / mean[0]) / np.maximum(count, 1)
    fallen = np.flatnonzero(profile < _LEAST)
    radius = np.arange(fallen[0] if fallen.size else profile.size)
    return float(1 + 2 * np.pi * (profile[: radius.size] * radius).sum())


def coherence(labels: NDArray[np.integer], n_classes: int) -> Float64Array:
    """Return the coherence of each class: Moran's I of its indicator [1]_.

    Parameters
    ----------
    labels : (…, Y, X) ndarray of int
        1..K, 0 where there is none; neighbors are the four of the plane.
    n_classes : int
        K.

    Returns
    -------
    (K,) ndarray of float64
        1: its pixels have no other neighbors; .5: a line one pixel wide; 0: they lie
        anywhere. 1 also where nothing can be told: no pixel, or all of them.

    References
    ----------
    .. [1] P. A. P. Moran, "Notes on continuous stochastic phenomena", Biometrika
       37(1/2), 17-23, 1950.

    Examples
    --------
    >>> labels = np.ones((40, 40), int)
    >>> labels[20] = 2
    >>> labels[4:16:2, 4:36:2] = 3
    >>> coherence(labels, 3).round(1)
    array([ 0. ,  0.5, -0.1])
    """
    size = n_classes + 1
    ends, same = np.zeros(size), np.zeros(size)
    for first, second in (
        (labels[..., :-1, :], labels[..., 1:, :]),
        (labels[..., :-1], labels[..., 1:]),
    ):
        both = (first > 0) & (second > 0)
        one, two = first[both], second[both]
        ends += np.bincount(one, minlength=size) + np.bincount(two, minlength=size)
        same += 2 * np.bincount(one[one == two], minlength=size)
    pixels = np.bincount(labels.ravel(), minlength=size)[1:]
    share = pixels / max(pixels.sum(), 1)
    told = (ends[1:] > 0) & (share < 1)
    found = np.ones(n_classes)
    found[told] = (same[1:][told] / ends[1:][told] - share[told]) / (1 - share[told])
    return found


def iter_criteria(
    cells: Cells, *, rules: CovarianceSpec, seed: int, most: int = MOST
) -> Iterator[tuple[Criteria, MixtureModel]]:
    """Fit mixtures of 1, 2, … classes and say how well they do.

    Parameters
    ----------
    cells : Cells
        The data; fitted on a coarse level.
    rules : CovarianceSpec
        Kind of covariance and its floor.
    seed : int
        Source of chance, the same for each order.
    most : int, optional
        Most classes that are tried.

    Yields
    ------
    order : Criteria
        Criteria of this number of classes.
    model : MixtureModel
        Its fit.
    """
    coarse = few_cells(cells)
    for k in range(1, most + 1):
        options = FitOptions(n_classes=k, rules=rules, n_init=3, max_iter=60, seed=seed)
        *_, last = iter_fit_mixture(coarse, options)
        yield criteria_of(last.model, coarse, rules), last.model


def few_cells(cells: Cells) -> Cells:
    """Return the finest level of few cells; without bins, a sample."""
    found = [level for _, level in levels(cells)]
    small = [level for level in found if level.count <= _CELLS]
    if small:
        return small[-1]
    return found[0].sample(_CELLS) if found[0].exact else found[0]


def criteria_of(model: Model, cells: Cells, rules: CovarianceSpec) -> Criteria:
    """Measure likelihood and entropy of a fitted mixture."""
    k, dims = model.means.shape
    center = cells.center()
    evaluate = class_log_joint(model, center)
    likelihood, entropy = 0.0, 0.0
    for weights, phi, _ in cells.blocks(center):
        share, log = normalize(evaluate(phi))
        likelihood += float(weights @ log)
        entropy -= float(weights @ (share * np.log(np.maximum(share, 1e-300))).sum(0))
    likelihood /= cells.total
    entropy /= cells.total
    triangle = dims * (dims + 1) // 2
    shape = {"full": k * triangle, "tied": triangle, "diag": k * dims, "spherical": k}[
        rules.covariance
    ]
    tails = 0 if model.df is None else k
    return Criteria(k, likelihood, entropy, k - 1 + k * dims + shape + tails)

"""Smoothing of class probabilities: neighbors agree, edges excepted.

A Potts model over pixels, solved by mean field: each pixel's posterior is
updated from its own log-probabilities and from the posteriors of its neighbors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.mrf.potts import PottsField, contrast, neighbors, pairs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def edge_scale(guide: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Return the mean squared difference of side neighbors.

    Parameters
    ----------
    guide : (*S, D) array_like of float
        Features; S has 2 or 3 axes.
    valid : (*S) array_like of bool, optional
        Pixels that count.

    Returns
    -------
    float
        In squared units of the guide, summed over D; 0 for a constant image.

    Examples
    --------
    >>> round(edge_scale(np.array([[[0.0], [3.0]], [[0.0], [3.0]]])), 6)
    4.5
    """
    array = np.asarray(guide, np.float32)
    mask = None if valid is None or np.all(valid) else np.asarray(valid, bool)
    total, pairs_counted = 0.0, 0
    for axis in range(array.ndim - 1):
        difference = np.diff(array, axis=axis)
        count = difference.size // max(array.shape[-1], 1)
        if mask is not None:
            both = np.delete(mask, -1, axis) & np.delete(mask, 0, axis)
            difference[~both] = 0
            count = int(np.count_nonzero(both))
        if count:
            # Sums up in float64, as fast as it reads.
            total += cv2.norm(difference.reshape(-1), cv2.NORM_L2SQR)
            pairs_counted += count
    return total / pairs_counted if pairs_counted else 0.0


def mean_field(
    log_prob: ArrayLike,
    *,
    guide: ArrayLike | None = None,
    scale: float | None = None,
    strength: float = 1.0,
    sweeps: int = 5,
    full: bool = True,
    valid: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Posterior class probabilities of pixels that listen to their neighbors.

    Solves Q_k(p) ∝ exp(u_k(p) + β Σ_q w_pq Q_k(q)) by coordinate descent on the
    free energy, where w_pq = g·exp(−|c_p − c_q|² / (2 s)) and g is the inverse of
    the distance of two pixels.

    Parameters
    ----------
    log_prob : (K, *S) array_like of float
        u, log-probabilities of each pixel by itself, in nats; constants that are
        common to all classes do not matter. S is (Y, X) or (Z, Y, X).
    guide : (*S, D) array_like of float, optional
        c, features whose contrast weakens the bond; without, w_pq = g.
    scale : float, optional
        s, the squared difference that counts as an edge; default
        `edge_scale(guide)`. Give the whole image's for a tile of it.
    strength : float
        β ≥ 0, in nats; 0 returns the softmax of `log_prob`.
    sweeps : int
        How often each pixel is updated, at least 1.
    full : bool
        8 or 26 neighbors; otherwise the 4 or 6 that share a side.
    valid : (*S) array_like of bool, optional
        Pixels that take part. The others neither send nor receive, and their
        posteriors are 0.

    Returns
    -------
    (K, *S) ndarray of float32
        Q, summing to 1 over K. A tile that begins at even coordinates gives the
        whole image's result, bit for bit, but for its borders: in a picture two pixels,
        and two for each sweep; in a volume four for each.

    Raises
    ------
    ValueError
        Where a shape does not fit, or a number is out of its range.

    References
    ----------
    .. [1] G. Celeux, F. Forbes, N. Peyrard (2003). EM procedures using mean
       field-like approximations for Markov model-based image segmentation. Pattern
       Recognition 36(1), 131-144.

    Examples
    --------
    A pixel that is almost undecided follows its neighbors:

    >>> u = np.full((2, 5, 5), [[[2.0]], [[0.0]]])
    >>> u[:, 2, 2] = 0.0, 0.1
    >>> round(float(mean_field(u, strength=0)[0, 2, 2]), 3)
    0.475
    >>> round(float(mean_field(u, strength=1)[0, 2, 2]), 3)
    0.999
    """
    unary = np.asarray(log_prob, np.float32)
    # Each of these holds K numbers of all pixels: none stays longer than it is needed.
    del log_prob
    shape = unary.shape[1:]
    if len(shape) not in (2, 3) or not unary.size:
        raise ValueError(f"log_prob is {unary.shape}: give (K, Y, X) or (K, Z, Y, X)")
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength is {strength}: give a finite number from 0")
    if sweeps < 1:
        raise ValueError(f"sweeps is {sweeps}: give at least 1")
    inside = None if valid is None else np.asarray(valid, bool)
    if inside is not None and inside.shape != shape:
        raise ValueError(f"valid is {inside.shape}: give the image's shape, {shape}")
    if guide is not None and np.shape(guide)[:-1] != shape:
        raise ValueError(f"guide is {np.shape(guide)}: give {shape} and features")
    planes = None
    if guide is not None and strength:
        scale = edge_scale(guide, valid=inside) if scale is None else scale
        if scale > 0:  # a constant image has no edges
            planes = np.moveaxis(np.asarray(guide, np.float32), -1, 0).copy()
    if inside is not None:
        unary = np.where(inside, unary, np.float32(0))
    field = PottsField(shape, guide=planes, scale=scale or 1.0, full=full, valid=inside)
    split = field.lattices.split(unary)
    del unary, planes
    posteriors = np.zeros_like(split)
    field.sweep(split, posteriors, 0)
    if strength:
        for _ in range(sweeps):
            field.sweep(split, posteriors, strength)
    return field.lattices.join(posteriors)


def free_energy(
    log_prob: ArrayLike,
    posteriors: ArrayLike,
    *,
    guide: ArrayLike | None = None,
    scale: float = 1.0,
    strength: float = 1.0,
    full: bool = True,
) -> float:
    """Mean-field free energy −Σ Q u − β Σ_{p<q} w_pq Q(p)·Q(q) + Σ Q ln Q.

    Parameters
    ----------
    log_prob, posteriors : (K, *S) array_like of float
        u and Q. For labels, coded as posteriors of 0 and 1, it is the energy of the
        Potts model up to the constant −β Σ w_pq.
    guide, scale, strength, full
        As in `mean_field`.

    Returns
    -------
    float
        In nats, over all pixels. `mean_field` never raises it from one
        sweep to the next.
    """
    u, q = np.asarray(log_prob, np.float64), np.asarray(posteriors, np.float64)
    energy = float((q * np.log(np.maximum(q, 1e-300))).sum() - (q * u).sum())
    shape = u.shape[1:]
    planes = None
    if guide is not None:
        planes = np.moveaxis(np.asarray(guide, np.float32), -1, 0)
    for offset, weight in neighbors(len(shape), full=full).items():
        first, second = pairs(shape, offset)
        agree = (q[:, *first] * q[:, *second]).sum(axis=0)
        if planes is not None:
            agree *= contrast(planes, offset, scale)
        energy -= strength * weight * float(agree.sum())
    return energy

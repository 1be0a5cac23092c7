"""Points to teach with: Gaussian blobs in a plane, whose classes are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.pipeline.segment import segment
from napari_emseg.pipeline.source import MAX_CLASSES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.pipeline.segmentation import Segmentation

# Side of the square that the means lie in.
SIDE = 100.0
# Places that are tried for each mean.
_CANDIDATES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Blobs:
    """Points of a Gaussian mixture, and the mixture.

    Attributes
    ----------
    points : (N, 2) ndarray of float32
        Drawn from the mixture.
    classes : (N,) ndarray of uint8
        Which class each point was drawn from, 1..K, ordered by the sum of the
        coordinates of their means, as the classes of a segmentation are.
    weights : (K,) ndarray of float64
        Shares of the classes; their sum is 1.
    means : (K, 2) ndarray of float64
        Inside a square from 0 to 100.
    covariances : (K, 2, 2) ndarray of float64
        Their spreads.
    """

    points: NDArray[np.float32]
    classes: NDArray[np.uint8]
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]

    def __repr__(self) -> str:
        """Return the numbers of points and classes as text."""
        return f"Blobs({len(self.points)} points, {self.n_classes} classes)"

    @property
    def image(self) -> NDArray[np.float32]:
        """The points as an image (1, N, 2): a row of pixels with two channels."""
        return self.points[np.newaxis]

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return len(self.weights)

    def segment(self, **params: Any) -> Segmentation:
        """Find the classes of the points, as `napari_emseg.segment` does of pixels.

        Parameters
        ----------
        **params
            Fields of `Params`. By default the true number of classes and no
            smoothing: the neighbors of a point mean nothing.

        Returns
        -------
        Segmentation
            Its labels are (1, N).

        Examples
        --------
        >>> found = blobs(n_points=400, n_classes=3, spread=4).segment()
        >>> found.labels.shape, found.n_classes
        ((1, 400), 3)
        """
        usual = {"n_classes": self.n_classes, "smoothing": 0}
        return segment(self.image, channel_axis=-1, **(usual | params))


def blobs(
    n_points: int = 1000,
    n_classes: int = 4,
    *,
    spread: float = 6.0,
    anisotropy: float = 3.0,
    weights: ArrayLike | None = None,
    seed: int = 0,
) -> Blobs:
    """Draw Gaussian blobs in a plane.

    Synthetic data: toy clusters.

    Parameters
    ----------
    n_points : int, optional
        Number of points N, 1 to 10 million.
    n_classes : int, optional
        Number of classes K, 1 to 64.
    spread : float, optional
        Size of the classes, as the geometric mean of their two standard deviations;
        the means lie in a square of side 100. More spread, more overlap.
    anisotropy : float, optional
        Most that the longer axis of a class is as long as the shorter one; 1 makes
        all classes round.
    weights : (K,) array_like, optional
        Shares of the classes, in any unit; equal by default.
    seed : int, optional
        Same seed, same points.

    Returns
    -------
    Blobs

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Notes
    -----
    Each mean is the one of some random places that is farthest from those before it
    [1]_, so that classes do not hide each other by chance.

    References
    ----------
    .. [1] D. P. Mitchell, "Spectrally optimal sampling for distribution ray tracing",
       Computer Graphics 25(4), 157-164, 1991.

    Examples
    --------
    >>> made = blobs(n_points=500, n_classes=3)
    >>> made
    Blobs(500 points, 3 classes)
    >>> made.points.shape, sorted(set(made.classes.tolist()))
    ((500, 2), [1, 2, 3])
    """
    for name, value, low, high in (
        ("n_points", n_points, 1, 10_000_000),
        ("n_classes", n_classes, 1, MAX_CLASSES),
        ("spread", spread, 1e-3, 1e3),
        ("anisotropy", anisotropy, 1.0, 100.0),
    ):
        if not low <= value <= high:
            raise ValueError(
                f"{name}={value} is out of bounds; choose {low:g} to {high:g}"
            )
    rng = np.random.default_rng(seed)
    share = _shares(weights, n_classes)
    means = _places(n_classes, rng)
    covariances = _shapes(n_classes, spread, anisotropy, rng)
    order = np.lexsort(means.T[::-1])
    share, means, covariances = share[order], means[order], covariances[order]
    label = rng.choice(n_classes, n_points, p=share)
    factors = np.linalg.cholesky(covariances)
    normal = rng.standard_normal((n_points, 2))
    points = means[label] + np.einsum("nij,nj->ni", factors[label], normal)
    # Classes of channels are numbered by their sum.
    order = np.argsort(means.sum(axis=1), kind="stable")
    classes = (np.argsort(order)[label] + 1).astype(np.uint8)
    share, means, covariances = share[order], means[order], covariances[order]
    return Blobs(points.astype(np.float32), classes, share, means, covariances)


def _shares(weights: ArrayLike | None, n_classes: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(n_classes, 1 / n_classes)
    found = np.asarray(weights, np.float64)
    if found.shape != (n_classes,) or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(
            f"weights={weights!r} cannot be the shares of {n_classes} classes; give "
            f"{n_classes} numbers above 0"
        )
    return found / found.sum()


def _places(n_classes: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Choose means (K, 2) that keep away from each other."""
    means = rng.uniform(0, SIDE, (1, 2))
    for _ in range(1, n_classes):
        tried = rng.uniform(0, SIDE, (_CANDIDATES, 2))
        away = np.linalg.norm(tried[:, np.newaxis] - means, axis=-1).min(axis=1)
        means = np.vstack([means, tried[away.argmax()]])
    return means


def _shapes(
    n_classes: int, spread: float, anisotropy: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw covariances (K, 2, 2) of equal area, in any direction."""
    stretch = anisotropy ** rng.uniform(0.25, 0.5, n_classes)
    angle = rng.uniform(0, np.pi, n_classes)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    long, short = (spread * stretch) ** 2, (spread / stretch) ** 2
    return (
        long[:, np.newaxis, np.newaxis] * along[:, :, np.newaxis] * along[:, np.newaxis]
        + short[:, np.newaxis, np.newaxis]
        * across[:, :, np.newaxis]
        * across[:, np.newaxis]
    )

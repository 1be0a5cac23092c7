"""An ensemble of small mixtures: several opinions on what belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.mixture import MixtureModel

    Float32Array = NDArray[np.float32]

# Color alone; color with the amount of texture and a little position; color with
# the direction of texture too. Many classes beside few: few give long clean edges,
# many tell small neighbors apart.
CLASSES = {"color": (8, 20), "place": (5, 12, 20), "grain": (8, 16)}
# Pixels that each mixture is fitted on; more did not help photographs.
_SAMPLE = 4000
_ITERATIONS = 12
_TOLERANCE = 1e-3
# Variances below this (squared units of Lab) only follow noise and compression.
_FLOOR = 6.0
_SHRINKAGE = 0.3
# Neighboring pixels are no independent witnesses: their log-densities count half.
TEMPER = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What a photograph is clustered by, each in units like those of Lab.

    Attributes
    ----------
    color : (C, h, w) ndarray of float32
        Smoothed color, lightness first.
    texture : (2, h, w) ndarray of float32
        Log of the local standard deviation of lightness at two scales.
    grain : (3, h, w) ndarray of float32
        Log energy of the gradient and the double angle of its direction.
    position : (2, h, w) ndarray of float32
        Y and X in percent of the longer side.
    """

    color: Float32Array
    texture: Float32Array
    grain: Float32Array
    position: Float32Array

    def stacks(self) -> dict[str, Float32Array]:
        """Stack the features (D, h, w) of each part of the ensemble."""
        return {
            "color": self.color,
            "place": np.concatenate(
                [self.color, 1.5 * self.texture, 0.4 * self.position]
            ),
            "grain": np.concatenate(
                [0.7 * self.color, 1.5 * self.texture, self.grain, 0.2 * self.position]
            ),
        }


def local_texture(lightness: Float32Array) -> list[Float32Array]:
    """Measure texture by the log of the local standard deviation at two scales."""
    out = []
    for scale in (2.0, 4.0):
        detail = lightness - blur(lightness, scale)
        out.append(10 * np.log1p(np.sqrt(blur(detail * detail, 2 * scale))))
    return out


def grain_moments(lightness: Float32Array) -> list[Float32Array]:
    """Square the gradient: (g_x², g_y², g_x g_y), the entries of a structure tensor."""
    smooth = blur(lightness, 1.0)
    gx = cv2.Sobel(smooth, -1, 1, 0, scale=0.25)
    gy = cv2.Sobel(smooth, -1, 0, 1, scale=0.25)
    return [gx * gx, gy * gy, gx * gy]


def grain_features(moments: list[Float32Array]) -> Float32Array:
    """Turn a structure tensor into log energy and double angle, (3, h, w)."""
    xx, yy, xy = (blur(moment, 2.5) for moment in moments)
    energy = xx + yy
    # The direction of a faint gradient is chance: it fades below a contrast of 2.
    direction = 6 / (energy + 4)
    return np.stack(
        [5 * np.log1p(np.sqrt(energy)), direction * (xx - yy), direction * 2 * xy]
    )


def blur(image: Float32Array, sigma: float) -> Float32Array:
    """Smooth by a Gaussian; the border reflects."""
    out = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32).reshape(image.shape)


def opinions(views: Views) -> dict[str, list[Float32Array]]:
    """Fit the ensemble and give the tempered posteriors of each of its mixtures.

    Parameters
    ----------
    views : Views
        Features of an image of h x w pixels.

    Returns
    -------
    dict of lists of (K, h, w) ndarray of float32
        By the names in `CLASSES`; posteriors sum to 1 over K, which is lower than
        asked for where the image has fewer distinct features.
    """
    out: dict[str, list[Float32Array]] = {}
    for name, stack in views.stacks().items():
        flat = stack.reshape(len(stack), -1)
        sample = Cells(np.ones(flat.shape[1]), flat).sample(_SAMPLE)
        posteriors = []
        for n_classes in CLASSES[name]:
            log = fit_small(sample, n_classes).log_joint(flat.T)
            posteriors.append(_tempered(log).reshape(-1, *stack.shape[1:]))
        out[name] = posteriors
    return out


def fit_small(cells: Cells, n_classes: int) -> MixtureModel:
    """Fit a mixture by a fixed, small number of iterations; always the same one."""
    options = FitOptions(
        n_classes=n_classes,
        rules=CovarianceSpec("full", np.full(cells.dims, _FLOOR), _SHRINKAGE),
        tol=_TOLERANCE,
        max_iter=_ITERATIONS,
    )
    *_, last = iter_fit_mixture(cells, options)
    return last.model


def _tempered(log: NDArray[np.floating]) -> Float32Array:
    """Turn log-joints (K, M) into posteriors of densities to the power `TEMPER`."""
    out = np.asarray(log, np.float32)
    out -= out.max(axis=0)
    out *= TEMPER
    cv2.exp(out, out)
    out /= out.sum(axis=0)
    return out

"""Stains of tissue: how much of each a pixel holds, from its optical density."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.color import rgb_from_hdx, rgb_from_hed

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array, FloatArray

# Darker than this share of white, density is noise: a step of 8 bit.
_DARKEST = 1 / 255
# Pairs and a triple of stains that have a name: vectors, and which stains they are.
STAINS: dict[str, tuple[Float64Array, tuple[str, ...]]] = {
    "he": (rgb_from_hed[:2], ("hematoxylin", "eosin")),
    "hed": (rgb_from_hed, ("hematoxylin", "eosin", "DAB")),
    "hdab": (rgb_from_hdx[:2], ("hematoxylin", "DAB")),
}
# Instead of stains: the optical density of red, green and blue.
DENSITY = "od"
# Volume that unit vectors span, below which they are one stain.
_FLAT = 1e-3


def read_vectors(text: str) -> Float64Array:
    """Read the vectors of stains.

    Parameters
    ----------
    text : str
        Two or three vectors, between commas; each is the optical density of one stain
        in red, green and blue, of any length.

    Returns
    -------
    (2|3, 3) ndarray of float64

    Raises
    ------
    ValueError
        If these are not two or three times three numbers, if one is no density, as one
        below 0, or if two vectors, or a plane of three, are one and the same.

    Examples
    --------
    >>> read_vectors("0.65 0.70 0.29, 0.07 0.99 0.11").shape
    (2, 3)
    """
    remedy = (
        "pass two or three times red, green and blue, such as '0.65 0.70 0.29, 0.07 "
        "0.99 0.11'"
    )
    try:
        rows = [[float(word) for word in part.split()] for part in text.split(",")]
    except ValueError:
        raise ValueError(f"stains={text!r} holds more than numbers; {remedy}") from None
    if len(rows) not in (2, 3) or {len(row) for row in rows} != {3}:
        raise ValueError(f"stains={text!r} are not two or three vectors; {remedy}")
    vectors = np.array(rows)
    length = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise ValueError(
            f"stains={text!r} has a vector of no density, or of one without end; "
            f"{remedy}"
        )
    if (vectors < 0).any():
        raise ValueError(
            f"stains={text!r} has a density below 0, as if a stain gave light; {remedy}"
        )
    if abs(np.linalg.det(_whole(vectors))) < _FLAT:
        raise ValueError(
            f"stains={text!r} are not different colors, so that none can be told from "
            "the others; pass other vectors"
        )
    return vectors


def vectors_text(vectors: Any) -> Any:
    """Return vectors as `read_vectors` takes them; what are none, as it is.

    Examples
    --------
    >>> vectors_text([[0.65, 0.7, 0.29], [0.07, 0.99, 0.11]])
    '0.65 0.7 0.29, 0.07 0.99 0.11'
    """
    try:
        rows = np.asarray(vectors, np.float64)
    except (TypeError, ValueError):
        return vectors
    if rows.ndim != 2:
        return vectors
    return ", ".join(" ".join(f"{number:.4g}" for number in row) for row in rows)


def vectors_of(stains: str) -> Float64Array:
    """Return the vectors (2|3, 3) of stains, by name or as of `read_vectors`."""
    return STAINS[stains][0] if stains in STAINS else read_vectors(stains)


def stain_names(stains: str) -> tuple[str, ...]:
    """Return what stains are called; "stain 1" and so on, if they have no name.

    Of ``"od"``, they are the densities of red, green and blue.

    Examples
    --------
    >>> stain_names("hdab"), stain_names("1 0 0, 0 1 0")
    (('hematoxylin', 'DAB'), ('stain 1', 'stain 2'))
    """
    if stains == DENSITY:
        return ("density of red", "density of green", "density of blue")
    if stains in STAINS:
        return STAINS[stains][1]
    return tuple(f"stain {n}" for n in range(1, len(read_vectors(stains)) + 1))


def optical_density(rgb: FloatArray) -> Float64Array:
    """Return how much light is absorbed: 100 times the optical density, to base 10.

    Parameters
    ----------
    rgb : (…, 3) ndarray of float32
        White is 1; what is darker than 1/255 counts as that.

    Returns
    -------
    (…, 3) ndarray of float64

    Examples
    --------
    >>> optical_density(np.float32([1, 0.1, 0.01])).round(3) + 0
    array([  0., 100., 200.])
    """
    darkest = np.float32(_DARKEST)
    return np.asarray(-100 * np.log10(np.maximum(rgb, darkest, dtype=np.float64)))


def separate(rgb: FloatArray, stains: str) -> FloatArray:
    """Return how much of each stain pixels hold, by color deconvolution [1]_.

    Parameters
    ----------
    rgb : (…, 3) ndarray of float32
        White is 1; what is darker than 1/255 counts as that.
    stains : str
        ``"he"``: hematoxylin and eosin; ``"hdab"``: hematoxylin and diaminobenzidine;
        ``"hed"``: all three; with the vectors of scikit-image. Otherwise as of
        `read_vectors`.

    Returns
    -------
    (…, 2|3) ndarray of float32
        100 times the optical density (to base 10) along the unit vector of each stain.
        What two of them do not explain is along a third vector, at right angles, and
        is left out. Light that is dimmer everywhere adds to all densities.

    References
    ----------
    .. [1] A. C. Ruifrok, D. A. Johnston, "Quantification of histochemical staining by
       color deconvolution", Analytical and Quantitative Cytology and Histology 23(4),
       291-299, 2001.

    Examples
    --------
    >>> separate(np.float32([[1, 1, 1], [0.1, 1, 1]]), "1 0 0, 0 1 0").round(3) + 0
    array([[  0.,   0.],
           [100.,   0.]], dtype=float32)
    """
    unmix = _unmixing(stains)
    density = optical_density(rgb)
    # Term by term: the order of a matrix product depends on the library.
    red, green, blue = (density[..., channel, np.newaxis] for channel in range(3))
    found = red * unmix[0] + green * unmix[1] + blue * unmix[2]
    return np.asarray(found, np.float32)


@cache
def _unmixing(stains: str) -> Float64Array:
    """Return the matrix (3, 2|3) from densities to stains."""
    vectors = np.asarray(vectors_of(stains), np.float64)
    return np.asarray(np.linalg.inv(_whole(vectors))[:, : len(vectors)], np.float64)


def _whole(vectors: Float64Array) -> Float64Array:
    """Return unit vectors (3, 3), with one at right angles to two."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(unit) == 3:
        return unit
    across = np.cross(unit[0], unit[1])
    length = float(np.linalg.norm(across))
    return np.vstack([unit, across / length if length > _FLAT else 0 * across])

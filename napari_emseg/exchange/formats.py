"""Which file holds what, by its ending."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.exchange import coco, geojson, imagej_rois
from napari_emseg.exchange.annotations import Annotations, annotate
from napari_emseg.io.files import write_labels, write_picture
from napari_emseg.io.safe_write import TIFF, check_target

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray
    from napari_emseg.exchange.class_scheme import ClassScheme

MASKS = (*TIFF, ".png")
OBJECTS = (*geojson.SUFFIXES, *coco.SUFFIXES, *imagej_rois.SUFFIXES)
SUFFIXES = (*OBJECTS, *MASKS)


def export(
    labels: Any,
    path: str | os.PathLike[str],
    *,
    classes: Mapping[int, int] | ArrayLike | None = None,
    scheme: ClassScheme | None = None,
    only: int | str | Iterable[int | str] | None = None,
    image: ArrayLike | None = None,
    rle: bool = False,
    force: bool = False,
) -> None:
    """Write labels for another program.

    Parameters
    ----------
    labels : (…, Y, X) array_like of int, Segmentation, Objects or Annotations
        0 is none.
    path : path
        Its ending decides: .geojson for QuPath, .json for COCO, .zip for ROIs of
        ImageJ; .png or .tif for a mask of 8 bits, 255 inside.
    classes : dict of int to int, or (M + 1,) array_like of int, optional
        Class of each object; by default labels are classes.
    scheme : ClassScheme, optional
        Names and colors of the classes.
    only : int, str, or iterable of these, optional
        Numbers or names of the classes that are written; all by default.
    image : (…, Y, X) or (…, Y, X, 3|4) array_like, optional
        A picture that is written instead of the mask, transparent where that is 0.
    rle : bool, optional
        Write run lengths to COCO for all objects, not only for those with holes.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    FileExistsError
        The file exists and `force` is not given.
    ValueError
        The ending does not suit, these are no labels, or there is no such class.

    Examples
    --------
    >>> import tempfile
    >>> labels = np.array([[0, 1, 1], [2, 2, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(labels, f"{folder}/classes.geojson")
    ...     found = read_objects(f"{folder}/classes.geojson", labels.shape)
    >>> bool((found.labels == labels).all())
    True
    """
    path = Path(path)
    suffix = path.suffix.lower()
    given = annotate(labels, classes, scheme)
    if only is not None:
        given = chosen(given, only)
    check_target(path, SUFFIXES, force=force)
    if image is not None and suffix not in MASKS:
        raise ValueError(
            f"image= goes with a mask, but {path} is none; leave it out, or write to "
            ".png or .tif"
        )
    if suffix in geojson.SUFFIXES:
        geojson.write_geojson(path, given, force=force)
    elif suffix in coco.SUFFIXES:
        coco.write_coco(path, given, rle=rle, force=force)
    elif suffix in imagej_rois.SUFFIXES:
        imagej_rois.write_rois(path, given, force=force)
    elif image is None:
        mask = (given.labels > 0) * np.uint8(255)
        write_labels(path, mask, force=force)
    else:
        write_picture(path, cut_out_of(image, given.labels > 0), force=force)


def read_objects(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    *,
    image: str | int | None = None,
) -> Annotations:
    """Read what other programs, or `export`, wrote, as labels of an image.

    Imports annotations: GeoJSON of QuPath, COCO, ROIs of ImageJ.

    Parameters
    ----------
    path : path
        Its ending decides: .geojson, .json of COCO, .zip of ROIs.
    shape : (…, Y, X)
        Of the image.
    image : str or int, optional
        Which image of a COCO file of several: its name or "id".

    Returns
    -------
    Annotations
        A pixel belongs to an object if its center is inside; to the last one, if there
        are several.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        There is no such file, it is damaged, or not of an image of this shape.
    """
    path, shape = Path(path), tuple(int(size) for size in shape)
    if not 2 <= len(shape) <= 4 or min(shape) < 1:
        raise ValueError(
            f"shape={shape}, but objects lie in images of Y and X, with Z or T and Z "
            "before them; pass the shape of such an image"
        )
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[Path, tuple[int, ...]], Annotations]] = {
        geojson.SUFFIXES[0]: geojson.read_geojson,
        coco.SUFFIXES[0]: partial(coco.read_coco, image=image),
        imagej_rois.SUFFIXES[0]: imagej_rois.read_rois,
    }
    if suffix not in readers:
        raise ValueError(
            f"{path} has no ending of a file of objects; give {', '.join(readers)}"
        )
    with _collector_paused():
        return readers[suffix](path, shape)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Look for no garbage while millions of lists of points are made, all of use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def chosen(given: Annotations, only: int | str | Iterable[int | str]) -> Annotations:
    """Return annotations without those of other classes.

    Raises
    ------
    ValueError
        If there is no such class.
    """
    wanted: list[Any] = (
        [only] if isinstance(only, str) or not isinstance(only, Iterable) else [*only]
    )
    labels = [int(n) for n in np.unique(given.labels) if n > 0]
    of = {label: given.class_of_label(label) for label in labels}
    there = {one.number: one.name for one in of.values() if one is not None}
    there |= {one.number: one.name for one in given.scheme.classes}
    numbers = set()
    for name_or_number in wanted:
        asked = str(name_or_number)
        found = {n for n, name in there.items() if asked in (name, str(n))}
        if not found:
            known = ", ".join(f"{n} ({name})" for n, name in sorted(there.items()))
            raise ValueError(
                f"there is no class {asked!r}; the classes are {known or 'none'}"
            )
        numbers |= found
    kept = [n for n in labels if (one := of[n]) is not None and one.number in numbers]
    values = np.where(np.isin(given.labels, kept), given.labels, 0)
    return Annotations(values.astype(given.labels.dtype), given.scheme, given.class_of)


def cut_out_of(image: ArrayLike, mask: BoolArray) -> NDArray[Any]:
    """Return a picture that is transparent outside a mask.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        Gray or RGB(A).
    mask : (…, Y, X) ndarray of bool

    Returns
    -------
    (…, Y, X, 4) ndarray
        Of the type of the image; colors stay outside, too.

    Raises
    ------
    ValueError
        If they have different shapes, or the image has other channels.

    Examples
    --------
    >>> cut_out_of(np.uint8([[7, 9]]), np.array([[True, False]])).tolist()
    [[[7, 7, 7, 255], [9, 9, 9, 0]]]
    """
    values = np.asarray(image)
    picture = as_lazy_image(values)
    if picture.shape != mask.shape or not (picture.rgb or picture.channels == 1):
        raise ValueError(
            f"the labels have shape {mask.shape}, but the image {values.shape}; take "
            "the gray or RGB image that they were made on"
        )
    if values.dtype == bool:
        values = values * np.uint8(255)
    rgb = values[..., :3] if picture.rgb else np.repeat(values[..., None], 3, axis=-1)
    most = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    alpha = np.where(mask, values.dtype.type(most), values.dtype.type(0))
    if picture.rgb and values.shape[-1] == 4:
        alpha = np.where(mask, values[..., 3], 0)
    return np.concatenate([rgb, alpha[..., None].astype(values.dtype)], axis=-1)

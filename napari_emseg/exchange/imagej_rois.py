"""ROIs of ImageJ, in a zip file as its ROI Manager reads it."""

from __future__ import annotations

import zipfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi, roiread

from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.exchange.polygon_list import PolygonList
from napari_emseg.exchange.polygons import trace
from napari_emseg.io.damage import check_exists
from napari_emseg.io.safe_write import check_target, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_emseg.exchange.annotations import Annotations

SUFFIXES = (".zip",)
# Steps of the path of a ROI of several outlines.
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
_MOST_AXES = 4
# Corners up to here are whole numbers in a ROI.
_LARGEST = 60535
_OPTIONS = ROI_OPTIONS.OVERLAY_BACKGROUNDS | ROI_OPTIONS.OVERLAY_LABELS
# What has an area.
_AREAS = {
    ROI_TYPE.POLYGON,
    ROI_TYPE.RECT,
    ROI_TYPE.OVAL,
    ROI_TYPE.FREEHAND,
    ROI_TYPE.TRACED,
}


def write_rois(path: Path, given: Annotations, *, force: bool = False) -> None:
    """Write labels as ROIs of ImageJ [1]_.

    One traced outline for each label of each plane; a composite ROI if it has holes or
    several pieces. Label and class are among the properties of each.

    Parameters
    ----------
    path : Path
        Ends in .zip.
    given : Annotations
        Two axes, or Z before them, or T and Z.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, the ending does not suit, or there are
        more axes.

    References
    ----------
    .. [1] C. A. Schneider, W. S. Rasband, K. W. Eliceiri, "NIH Image to ImageJ: 25
       years of image analysis", Nature Methods 9, 671-675, 2012.
    """
    shape = given.labels.shape
    if len(shape) > _MOST_AXES:
        raise ValueError(
            f"labels have {len(shape)} axes, but ImageJ knows T, Z, Y and X; write a "
            "part of them"
        )
    check_target(path, SUFFIXES, force=force)
    polygons = trace(given.labels)
    with (
        new_file(path, force=force) as temporary,
        # Compressing each of many small files takes longer than all else.
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        for first, last in pairwise(polygons.groups.tolist()):
            rings = [ring for p in range(first, last) for ring in polygons.rings_of(p)]
            roi = _roi([ring[:, ::-1] for ring in rings])
            label, at = int(polygons.labels[first]), polygons.planes[first].tolist()
            found = given.class_of_label(label)
            name = f"{'object' if found is None else found.name} {label}"
            roi.name = "-".join([name, *(str(index + 1) for index in at)])
            about: dict[str, Any] = {"label": label}
            if found is not None:
                about["class"] = found.name
                roi.stroke_color = bytes([255, *found.rgb])
                if given.class_of is not None:
                    about["class number"] = found.number
            roi.properties = about
            if len(at) == 1:
                roi.position = at[0] + 1
            elif at:
                roi.t_position, roi.z_position = (index + 1 for index in at)
            archive.writestr(f"{roi.name.replace('/', '_')}.roi", roi.tobytes())


def _roi(rings: list[NDArray[Any]]) -> ImagejRoi:
    """Return the ROI of outlines (n, 2) of X and Y."""
    if len(rings) == 1:
        (left, top), (right, bottom) = rings[0].min(axis=0), rings[0].max(axis=0)
        if max(right, bottom) > _LARGEST:
            roi = ImagejRoi.frompoints(rings[0])
            roi.roitype = ROI_TYPE.TRACED
        else:  # as it does, which takes ten times as long for its checks and a name
            roi = ImagejRoi(roitype=ROI_TYPE.TRACED, options=_OPTIONS)
            roi.integer_coordinates = rings[0] - (left, top)
            roi.n_coordinates = len(rings[0])
            roi.left, roi.top = int(left), int(top)
        # Corners are at both ends of pixels.
        roi.right, roi.bottom = int(right), int(bottom)
        return roi
    path: list[NDArray[np.float32]] = []
    for ring in rings:
        steps = np.full((len(ring), 3), _LINE, np.float32)
        steps[0, 0] = _MOVE
        steps[:, 1:] = ring
        path += [steps.ravel(), np.array([_CLOSE], np.float32)]
    corners = np.concatenate(rings)
    roi = ImagejRoi(roitype=ROI_TYPE.RECT)
    roi.left, roi.top = (int(least) for least in corners.min(axis=0))
    roi.right, roi.bottom = (int(most) for most in corners.max(axis=0))
    roi.multi_coordinates = np.concatenate(path)
    roi.shape_roi_size = len(roi.multi_coordinates)
    return roi


def read_rois(path: Path, shape: tuple[int, ...]) -> Annotations:
    """Read ROIs as labels.

    Parameters
    ----------
    path : Path
        A zip file of ROIs, or one ROI.
    shape : (…, Y, X)
        Of the image.

    Returns
    -------
    Annotations
        Objects have the numbers of the file that was written here, else those of their
        order.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError
        There is no such file, it holds no ROIs, or not of an image of this shape.

    Warns
    -----
    UserWarning
        Lines, points and others without an area are left out.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give a .zip file of ROIs")
    check_exists(path)
    try:
        rois = roiread(path)
    # Whatever numpy, struct and zipfile say of a file that is damaged.
    except Exception as error:
        raise ValueError(
            f"{path} holds no ROIs of ImageJ ({error}); save them again"
        ) from None
    found = PolygonList(str(path), shape)
    left, classes = 0, True
    elsewhere: set[tuple[int, ...]] = set()  # along axes that the image lacks
    for roi in rois if isinstance(rois, list) else [rois]:
        if roi.roitype not in _AREAS:
            left += 1
            continue
        about = roi.properties
        # Positions count from 1; 0 is any.
        time, depth = max(roi.t_position, 1) - 1, max(roi.z_position, 1) - 1
        if len(shape) < 4:
            depth = max(roi.position, roi.z_position, 1) - 1
        elsewhere.add((time, depth)[: 4 - len(shape)])
        rings = [ring.tolist() for ring in roi.coordinates(multi=True)]
        found.add(rings, (time, depth)[4 - len(shape) :], closed=True)
        color = roi.stroke_color
        named = about.get("class")
        classes = classes and named is not None and "class number" not in about
        found.end(
            about.get("label"),
            None if named is None else str(named),
            about.get("class number"),
            f"#{color[1:].hex()}" if color and len(color) == 4 else None,
        )
    if len(elsewhere) > 1:
        raise ValueError(
            f"{path} has ROIs in {len(elsewhere)} planes, which would lie on each "
            f"other in an image of shape {shape}; choose the stack that it belongs to"
        )
    if left:
        warn_user(f"{path} has {left} ROIs without an area; they are left out")
    return found.annotations(as_classes=classes)

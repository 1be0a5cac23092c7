"""Images in files that are larger than memory: opened, and read part by part."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_emseg.engine.image.axes import check_axes
from napari_emseg.io.pixel_size import read_spacing
from napari_emseg.io.store.ngff import Multiscales, multiscales_of
from napari_emseg.io.store.stored_array import StoredArray, needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".svs", ".ndpi", ".scn", ".bif")
# What only OpenSlide reads.
SLIDE_SUFFIXES = (".mrxs", ".vms", ".vmu", ".svslide", ".dcm")
_COLORS = ("MINISBLACK", "RGB", "YCBCR")


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image in a file or a store; nothing is read yet.

    Lazy levels of a pyramid.

    Attributes
    ----------
    path : str
        Where it is, or its address.
    levels : tuple of StoredArray
        Resolutions of it, the finest first. Color comes last; axes of length 1 before
        Y and X are left out.
    channel_axis : int or None
        Axis of channels that are not RGB.
    rgb : bool
        Whether the last axis is red, green, blue and perhaps alpha.
    multiscales : Multiscales
        What the file says of its axes.
    kept : tuple of int
        Which stored axes those of space of a level are.
    letters : str or None
        Of the axes of a level, if the file tells them.
    """

    path: str
    levels: tuple[StoredArray, ...]
    channel_axis: int | None
    rgb: bool
    multiscales: Multiscales
    kept: tuple[int, ...]
    letters: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the finest level."""
        return self.levels[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.levels[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part of the finest level."""
        return self.levels[0][key]

    def __repr__(self) -> str:
        """Return path and shapes."""
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in self.levels)
        return f"StoredImage({self.path!r}: {shapes} {self.dtype})"


def is_store(path: str | os.PathLike[str]) -> bool:
    """Tell whether a name is one of what `open_image` is for, and not a plain picture.

    Examples
    --------
    >>> is_store("slide.svs"), is_store("image.ome.zarr/0"), is_store("photo.png")
    (True, True, False)
    """
    name = os.fspath(path)
    if "://" in name or ".zarr" in name.lower():
        return True
    suffix = Path(name).suffix.lower()
    return suffix == ".npy" or suffix in (*SLIDE_SUFFIXES, *TIFF_SUFFIXES[2:])


def open_image(path: str | os.PathLike[str], axes: str | None = None) -> StoredImage:
    """Open an image that may be larger than memory; nothing is read yet.

    Lazy, for whole-slide images and large volumes.

    Parameters
    ----------
    path : path
        OME-Zarr of version 0.4 to 0.6, or an array or a single image of Zarr 2 or 3,
        also inside of a store (``image.ome.zarr/2``) or at an address; TIFF with or
        without levels, such as OME-TIFF, SVS and NDPI; ``.npy``; with the extra
        ``slides``, what OpenSlide reads. A level has the axes and the colors of the
        image that it belongs to.
    axes : str, optional
        One letter for each axis as it is stored, such as "TCZYX": C for channels, S for
        RGB, others as for `napari_emseg.segment`. By default what the file says.

    Returns
    -------
    StoredImage
        For `napari_emseg.segment`; its `levels` slice as arrays do.

    Raises
    ------
    FileNotFoundError
        There is nothing of this name.
    ImportError
        A package is missing; the message tells which.
    ValueError
        It holds no image, or several; or the letters do not fit its axes.

    References
    ----------
    J. Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format with
    international community support", Histochem. Cell Biol. 160, 223-251, 2023.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.zeros((50, 60, 3), np.uint8))
    ...     open_image(f"{folder}/a.npy").levels[0].shape
    (50, 60, 3)
    """
    name = os.fspath(path)
    remote = "://" in name
    if not remote and not Path(name).exists():
        # The array of a store is one more name behind it.
        raise FileNotFoundError(f"there is no {name}; check the name")
    if remote or Path(name).is_dir():
        return _open_zarr(name, axes)
    suffix = Path(name).suffix.lower()
    if suffix == ".npy":
        return _plain(name, StoredArray.of("npy", name), axes)
    if suffix in SLIDE_SUFFIXES:
        return _open_slide(name, axes)
    if suffix in TIFF_SUFFIXES:
        return _open_tiff(name, axes)
    raise ValueError(
        f"{name} is no image that is read part by part; give OME-Zarr, Zarr, a tiled "
        "TIFF file or .npy, or read it whole with napari_emseg.files.read_image"
    )


def _plain(name: str, array: StoredArray, named: str | None) -> StoredImage:
    """Return a plain array; its axes are guessed unless somebody names them."""
    axes = _letters(array.shape) if named is None else ""
    return _image(name, [array], axes, named=named)


def _letters(shape: tuple[int, ...]) -> str:
    """Guess what axes are: the last ones Y and X, or those and color."""
    color = len(shape) > 2 and shape[-1] in (3, 4)
    space = len(shape) - color
    if not 2 <= space <= 4:
        raise ValueError(
            f"an array of shape {shape} has {space} axes besides color, but 2 to 4 are "
            "needed; choose a part of it, and write it as .npy"
        )
    return "tzyx"[4 - space :] + "c" * color


def _image(
    name: str,
    stored: list[StoredArray],
    axes: str,
    scale: tuple[float, ...] = (),
    units: tuple[str | None, ...] = (),
    *,
    version: str = "",
    rgb: bool | None = None,
    told: bool = False,
    named: str | None = None,
) -> StoredImage:
    """Order the axes: channels last if they are colors, those of length 1 left out.

    `told` are those that the file tells, `named` those that somebody names instead.
    """
    shape, dtype = stored[0].shape, stored[0].dtype
    if named is not None:
        axes = check_axes(named, shape).lower()
        axes, rgb, told = axes.replace("s", "c"), "s" in axes, True
    if len(axes) != len(shape):
        raise ValueError(
            f"{name} has an array of shape {shape}, but axes {axes!r}; write it again"
        )
    channel = axes.find("c")
    colors = channel >= 0 and shape[channel] in (3, 4) and dtype.kind in "uf"
    if rgb is None:
        rgb = colors and (dtype == np.uint8 or channel == len(shape) - 1)
    rgb = rgb and colors
    kept = [
        axis
        for axis, letter in enumerate(axes)
        if letter in "yx" or (letter != "c" and shape[axis] > 1)
    ]
    order = [*kept]
    channel_axis = None
    if rgb:
        order.append(channel)
    elif channel >= 0 and shape[channel] > 1:
        order = sorted([*kept, channel])
        channel_axis = order.index(channel)
    levels = [one.view(tuple(order)) for one in stored]
    scale = scale or (1.0,) * len(axes)
    known = Multiscales(
        version, axes, (), scale, units or (None,) * len(axes), rgb if colors else None
    )
    letters = "".join("s" if axes[a] == "c" and rgb else axes[a] for a in order)
    named = letters.upper() if told else None
    return StoredImage(
        name, tuple(levels), channel_axis, rgb, known, tuple(kept), named
    )


def _open_zarr(name: str, named: str | None) -> StoredImage:
    zarr = needed("zarr", "large", "reading Zarr")
    try:
        node = zarr.open(name, mode="r")
    except (FileNotFoundError, zarr.errors.NodeNotFoundError, KeyError) as error:
        raise ValueError(
            f"{name} is a folder, but neither an array nor a group of Zarr; give one"
        ) from error
    if hasattr(node, "shape"):
        array = StoredArray.of("zarr", name)
        known = _image_of_level(name, array.ndim)
        if known is None:
            return _plain(name, array, named)
        return _of_ome(name, [array], known, named)
    found = multiscales_of(dict(node.attrs), name)
    if found is None and "bioformats2raw.layout" in {
        **node.attrs,
        **dict(node.attrs).get("ome", {}),
    }:
        return _open_zarr(f"{name.rstrip('/')}/0", named)
    if found is None:
        arrays = sorted(key for key, _ in node.arrays())
        if len(arrays) != 1:
            inside = ", ".join(arrays or sorted(node.group_keys())) or "nothing"
            raise ValueError(
                f"{name} is a group of Zarr that is no image of OME-Zarr; give one of "
                f"what it holds: {inside}"
            )
        return _open_zarr(f"{name.rstrip('/')}/{arrays[0]}", named)
    stored = [StoredArray.of("zarr", name, *p.split("/")) for p in found.paths]
    return _of_ome(name, stored, found, named)


def _of_ome(
    name: str, stored: list[StoredArray], known: Multiscales, named: str | None
) -> StoredImage:
    return _image(
        name,
        stored,
        known.axes,
        known.scale,
        known.units,
        version=known.version,
        rgb=known.rgb,
        told=True,
        named=named,
    )


def _image_of_level(name: str, n_axes: int) -> Multiscales | None:
    """Return what the image that an array is a level of says of it, if it is one."""
    zarr = needed("zarr", "large", "reading Zarr")
    place = name.rstrip("/")
    if "://" not in name:
        place = Path(name).absolute().as_posix()
    # A level may lie in a group of its own.
    for depth in (1, 2):
        store, *inner = place.rsplit("/", depth)
        try:
            attributes = dict(zarr.open_group(store, mode="r").attrs)
            found = multiscales_of(attributes, store, "/".join(inner))
        except (OSError, KeyError, ValueError, zarr.errors.BaseZarrError):
            # No image; or one that is not described, whose arrays are opened instead.
            continue
        if found is not None and len(found.axes) == n_axes:
            return found
    return None


def _open_tiff(name: str, named: str | None) -> StoredImage:
    with tifffile.TiffFile(name) as tiff:
        # The picture is what is largest; labels and macros of a slide are small.
        index = int(np.argmax([one.size for one in tiff.series]))
        series = tiff.series[index]
        photometric = getattr(series.keyframe.photometric, "name", "")
        if photometric not in _COLORS:
            raise ValueError(
                f"{name} has values of the kind {photometric or 'unknown'}, which are "
                "read whole only: napari_emseg.files.read_image does"
            )
        axes = series.axes.lower().replace("s", "c")
        known = [letter for letter in axes if letter in "tzcyx"]
        if len(known) < len(axes) or len(set(axes)) < len(axes):
            axes = _letters(series.shape) if named is None else named
        count = len(series.levels)
    stored = [StoredArray.of("tiff", name, index, level) for level in range(count)]
    stored = [one for one in stored if len(one.shape) == len(axes)]
    spacing = read_spacing(name)
    lengths = {} if spacing is None else spacing.micrometers
    scale = tuple(float(lengths.get(letter.upper(), 1)) for letter in axes)
    units = tuple(
        "micrometer" if letter.upper() in lengths else None for letter in axes
    )
    return _image(name, stored, axes, scale, units, told=True, named=named)


def _open_slide(name: str, named: str | None) -> StoredImage:
    openslide = needed("openslide", "slides", "reading this slide")
    with openslide.OpenSlide(name) as slide:
        count = slide.level_count
        lengths = [slide.properties.get(f"openslide.mpp-{axis}") for axis in "yx"]
    scale = (*tuple(float(length or 1) for length in lengths), 1.0)
    units = (*("micrometer" if length else None for length in lengths), None)
    stored = [StoredArray.of("slide", name, level) for level in range(count)]
    return _image(name, stored, "yxc", scale, units, told=True, named=named)

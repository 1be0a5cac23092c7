"""From classes to objects: pieces, told apart where they touch, and cleaned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_emseg.engine.image.axes import count_space
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.pipeline.progress import Progress, finish, map_steps
from napari_emseg.pipeline.segmentation import Segmentation
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.regions.edit import as_labels, whole_number
from napari_emseg.regions.instances.basins import (
    find_basins,
    relative_spacing,
    smooth_distance,
)
from napari_emseg.regions.instances.division import cut, grow_seeds, line_mask, seed_map
from napari_emseg.regions.instances.holes import fill_objects
from napari_emseg.regions.instances.measurement import pixel_lengths
from napari_emseg.regions.instances.objects import Objects
from napari_emseg.select.components import fill_holes as filled

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray

    IntArray = NDArray[np.integer[Any]]
    Split = Literal["none", "distance", "seeds", "line"]

SPLITS = ("none", "distance", "seeds", "line")
# Smaller than this share of a typical object is dirt.
_DIRT = 0.05
# Classes that a message tells.
_TOLD = 20


def objects(
    seg_or_labels: Segmentation | ArrayLike,
    classes: int | str | Iterable[int | str] | None = None,
    *,
    split: Split = "distance",
    seeds: ArrayLike | None = None,
    lines: Iterable[ArrayLike] | None = None,
    depth: float = 1.0,
    min_size: int | Literal["auto"] = "auto",
    max_size: int | None = None,
    exclude_border: bool = False,
    fill_holes: bool | int | Literal["auto"] = "auto",
    per_plane: bool | None = None,
    scale: Sequence[float] | None = None,
) -> Objects:
    """Return the objects of classes, such as nuclei, those that touch told apart.

    From semantic to instance segmentation: by connected components, a watershed of the
    distance to the outline [1]_, seeds or drawn lines.

    Parameters
    ----------
    seg_or_labels : Segmentation, or (…, Y, X) array_like of int or bool
        Classes of pixels. Of three axes or more, the last three are space, and others
        such as time are apart. A mask is class 1.
    classes : int, str, or iterable of these, optional
        Which classes are objects, by number, or by name in a segmentation that has
        names. By default all but 0; where there is no 0, and in a segmentation, all but
        the background: the one of several classes with the most pixels along the rim of
        the image.
    split : {"distance", "none", "seeds", "line"}, optional
        How touching objects are told apart: at necks of their outline (a watershed of
        the distance to it); not at all, as connected pieces; by a seed for each; or
        along lines.
    seeds : (…) array_like of int or bool, or (P, ndim) array_like of float, optional
        For "seeds": a map with a number for each object, or points in pixels. Pieces
        without a seed are objects as they are.
    lines : iterable of (P, 2) or (P, ndim) array_like of float, optional
        For "line": points of each, in pixels, as for `Objects.split_by_line`.
    depth : float, optional
        For "distance": how deep a neck tells two objects apart, 1 by default. Larger
        numbers split less.
    min_size, max_size : int, optional
        Objects of fewer or more pixels are left out; their number is `Objects.dropped`.
        "auto" leaves out dirt, of less than a twentieth of a typical object.
    exclude_border : bool, optional
        Leave out objects that touch the rim of the image, of volumes its first and last
        plane, too.
    fill_holes : bool or int, optional
        Fill all holes in objects, or none, or those of up to so many pixels. "auto"
        fills those of up to a tenth of their object, but no gap between objects.
    per_plane : bool, optional
        Take the last two axes for space, rather than three: each plane by itself. By
        default as the axes of a segmentation tell, where they are known: those of a
        volume are ZYX, and planes along any other axis are apart.
    scale : sequence of float, optional
        Lengths of a pixel along the axes of space, or all axes, so that distances in
        volumes of thick slices are right; 1 by default.

    Returns
    -------
    Objects
        Numbered 1..N class by class, plane by plane, in the order of rows.

    Raises
    ------
    TypeError, ValueError
        If these are no labels, there is no such class or split, or what the split needs
        is not given, or does not fit.

    References
    ----------
    .. [1] N. Malpica et al., "Applying watershed algorithms to the segmentation of
       clustered nuclei", Cytometry 28(4), 289-297, 1997.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> y, x = np.mgrid[:20, :40]
    >>> discs = [np.hypot(y - 10, x - middle) < 8 for middle in (12, 25)]
    >>> both = discs[0] | discs[1]
    >>> emseg.objects(both).n_objects, emseg.objects(both, split="none").n_objects
    (2, 1)
    """
    return finish(
        iter_objects(
            seg_or_labels,
            classes,
            split=split,
            seeds=seeds,
            lines=lines,
            depth=depth,
            min_size=min_size,
            max_size=max_size,
            exclude_border=exclude_border,
            fill_holes=fill_holes,
            per_plane=per_plane,
            scale=scale,
        )
    )


def iter_objects(
    seg_or_labels: Segmentation | ArrayLike,
    classes: int | str | Iterable[int | str] | None = None,
    *,
    split: Split = "distance",
    seeds: ArrayLike | None = None,
    lines: Iterable[ArrayLike] | None = None,
    depth: float = 1.0,
    min_size: int | Literal["auto"] = "auto",
    max_size: int | None = None,
    exclude_border: bool = False,
    fill_holes: bool | int | Literal["auto"] = "auto",
    per_plane: bool | None = None,
    scale: Sequence[float] | None = None,
) -> Generator[Progress, None, Objects]:
    """Find objects in steps, as `objects`; to cancel, stop iterating."""
    labels, names = _labels_of(seg_or_labels)
    wanted = _classes_of(seg_or_labels, labels, classes)
    per_plane = _is_flat(seg_or_labels) if per_plane is None else bool(per_plane)
    n_space = 2 if per_plane else min(labels.ndim, 3)
    _check(split, seeds, lines, depth, min_size, max_size)
    if fill_holes != "auto":
        size = whole_number("fill_holes", fill_holes)
        if size < 0:
            raise ValueError(
                f"fill_holes={size}, but a hole has no fewer pixels than 0; pass a "
                "number of pixels, True, False or 'auto'"
            )
    sides = pixel_lengths(scale, labels.ndim, n_space)
    planes = labels.reshape(-1, *labels.shape[-n_space:])
    marks = None
    if split == "seeds":
        marks = seed_map(seeds, labels.shape, n_space)  # type: ignore[arg-type]
    elif split == "line":
        paths = [line_mask(labels.shape, n_space, path) for path in lines or ()]
        marks = np.logical_or.reduce(paths) if paths else np.zeros(labels.shape, bool)
    if marks is not None:
        marks = marks.reshape(planes.shape)
    found = np.zeros(planes.shape, np.uint32)
    count, of = 0, [np.zeros(1, np.int64)]
    total = len(wanted) * len(planes)
    for number in wanted:
        for at, plane in enumerate(planes):
            yield Progress("objects", (len(of) - 1), total)
            box = bounding_box(plane == number, 1)
            if 0 in plane[box].shape:
                of.append(np.zeros(0, np.int64))
                continue
            mask = np.asarray(plane[box] == number)
            here = None if marks is None else marks[at][box]
            # Objects of other classes in a hole stay what they are.
            free = ~np.isin(plane[box], [n for n in wanted if n != number])
            if fill_holes is not False and fill_holes != "auto":
                most = None if fill_holes is True else int(fill_holes)
                mask = np.asarray(filled(mask, most), bool) & free
            least = 0 if min_size == "auto" else min_size
            parts = yield from _divide(mask, split, here, depth, least, sides)
            if fill_holes == "auto":
                join = split == "distance" and n_space == 2
                parts = fill_objects(parts, free, join=join)
            few = int(parts.max(initial=0))
            here = found[at][box]
            here[parts > 0] = parts[parts > 0] + np.uint32(count)
            count += few
            of.append(np.full(few, number, np.int64))
    made = Objects.of(
        found.reshape(labels.shape),
        np.concatenate(of),
        class_names=names,
        per_plane=per_plane,
    )
    large = made
    if min_size == "auto":
        fine = np.zeros(len(made.classes), bool)
        for number in wanted:
            its = made.classes == number
            fine |= its & (made.sizes >= _dirt(made.sizes[its]))
        large = made.keep(np.flatnonzero(fine))
    clean = large.filtered(
        min_size=0 if min_size == "auto" else min_size,
        max_size=max_size,
        exclude_border=exclude_border,
    ).renumbered()
    dropped = made.n_objects - clean.n_objects
    return Objects(clean.labels, clean.classes, names, per_plane, dropped)


def _divide(
    mask: BoolArray,
    split: str,
    marks: Any,
    depth: float,
    min_size: int,
    sides: Sequence[float],
) -> Generator[Progress, None, NDArray[np.int32]]:
    """Return the objects 1..N of a mask."""
    if split == "distance":
        steps = find_basins(mask, sides)
        basins = yield from map_steps(steps, lambda _: Progress("split", 0, 0))
        numbers = basins.merged(depth, min_size)
        sizes = np.bincount(numbers, np.append(0, basins.sizes))[1:]
        numbers = basins.merged(depth, max(min_size, _dirt(sizes)))
        parts: NDArray[np.int32] = numbers.astype(np.int32)[basins.labels]
        return parts
    if split == "seeds":
        distance = smooth_distance(mask, relative_spacing(sides, mask.ndim))
        return grow_seeds(mask, marks, distance)
    if split == "line":
        return cut(mask, [marks])
    return components(mask.astype(np.uint8))


def typical_size(sizes: IntArray | NDArray[np.floating[Any]]) -> float:
    """Return the size of a typical object, of which neither dirt nor a giant is one.

    It is the median, each object weighed by its diameter.

    Examples
    --------
    >>> typical_size(np.repeat([1, 100, 9000], [50, 40, 1]))
    100.0
    """
    some = np.sort(sizes)
    if len(some) == 0:
        return 0.0
    weight = np.cumsum(np.sqrt(some))
    return float(some[np.searchsorted(weight, weight[-1] / 2)])


def _dirt(sizes: IntArray | NDArray[np.floating[Any]]) -> float:
    return _DIRT * typical_size(sizes)


def _labels_of(given: Any) -> tuple[IntArray, Mapping[int, str]]:
    """Return labels, and the names of classes."""
    if isinstance(given, Segmentation):
        return given.labels, given.names
    labels = np.asarray(given)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    labels = as_labels(labels)
    least, most = int(labels.min(initial=0)), int(labels.max(initial=0))
    if labels.size == 0 or least < 0 or most > np.iinfo(np.int64).max:
        raise ValueError(
            f"labels of shape {labels.shape} go from {least} to {most}, but classes "
            "count from 0, in 63 bits, and there must be a pixel; pass other labels"
        )
    return labels, {}


def _is_flat(given: Any) -> bool:
    """Tell whether each plane is by itself, as axes tell, if they are known."""
    if not isinstance(given, Segmentation):
        return False
    return given.label_axes is not None and count_space(given.label_axes) == 2


def _classes_of(given: Any, labels: IntArray, classes: Any) -> list[int]:
    """Return the numbers of the classes that are objects."""
    if classes is None:
        present = np.unique(labels)
        every = present[present != 0].tolist()
        whole = isinstance(given, Segmentation) or (labels != 0).all()
        if whole and len(every) > 1:
            background = _background(labels)
            every = [number for number in every if number != background]
        return [int(number) for number in every]
    several = isinstance(classes, Iterable) and not isinstance(classes, str)
    some = [*classes] if several else [classes]
    by_name: dict[str, int] = {}
    known: list[int] | None = None
    if isinstance(given, Segmentation):
        by_name = {name: number for number, name in given.names.items()}
        known = [*range(1, given.n_classes + 1)]
        known += np.unique(labels[labels > given.n_classes]).tolist()
    found = []
    for one in some:
        if isinstance(one, str) and one not in by_name:
            names = ", ".join(map(repr, by_name)) or "none has one"
            raise ValueError(
                f"no class has the name {one!r} (names: {names}); pass a number, or "
                "name classes with seg.named({2: 'nuclei'})"
            )
        number = by_name[one] if isinstance(one, str) else whole_number("a class", one)
        if known is None:
            missing = number == 0 or not (labels == number).any()
        else:
            missing = number not in known
        if missing:
            known = np.unique(labels[labels != 0]).tolist() if known is None else known
            what = "0 is no class" if number == 0 else f"there is no class {number}"
            there = ", ".join(map(str, known[:_TOLD])) or "none"
            there += ", …" if len(known) > _TOLD else ""
            raise ValueError(f"{what}; pass one of those that there are: {there}")
        found.append(number)
    return list(dict.fromkeys(found))


def _background(labels: IntArray) -> int:
    """Return the class with the most pixels along the rim of the planes; 0 is none."""
    rim = [labels[..., 0, :], labels[..., -1, :], labels[..., 0], labels[..., -1]]
    around = np.concatenate([side.ravel() for side in rim])
    around = around[around > 0] if (around > 0).any() else labels[labels > 0]
    if not len(around):
        return 0
    known, counts = np.unique(around, return_counts=True)
    return int(known[counts.argmax()])


def _check(
    split: Any, seeds: Any, lines: Any, depth: Any, min_size: Any, max_size: Any
) -> None:
    """Reject options that do not fit each other."""
    if split not in SPLITS:
        raise ValueError(f"split={split!r}; pass one of {', '.join(map(repr, SPLITS))}")
    for name, value, way in (("seeds", seeds, "seeds"), ("lines", lines, "line")):
        if (value is not None) != (split == way):
            wrong = "is not given" if value is None else f"does not use {name}"
            what = f"split={way!r} needs {name}, which" if value is None else "it"
            raise ValueError(
                f"split={split!r}, but {what} {wrong}; pass both, or leave both out"
            )
    if not depth > 0:
        raise ValueError(f"depth={depth!r}, but a positive number is needed")
    for name, size in (("min_size", min_size), ("max_size", max_size)):
        if size is None or (name == "min_size" and size == "auto"):
            continue
        if isinstance(size, str) or not size >= 0:
            raise ValueError(f"{name}={size!r}, but a number of pixels is needed")

"""Recipes of labels, by name: what the public interface gives, bit for bit.

The table ``labels.json`` holds the hash of each; it was made with NumPy 2.4.6, SciPy
1.17.1, scikit-image 0.26.0 and OpenCV 5.0.0, and ``check_versions.py`` finds the same
with other releases of OpenCV, numbers of threads and kinds of processors; but for one
row with OpenCV before 4.12, whose bilateral filter rounds otherwise. A change of a hash
needs an entry in the CHANGELOG that says which labels change, and why.

Only public names are used, noise is made of integers, and no picture is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

import napari_emseg as emseg
from napari_emseg import adjust, files, regions, select, sweep
from napari_emseg.recipe.packed_array import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = NDArray[Any]
Recipe = Callable[[], Array]
HERE = Path(__file__).parent
BEFORE_OPENCV_412 = {
    "hierarchy fine": "7490d62284be3c423e002ca3de07846b16a060f7c079f6b97dc588e2482c1309"
}
SCENE = HERE.parents[1] / "sample_data" / "scene.png"


def digest(array: Array) -> str:
    """Return the SHA-256 of the type, the shape and the bytes of an array."""
    head = f"{array.dtype.name} {array.shape}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


# Pictures.


@cache
def picture(name: str, step: int = 2) -> Array:
    """Return every second pixel of the scene or of a photograph of scikit-image."""
    whole = files.read_image(SCENE)[0] if name == "scene" else None
    found = getattr(skimage.data, name)() if whole is None else whole
    return _fixed(np.ascontiguousarray(found[::step, ::step]))


@cache
def noise(shape: tuple[int, ...], width: int = 13) -> Array:
    """Return whole numbers around 0, of a bell shape."""
    rng = np.random.default_rng(2026)
    return _fixed(rng.integers(-width, width + 1, (3, *shape)).sum(axis=0))


@cache
def discs(*shape: int) -> Array:
    """Return classes 0 to 2 of a plane or a volume: two balls on a ground."""
    grid = np.indices(shape)
    found = np.zeros(shape, np.intp)
    for number, share in ((1, 0.3), (2, 0.66)):
        radius = (0.25 - 0.03 * number) * shape[-1]
        away = sum((x - share * n) ** 2 for x, n in zip(grid, shape, strict=True))
        found[away < radius**2] = number
    return _fixed(found)


@cache
def painted(*shape: int) -> Array:
    """Return the discs in three colors, with noise: uint8 RGB."""
    colors = np.array([[60, 70, 60], [200, 90, 50], [90, 160, 220]])
    noisy = colors[discs(*shape)] + noise((*shape, 3))
    return _fixed(noisy.clip(0, 255).astype(np.uint8))


@cache
def gray(*shape: int, kind: str = "uint16") -> Array:
    """Return the discs in three gray levels, with noise."""
    level = np.array([8000, 21000, 36000])[discs(*shape)]
    return _fixed((level + 60 * noise(shape)).astype(kind))


@cache
def channels(count: int = 5) -> Array:
    """Return the discs in several channels, which stand first: float32."""
    weights = np.random.default_rng(7).integers(1, 9, (count, 3))
    clean = 16.0 * weights[:, discs(80, 96)]
    return _fixed((clean + noise((count, 80, 96), 8)).astype(np.float32))


@cache
def peppered() -> Array:
    """Return a photograph in which some pixels are black or white."""
    found = picture("chelsea", 3).copy()
    at = np.random.default_rng(3).integers(0, 20, found.shape[:2])
    found[at == 0], found[at == 1] = 0, 255
    return _fixed(found)


@cache
def shaded() -> Array:
    """Return discs in light that falls off from the left to the right."""
    light = np.linspace(256, 96, 128).astype(int)[:, np.newaxis]
    return _fixed((painted(96, 128).astype(int) * light // 256).astype(np.uint8))


@cache
def scope() -> Array:
    """Return discs through a round opening."""
    y, x = np.indices((96, 128))
    opening = (2 * y - 95) ** 2 + (2 * x - 127) ** 2 < 124**2
    return _fixed(painted(96, 128) * opening[..., np.newaxis].astype(np.uint8))


@cache
def transparent() -> Array:
    """Return a picture with alpha, of which a corner is transparent."""
    alpha = np.full((96, 128, 1), 255, np.uint8)
    alpha[:30, :40] = 0
    return _fixed(np.concatenate([painted(96, 128), alpha], axis=-1))


@cache
def holed() -> Array:
    """Return a float picture of one channel; some of its pixels are not finite."""
    found = gray(80, 96, kind="float32") / np.float32(1024)
    found[10:20, 30:50], found[60, 60] = np.nan, np.inf
    return _fixed(found)


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array


# Segmentations.


@cache
def scene() -> Any:
    """Return the segmentation that most edits begin with."""
    return emseg.segment(picture("scene", 4), n_classes=5)


@cache
def plain() -> Any:
    """Return one without smoothing, whose pieces are small and many."""
    return emseg.segment(picture("chelsea", 4), n_classes=4, smoothing=0)


@cache
def tree() -> Any:
    """Return the hierarchy of regions of a photograph."""
    return emseg.hierarchy(picture("coffee", 4))


@cache
def teacher(method: str = "em") -> Any:
    """Return a model fitted to a part of a photograph."""
    part = picture("astronaut")[:128]
    return emseg.segment(part, n_classes=4, smoothing=0, method=method).model


def labels(image: Callable[[], Array], **options: Any) -> Array:
    """Segment a picture; arguments that are functions are called first."""
    given = {k: v() if callable(v) else v for k, v in options.items()}
    with catch_warnings():
        filterwarnings("ignore", "dark corners", UserWarning)
        found: Array = emseg.segment(image(), **given).labels
    return found


def strokes(*shape: int) -> Array:
    """Return strokes of three classes in the discs."""
    found = np.zeros(shape, np.uint8)
    height, width = shape
    found[2:4, 5 : width - 5] = 1
    for number, share in ((2, 0.3), (3, 0.66)):
        y, x = int(share * height), int(share * width)
        found[y - 1 : y + 2, x - 6 : x + 7] = number
    return found


def half() -> Array:
    """Return a mask of the middle of a photograph."""
    return select.ellipse((256, 256), (20, 10), (240, 200))


def faded() -> Array:
    """Return the same with a soft outline."""
    return select.feather(half(), 4)


PHOTO = partial(picture, "astronaut")
COLORS = (
    *("lab", "luv", "rgb", "hsv", "hls", "ycrcb", "xyz", "gray", "none"),
    *("ab", "hs", "chromaticity", "he", "hdab", "hed", "od"),
)
# Name: picture, and arguments of `segment`.
SEGMENTED: dict[str, tuple[Callable[[], Array], dict[str, Any]]] = {
    "em": (partial(picture, "scene"), {"n_classes": 6}),
    "em without smoothing": (PHOTO, {"n_classes": 5, "smoothing": 0}),
    "em with little smoothing": (PHOTO, {"smoothing": 0.3}),
    "em with much smoothing": (PHOTO, {"smoothing": 3.5}),
    "em without edges": (PHOTO, {"edges": False}),
    "em tied": (PHOTO, {"covariance": "tied"}),
    "em diag": (partial(picture, "chelsea"), {"covariance": "diag"}),
    "em spherical": (partial(picture, "coffee", 3), {"covariance": "spherical"}),
    "em tied without smoothing": (PHOTO, {"covariance": "tied", "smoothing": 0}),
    "em diag without smoothing": (PHOTO, {"covariance": "diag", "smoothing": 0}),
    "em spherical without smoothing": (
        PHOTO,
        {"covariance": "spherical", "smoothing": 0},
    ),
    "em student": (PHOTO, {"distribution": "student"}),
    "em student without smoothing": (
        partial(picture, "immunohistochemistry"),
        {"distribution": "student", "covariance": "diag", "smoothing": 0},
    ),
    "em outliers": (peppered, {"outliers": 0.1, "smoothing": 0}),
    "em salt and pepper": (peppered, {}),
    "stains": (
        partial(picture, "immunohistochemistry"),
        {"color": "stains", "stains": "0.65 0.70 0.29, 0.27 0.57 0.78, 1 0 0"},
    ),
    "dark corners": (scope, {}),
    "dark corners labeled": (scope, {"corners": True}),
    "em bias": (shaded, {"bias": True, "n_classes": 3}),
    "em texture": (partial(picture, "brick"), {"texture": 1.5, "n_classes": 3}),
    "em position": (PHOTO, {"position": 0.8}),
    "em texture and position": (
        partial(picture, "coffee", 3),
        {"texture": 0.5, "position": 0.5, "smoothing": 0},
    ),
    "em auto": (partial(painted, 96, 128), {"n_classes": "auto"}),
    "em auto on a photograph": (partial(picture, "chelsea", 3), {"n_classes": "auto"}),
    "em one class": (partial(painted, 96, 128), {"n_classes": 1}),
    "em random": (PHOTO, {"init": "random", "n_init": 3}),
    "em another seed": (PHOTO, {"seed": 7, "n_classes": 7, "smoothing": 0}),
    "em few iterations": (PHOTO, {"max_iter": 3, "tol": 0.01, "n_init": 1}),
    "em min size": (PHOTO, {"min_size": 80, "smoothing": 0}),
    "kmeans": (partial(picture, "scene"), {"method": "kmeans", "n_classes": 6}),
    "kmeans without smoothing": (PHOTO, {"method": "kmeans", "smoothing": 0}),
    "kmeans random": (
        partial(picture, "immunohistochemistry"),
        {"method": "kmeans", "init": "random", "n_init": 2},
    ),
    "kmeans auto": (
        partial(painted, 96, 128),
        {"method": "kmeans", "n_classes": "auto", "smoothing": 0},
    ),
    "kmeans texture": (
        partial(picture, "gravel"),
        {"method": "kmeans", "texture": 1.0, "smoothing": 0},
    ),
    "kmeans position": (PHOTO, {"method": "kmeans", "position": 1.0}),
    "kmeans min size": (PHOTO, {"method": "kmeans", "min_size": 200}),
    "gray 8 bit": (partial(picture, "camera"), {}),
    "gray 8 bit kmeans": (partial(picture, "coins"), {"method": "kmeans"}),
    "gray 16 bit": (partial(gray, 96, 128), {"n_classes": 3}),
    "gray 32 bit": (
        partial(gray, 80, 96, kind="uint32"),
        {"n_classes": 3, "smoothing": 0},
    ),
    "gray signed": (partial(gray, 80, 96, kind="int32"), {"n_classes": 3}),
    "gray float": (partial(gray, 80, 96, kind="float64"), {"n_classes": 3}),
    "not finite": (holed, {"n_classes": 3}),
    "bool": (partial(picture, "horse"), {"n_classes": 2}),
    "rgb float": (lambda: painted(96, 128) / np.float32(255), {"n_classes": 3}),
    "rgb 16 bit": (
        lambda: painted(96, 128).astype(np.uint16) * np.uint16(257),
        {"n_classes": 3},
    ),
    "alpha": (transparent, {"n_classes": 3}),
    "rgb as a stack": (
        lambda: np.ascontiguousarray(painted(80, 96)[..., :3].transpose(2, 0, 1)),
        {"rgb": False, "n_classes": 3},
    ),
    "stack": (partial(gray, 12, 48, 64), {"n_classes": 3}),
    "stack without smoothing": (
        partial(gray, 12, 48, 64),
        {"n_classes": 3, "smoothing": 0},
    ),
    "stack kmeans": (partial(gray, 12, 48, 64), {"n_classes": 3, "method": "kmeans"}),
    "stack of colors": (partial(painted, 8, 48, 64), {"n_classes": 3}),
    "channels": (channels, {"channel_axis": 0, "n_classes": 3}),
    "channels without smoothing": (
        partial(channels, 3),
        {"channel_axis": 0, "n_classes": 3, "smoothing": 0},
    ),
    "channels kmeans": (
        channels,
        {"channel_axis": 0, "n_classes": 3, "method": "kmeans"},
    ),
    "channels texture": (
        partial(channels, 2),
        {"channel_axis": 0, "n_classes": 3, "texture": 1.0},
    ),
    "channels in their units": (
        lambda: channels(3) * np.float32([1, 64, 0.25])[:, None, None],
        {"axes": "CYX", "n_classes": 3, "method": "kmeans"},
    ),
    "channels each": (
        partial(channels, 2),
        {"axes": "CYX", "n_classes": 3, "channels": "each"},
    ),
    "series": (partial(gray, 5, 48, 64), {"axes": "TYX", "n_classes": 3}),
    "planes each": (
        partial(gray, 5, 48, 64),
        {"axes": "ZYX", "n_classes": 3, "planes": "each"},
    ),
    "mask": (PHOTO, {"mask": half}),
    "soft mask": (PHOTO, {"mask": faded, "method": "kmeans"}),
    "seed labels": (
        partial(painted, 96, 128),
        {"seed_labels": lambda: strokes(96, 128)[:, ::-1] % 3, "n_classes": 4},
    ),
    "seed labels of all classes": (
        partial(painted, 96, 128),
        {"seed_labels": partial(strokes, 96, 128), "n_classes": 3},
    ),
    "seed labels kmeans": (
        partial(painted, 96, 128),
        {
            "seed_labels": partial(strokes, 96, 128),
            "method": "kmeans",
            "n_classes": 3,
            "smoothing": 0,
        },
    ),
    "model on another image": (
        lambda: picture("astronaut")[128:],
        {"model": teacher, "n_classes": 4},
    ),
    "model of kmeans on another image": (
        lambda: picture("astronaut")[128:],
        {
            "model": partial(teacher, "kmeans"),
            "method": "kmeans",
            "n_classes": 4,
            "smoothing": 0,
        },
    ),
    "start": (lambda: picture("astronaut")[128:], {"start": teacher}),
    "tiles": (partial(picture, "scene", 1), {"method": "kmeans", "n_classes": 5}),
    "tiles of memory order": (
        lambda: np.asfortranarray(picture("coffee", 1)),
        {"smoothing": 0},
    ),
} | {
    f"{'em' if number % 2 else 'kmeans'} {color}": (
        partial(picture, "coffee", 4),
        {"color": color, "method": "em" if number % 2 else "kmeans", "smoothing": 0},
    )
    for number, color in enumerate(COLORS)
}


def by_workers() -> Array:
    """Segment with an executor of one's own."""
    with ThreadPoolExecutor(2) as executor:
        found: Array = emseg.segment(picture("astronaut", 1), executor=executor).labels
    return found


def by_steps() -> Array:
    """Segment step by step."""
    steps = emseg.iter_segment(PHOTO(), emseg.Params(n_classes=3))
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value.labels


def blocks() -> Array:
    """Segment an array that is read part by part."""
    import dask.array

    whole = picture("coffee", 1)
    parts = dask.array.from_array(whole, chunks=(150, 250, 3))
    found: Array = emseg.segment(parts, n_classes=4).labels
    return found


def compared() -> Array:
    """Return the labels of several settings."""
    settings = [
        emseg.Params(n_classes=k, method=m) for m in ("em", "kmeans") for k in (2, 4)
    ]
    rows = sweep.sweep(picture("coffee", 4), settings)
    return np.stack([row.seg.labels for row in rows])


def table() -> Array:
    """Return the pixels of classes, and their pieces."""
    found = emseg.class_table(scene().labels, picture("scene", 4))
    return np.stack([np.asarray(found[name]) for name in ("label", "pixels")])


def doubts() -> Array:
    """Return the worst uncertain places, in the order of their coordinates."""
    places = emseg.uncertain_places(plain().uncertainty(), plain().labels, limit=20)
    return np.array(sorted(place.point for place in places))


def sampled(**options: Any) -> Array:
    """Return features of some pixels, as whole numbers."""
    found = emseg.features(picture("coffee", 3), **options)[::17, ::19]
    return np.rint(found).astype(np.int16)


OTHERS: dict[str, Recipe] = {
    "executor": by_workers,
    "steps": by_steps,
    "dask": blocks,
    "sweep": compared,
    "class table": table,
    "table of a segmentation": lambda: np.asarray(plain().table()["pixels"]),
    "regions": lambda: plain().regions(),
    "regions of a least size": lambda: plain().regions(min_size=40),
    "probabilities": lambda: scene().probabilities().argmax(axis=0),
    "uncertainty": lambda: scene().uncertainty() > 0.2,
    "uncertainty without smoothing": lambda: plain().uncertainty() > 0.25,
    "uncertain places": doubts,
    "features": partial(sampled, texture=1.0, position=1.0),
    "features rgb": partial(sampled, color="rgb"),
    "blobs": lambda: emseg.blobs(n_points=600, n_classes=4, seed=3).segment().labels,
    "blobs student": lambda: (
        emseg.blobs(n_points=600, seed=1).segment(distribution="student").labels
    ),
    "hierarchy": lambda: tree().cut(),
    "hierarchy by number": lambda: tree().cut(n_regions=12),
    "hierarchy by level": lambda: tree().cut(level=0.3),
    "hierarchy fine": lambda: tree().cut(level=0.0),
    "hierarchy gray": lambda: emseg.hierarchy(gray(96, 128)).cut(n_regions=20),
    "hierarchy mask": lambda: emseg.hierarchy(PHOTO(), mask=half()).cut(n_regions=9),
    "hierarchy channels": lambda: emseg.hierarchy(channels(), channel_axis=0).cut(),
}


# Selections.


@cache
def wand() -> Array:
    """Return what the wand finds in a photograph."""
    return _fixed(select.wand(PHOTO(), (30, 20), 14))


@cache
def ring() -> Array:
    """Return a soft selection with a hole and a stray piece."""
    outer = select.ellipse((64, 80), (5, 8), (58, 60), soft=True)
    found = select.combine(
        outer, select.rectangle((64, 80), (20, 25), (32, 38)), "subtract"
    )
    found[50:54, 70:73] = 1
    return _fixed(found)


def brown() -> Array:
    """Return a patch of a photograph that stands for its color."""
    return select.rectangle((100, 150), (30, 85), (36, 95))


def box(**options: Any) -> Array:
    """Return the object in a box."""
    return select.box(painted(96, 128), (10, 12, 52, 72), **options)


def box_of_a_cell() -> Array:
    """Return a cell of two colors in a box, on the noisy ground of another color."""
    y, x = np.indices((96, 128))
    colors = np.array([[225, 215, 220], [200, 150, 190], [90, 50, 130]])
    depth = np.hypot(y - 45, x - 60)
    clean = colors[(depth < 30).astype(int) + (np.hypot(y - 40, x - 66) < 14)]
    image = (clean + noise((96, 128, 3))).clip(0, 255).astype(np.uint8)
    return select.box(image, (11, 26, 79, 95))


PATH = ((20, 30), (90.5, 22), (110, 100), (55.5, 60), (15, 110))
SELECTED: dict[str, Recipe] = {
    "wand": wand,
    "wand everywhere": lambda: select.wand(PHOTO(), (30, 20), 14, contiguous=False),
    "wand soft": lambda: select.to_bytes(
        select.wand(picture("chelsea", 4), (30, 50), 20, soft=True, sample_size=3)
    ),
    "wand by corners": lambda: select.wand(
        picture("camera"), (200, 30), 12, connectivity=8
    ),
    "wand in a stack": lambda: select.wand(gray(12, 48, 64), (3, 14, 19), 6000),
    "wand by itself": lambda: select.wand(painted(96, 128), (29, 38)),
    "prepared": lambda: select.wand(select.prepare(PHOTO()), (100, 110), 9),
    "color range": lambda: select.color_range(PHOTO(), [(30, 20), (90, 120)], 10),
    "color range of colors": lambda: select.color_range(
        PHOTO(), colors=[(200, 60, 20)], tolerance=25
    ),
    "similar": lambda: select.similar(picture("coffee", 4), brown(), 4),
    "grow similar": lambda: select.grow_similar(picture("coffee", 4), brown(), 4),
    "by class": lambda: select.by_class(scene(), 2),
    "by class surely": lambda: select.by_class(plain(), 1, threshold=0.8),
    "by label": lambda: select.by_label(scene().labels, (80, 20)),
    "by label everywhere": lambda: select.by_label(scene().labels, (80, 20), False),
    "region": lambda: select.region_at(tree(), (60, 90)),
    "region of a level": lambda: select.region_at(tree(), (60, 90), level=0.8),
    "rectangle": lambda: select.rectangle((3, 40, 50), (0, 5.5, 30), (1, 20, 3)),
    "ellipse": lambda: select.ellipse((90, 120), (3.3, 80), (70, 11.5)),
    "ellipse soft": lambda: select.ellipse((90, 120), (3, 80), (70, 11), soft=True),
    "polygon": lambda: select.polygon((120, 130), PATH),
    "polygon soft": lambda: select.polygon((120, 130), PATH, soft=True),
    "lasso": lambda: select.lasso((120, 130), PATH),
    "scissors": lambda: select.scissors(
        painted(96, 128), [(8, 38), (29, 66), (50, 38), (29, 10)]
    ),
    "scissors path": lambda: select.scissors_path(
        PHOTO(), [(20, 100), (70, 130), (120, 90)]
    ),
    "box": box,
    "box of little smoothing": partial(box, smoothing=0.2),
    "box of a cell": box_of_a_cell,
    "box in a photograph": lambda: select.box(picture("coffee", 4), (5, 50, 75, 115)),
    "scribbles": lambda: select.scribbles(painted(96, 128), strokes(96, 128)),
    "scribbles everywhere": lambda: select.scribbles(
        painted(96, 128), strokes(96, 128), contiguous=False
    ),
    "scribbles alike": lambda: select.scribbles(
        picture("chelsea", 3), strokes(100, 151), background=None, smoothing=0.5
    ),
    "scribbled": lambda: select.scribble_mask(gray(96, 128), strokes(96, 128), label=3),
    "bytes": lambda: select.to_bytes(ring()),
    "from bytes": lambda: select.from_bytes(select.to_bytes(ring())),
    "rounded": lambda: select.rounded(ring()),
    "combine": lambda: np.stack(
        [
            select.combine(half(), wand(), mode)
            for mode in ("new", "add", "subtract", "intersect", "xor")
        ]
    ),
    "grow": lambda: select.grow(wand(), 3.5),
    "grow soft": lambda: select.to_bytes(select.grow(ring(), 2)),
    "shrink": lambda: select.shrink(wand(), 2.5),
    "smooth": lambda: select.smooth(wand(), 2.2),
    "border": lambda: select.border(wand(), 5),
    "feather": lambda: select.to_bytes(select.feather(ring() > 0.5, 2.5)),
    "harden": lambda: select.harden(ring(), 0.3),
    "fill holes": lambda: select.fill_holes(wand()),
    "fill small holes": lambda: select.fill_holes(ring(), 300),
    "invert": lambda: select.invert(wand()),
    "remove small": lambda: select.remove_small(wand(), 30, connectivity=8),
    "largest": lambda: select.largest(ring()),
}


# Edits.


def edited(
    name: str, *given: Any, of: Callable[[], Any] = scene, **options: Any
) -> Array:
    """Return the labels after an edit of `regions`."""
    old = of().labels
    found = getattr(regions, name)(
        old, *(v() if callable(v) else v for v in given), **options
    )
    new: Array = found.apply(old)
    if not np.array_equal(found.inverse(old).apply(new), old):
        raise ValueError(f"{name} cannot be undone")
    return new


def patchwork() -> Array:
    """Return a selection over the scene, of half coverage and more at its outline."""
    return select.feather(select.ellipse((90, 135), (10, 20), (70, 110)), 3)


def relearned(**options: Any) -> Array:
    """Return the labels of a fit that keeps strokes."""
    image = painted(96, 128)
    old = emseg.segment(image, n_classes=3, smoothing=0).labels
    return emseg.refit(image, old, strokes(96, 128), n_classes=3, **options)


EDITED: dict[str, Recipe] = {
    "fill": partial(edited, "fill", patchwork, 4),
    "fill locked": partial(edited, "fill", patchwork, 9, locked=(1, 3)),
    "new class": partial(edited, "new_class", patchwork),
    "merge": partial(edited, "merge", (2, 4)),
    "merge into": lambda: edited(
        "merge", (1, 2, 5), into=5, selection=patchwork(), locked=(2,)
    ),
    "split": partial(edited, "split", 2, min_size=20),
    "split classes": lambda: edited(
        "split", 3, "classes", image=picture("scene", 4), n_parts=3, smoothing=0
    ),
    "split watershed": partial(edited, "split", 1, "watershed", n_parts=4, depth=2),
    "absorb small": partial(edited, "absorb_small", 12, of=plain),
    "absorb small locked": partial(edited, "absorb_small", 30, of=plain, locked=(2,)),
    "smooth boundaries": partial(edited, "smooth_boundaries", 1.5, of=plain),
    "renumber": partial(edited, "renumber", {1: 9, 9: 1, 3: 2, 2: 3}),
    "swap": lambda: edited("swap", 1, 5, selection=patchwork()),
    "drop uncertain": partial(edited, "drop_uncertain", scene, 0.2),
    "free labels": lambda: np.array(regions.free_labels(scene().labels, 4)),
    "draw": lambda: regions.draw(
        np.ones((96, 128), np.uint16), painted(96, 128), strokes(96, 128), locked=(9,)
    ),
    "patch": lambda: regions.patch(
        scene().labels, patchwork() > 0.5, np.full((90, 135), 7, np.uint16)
    ),
    "packed": lambda: emseg.unpack_array(**pack(scene().labels).model_dump()),
    "refit": relearned,
    "refit kmeans": lambda: relearned(
        method="kmeans",
        smoothing=0,
        locked=(2,),
        erased=select.rectangle((96, 128), (60, 0), (95, 30)),
    ),
}

# Adjusted pictures.

AREA = partial(select.ellipse, (40, 48), (4, 6), (35, 40), soft=True)
ADJUSTED: dict[str, tuple[str, dict[str, Any]]] = {
    "hue and saturation": (
        "hue_saturation",
        {"hue": 40, "saturation": 0.3, "lightness": -0.2},
    ),
    "desaturate": ("desaturate", {"amount": 0.6}),
    "replace color": (
        "replace_color",
        {"color": (200, 90, 50), "by": (40, 60, 200), "tolerance": 25},
    ),
    "brightness and contrast": (
        "brightness_contrast",
        {"brightness": 0.2, "contrast": 0.3},
    ),
    "levels": ("levels", {"black": 20, "white": 220, "gamma": 1.4}),
    "curves": ("curves", {"points": [(0, 10), (90, 140), (255, 240)], "channel": 1}),
    "fill color": ("fill", {"color": (10, 200, 30)}),
    "blur": ("blur", {"radius": 1.7}),
    "sharpen": ("sharpen", {"amount": 0.8, "radius": 1.5}),
    "inpaint": ("inpaint", {"radius": 2}),
    "inpaint by flow": ("inpaint", {"method": "navier-stokes"}),
    "cut out": ("cut_out", {"radius": 5}),
}


def adjusted(name: str, **options: Any) -> Array:
    """Return an adjusted picture."""
    found: Array = getattr(adjust, name)(painted(40, 48), AREA(), **options)
    return found


# Files.


def written(name: str) -> Array:
    """Return labels that were written and read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        files.write_labels(path, scene().labels, metadata={"about": 1})
        return files.read_labels(path)


def read(name: str) -> Array:
    """Return the picture of a file here."""
    return files.read_image(HERE / name)[0]


def scripted(name: str) -> Array:
    """Run a script beside the pictures that it reads; return its labels."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for image in ("picture.png", "stack.tif"):
            shutil.copy(HERE / image, image)
        # Scripts of earlier versions use names that there are others for now.
        with catch_warnings():
            filterwarnings("ignore", "emseg.hand is deprecated", DeprecationWarning)
            runpy.run_path(str(HERE / name))
        return files.read_labels("labels.tif")


def replayed(name: str, image: Callable[[], Array]) -> Array:
    """Return the labels of a recipe in a file."""
    return emseg.Recipe.load(HERE / name).replay(image()).labels


def repainted(name: str, image: Callable[[], Array]) -> Array:
    """Return the picture that a recipe in a file adjusted."""
    result = emseg.Recipe.load(HERE / name).replay(image())
    return result.picture


def opened() -> Array:
    """Return the labels of the file that napari wrote."""
    return files.read_labels(HERE / "result.emseg.tif")


SMALL, STACK = partial(read, "picture.png"), partial(read, "stack.tif")
STORED: dict[str, Recipe] = {
    "tiff": partial(written, "labels.tif"),
    "png": partial(written, "labels.png"),
    "scene as read": partial(picture, "scene", 1),
    "session by its script": partial(scripted, "script.py"),
    "session by its recipe": partial(replayed, "recipe.json", SMALL),
    "session as stored": opened,
    "colors by their script": partial(scripted, "colors.py"),
    "colors by their recipe": partial(replayed, "colors.json", SMALL),
    "picture of the stack": partial(repainted, "stack.json", STACK),
    "stack by its script": partial(scripted, "stack.py"),
    "stack by its recipe": partial(replayed, "stack.json", STACK),
}


def _all() -> Iterator[tuple[str, Recipe]]:
    for name, (image, options) in SEGMENTED.items():
        yield f"segment: {name}", partial(labels, image, **options)
    for name, (function, options) in ADJUSTED.items():
        yield f"adjust: {name}", partial(adjusted, function, **options)
    groups = {"": OTHERS, "select: ": SELECTED, "edit: ": EDITED, "file: ": STORED}
    for group, rows in groups.items():
        for name, recipe in rows.items():
            yield f"{group}{name}", recipe


RECIPES = dict(_all())


def expected() -> dict[str, str]:
    """Return the table of hashes, for the OpenCV that is installed."""
    found: dict[str, str] = json.loads((HERE / "labels.json").read_text("utf-8"))
    return found | (BEFORE_OPENCV_412 if is_before_opencv_412() else {})


def is_before_opencv_412() -> bool:
    """Return whether the bilateral filter rounds as it did."""
    return tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 12)

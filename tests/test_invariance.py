"""Labels depend on image and parameters alone: not on threads, memory or blocks."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from skimage import data

import napari_emseg as emseg
from napari_emseg.engine.image import lazy_image
from napari_emseg.pipeline import source
from napari_emseg.pipeline.axes import channel_units

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PHOTO = np.ascontiguousarray(data.chelsea()[::3, ::3])
# For fits that take the same ways, if fewer iterations, with fewer pixels.
SMALL = np.ascontiguousarray(data.chelsea()[::4, ::4])
VOLUME = np.stack([PHOTO[:42, :60, 1] + np.uint8(10 * z) for z in range(12)])
RNG = np.random.default_rng(0)
STEPS = np.indices((91, 118))[1] // 40 + np.indices((91, 118))[0] // 50
NOISE = (40 + 50 * STEPS + RNG.normal(0, 30, STEPS.shape)).clip(0, 255).astype(np.uint8)
PEPPER = np.where(RNG.random(STEPS.shape) < 0.08, 255 * (NOISE % 2), 50 * STEPS + 20)
CASES: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "rgb": (PHOTO, {}),
    "rgb, looked up": (SMALL, {"smoothing": 0, "n_classes": 7}),
    "rgb, K-means": (SMALL, {"method": "kmeans", "n_classes": 5}),
    "rgb, Student-t": (SMALL, {"distribution": "student", "outliers": 0.05}),
    "rgb, large regions": (PHOTO, {"min_size": 40}),
    "rgb float": (PHOTO / 255, {"color": "hsv"}),
    "16 bit": (PHOTO[..., 0].astype(np.uint16) * 200, {}),
    "float": (PHOTO[..., 0] * np.float32(0.3), {"color": "none"}),
    "channels": (PHOTO * np.float32(0.1), {"channel_axis": -1, "n_classes": 3}),
    "volume": (VOLUME, {}),
    "noise": (NOISE, {}),
    "noise, K-means": (NOISE, {"method": "kmeans", "edges": False}),
    "noise, RGB": (np.stack([NOISE, NOISE[::-1], NOISE[:, ::-1]], -1), {}),
    "noise, volume": (np.stack([NOISE[:60, :50], NOISE[20:80, 50:100]] * 3), {}),
    "salt and pepper": (PEPPER.astype(np.uint8), {"n_classes": 3}),
    "rgb volume": (np.stack([PHOTO[:40, :60]] * 3), {}),
}


@cache
def reference(case: str) -> emseg.Segmentation:
    """Return the result that each test compares with another one."""
    image, options = CASES[case]
    return emseg.segment(image, **options)


def digest(case: str) -> str:
    image, options = CASES[case]
    labels = emseg.segment(image, **options).labels
    return hashlib.sha256(labels.tobytes()).hexdigest()


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_same_seed_same_labels_twice(case: str) -> None:
    labels = reference(case).labels
    assert digest(case) == hashlib.sha256(labels.tobytes()).hexdigest()


SCRIPT = """
import importlib.util, sys
import cv2
cv2.setNumThreads(int(sys.argv[2]))
spec = importlib.util.spec_from_file_location("cases", sys.argv[1])
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
for case in cases.CASES:
    print(cases.digest(case))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_same_labels_in_another_process_with_any_number_of_threads(
    threads: int,
) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, __file__, str(threads)],
        env=os.environ | dict.fromkeys(names, str(threads)),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [reference(case).labels.tobytes() for case in CASES]
    assert done.stdout.split() == [hashlib.sha256(x).hexdigest() for x in expected]


def _read_only(image: NDArray[Any]) -> NDArray[Any]:
    image.flags.writeable = False
    return image


def _strided(image: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros([2 * n for n in image.shape], image.dtype)
    wide[tuple(slice(1, None, 2) for _ in image.shape)] = image
    return wide[tuple(slice(1, None, 2) for _ in image.shape)]


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "Fortran": np.asfortranarray,
    "strided, read-only": lambda image: _read_only(_strided(image)),
    "backwards": lambda image: np.flip(np.flip(image).copy()),
    "big-endian": lambda image: image.astype(image.dtype.newbyteorder(">")),
}


@pytest.mark.parametrize(
    ("case", "layout"),
    [
        (case, layout)
        for case, (image, _) in CASES.items()
        for layout in LAYOUTS
        if layout != "big-endian" or image.dtype.itemsize > 1
    ],
)
def test_layout_in_memory_does_not_matter(case: str, layout: str) -> None:
    image, options = CASES[case]
    other = LAYOUTS[layout](image)
    expected = reference(case).labels
    np.testing.assert_array_equal(emseg.segment(other, **options).labels, expected)


def test_lists_are_images_too() -> None:
    image, options = CASES["rgb float"]
    expected = reference("rgb float").labels
    found = emseg.segment(image.tolist(), **options).labels
    np.testing.assert_array_equal(found, expected)


def test_size_of_tiles_does_not_matter(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, options = CASES[case]
    mask = np.ones(reference(case).labels.shape, bool)
    mask[..., 3:20, 5:9] = False
    expected = emseg.segment(image, mask=mask, **options)
    monkeypatch.setattr(source, "_TILE", {2: 32, 3: 16})
    monkeypatch.setattr(source, "_SLAB", 997)
    monkeypatch.setattr(source, "_COUNT", 150)
    found = emseg.segment(image, mask=mask, **options)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.probabilities(), expected.probabilities())
    np.testing.assert_array_equal(found.regions(9), expected.regions(9))
    np.testing.assert_allclose(found.table()["mean"], expected.table()["mean"])


def test_workers_do_not_matter(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, options = CASES[case]
    expected = reference(case).labels
    monkeypatch.setattr(source, "_TILE", {2: 64, 3: 32})
    with ThreadPoolExecutor(3) as executor:
        found = emseg.segment(image, executor=executor, **options)
    np.testing.assert_array_equal(found.labels, expected)


@pytest.mark.parametrize("store", ["dask", "zarr"])
def test_blocks_of_large_arrays_do_not_matter(case: str, store: str) -> None:
    image, options = CASES[case]
    chunks = tuple(max(1, n // 2 - 3) for n in image.shape)
    if store == "dask":
        lazy: Any = da.from_array(image, chunks=chunks)
    else:
        lazy = zarr.create_array(
            store=zarr.storage.MemoryStore(),
            shape=image.shape,
            dtype=image.dtype,
            chunks=chunks,
        )
        lazy[...] = image
    expected = reference(case)
    found = emseg.segment(lazy, **options)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.uncertainty(), expected.uncertainty())
    np.testing.assert_array_equal(found.table()["mean"], expected.table()["mean"])
    axes = {k: v for k, v in options.items() if k in ("color", "channel_axis")}
    np.testing.assert_array_equal(
        emseg.features(lazy, **axes), emseg.features(image, **axes)
    )


class Lazy:
    """An array that can be sliced and nothing else, and tells how much was read."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape = values.shape
        self.dtype = values.dtype
        self.most = 0

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part = self._values[key]
        self.most = max(self.most, part.size)
        return part.copy()


def test_large_arrays_are_read_in_parts(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, options = CASES[case]
    wide = image.astype(np.int64) if image.dtype == np.uint16 else image
    # Of the type of the image alone, the labels are known.
    same = wide.dtype == image.dtype
    seg = reference(case) if same else emseg.segment(wide, **options)
    expected = seg.labels
    tile = 32
    monkeypatch.setattr(source, "_TILE", {2: tile, 3: tile // 2})
    for module, name in ((source, "_SLAB"), (source, "_COUNT"), (lazy_image, "_SLAB")):
        monkeypatch.setattr(module, name, 500)
    lazy = Lazy(wide)
    # A glance at noise, corners, or the units of channels may see a small image as a
    # whole.
    plain = {"smoothing": 0, "distribution": "gaussian", "corners": True}
    with monkeypatch.context() as small:
        small.setattr(
            channel_units,
            "choose_blocks",
            lambda shape, _: [tuple(slice(0, 9) for _ in shape)],
        )
        emseg.segment(lazy, **(options | plain))
    assert lazy.most < wide.size / 4
    np.testing.assert_array_equal(emseg.segment(lazy, **options).labels, expected)


def test_numbers_of_classes_do_not_depend_on_the_seed() -> None:
    for method in ("em", "kmeans"):
        results = [
            emseg.segment(
                PHOTO, n_classes=3, method=method, seed=seed, tol=0, n_init=20
            )
            for seed in range(4)
        ]
        for seg in results[1:]:
            assert seg.objective[-1] == pytest.approx(results[0].objective[-1], 1e-4)
            assert (seg.labels == results[0].labels).mean() > 0.999

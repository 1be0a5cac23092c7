"""Labels on disk: those in memory, whatever reads, works and writes, and is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client, LocalCluster

import napari_emseg as emseg
from napari_emseg.io.store import label_target
from napari_emseg.io.store.label_target import LabelTarget
from napari_emseg.pipeline import source
from napari_emseg.pipeline.run import large_fit, stored, tile_work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PARAMS = {"n_classes": 3, "seed": 1, "n_init": 1}
OUTPUTS = ("a.npy", "a.btf", "a.zarr", "a.ome.zarr")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small images into many tiles."""
    monkeypatch.setattr(source, "_TILE", {2: 64, 3: 32})
    monkeypatch.setattr(source, "_COUNT", 2**12)
    monkeypatch.setattr(stored, "_SIDE", 64)
    monkeypatch.setattr(stored, "_PIXELS", 2**12)
    monkeypatch.setattr(label_target, "_COARSEST", 60)


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    """Return (130, 150, 3): fields of color with noise."""
    rng = np.random.default_rng(5)
    fields = np.kron(rng.integers(0, 256, (5, 6, 3)), np.ones((26, 25, 1)))
    noisy = fields + rng.normal(0, 9, fields.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def known(image: NDArray[np.uint8]) -> dict[int, emseg.Segmentation]:
    """Return those in memory, without and with smoothing."""
    return {s: emseg.segment(image, smoothing=s, **PARAMS) for s in (0, 1)}


@pytest.fixture(scope="module")
def labels(known: dict[int, emseg.Segmentation]) -> dict[int, NDArray[Any]]:
    return {s: seg.labels for s, seg in known.items()}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two processes that share no memory with this one."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as some,
        Client(some) as client,
    ):
        yield client


def inputs(image: NDArray[np.uint8], folder: Path) -> dict[str, Any]:
    np.save(folder / "in.npy", image)
    array = zarr.create_array(folder / "in.zarr", data=image, chunks=(50, 70, 3))
    return {
        "numpy": image,
        "memory map": np.load(folder / "in.npy", mmap_mode="r"),
        "npy": emseg.store.open_image(folder / "in.npy"),
        "zarr": array,
        "store": emseg.store.open_image(folder / "in.zarr"),
        "dask whole": da.from_array(image, chunks=-1),
        "dask rows": da.from_array(image, chunks=(23, -1, 3)),
        "dask small": da.from_zarr(array).rechunk((40, 40, 3)),
    }


@pytest.mark.parametrize("smoothing", [0, 1])
def test_labels_are_those_in_memory(
    smoothing: int,
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    known: dict[int, emseg.Segmentation],
    tmp_path: Path,
) -> None:
    for kind, given in inputs(image, tmp_path).items():
        # Fitted anew from each kind of input once, and not for each output.
        anew = smoothing == 0 or kind == "store"
        for name in OUTPUTS if kind == "store" else OUTPUTS[-1:]:
            seg = emseg.segment(
                given,
                out=tmp_path / name,
                force=True,
                smoothing=smoothing,
                model=None if anew and "ome" in name else known[smoothing].model,
                **PARAMS,
            )
            np.testing.assert_array_equal(seg.labels, labels[smoothing], kind + name)
    # No trace is left of the work.
    assert {p.name for p in tmp_path.iterdir()} == {*OUTPUTS, "in.npy", "in.zarr"}
    arrays = [
        np.full(image.shape[:2], 9, np.int64),
        zarr.create_array(
            tmp_path / "o", shape=(130, 150), chunks=(33, 50), dtype="u1"
        ),
    ]
    for out in arrays:
        seg = emseg.segment(image, out=out, smoothing=smoothing, **PARAMS)
        assert seg.labels is out
        np.testing.assert_array_equal(out[:], labels[smoothing])


@pytest.mark.parametrize("smoothing", [0, 1])
def test_a_cluster_reads_and_writes_for_itself(
    smoothing: int,
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    known: dict[int, emseg.Segmentation],
    cluster: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = inputs(image, tmp_path)
    wrote = []
    write = LabelTarget.write
    monkeypatch.setattr(LabelTarget, "write", lambda *a: wrote.append(a) or write(*a))
    pairs = [("store", name) for name in OUTPUTS]
    pairs += [("memory map", "b.npy"), ("dask small", "b.zarr")]
    if smoothing:
        pairs = pairs[-3:]
    with cluster.get_executor() as executor:
        for kind, name in pairs:
            seg = emseg.segment(
                given[kind],
                out=tmp_path / name,
                smoothing=smoothing,
                executor=executor,
                model=None if name == "a.btf" else known[smoothing].model,
                **PARAMS,
            )
            np.testing.assert_array_equal(seg.labels, labels[smoothing], kind)
    assert not wrote
    with ThreadPoolExecutor(3) as threads:
        out = tmp_path / "threads.ome.zarr"
        seg = emseg.segment(
            given["zarr"], out=out, smoothing=smoothing, executor=threads, **PARAMS
        )
    np.testing.assert_array_equal(seg.labels, labels[smoothing])
    # Each worker counts the colors of its tiles; together they are those of the image.
    np.testing.assert_array_equal(seg.model.means, known[smoothing].model.means)
    assert wrote


def test_images_that_workers_cannot_open_are_sent(
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    known: dict[int, emseg.Segmentation],
    cluster: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_emseg.io.store import stored_array

    monkeypatch.setattr(stored_array, "_LIGHT", 1000)
    with cluster.get_executor() as executor:
        seg = emseg.segment(
            image,
            out=tmp_path / "a.npy",
            smoothing=0,
            executor=executor,
            model=known[0].model,
        )
    np.testing.assert_array_equal(seg.labels, labels[0])


def test_a_worker_that_is_killed_changes_nothing(
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    cluster: Client,
    tmp_path: Path,
) -> None:
    zarr.create_array(tmp_path / "in.zarr", data=image, chunks=(50, 70, 3))
    given = emseg.store.open_image(tmp_path / "in.zarr")
    # Those who have worked here before.
    workers = cluster.run(os.getpid)
    with cluster.get_executor() as executor:
        steps = emseg.iter_segment(
            given,
            emseg.Params(smoothing=1, **PARAMS),
            out=tmp_path / "a.ome.zarr",
            executor=executor,
        )
        killed = False
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                seg = stop.value
                break
            if step.stage == "smooth" and step.done == 3 and not killed:
                os.kill(next(iter(workers.values())), signal.SIGKILL)
                killed = True
    assert killed
    np.testing.assert_array_equal(seg.labels, labels[1])


def test_workers_that_are_gone_are_told_of(
    image: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.npy"
    # A worker that has all of them could have done them before it is killed.
    monkeypatch.setattr(tile_work, "_AHEAD", 2)
    with ProcessPoolExecutor(1) as pool:
        pid = pool.submit(os.getpid).result()
        steps = emseg.iter_segment(
            image, emseg.Params(smoothing=0, **PARAMS), out=out, executor=pool
        )
        next(step for step in steps if step.stage == "label" and step.done == 2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(OSError, match=r"workers are gone .* --resume"):
            deque(steps)
    seg = emseg.segment(image, out=out, smoothing=0, resume=True, **PARAMS)
    assert seg.labels.shape == image.shape[:2]


def files_of(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in sorted(path.rglob("*"))
        if p.is_file()
    }


# Forks for each run while it has no thread but one, and imports once for all.
KILLED = """
import json, os, signal, sys
import cv2, numpy as np
import napari_emseg as emseg
from napari_emseg.pipeline import source
from napari_emseg.pipeline.run import large_fit, stored
from napari_emseg.io.store.label_target import LabelTarget
cv2.setNumThreads(1)
source._TILE, source._COUNT = {2: 64, 3: 32}, 2**12
stored._SIDE, stored._PIXELS = 64, 2**12
write = LabelTarget.write

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def run(image, out, kind, count, params):
    left = [count]
    def half(self, where, part):
        left[0] -= 1
        if kind == "write" and left[0] == 0:
            rows = part.shape[0] // 2
            first = slice(where[0].start, where[0].start + rows)
            write(self, (first, where[1]), part[:rows])
            die()
        write(self, where, part)
    def publish(self, *args):
        if kind == "publish":
            (self.folder / "naming").touch()
            self.place.replace(self.final)
        die()
    LabelTarget.write, LabelTarget.publish = half, publish
    steps = emseg.iter_segment(np.load(image), emseg.Params(**params), out=out)
    for step in steps:
        if (kind, count) == (step.stage, step.done):
            die()

for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            run(*json.loads(line))
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def killer() -> Iterator[Popen[str]]:
    with Popen(
        [sys.executable, "-c", KILLED], stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_run(
    killer: Popen[str], image: Any, out: Path, at: tuple[str, int], smoothing: int
) -> None:
    """Segment in a process of its own, which is killed in the middle of something."""
    path = out.parent.parent / f"{out.parent.name}.npy"
    np.save(path, image)
    params = {**PARAMS, "smoothing": smoothing}
    assert killer.stdin is not None
    assert killer.stdout is not None
    killer.stdin.write(f"{json.dumps([str(path), str(out), *at, params])}\n")
    killer.stdin.flush()
    assert int(killer.stdout.readline()) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("at", "smoothing"),
    [
        (("fit", 2), 0),
        (("write", 1), 1),
        (("write", 5), 0),
        (("label", 4), 0),
        (("smooth", 6), 1),
        (("end", 0), 0),
    ],
)
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(
    at: tuple[str, int],
    smoothing: int,
    image: NDArray[np.uint8],
    killer: Popen[str],
    tmp_path: Path,
) -> None:
    out, whole = tmp_path / "a.btf", tmp_path / "whole.btf"
    emseg.segment(image, out=whole, smoothing=smoothing, **PARAMS)
    killed_run(killer, image, out, at, smoothing)
    assert not out.exists()
    with pytest.raises(FileExistsError, match="resume=True"):
        emseg.segment(image, out=out, smoothing=smoothing, **PARAMS)
    seg = emseg.segment(image, out=out, smoothing=smoothing, resume=True, **PARAMS)
    assert files_of(out) == files_of(whole)
    assert seg.table()["pixels"].sum() == image[..., 0].size
    assert {p.name for p in tmp_path.iterdir()} == {"a.btf", "whole.btf"}


def test_a_run_that_was_killed_at_its_very_end_is_whole(
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    killer: Popen[str],
    tmp_path: Path,
) -> None:
    out = tmp_path / "a.npy"
    killed_run(killer, image, out, ("publish", 0), 0)
    with pytest.raises(FileExistsError, match="is whole already"):
        emseg.segment(image, out=out, smoothing=0, resume=True, **PARAMS)
    np.testing.assert_array_equal(np.load(out), labels[0])
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


@contextmanager
def interrupted(image: Any, out: Path, **options: Any) -> Iterator[None]:
    """Leave a run in the middle, as Ctrl+C does."""
    params = emseg.Params(**{"smoothing": 0, **PARAMS, **options})
    steps = emseg.iter_segment(image, params, out=out)
    for step in steps:
        if step.stage in ("label", "smooth") and step.done == 3:
            break
    steps.close()
    yield


@pytest.mark.parametrize("out", OUTPUTS)
def test_a_run_that_was_left_goes_on(
    out: str,
    image: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, whole = tmp_path / out, tmp_path / "whole" / out
    whole.parent.mkdir()
    emseg.segment(image, out=whole, smoothing=0, **PARAMS)
    with interrupted(image, place):
        final = place / "labels" / "classes" if "ome" in out else place
        assert not final.exists()
    done: list[Any] = []
    write = LabelTarget.write
    monkeypatch.setattr(LabelTarget, "write", lambda *a: done.append(a) or write(*a))
    emseg.segment(image, out=place, smoothing=0, resume=True, **PARAMS)
    # Three of nine are not done again.
    assert len(done) == 6
    assert files_of(place) == files_of(whole)


def test_another_run_is_no_continuation(
    image: NDArray[np.uint8], labels: dict[int, NDArray[Any]], tmp_path: Path
) -> None:
    out = tmp_path / "a.npy"
    with interrupted(image, out):
        pass
    other = image.copy()
    other[5, 5] = 0
    with pytest.raises(ValueError, match="n_classes is 4, but was 3"):
        emseg.segment(
            image, out=out, smoothing=0, **(PARAMS | {"n_classes": 4}), resume=True
        )
    with pytest.raises(ValueError, match=r"image shape is .*, but was"):
        emseg.segment(image[:80], out=out, smoothing=0, resume=True, **PARAMS)
    # All is there as it was.
    seg = emseg.segment(image, out=out, smoothing=0, resume=True, **PARAMS)
    np.testing.assert_array_equal(seg.labels, labels[0])


def test_an_image_that_changed_is_told_of(
    image: NDArray[np.uint8], tmp_path: Path
) -> None:
    path, out = tmp_path / "in.zarr", tmp_path / "a.npy"
    array = zarr.create_array(path, data=image, chunks=(50, 70, 3))
    given = emseg.store.open_image(path)
    with interrupted(given, out):
        array[0:2, 0:2] = 77
    with pytest.raises(ValueError, match=r"image .*, but was"):
        emseg.segment(given, out=out, smoothing=0, resume=True, **PARAMS)
    # While it runs, too.
    steps = emseg.iter_segment(
        given, emseg.Params(smoothing=0, **PARAMS), out=out, force=True
    )
    next(step for step in steps if step.stage == "label")
    array[0:2, 0:2] = 78
    with pytest.raises(ValueError, match="changed while it was segmented"):
        deque(steps)
    assert not out.exists()


def test_a_part_that_cannot_be_read_keeps_the_others(
    image: NDArray[np.uint8], labels: dict[int, NDArray[Any]], tmp_path: Path
) -> None:
    path, out = tmp_path / "in.zarr", tmp_path / "a.npy"
    zarr.create_array(path, data=image, chunks=(50, 70, 3))
    given = emseg.store.open_image(path)
    whole = shutil.copytree(path, tmp_path / "whole")
    chunk = path / "c" / "2" / "1" / "0"
    steps = emseg.iter_segment(given, emseg.Params(smoothing=0, **PARAMS), out=out)
    next(step for step in steps if step.stage == "label")
    stat = chunk.stat()
    chunk.write_bytes(b"\0" * stat.st_size)
    with pytest.raises(OSError, match=r"the part \[.*\] cannot be read .* --resume"):
        deque(steps)
    assert not out.exists()
    shutil.copy2(whole / "c" / "2" / "1" / "0", chunk)
    os.utime(chunk, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    seg = emseg.segment(given, out=out, smoothing=0, resume=True, **PARAMS)
    np.testing.assert_array_equal(seg.labels, labels[0])


def test_a_full_disk_keeps_what_is_done(
    image: NDArray[np.uint8],
    labels: dict[int, NDArray[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "a.zarr"
    write = LabelTarget.write
    room = 4

    def full(*args: Any) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(28, "No space left on device")
        write(*args)

    monkeypatch.setattr(LabelTarget, "write", full)
    with pytest.raises(OSError, match=r"cannot be written .*No space.*free some space"):
        emseg.segment(image, out=out, smoothing=0, **PARAMS)
    assert not out.exists()
    monkeypatch.setattr(LabelTarget, "write", write)
    seg = emseg.segment(image, out=out, smoothing=0, resume=True, **PARAMS)
    np.testing.assert_array_equal(seg.labels, labels[0])


def test_two_runs_do_not_write_to_one_place(
    image: NDArray[np.uint8], tmp_path: Path
) -> None:
    out = tmp_path / "a.npy"
    steps = emseg.iter_segment(image, emseg.Params(smoothing=0, **PARAMS), out=out)
    next(step for step in steps if step.stage == "label")
    failed: list[BaseException] = []

    def other() -> None:
        try:
            emseg.segment(image, out=out, smoothing=0, force=True, **PARAMS)
        except BlockingIOError as error:
            failed.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "another run" in str(failed[0])
    deque(steps)
    assert out.exists()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_images_without_a_palette(
    dtype: Any, image: NDArray[np.uint8], tmp_path: Path, monkeypatch: Any
) -> None:
    given = image.astype(dtype) * dtype(257)
    given = given / given.dtype.type(65535) if dtype == np.float32 else given
    alone = emseg.segment(given, smoothing=0, **PARAMS).labels
    seg = emseg.segment(given, out=tmp_path / "a.npy", smoothing=0, **PARAMS)
    np.testing.assert_array_equal(seg.labels, alone)
    # Of large ones, some pixels are fitted.
    monkeypatch.setattr(large_fit, "LEVEL", 10_000)
    monkeypatch.setattr(large_fit, "_SOME", 2**14)
    few = emseg.segment(given, out=tmp_path / "b.npy", smoothing=0, **PARAMS)
    assert np.mean(np.asarray(few.labels) == alone) > 0.9


def test_stacks_models_and_numbers_of_classes(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = rng.integers(0, 90, (3, 70, 80), np.uint8)
    stack[:, 20:50, 20:60] += 150
    for smoothing in (0, 1):
        alone = emseg.segment(stack, smoothing=smoothing, n_classes=2)
        out = tmp_path / f"{smoothing}.zarr"
        seg = emseg.segment(stack, out=out, smoothing=smoothing, n_classes=2)
        np.testing.assert_array_equal(seg.labels, alone.labels)
        monkeypatch.setattr(large_fit, "_MANY", 0)
        out = tmp_path / f"{smoothing}.npy"
        again = emseg.segment(stack, out=out, smoothing=smoothing, model=seg.model)
        np.testing.assert_array_equal(again.labels, seg.labels)
    # Numbers of classes are found on fewer pixels of large planes.
    monkeypatch.setattr(large_fit, "LEVEL", 2000)
    out = tmp_path / "auto.npy"
    auto = emseg.segment(stack, out=out, smoothing=0, n_classes="auto")
    assert auto.n_classes == 2


@pytest.mark.parametrize(
    ("axes", "shape"), [("TYX", (3, 70, 80)), ("ZTCYX", (5, 2, 2, 40, 50))]
)
def test_axes_that_are_worked_on_in_another_order(
    axes: str, shape: tuple[int, ...], rng: np.random.Generator, tmp_path: Path
) -> None:
    image = rng.integers(0, 60, shape, np.uint16)
    image[..., 10:30, 15:40] += 90
    if "C" in axes:
        # Channels of unlike units.
        image[:, :, 1] *= 100
    for smoothing, method in ((0, "kmeans"), (1, "em")):
        how = {"axes": axes, "smoothing": smoothing, "method": method, **PARAMS}
        alone = emseg.segment(image, **how)
        seg = emseg.segment(image, out=tmp_path / f"{method}.ome.zarr", **how)
        np.testing.assert_array_equal(seg.labels, alone.labels)
        np.testing.assert_array_equal(seg.model.means, alone.model.means)
        np.testing.assert_array_equal(seg.regions(), alone.regions())
        out = np.zeros(alone.labels.shape, np.uint8)
        emseg.segment(image, out=out, **how)
        np.testing.assert_array_equal(out, alone.labels)
    with pytest.raises(ValueError, match="fit parts by themselves"):
        emseg.segment(image, out=tmp_path / "a.npy", axes=axes, planes="each")


def test_masks_and_seeds(
    image: NDArray[np.uint8], rng: np.random.Generator, tmp_path: Path
) -> None:
    mask = np.zeros(image.shape[:2], bool)
    mask[30:120, 41:140] = True
    seeds = np.zeros(image.shape[:2], np.uint8)
    seeds[40:44, 50:60], seeds[100:104, 90:99], seeds[110, 120:130] = 1, 2, 3
    for smoothing in (0, 1):
        how = {"mask": mask, "seed_labels": seeds, "smoothing": smoothing, **PARAMS}
        alone = emseg.segment(image, **how)
        seg = emseg.segment(image, out=tmp_path / f"{smoothing}.zarr", **how)
        np.testing.assert_array_equal(seg.labels, alone.labels)


def test_what_needs_all_in_memory_is_refused(
    image: NDArray[np.uint8], tmp_path: Path
) -> None:
    out = tmp_path / "a.npy"
    with pytest.raises(ValueError, match="min_size=9 needs all labels"):
        emseg.segment(image, out=out, min_size=9)
    with pytest.raises(ValueError, match="bias=True needs the whole image"):
        emseg.segment(image, out=out, bias=True)
    with pytest.raises(ValueError, match=r"resume=True .* pass out="):
        emseg.segment(image, resume=True)
    with pytest.raises(ValueError, match="out has the shape"):
        emseg.segment(image, out=np.zeros((3, 3), np.uint8))
    with pytest.raises(TypeError, match="make it uint8"):
        emseg.segment(image, out=np.zeros(image.shape[:2]))
    with pytest.raises(TypeError, match="path or to an array"):
        emseg.segment(image, out=[1, 2])
    assert not [*tmp_path.iterdir()]


def test_labels_are_not_written_over_the_image(tmp_path):
    image = np.arange(80, dtype=np.uint8).reshape(8, 10)
    np.save(path := tmp_path / "a.npy", image)
    mapped = np.load(path, mmap_mode="r")
    array = zarr.create_array(tmp_path / "b.zarr", data=image)
    for read, out in (
        (given := image.copy(), given),
        (given[:6], given[2:]),
        (mapped, path),
        (array, array),
        (array, tmp_path / "b.zarr"),
    ):
        with pytest.raises(ValueError, match="is the image itself"):
            emseg.segment(
                read, n_classes=2, out=out, force=isinstance(out, os.PathLike)
            )
    with pytest.raises(ValueError, match="read-only"):
        emseg.segment(image, n_classes=2, out=np.broadcast_to(np.uint8(0), (8, 10)))
    assert (np.load(path) == image).all()
    assert (array[:] == image).all()

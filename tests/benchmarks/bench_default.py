"""What a user gets without a setting: smoothing, hierarchy, box, scribbles, cut out.

    python tests/benchmarks/bench_default.py                  # some twenty minutes
    python tests/benchmarks/bench_default.py --only photographs --before 993cd84

Processor time of one thread, medians; peers see the same pixels in the same run. With
``--before``, rows of segmentation are measured against the package of that commit, too:
993cd84 is the one before the smoother in integers. Both run in processes of their own,
in turns. Higra is a peer if it is installed (``pip install higra``), as is PyMatting.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import skimage.data
from bench_engine import (
    UNIT,
    K,
    Table,
    clock,
    enlarged,
    peak_memory,
    rows_of,
    subsampled,
)
from skimage.segmentation import felzenszwalb, random_walker

import napari_emseg as emseg

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

ROOT = Path(__file__).parents[2]
# Reads where a picture is and how to segment it, writes the processor seconds.
_SERVER = """
import json, sys, time
import cv2, numpy as np
cv2.setNumThreads(1)
import napari_emseg as emseg
emseg.segment(np.arange(256, dtype=np.uint8).reshape(16, 16), n_classes=2)
for line in sys.stdin:
    path, options = json.loads(line)
    image = np.load(path)
    start = time.process_time()
    emseg.segment(image, **options)
    print(time.process_time() - start, emseg.__file__, flush=True)
"""


class Checkout:
    """A process with the package of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SERVER],
            cwd=folder,  # where Python looks first
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def seconds(self, path: Path, options: dict[str, Any]) -> float:
        """Segment the picture of a file; return the processor seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(path), options]), file=self._process.stdin, flush=True)
        seconds, place = self._process.stdout.readline().split(maxsplit=1)
        assert Path(place.strip()).parents[1] == self._folder
        return float(seconds)


def checked_out(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a folder."""
    done = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class Bench:
    """The package as it is, the one of a commit before if asked for, and a table."""

    def __init__(self, commit: str, folder: Path, stack: ExitStack) -> None:
        self.table = Table()
        self._file = folder / "picture.npy"
        self._now = stack.enter_context(Checkout(ROOT))
        self._before: Checkout | None = None
        if commit:
            there = checked_out(commit, folder / "before")
            self._before = stack.enter_context(Checkout(there))

    def segment(
        self, work: str, image: Image, goal: str = "", repeats: int = 3, **options: Any
    ) -> float:
        """Write a row of one segmentation, now and before; return its seconds."""
        np.save(self._file, image)
        now, before = [], []
        for _ in range(repeats):
            now.append(self._now.seconds(self._file, options))
            if self._before is not None:
                before.append(self._before.seconds(self._file, options))
        seconds = float(np.median(now))
        ratio, note = "", f"{1e3 * seconds:.0f} ms"
        if before:
            ratio = f"{np.median(before) / seconds:.2f}x"
            note += f", before {1e3 * np.median(before):.0f} ms"
        self.table.row(work, goal, ratio, note)
        return seconds

    def against(
        self, work: str, ours: Callable[[], Any], peers: dict[str, Callable[[], Any]]
    ) -> None:
        """Write a row for each peer of a piece of work."""
        seconds, _ = clock(ours, 3)
        note = f"ours {1e3 * seconds:.0f} ms"
        if not peers:
            self.table.row(work, "", "", note)
        for name, call in peers.items():
            theirs, _ = clock(call)
            ratio = f"{theirs / seconds:.1f}x"
            self.table.row(f"{work}, against {name}", "", ratio, note)


def photographs(bench: Bench) -> None:
    """Segment photographs as the panel does, and as users of scikit-learn do."""
    goals = {0.15: "2x", 2: "5.5x", 12: "9x", 48: ""}
    for megapixels, goal in goals.items():
        image = enlarged("coffee", megapixels)
        name = f"default, {megapixels:g} MP, K = {K}"
        ours = bench.segment(name, image, goal, 5, n_classes=K)
        theirs, _ = subsampled(rows_of(image), 10_000, UNIT)
        bench.table.row(
            f"{name}, against scikit-learn on 10,000 pixels, predict all, no smoothing",
            "6x" if megapixels == 12 else "",
            f"{theirs / ours:.1f}x",
            f"theirs {1e3 * theirs:.0f} ms",
        )


def many_classes(bench: Bench) -> None:
    """Segment into more classes than people tell apart."""
    image = enlarged("coffee", 2)
    for count in (16, 64):
        bench.segment(f"default, 2 MP, K = {count}", image, "6x", n_classes=count)


def special(bench: Bench) -> None:
    """Segment what is noisy, and by texture."""
    clean = enlarged("coffee", 2)
    noise = np.random.default_rng(0).normal(0, 30, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    bench.segment("noisy image (hidden field), 2 MP", noisy, "3x", n_classes=K)
    large = enlarged("coffee", 12)
    bench.segment("texture=1, 12 MP", large, "3x", 1, n_classes=K, texture=1)


def memory(bench: Bench) -> None:
    """Measure what the default takes above the picture."""
    image = enlarged("coffee", 12)
    emseg.segment(image[:64], n_classes=2)
    used = peak_memory(lambda: emseg.segment(image, n_classes=K))
    each = f"{used / image[..., 0].size:.1f}"
    bench.table.row("default, 12 MP, extra bytes per pixel", "at most 16", each)


def hierarchy(bench: Bench) -> None:
    """Make the tree of regions."""
    try:
        import higra
    except ImportError:
        higra = None
    for megapixels in (0.15, 2, 12):
        image = enlarged("coffee", megapixels)

        def tree_of_higra(image: Image = image) -> Any:
            graph = higra.get_4_adjacency_graph(image.shape[:2])
            weights = higra.weight_graph(
                graph, image.astype(np.float64), higra.WeightFunction.L2
            )
            return higra.binary_partition_tree_average_linkage(graph, weights)

        peers: dict[str, Callable[[], Any]] = {
            "felzenszwalb": lambda im=image: felzenszwalb(im, scale=100)
        }
        if higra is not None:
            peers["higra's average linkage of pixels"] = tree_of_higra
        name = f"hierarchy, {megapixels:g} MP"
        bench.against(name, lambda im=image: emseg.hierarchy(im), peers)


def selections(bench: Bench) -> None:
    """Select by a box and by strokes, and cut out."""
    image = skimage.data.astronaut()
    box = (0, 30, 511, 460)

    def grab_cut() -> None:
        mask = np.zeros(image.shape[:2], np.uint8)
        models = np.zeros((2, 1, 65))
        y0, x0, y1, x1 = box
        rect = (x0, y0, x1 - x0, y1 - y0)
        cv2.grabCut(image, mask, rect, *models, 5, cv2.GC_INIT_WITH_RECT)

    bench.against(
        "box, 512x512", lambda: emseg.select.box(image, box), {"cv2.grabCut": grab_cut}
    )
    strokes = np.zeros(image.shape[:2], np.int32)
    strokes[300:500, 220:230], strokes[10:400, 20:30] = 1, 2
    bench.against(
        "scribbles, 512x512",
        lambda: emseg.select.scribbles(image, strokes),
        {
            "random_walker": lambda: random_walker(
                image, strokes, beta=130, mode="cg_j", channel_axis=-1
            )
        },
    )
    mask = emseg.select.box(image, box)
    peers: dict[str, Callable[[], Any]] = {}
    try:
        from pymatting import estimate_alpha_cf, estimate_foreground_ml
    except ImportError:
        pass
    else:
        wide = np.ones((9, 9), np.uint8)
        inside = cv2.erode(mask.astype(np.uint8), wide)
        outside = 1 - cv2.dilate(mask.astype(np.uint8), wide)
        trimap = np.where(inside, 1.0, np.where(outside, 0.0, 0.5))

        def matting() -> None:
            picture = image / 255.0
            estimate_foreground_ml(picture, estimate_alpha_cf(picture, trimap))

        peers["PyMatting's closed form"] = matting
    bench.against("cut out, 512x512", lambda: emseg.adjust.cut_out(image, mask), peers)
    large = enlarged("astronaut", 12)
    size = large.shape[1::-1]
    big = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    bench.against("cut out, 12 MP", lambda: emseg.adjust.cut_out(large, big), {})


PARTS: dict[str, Callable[[Bench], None]] = {
    "photographs": photographs,
    "many_classes": many_classes,
    "special": special,
    "memory": memory,
    "hierarchy": hierarchy,
    "selections": selections,
}


def main() -> None:
    """Run the parts that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--before", default="", metavar="COMMIT")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(chosen.before, folder, stack)
        for name in chosen.only:
            PARTS[name](bench)


if __name__ == "__main__":
    main()

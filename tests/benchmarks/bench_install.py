"""What an installation weighs, and what an import takes, beside two peers.

Each is installed by itself into a fresh environment: packages with all that they need,
megabytes of their files without compiled modules, and processor seconds of a process
that imports, without those of Python itself: the median of nine, compiled before.
scikit-image and this package import a name when it is first used, so that there is a
second row for what a first result needs. napari-convpaint brings no Qt, and is not
imported without one: PyQt6 is put beside it, and not weighed. Prints a table.

    python tests/benchmarks/bench_install.py
    python tests/benchmarks/bench_install.py --keep FOLDER     and go on from there
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What is installed, and what a script begins with.
ROWS = {
    "napari-emseg": (
        str(ROOT),
        ("import napari_emseg", "from napari_emseg import segment"),
    ),
    "scikit-image": (
        "scikit-image",
        ("import skimage", "from skimage.segmentation import slic"),
    ),
    "napari-convpaint": (
        "napari-convpaint",
        ("import napari_convpaint",),
    ),
}
BESIDE = {"napari-convpaint": "PyQt6"}
RUNS = 9
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def install(folder: Path, *what: str) -> Path:
    """Return the Python of an environment that has something and what that needs."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=False)
        subprocess.run(
            [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet",
             "--no-compile", *what],
            check=True,
        )  # fmt: skip
    return python


def weigh(folder: Path) -> tuple[int, float]:
    """Return how many packages there are, and their megabytes."""
    [site] = folder.rglob("site-packages")
    beside = BESIDE.get(folder.name, "none").lower()
    kept = [path for path in site.iterdir() if not path.name.lower().startswith(beside)]
    files = [
        path
        for one in kept
        for path in (one.rglob("*") if one.is_dir() else [one])
        if path.is_file() and "__pycache__" not in path.parts
    ]
    size = sum(path.stat().st_size for path in files)
    return sum(path.suffix == ".dist-info" for path in kept), size / 1e6


def seconds(python: Path, code: str) -> float:
    """Return the processor time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [python, "-c", code], check=True, env=os.environ | ONE_THREAD,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Install, measure in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keep", type=Path, help="folder of the environments")
    folder = parser.parse_args().keep or Path(tempfile.mkdtemp())
    pythons = {
        name: install(folder / name, what, *filter(None, [BESIDE.get(name)]))
        for name, (what, _) in ROWS.items()
    }
    codes = [(name, code) for name, (_, codes) in ROWS.items() for code in codes]
    bare = ("napari-emseg", "pass")
    taken: dict[tuple[str, str], list[float]] = {}
    for turn in range(RUNS + 1):
        for name, code in (bare, *codes):
            found = seconds(pythons[name], code)
            if turn > 0:  # the first one compiles
                taken.setdefault((name, code), []).append(found)
    start = statistics.median(taken[bare])
    print("| | packages | MB | script | CPU, s |\n|---|---|---|---|---|")
    for name, code in codes:
        packages, size = weigh(folder / name)
        time = statistics.median(taken[name, code]) - start
        print(f"| {name} | {packages} | {size:.0f} | `{code}` | {time:.2f} |")


if __name__ == "__main__":
    main()

"""Compare the table with other releases of OpenCV, threads and kinds of processors.

Releases are installed into a folder that is removed in the end, and stand before the
one of this environment; all else is as it is here. Kinds of processors are what
OpenBLAS, NumPy and OpenCV can be told to leave unused. Exit status: 0 all labels are
equal everywhere, 1 some are not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

import napari_emseg as emseg
from recipes import expected

MAKE = Path(__file__).with_name("make_table.py")
RELEASES = ("4.10.0.84", "4.14.*", "5.0.*")
KERNELS = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")
# What a processor must have to run the kernels of OpenBLAS, as Linux names it.
NEEDED = {
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2",
    "Zen": "avx2",
    "SkylakeX": "avx512bw",
}
# Without AVX2 and what came after it; and with what they cannot do without alone.
UNUSED = {
    "OPENCV_CPU_DISABLE": ("AVX2,FP16,FMA3", "AVX2,FP16,FMA3,AVX,SSE4.2,SSE4.1"),
    "NPY_DISABLE_CPU_FEATURES": ("X86_V4", "X86_V4 X86_V3 AVX2 FMA3"),
}


def main() -> int:
    """Run the command."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--releases", nargs="*", default=RELEASES, metavar="VERSION")
    parser.add_argument("--threads", nargs="*", type=int, default=(1, 2))
    parser.add_argument(
        "--processors", action="store_true", help="try kinds of processors, too"
    )
    given = parser.parse_args()
    equal = True
    kinds = processors() if given.processors else []
    with TemporaryDirectory() as folder:
        for release in given.releases:
            place, title = install(release, Path(folder)), f"OpenCV {release}"
            for threads in given.threads:
                equal &= compare(title, threads, place)
            for name, value in kinds:
                what = f"{title}, {name}={value}"
                equal &= compare(what, max(given.threads), place, **{name: value})
    return 0 if equal else 1


def install(release: str, folder: Path) -> str:
    """Install a release of OpenCV, nothing else, and return where."""
    place = folder / release.rstrip(".*")
    package = f"opencv-python-headless=={release}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", str(place), package], check=True)
    return str(place)


def processors() -> list[tuple[str, str]]:
    """Return what to set in the environment to have another kind of processor."""
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text("utf-8").split() if cpu.exists() else []
    fit = [name for name in KERNELS if NEEDED.get(name, "") in ("", *flags)]
    unused = [(name, value) for name, values in UNUSED.items() for value in values]
    return [("OPENBLAS_CORETYPE", name) for name in fit] + unused


def compare(title: str, threads: int, before: str, **environment: str) -> bool:
    """Print how many labels are as in the table; return whether all are."""
    package = Path(emseg.__file__).parents[1]
    paths, count = [before, str(package)], str(threads)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(MAKE), "--threads", count],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
        | {"PYTHONPATH": os.pathsep.join(paths)}
        | environment,
    )
    # OpenCV tells of features that a processor has not.
    lines = [x for x in done.stdout.splitlines() if not x.startswith("OPENCV:")]
    if done.returncode and not lines:
        raise RuntimeError(f"{title}: {done.stderr}")
    differ, total = lines if done.returncode else [], len(expected())
    told = f"{total - len(differ)} of {total} equal"
    print(f"{title}, threads {threads}: {told}", *differ, sep="; ", flush=True)
    return not differ


if __name__ == "__main__":
    sys.exit(main())

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
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

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
# Without AVX-512, without AVX2, and with nothing but what they cannot do without.
UNUSED = {
    "OPENCV_CPU_DISABLE": (
        "AVX512-SKX,AVX512-ICL",
        "AVX512-SKX,AVX512-ICL,AVX2,FP16,FMA3",
        "AVX512-SKX,AVX512-ICL,AVX2,FP16,FMA3,AVX,SSE4.2,SSE4.1",
    ),
    "NPY_DISABLE_CPU_FEATURES": (
        "AVX512_ICL AVX512_SKX",
        "AVX512_ICL AVX512_SKX AVX2 FMA3",
        "X86_V4 X86_V3",
    ),
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
    with TemporaryDirectory() as folder:
        for release in given.releases:
            place = install(release, Path(folder))
            for threads in given.threads:
                equal &= compare(f"OpenCV {release}", threads, before=place)
    for name, value in processors() if given.processors else ():
        equal &= compare(f"{name}={value}", max(given.threads), **{name: value})
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


def compare(title: str, threads: int, before: str = "", **environment: str) -> bool:
    """Print how many labels are as in the table; return whether all are."""
    spec = find_spec("napari_emseg")
    package = "" if spec is None or spec.origin is None else spec.origin
    paths = [before, str(Path(package).parents[1])]
    count = str(threads)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(MAKE), "--threads", count],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
        | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        | environment,
    )
    differ = done.stdout.splitlines()
    if done.returncode and not differ:
        raise RuntimeError(f"{title}: {done.stderr}")
    said = ", ".join(differ) if differ else "all are equal"
    print(f"{title}, {counted(threads)}: {said}", flush=True)
    return not differ


def counted(threads: int) -> str:
    """Return a number with its noun."""
    return f"{threads} thread{'s' if threads != 1 else ''}"


if __name__ == "__main__":
    sys.exit(main())

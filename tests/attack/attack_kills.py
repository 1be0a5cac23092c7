"""Kill processes while they write: files are whole, old or new, and nothing stays."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_emseg import files

# Writes the same few files over and over, each time with other contents of one length.
_WRITER = """
import json, sys
from pathlib import Path
import numpy as np
from napari_emseg import Recipe, Step, files
folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
noise = rng.integers(0, 2, (300, 400)).astype(np.uint8)
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    labels = noise + np.uint8(turn % 200)
    about = {"turn": turn}
    files.write_labels(folder / "labels.tif", labels, force=True, metadata=about)
    files.write_labels(folder / "labels.png", labels, force=True)
    picture = np.repeat(labels[..., None], 3, axis=-1)
    files.write_picture(folder / "picture.jpg", picture, force=True)
    files.write_picture(folder / "picture.png", picture, force=True)
    steps = (Step.of("blank", shape=(4, 5)),) + (Step.of("invert"),) * (turn % 50)
    Recipe(steps=steps).save(folder / "recipe.json", force=True)
"""
NAMES = {"labels.tif", "labels.png", "picture.jpg", "picture.png", "recipe.json"}


def _check(path: Path) -> str:
    """Return what is wrong with a file; "" if nothing."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        elif path.stem == "labels":
            found = files.read_labels(path)
            if found.shape != (300, 400) or np.ptp(found) != 1:
                return f"{path.name} is mixed: {np.unique(found)[:9].tolist()}"
        elif files.read_image(path)[0].shape != (300, 400, 3):
            return f"{path.name} has another shape"
    except (ValueError, OSError) as error:
        return f"{path.name} is not whole: {error}"
    return ""


def main(count: int, seed: int) -> int:
    """Kill `count` writers at random moments; return the number of faults."""
    rng = np.random.default_rng(seed)
    faults = leftovers = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for number in range(count):
            with subprocess.Popen(
                [sys.executable, "-c", _WRITER, folder], stdout=subprocess.PIPE
            ) as writer:
                assert writer.stdout is not None
                writer.stdout.readline()
                time.sleep(float(rng.uniform(0.002, 0.25)))
                writer.kill()
            present = {path.name for path in place.iterdir()}
            leftovers += len(present - NAMES)
            for path in sorted(place.iterdir()):
                wrong = _check(path) if path.name in NAMES else ""
                if wrong:
                    faults += 1
                    print(f"kill {number}: {wrong}")
            files.write_text(place / "next.json", "[]", (".json",), force=True)
            (place / "next.json").unlink()
            stay = {path.name for path in place.iterdir()} - NAMES
            if stay:
                faults += 1
                print(f"kill {number}: {sorted(stay)} stay after the next write")
                for name in stay:
                    (place / name).unlink()
    print(
        f"{count} kills, {leftovers} leftovers before the next write, {faults} faults"
    )
    return faults

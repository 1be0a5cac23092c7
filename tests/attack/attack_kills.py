"""Kill processes while they write: files are whole, old or new, and nothing stays."""

from __future__ import annotations

import json
import multiprocessing
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg import Recipe, Step, files

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# What a writer needs is loaded once: it is killed while it writes, not while it begins.
PRELOADED = [
    "cv2",
    "imagecodecs",
    "napari_emseg.files",
    "napari_emseg.recipe.recipe",
    "PIL.Image",
    "tifffile",
]
NAMES = {"labels.tif", "labels.png", "picture.jpg", "picture.png", "recipe.json"}


def _write(folder: str, ready: Connection) -> None:
    """Write the same files over and over, each time with others of one length."""
    place = Path(folder)
    noise = np.random.default_rng(0).integers(0, 2, (300, 400)).astype(np.uint8)
    ready.send_bytes(b"ready")
    turn = 0
    while True:
        turn += 1
        labels = noise + np.uint8(turn % 200)
        about = {"turn": turn}
        files.write_labels(place / "labels.tif", labels, force=True, metadata=about)
        files.write_labels(place / "labels.png", labels, force=True)
        picture = np.repeat(labels[..., None], 3, axis=-1)
        files.write_picture(place / "picture.jpg", picture, force=True)
        files.write_picture(place / "picture.png", picture, force=True)
        steps = (Step.of("blank", shape=(4, 5), dtype="uint8"),) + (
            Step.of("invert"),
        ) * (turn % 50)
        Recipe(steps=steps).save(place / "recipe.json", force=True)


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
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for number in range(count):
            ready, of_writer = processes.Pipe(duplex=False)
            writer = processes.Process(target=_write, args=(folder, of_writer))
            writer.start()
            ready.recv_bytes()
            time.sleep(float(rng.uniform(0.002, 0.25)))
            writer.kill()
            writer.join()
            if writer.exitcode != -signal.SIGKILL:
                faults += 1
                print(f"kill {number}: the writer had ended by itself")
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

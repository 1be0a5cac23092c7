"""The description that a file of labels carries, by which it is known again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tifffile

from napari_emseg.io import files
from napari_emseg.io.damage import damage_told
from napari_emseg.io.decoders import MAGIC
from napari_emseg.io.png_chunks import read_note
from napari_emseg.io.safe_write import TIFF

if TYPE_CHECKING:
    from pathlib import Path

# The key of what a batch was.
BATCH = "batch"


def read_about(path: Path) -> dict[str, Any]:
    """Return the description of a label file; empty if it is not one of ours."""
    with damage_told(path, "write it again"):
        if path.suffix.lower() not in TIFF:
            note = (
                read_note(path, files.NOTE) if path.suffix.lower() == ".png" else None
            )
            found = json.loads(note or "{}")
        else:
            with tifffile.TiffFile(path) as file:
                found = (file.shaped_metadata or ({},))[0]
    return found if isinstance(found, dict) else {}


def is_label_file(path: Path) -> bool:
    """Return whether a file holds labels that this plugin or its command wrote."""
    kind = next((k for k in ("tiff", "png") if _begins_as(path, k)), None)
    if kind is None:
        return False
    with damage_told(path, "write the labels again"):
        if kind == "png":
            note = read_note(path, files.NOTE)
            return note is not None and f'"{BATCH}"' in note
        with tifffile.TiffFile(path) as tiff:
            return any("napari-emseg" in about for about in tiff.shaped_metadata or ())


def _begins_as(path: Path, kind: str) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(tuple(MAGIC[kind]))

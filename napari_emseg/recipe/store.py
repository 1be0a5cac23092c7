"""Where recipes are kept: files of their own, and TIFF files of labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tifffile

from napari_emseg import files, formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SUFFIXES = (".json",)


def read(path: Path) -> Any:
    """Read what a file holds as a recipe.

    Parameters
    ----------
    path : Path
        JSON, or a TIFF file of labels.

    Returns
    -------
    object
        What JSON can hold; nobody has checked it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It holds no recipe.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the file of a recipe")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    with path.open("rb") as file:
        tiff = file.read(4) in formats.MAGIC["tiff"]
    return _of_tiff(path) if tiff else _of_json(path)


def write(path: Path, recipe: Mapping[str, Any], *, force: bool = False) -> None:
    """Write a JSON file.

    Parameters
    ----------
    path : Path
        Ends in .json.
    recipe : mapping
        What JSON can hold.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        As `napari_emseg.files.write_text`.
    """
    text = json.dumps(recipe, indent=1, ensure_ascii=False)
    files.write_text(path, f"{text}\n", SUFFIXES, force=force)


def _of_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is no text, as recipes are; give a .json file or labels that "
            "napari-emseg wrote"
        ) from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is no JSON ({error}); give a recipe as napari-emseg writes it"
        ) from None


def _of_tiff(path: Path) -> Any:
    try:
        with tifffile.TiffFile(path) as file:
            notes: Iterable[Any] = file.shaped_metadata or ()
    except tifffile.TiffFileError as error:
        raise ValueError(f"{path} cannot be read: {error}; write it again") from None
    for note in notes:
        if "recipe" in note:
            return note["recipe"]
    raise ValueError(
        f"{path} holds no recipe; give a file that napari-emseg wrote, or the recipe"
    )

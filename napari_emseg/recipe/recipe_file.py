"""Files of recipes: JSON, and TIFF files of labels that carry one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tifffile

from napari_emseg.io import decoders, files
from napari_emseg.io.damage import check_exists, damage_told
from napari_emseg.recipe.step import short

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUFFIXES = (".json",)


def read_file(path: Path) -> Any:
    """Return the recipe that a file holds.

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
    check_exists(path)
    if not path.is_file():
        raise ValueError(
            f"{path} is a pipe or a device, which cannot be read twice; write the "
            "recipe to a file, and give that"
        )
    with path.open("rb") as file:
        tiff = file.read(4) in decoders.MAGIC["tiff"]
    return _of_tiff(path) if tiff else _of_json(path)


def write_file(path: Path, recipe: Mapping[str, Any], *, force: bool = False) -> None:
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
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is no text, as recipes are; give a .json file or labels that "
            "napari-emseg wrote"
        ) from None
    return _parsed(text, path)


def _of_tiff(path: Path) -> Any:
    with damage_told(path, "write it again"), tifffile.TiffFile(path) as file:
        text = file.pages.first.description
    found = _parsed(text, path) if text.startswith("{") else {}
    if "recipe" in found:
        return found["recipe"]
    raise ValueError(
        f"{path} holds no recipe; give a file that napari-emseg wrote, or the recipe"
    )


def _parsed(text: str, path: Path) -> Any:
    """Return what JSON says; refuse what only looks like it, or says a thing twice."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError(
            f"{path} is nested too deeply for a recipe; give a recipe as napari-emseg "
            "writes it"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{path} is no JSON ({error}); give a recipe as napari-emseg writes it"
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{short(twice)} stands twice in one place")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number that JSON knows")

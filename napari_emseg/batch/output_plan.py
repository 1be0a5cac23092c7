"""Where the results of many pictures go: decided, and refused, before any work."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_emseg.batch.description import is_label_file
from napari_emseg.batch.picture import Picture
from napari_emseg.io import decoders, files
from napari_emseg.io.safe_write import (
    check_access,
    check_target,
    fitting_name,
    real_place,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# What stands for a part of a picture's name in the name of a result.
STEM, NAME, FOLDER = "{stem}", "{name}", "{folder}"
_WILD = set("*?[")


class OutputPlan(NamedTuple):
    """Where the results of one image go; `folders` are made when needed.

    The paths of all output files.
    """

    name: str
    labels: Path
    overlay: Path | None
    folders: tuple[Path, ...] = ()

    def targets(self) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Yield each file and the endings that it may have."""
        yield self.labels, files.LABEL_SUFFIXES
        if self.overlay:
            yield self.overlay, files.PICTURE_SUFFIXES


def find_pictures(
    names: Sequence[Path],
    output: Path | None = None,
    labels: list[Path] | None = None,
) -> list[Picture]:
    """Find the files that are named, those of patterns, and all pictures in folders.

    Patterns are those of `glob`.

    Parameters
    ----------
    names : sequence of Path
        Files; patterns such as ``**/*.png``, which shells of Windows leave; folders,
        which are searched to the bottom for PNG, JPEG and TIFF.
    output : Path, optional
        Where results go: what lies in there is no picture of a folder.
    labels : list, optional
        Gets the files of folders and patterns that hold labels of this program.

    Returns
    -------
    list of Picture
        Of folders and patterns, with the subfolder that they are in. Names that lead to
        nothing are in it, too: reading them tells why.
    """
    found: list[Picture] = []
    for name in names:
        if name.is_dir():
            some = [_in_folder(path, name) for path in _pictures_in(name, output)]
        elif name.exists():  # what exists is no pattern, whatever its name
            some = []
        else:
            root = _base(name)
            pattern = str(name.relative_to(root))
            some = [_in_folder(path, root) for path in sorted(root.glob(pattern))]
        ours = [one.path for one in some if one.path and _holds_labels(one.path)]
        if labels is not None:
            labels += ours
        kept = [one for one in some if one.path not in ours]
        found += kept if some else [Picture(name.name, name)]
    return found


def _holds_labels(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return path.is_file() and is_label_file(path)  # a pipe would be waited for
    except (OSError, ValueError):  # whoever reads it tells what is wrong with it
        return False


def _base(pattern: Path) -> Path:
    """Return the folder that a pattern begins in."""
    for folder in pattern.parents:
        if not _WILD & set(str(folder)):
            return folder
    return Path(pattern.anchor)


def _in_folder(path: Path, root: Path) -> Picture:
    folder = path.parent.relative_to(root)
    return Picture((folder / path.name).as_posix(), path, folder=folder)


def _pictures_in(folder: Path, output: Path | None) -> Iterator[Path]:
    """Yield the pictures in a folder, but hidden ones and those of the output."""
    out = None
    if output is not None and STEM not in str(output) and NAME not in str(output):
        out = Path(os.path.realpath(output))
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if path.suffix.lower() not in files.PICTURE_SUFFIXES or not path.is_file():
            continue
        if any(part.startswith(".") for part in inner):
            continue
        place = Path(os.path.realpath(path))
        beside = out == Path(os.path.realpath(folder))
        if out is not None and not beside and (place == out or out in place.parents):
            continue
        yield path


def plan_outputs(
    pictures: Sequence[Picture], output: Path, overlay: Path | None = None
) -> tuple[list[Picture], list[OutputPlan]]:
    """Decide which files come of which picture.

    Parameters
    ----------
    pictures : sequence of Picture
        As `find_pictures` gives them.
    output, overlay : Path
        A file; a folder, in which subfolders are kept; or a pattern with ``{stem}``
        (the name of the picture without its ending), ``{name}`` (with it) and
        ``{folder}`` (its subfolder).

    Returns
    -------
    pictures : list of Picture
        Without those that are results of others: a folder may hold earlier ones.
    plans : list of OutputPlan
        One for each.

    Raises
    ------
    NotADirectoryError, ValueError
        Two would write one file, or several one; or a place cannot be.
    """
    for target in filter(None, (output, overlay)):
        _check_braces(target)
    plans = _plans(pictures, output, overlay)
    makers: dict[Path, list[Picture]] = {}
    for picture, plan in zip(pictures, plans, strict=True):
        for place, _ in plan.targets():
            makers.setdefault(Path(os.path.realpath(place)), []).append(picture)
    kept = [
        picture
        for picture in pictures
        if picture.folder is None
        or picture.path is None
        # What would replace itself is refused, and told.
        or makers.get(Path(os.path.realpath(picture.path)), [picture]) == [picture]
    ]
    if len(kept) < len(pictures):
        plans = _plans(kept, output, overlay)
    _check_apart(kept, plans)
    return kept, plans


def _plans(
    pictures: Sequence[Picture], output: Path, overlay: Path | None
) -> list[OutputPlan]:
    several = len(pictures) > 1
    places = tuple(filter(None, (output, overlay)))
    for target in places:
        real_place(target)  # refuses what can be neither a file nor a folder
    folders = []
    for place in places:
        if _is_pattern(place) or not _is_folder(place, several=several):
            continue
        folders.append(place)
        if place.is_dir():
            continue
        if place.exists() or place.suffix.lower() in files.PICTURE_SUFFIXES:
            need = (
                "several images need a folder for their results, or {stem} in the name"
            )
            if not several:
                need = "give a file a name with an ending, such as .tif"
            raise NotADirectoryError(f"{place} is a file; {need}")

    plans = []
    for picture in pictures:
        labels, made = _place(output, picture, "_labels.tif", several=several)
        plan = OutputPlan(picture.name, labels, None, tuple(folders) + made)
        if overlay:
            drawn, more = _place(overlay, picture, "_overlay.png", several=several)
            plan = plan._replace(overlay=drawn, folders=plan.folders + more)
        plans.append(plan)
    return plans


def _check_braces(target: Path) -> None:
    """Refuse what looks as if it stood for a part of a name, and does not."""
    known = {STEM, NAME, FOLDER}
    if _is_pattern(target):
        for part in re.findall(r"\{\w*\}", str(target)):
            if part not in known:
                raise ValueError(
                    f"{part} in {target} stands for nothing; write {{stem}}, {{name}} "
                    "or {folder}, or another name"
                )


def _is_pattern(place: Path) -> bool:
    return STEM in str(place) or NAME in str(place)


def _is_folder(place: Path, *, several: bool) -> bool:
    return several or place.is_dir() or not place.suffix


def _place(
    target: Path, picture: Picture, ending: str, *, several: bool
) -> tuple[Path, tuple[Path, ...]]:
    """Return the file of a picture, and the folders that are made for it."""
    assert picture.path is not None
    folder = picture.folder or Path()
    if _is_pattern(target):
        values = {
            STEM: picture.path.stem,
            NAME: picture.path.name,
            FOLDER: folder.as_posix(),
        }
        text = str(target)
        inside = FOLDER in text
        for key, value in values.items():
            text = text.replace(key, value)
        found = Path(text)
        if not inside:
            found = found.parent / folder / found.name
        return found, (found.parent,)
    if not _is_folder(target, several=several):
        return target, ()
    name = fitting_name(picture.path.stem, ending)
    place = target / folder
    return place / name, () if place == target else (place,)


def _check_apart(pictures: Sequence[Picture], plans: Sequence[OutputPlan]) -> None:
    """Refuse several pictures that would write one file."""
    paths = [picture.path for picture in pictures if picture.path is not None]
    same = Counter(path.stem for path in paths)
    targets = Counter(plan.labels for plan in plans)
    drawn = Counter(plan.overlay for plan in plans if plan.overlay)
    for plan, path in zip(plans, paths, strict=True):
        count = max(targets[plan.labels], drawn[plan.overlay] if plan.overlay else 0)
        if count <= 1:
            continue
        if same[path.stem] > 1:
            raise ValueError(
                f"{count} images are named {path.stem!r} and would share one result; "
                "segment them separately, or put {name} or {folder} into the name of "
                "the output"
            )
        if plan.labels.name.startswith(path.stem[:9]):
            raise ValueError(
                f"the names of {count} images are so long that all their results would "
                f"be {plan.labels.name}; segment them separately"
            )
        raise ValueError(
            f"the results of {count} images would be {plan.labels}; put {{stem}}, "
            "{name} or {folder} into the name of the output"
        )


def check_plan(
    plan: OutputPlan, source: Path, pictures: Collection[Path], *, force: bool
) -> None:
    """Refuse what cannot be read or written to, before any work is done.

    To overwrite files, it takes `force`.

    Parameters
    ----------
    plan : OutputPlan
    source : Path
        The picture.
    pictures : collection of Path
        Where all of them really are: no result replaces one.
    force : bool
        Whether files that exist may be replaced.
    """
    decoders.kind_of(source)
    if plan.labels == plan.overlay:
        raise ValueError(f"{plan.labels} cannot be labels and overlay; use two names")
    for target, suffixes in plan.targets():
        place = real_place(target)
        if place.exists() and place.samefile(source):
            raise ValueError(f"{target} is the image itself; choose another name")
        if place in pictures:
            raise ValueError(
                f"{target} is another of the images; choose another folder, or leave "
                "it out"
            )
        if target.parent.exists() or target.parent not in plan.folders:
            check_target(target, suffixes, force=force)
        else:
            check_access(target.parent)

"""The pictures of a folder, and what was saved beside them: labels and recipes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from napari_emseg.batch.description import BATCH, is_label_file, read_about
from napari_emseg.batch.label_record import (
    SOURCE,
    has_changed,
    sealed_stamp_of,
    stamp_of,
)
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.io import files
from napari_emseg.io.safe_write import TIFF, fitting_name
from napari_emseg.layers.label_files import (
    find_picture,
    read_layers,
    write_with_recipe,
)
from napari_emseg.layers.label_look import PICTURE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.io.image_content import ImageContent
    from napari_emseg.recipe import Recipe

State = Literal["new", "segmented", "edited", "changed"]
LABELS, RECIPE = ".emseg.tif", ".emseg.json"
# Of labels whose own file somebody else has written meanwhile.
APART = ".edited"
SIZE = 96  # pixels of a thumbnail along its longer side
# Bytes of a picture that is read for its thumbnail.
_BUDGET = 2**29


@dataclass(frozen=True)
class BrowsedPicture:
    """A picture of a folder, and what is known of it.

    Attributes
    ----------
    path : Path
    state : {"new", "segmented", "edited", "changed"}
        Changed: the picture is another than its labels were made of.
    labels : Path or None
        The file of its labels, if there is one.
    shared : bool
        Whether another picture of the folder differs in the ending of its name alone.
    stamp : dict or None
        Of the file that its thumbnail is of.
    """

    path: Path
    state: State = "new"
    labels: Path | None = None
    shared: bool = False
    stamp: Mapping[str, Any] | None = None

    @property
    def done(self) -> bool:
        """Whether there are labels of it, as it is now."""
        return self.state in ("segmented", "edited")

    def after(self, labels: Path, recipe: Recipe) -> BrowsedPicture:
        """Return the picture when its labels were saved."""
        return replace(self, labels=labels, state=_state(recipe.steps))


def _state(steps: Sequence[Any]) -> State:
    return "edited" if len(steps) > 1 else "segmented"


def list_pictures(folder: Path) -> list[BrowsedPicture]:
    """Return the pictures in a folder, by name; labels are none.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in files.PICTURE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
        and not _holds_labels(path)
    ]
    stems = Counter(path.stem for path in found)
    listed = [
        BrowsedPicture(path, shared=stems[path.stem] > 1, stamp=stamp_of(path))
        for path in found
    ]
    return [_with_labels(one, _saved(one.path)) for one in listed]


def _with_labels(picture: BrowsedPicture, labels: Path | None) -> BrowsedPicture:
    """Return a picture with the labels that are on the disk now."""
    if labels is None:
        return replace(picture, labels=None, state="new")
    about = read_about(labels)
    recipe = about.get("recipe") or {}
    state = _state(recipe.get("steps", ()))
    for part in (about.get(PICTURE), about.get(BATCH)):
        stamp = part.get(SOURCE) if isinstance(part, dict) else None
        if isinstance(stamp, dict):
            state = "changed" if has_changed(picture.path, stamp) else state
            break
    return replace(picture, labels=labels, state=state)


def _holds_labels(path: Path) -> bool:
    """Return whether a file holds labels; what cannot be read is a picture."""
    if path.suffix.lower() not in TIFF:
        return False
    try:
        return is_label_file(path)
    except (OSError, ValueError):
        return path.name.endswith(LABELS)


def _places(path: Path) -> tuple[Path, Path]:
    """Return the files that labels of a picture may be in."""
    return (
        path.with_name(fitting_name(path.stem, LABELS)),
        path.with_name(fitting_name(path.name, LABELS)),
    )


def _places_apart(picture: BrowsedPicture) -> Iterator[Path]:
    """Yield the files that labels go to if their own has those of somebody else."""
    path = picture.path
    stem = path.name if picture.shared else path.stem
    for n in count(1):
        ending = f"{APART}{n if n > 1 else ''}{LABELS}"
        yield path.with_name(fitting_name(stem, ending))


def _recipe_beside(labels: Path) -> Path:
    return labels.with_name(labels.name.removesuffix(LABELS) + RECIPE)


def stamps_of(labels: Path) -> dict[Path, Any]:
    """Return what tells whether labels, or the recipe beside them, have changed."""
    both = labels, _recipe_beside(labels)
    return {one: stamp_of(one) for one in both if one.is_file()}


def _is_of(labels: Path, picture: Path) -> bool:
    """Return whether a file holds labels that were made of a picture."""
    if not labels.is_file() or not _holds_labels(labels):
        return False
    found, _ = find_picture(labels)
    return found is not None and found.samefile(picture)


def _saved(path: Path) -> Path | None:
    return next((one for one in _places(path) if _is_of(one, path)), None)


@dataclass(frozen=True)
class OpenedPicture:
    """A picture that was read, and its labels if there are any.

    Attributes
    ----------
    picture : BrowsedPicture
        As it is on the disk now.
    content : ImageContent
    labels : tuple or None
        Data, attributes and kind of a layer.
    reason : str
        Why labels that are there are not shown.
    told : str
        What else the user should know.
    stamps : dict of Path to dict
        Of the labels and their recipe, from before they were read.
    source : dict
        Stamp of the picture, from before it was read.
    thumbnail : (Y, X, 3) ndarray of uint8 or None
        If the picture is another than when it was listed.
    """

    picture: BrowsedPicture
    content: ImageContent
    labels: Any = None
    reason: str = ""
    told: str = ""
    stamps: Mapping[Path, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    thumbnail: NDArray[np.uint8] | None = None


def read_picture(picture: BrowsedPicture) -> OpenedPicture:
    """Read a picture, and the labels that were saved of it.

    Raises
    ------
    OSError, TypeError, ValueError
        If the picture cannot be read.
    """
    source = sealed_stamp_of(picture.path)
    content = files.read_with_spacing(picture.path)
    stamp = {key: source[key] for key in ("name", "bytes", "mtime_ns")}
    small = None if picture.stamp == stamp else thumbnail(content)
    picture = replace(picture, stamp=stamp)
    opened = _read_labels(picture, content)
    return replace(opened, source=source, thumbnail=small)


def _read_labels(picture: BrowsedPicture, content: ImageContent) -> OpenedPicture:
    """Return a picture that was read with its labels."""
    labels = picture.labels
    if labels is None or not labels.is_file():
        labels = _saved(picture.path)
    if labels is None:
        return OpenedPicture(_with_labels(picture, None), content)
    name = labels.name
    try:
        stamps = stamps_of(labels)
        picture = _with_labels(picture, labels)
        [found] = read_layers(labels)
    except (OSError, ValueError) as error:
        reason = f"{name} stays as it is: {error}"
        return OpenedPicture(picture, content, reason=reason)
    axis = content.channel_axis
    shape = as_lazy_image(content.pixels, channel_axis=axis).shape
    if axis is None and found[0].shape != shape:
        reason = (
            f"{name} has the shape {found[0].shape}, but the picture {shape}; it is of "
            "another picture, and stays as it is: move it to save new labels"
        )
        return OpenedPicture(picture, content, reason=reason)
    apart = [one for one in _apart(picture) if one != labels]
    told = f"{apart[-1].name} has labels of it, too." if apart else ""
    if picture.state == "changed":
        told = (
            f"{picture.path.name} has changed since {name} was made of it: these are "
            f"labels of the picture before; correct them, or segment it anew. {told}"
        )
    return OpenedPicture(picture, content, found, told=told, stamps=stamps)


def _apart(picture: BrowsedPicture) -> Iterator[Path]:
    return takewhile(Path.exists, _places_apart(picture))


def place_of(picture: BrowsedPicture) -> Path:
    """Return where the labels of a picture go.

    Raises
    ------
    FileExistsError
        If files that are not of this picture have all names that there are for them.
    """
    if picture.labels is not None and _is_of(picture.labels, picture.path):
        return picture.labels
    first, second = _places(picture.path)
    for place in (second,) if picture.shared else (first, second):
        if not place.exists() or _is_of(place, picture.path):
            return place
    raise FileExistsError(
        f"{first} and {second} are not labels of {picture.path.name}, and stay as they "
        "are; move them, or save the labels elsewhere (Result > Save labels…)"
    )


def save_beside(
    picture: BrowsedPicture,
    labels: NDArray[Any],
    look: Mapping[str, Any],
    recipe: Recipe,
    image: Image,
    known: Mapping[Path, Any],
    source: Mapping[str, Any] | None,
) -> tuple[BrowsedPicture, str]:
    """Write labels and recipe beside a picture; only files of this picture go.

    Of these, what somebody else has written meanwhile stays, and the labels get another
    name.

    Parameters
    ----------
    picture : BrowsedPicture
    labels : (…) ndarray of int
    look : dict
        Attributes of their layer.
    recipe : Recipe
        That makes them.
    image : napari.layers.Image
        The picture, opened from its file.
    known : mapping of Path to dict
        Stamps of the files that may be replaced, as they were read or written last.
    source : mapping or None
        Stamp of the picture as it was read.

    Returns
    -------
    picture : BrowsedPicture
        With these labels.
    told : str
        Why they have another name; empty if they have not.

    Raises
    ------
    OSError
        If they cannot be written; what was there stays.
    """
    place = place_of(picture)
    beside, told = _recipe_beside(place), ""
    if beside.exists() and not _is_recipe(beside):
        raise FileExistsError(
            f"{beside} is no recipe, and stays as it is; move it, or save the labels "
            "elsewhere (Result > Save labels…)"
        )
    changed = [one for one, now in stamps_of(place).items() if known.get(one) != now]
    if changed:
        free = (one for one in _places_apart(picture) if not stamps_of(one))
        place = next(free)
        beside = _recipe_beside(place)
        told = (
            f"{changed[0].name} is not as this panel read or wrote it, and stays as it "
            f"is; your labels are in {place.name}."
        )
    force = not changed
    write_with_recipe(
        place, labels, look, recipe, image=image, stamp=source, force=force
    )
    recipe.save(beside, force=force)
    return picture.after(place, recipe), told


def _is_recipe(path: Path) -> bool:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"version", "steps"} <= {*found}


def iter_thumbnails(
    pictures: Sequence[BrowsedPicture],
) -> Generator[tuple[int, NDArray[np.uint8] | str], None, None]:
    """Yield the place of each picture with its thumbnail, or why there is none."""
    for place, picture in enumerate(pictures):
        found: NDArray[np.uint8] | str
        try:
            found = thumbnail(files.read_with_spacing(picture.path, max_bytes=_BUDGET))
        except (ImportError, MemoryError, OSError, TypeError, ValueError) as error:
            found = str(error)
        yield place, found


def thumbnail(content: ImageContent) -> NDArray[np.uint8]:
    """Return a small picture (Y, X, 3); of a stack, its middle plane.

    Examples
    --------
    >>> from napari_emseg.io.image_content import ImageContent
    >>> wide = ImageContent(np.zeros((300, 600), np.uint8), None, None)
    >>> thumbnail(wide).shape
    (48, 96, 3)
    """
    picture = as_lazy_image(
        content.pixels, channel_axis=content.channel_axis, full_scale=content.full_scale
    )
    height, width = picture.shape[-2:]
    middle = tuple(slice(n // 2, n // 2 + 1) for n in picture.shape[:-2])
    plane = picture.read((*middle, slice(0, height), slice(0, width)))
    plane = np.asarray(plane, np.float32).reshape(height, width, -1)[..., :3]
    factor = SIZE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    small = cv2.resize(np.nan_to_num(plane), size, interpolation=how)
    small = small.reshape(size[1], size[0], -1)
    if small.shape[-1] < 3:
        small = np.repeat(small[..., :1], 3, axis=-1)
    if picture.rgb:
        low, high = 0.0, float(picture.full_scale or 255)
    else:
        low, high = (float(v) for v in np.percentile(small, (1, 99)))
    scaled = (small - low) * (255 / max(high - low, 1e-9))
    return scaled.clip(0, 255).astype(np.uint8)


def caught(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that returns what is wrong with files or values, a str."""

    def call() -> Any:
        try:
            return work()
        except (ImportError, OSError, TypeError, ValueError) as error:
            return str(error)

    return call

"""Files of labels that remember how they were made, so that a batch can go on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg import __version__
from napari_emseg.batch.description import BATCH, read_about
from napari_emseg.io import files
from napari_emseg.io.safe_write import TIFF, check_target, make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_emseg.batch.output_plan import OutputPlan
    from napari_emseg.io.pixel_size import Spacing

# Keys in the description of a file: look of the classes; of what a batch was, more.
LOOK = "layer"
SETTINGS, SOURCE, ROWS, JOINT = "settings", "source", "rows", "joint"
DIGEST = "sha256"
_DIGESTED = 2**28  # bytes of a file that is read once more for its digest
# Colors of classes that have none.
_UNKNOWN = (0.5, 0.5, 0.5)


def digest_of(value: Any) -> str:
    """Return a short text that differs where JSON values differ."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamp_of(path: Path) -> dict[str, Any]:
    """Return what tells whether a picture has changed."""
    about = path.stat()
    return {"name": path.name, "bytes": about.st_size, "mtime_ns": about.st_mtime_ns}


def sealed_stamp_of(path: Path) -> dict[str, Any]:
    """Return the stamp of a picture that holds for its copies, too, unless it is large.

    Times change where files are copied or unpacked; a digest does not.
    """
    stamp = stamp_of(path)
    small = stamp["bytes"] <= _DIGESTED
    return stamp | {DIGEST: _digest_of_file(path)} if small else stamp


def has_changed(path: Path, stamp: Mapping[str, Any]) -> bool:
    """Return whether a picture is another than when its stamp was taken.

    Parameters
    ----------
    path : Path
        The picture.
    stamp : mapping
        From `stamp_of` or `sealed_stamp_of`; its name does not count.
    """
    now = stamp_of(path)
    if all(stamp.get(key) == now[key] for key in ("bytes", "mtime_ns")):
        return False
    if stamp.get("bytes") != now["bytes"] or DIGEST not in stamp:
        return True
    return bool(stamp[DIGEST] != _digest_of_file(path))


def _digest_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while some := file.read(2**20):
            digest.update(some)
    return digest.hexdigest()


def write_result(
    plan: OutputPlan,
    labels: NDArray[Any],
    about: Mapping[str, Any],
    *,
    colors: Mapping[int, tuple[float, ...]],
    names: Mapping[int, str],
    spacing: Spacing | None = None,
    axes: str | None = None,
    force: bool = False,
) -> OutputPlan:
    """Write labels and overlay to their files.

    Parameters
    ----------
    plan : OutputPlan
        Where to.
    labels : (…, Y, X) ndarray of an integer type
        Values 0 to K.
    about : mapping
        What a TIFF file remembers of how the labels were made.
    colors : mapping of int to (R, G, B)
        In [0, 1], of the classes.
    names : mapping of int to str
        Of some classes.
    spacing : Spacing or None
        Of the image, and so of its labels.
    axes : str or None
        Letters of the axes of the labels, if they are known.
    force : bool
        Replace files that exist.

    Returns
    -------
    OutputPlan
        Where they went: stacks whose name is ours to choose become TIFF files.
    """
    for folder in plan.folders:
        make_folder(folder)
    ndim = labels.ndim
    if ndim > 2 and plan.overlay and plan.folders:
        plan = plan._replace(overlay=plan.overlay.with_suffix(".tif"))
    for target, suffixes in plan.targets():
        check_target(target, suffixes, force=force, ndim=ndim)
    # As in files of labels that napari wrote.
    look: dict[str, Any] = {} if spacing is None else spacing.place(ndim)
    if axes is not None and len(axes) == ndim:
        look["axis_labels"] = [*axes.lower()]
    shown = {
        label: [*np.round(color, 4).tolist(), 1.0] for label, color in colors.items()
    }
    if shown:
        look["colors"] = {str(n): c for n, c in ({0: [0.0] * 4} | shown).items()}
    if names:
        look["names"] = {str(label): name for label, name in sorted(names.items())}
    metadata = {"napari-emseg": __version__, **about, LOOK: look}
    if plan.labels.suffix.lower() not in TIFF:
        # Readers of PNG refuse long texts, as of a recipe with strokes.
        metadata = {BATCH: about[BATCH]} if BATCH in about else {}
    files.write_labels(
        plan.labels,
        labels,
        force=force,
        metadata=metadata or None,
        resolution=None if spacing is None else spacing.resolution,
    )
    if plan.overlay:
        most = int(labels.max(initial=0))
        table = [colors.get(label, _UNKNOWN) for label in range(1, most + 1)]
        painted = files.paint(labels, np.reshape(table, (-1, 3)))
        files.write_picture(plan.overlay, painted, force=force)
    return plan


def find_done(
    path: Path, settings: Mapping[str, Any], source: Path
) -> dict[str, Any] | None:
    """Return what a batch wrote of a picture, if it was this one.

    Parameters
    ----------
    path : Path
        Where the labels go.
    settings : mapping
        What decides them now.
    source : Path
        The picture.

    Returns
    -------
    dict or None
        None if there is no file; otherwise its entry, with rows of the table.

    Raises
    ------
    ValueError
        If the labels were made in another way, or of a picture that has changed since.
    """
    if not path.exists():
        return None
    try:
        entry = read_about(path).get(BATCH)
    except ValueError:
        raise ValueError(
            f"{path} is damaged, so that --resume cannot know what it holds; remove "
            "it, and go on"
        ) from None
    if not isinstance(entry, dict) or SETTINGS not in entry:
        raise ValueError(
            f"{path} does not tell how it was made, so that --resume cannot know "
            "whether it is done; take files that a batch of this version wrote, "
            "or another folder"
        )
    told = difference(entry[SETTINGS], settings)
    if told:
        raise ValueError(
            f"{path} was made with other settings ({told}); go on with those, or "
            "choose another folder"
        )
    if entry.get(SOURCE) != stamp_of(source):
        raise ValueError(
            f"{source} has changed since {path} was made of it; remove that file, and "
            "go on"
        )
    return entry


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words how settings differ; empty if they do not.

    Examples
    --------
    >>> difference({"params": {"n_classes": 4}}, {"params": {"n_classes": 5}})
    'n_classes=4, and now 5'
    """
    found = []
    flat, other = _flat(before), _flat(now)
    for key in sorted({*flat, *other}):
        a, b = flat.get(key), other.get(key)
        if a != b:
            words = _WORDS.get(key)
            found.append(words or f"{key}={a}, and now {b}")
    return "; ".join(found)


_WORDS = {
    "model": "of another model",
    "steps": "of a recipe with other steps",
    "pictures": "of other pictures, which the joint model depends on",
    "classes": "of other names, colors or numbers of classes",
}


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of the parameters beside them."""
    found = {key: value for key, value in settings.items() if key != "params"}
    return found | dict(settings.get("params") or {})

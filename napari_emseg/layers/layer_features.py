"""The table of the classes as the features of a Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pint

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.pipeline.class_table import class_table, columns, labels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.pipeline.class_table import Table

    Columns = dict[str, list[Any]]

# Columns of these names are ours, and made anew.
_MEASURED = ("pixels", "fraction", "regions", "mean", "std", "area", "volume", "length")
_SIZES = {1: "length", 2: "area", 3: "volume"}
_DIGITS = 4  # of numbers that are no counts


def unit_text(unit: Any) -> str:
    """Return the sign of a unit; micrometers as they are in files and tables."""
    # Pint 0.26 writes the Greek letter.
    return f"{unit:~P}".replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")


def pixel_size(
    scale: Sequence[float], units: Sequence[Any] | None, shape: Sequence[int]
) -> tuple[float, str]:
    """Return area or volume of a pixel, and the heading of its column.

    Axes before the last three, such as time, do not count, nor does a third one that
    is one pixel long, or measured in something else than the last.

    Parameters
    ----------
    scale : sequence of float
        Of the layer.
    units : sequence of pint.Unit or None
        One for each axis; None is pixels.
    shape : sequence of int
        Of the labels.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.zeros((5, 4, 4), int), scale=(2, 0.5, 0.5), units="um")
    >>> pixel_size(layer.scale, layer.units, layer.data.shape)
    (0.5, 'volume (µm³)')
    """
    units = units or (pint.application_registry.Unit("pixel"),) * len(shape)
    last = units[-1]
    size, count = 1.0, 0
    for place, (side, unit, length) in enumerate(
        zip(reversed(scale), reversed(units), reversed(shape), strict=True)
    ):
        alike = unit.dimensionality == last.dimensionality
        if place < 2 or (place == 2 and length > 1):
            if not alike:
                continue
            size *= abs(float(side)) * float((1 * unit).to(last).magnitude)
            count += 1
    return size, f"{_SIZES[count]} ({unit_text(last**count)})"


def features_of(
    table: Mapping[str, NDArray[Any]],
    pixels: int,
    *,
    rgb: bool,
    size: float = 1.0,
    heading: str = "area",
    before: Columns | None = None,
) -> Columns:
    """Return a table as features, with a row for label 0.

    Parameters
    ----------
    table : mapping of str to ndarray
        What `napari_emseg.class_table` gives, of spacing 1.
    pixels : int
        Pixels of the layer.
    rgb : bool
        Whether three channels are red, green and blue.
    size, heading
        What `pixel_size` gives.
    before : dict of list, optional
        Features until now: names and columns of others stay.

    Returns
    -------
    dict of list
        ``index``, ``name``, ``pixels``, the area, ``fraction``, ``regions``, and
        ``mean`` and ``std`` for each channel, to four digits.
    """
    found = columns(table, rgb=rgb, area=heading)
    labels = found.pop("label")
    # Whole numbers are shown as such.
    side = int(size) if float(size).is_integer() else size
    counts = found["pixels"]
    found[heading] = [side * count for count in counts]
    rest = pixels - sum(counts)
    zero = {"pixels": rest, heading: side * rest, "regions": 0}
    made: Columns = {
        "index": [0, *labels],
        "name": ["no class", *(f"class {label}" for label in labels)],
    }
    for name, column in found.items():
        # napari leaves out what is not a number.
        made[name] = [_rounded(value) for value in (zero.get(name, np.nan), *column)]
    return made | _kept(before, made["index"], made["name"])


def named(features: Columns) -> list[int]:
    """Return the labels whose classes the user named; they stay in the table."""
    pairs = zip(features.get("index", ()), features.get("name", ()), strict=False)
    return [
        int(label)
        for label, name in pairs
        if label != 0 and isinstance(name, str) and name not in ("", f"class {label}")
    ]


def columns_of(layer: Labels) -> Columns:
    """Return the features of a layer as plain columns."""
    return {str(key): layer.features[key].tolist() for key in layer.features}


def reading(
    layer: Labels, source: Any = None, *, rgb: bool = False, axes: str | None = None
) -> Callable[[], Table]:
    """Return a function that makes the table of a layer in any thread.

    Parameters
    ----------
    layer : napari.layers.Labels
        As it is by then.
    source : array_like, optional
        The image, or the part of it that the layer lies on.
    rgb : bool, optional
        Whether the last axis of the image is RGB(A).
    axes : str, optional
        Letters of the axes of the image, instead.
    """
    labels = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    keep = named(columns_of(layer))
    kwargs: dict[str, Any] = {"rgb": rgb} if axes is None else {"axes": axes}
    if source is not None:
        labels = labels.reshape(as_lazy_image(source, **kwargs).shape)

    def work() -> Table:
        classes = sorted({*labels_of(labels), *keep})
        return class_table(labels, source, classes=classes, **kwargs)

    return work


def write_features(layer: Labels, table: Table, *, rgb: bool) -> None:
    """Show a table that was read from a layer as its features."""
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    size, heading = pixel_size(layer.scale, layer.units, shape)
    layer.features = features_of(
        table,
        int(np.prod(shape)),
        rgb=rgb,
        size=size,
        heading=heading,
        before=columns_of(layer),
    )


def _kept(before: Columns | None, index: list[int], names: list[str]) -> Columns:
    """Return names, and columns that others added, in the rows of the new table."""
    if before is None or "index" not in before:
        return {}
    place = {int(label): row for row, label in enumerate(before["index"])}
    kept: Columns = {}
    for key, column in before.items():
        if key == "name":
            old = [column[place[i]] if i in place else "" for i in index]
            kept[key] = [
                name if isinstance(name, str) and name else default
                for name, default in zip(old, names, strict=True)
            ]
        elif key != "index" and key.split(" ")[0] not in _MEASURED:
            empty = "" if any(isinstance(value, str) for value in column) else np.nan
            kept[key] = [column[place[i]] if i in place else empty for i in index]
    return kept


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{_DIGITS}g}")

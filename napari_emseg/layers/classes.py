"""Names and colors of the classes in a Labels layer."""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from pydantic import Field

from napari_emseg.engine.kept_property import kept_property
from napari_emseg.exchange.class_scheme import KEYS
from napari_emseg.regions.edit import one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.exchange import ClassScheme
    from napari_emseg.pipeline.class_table import Table
    from napari_emseg.pipeline.segmentation import Segmentation

UNKNOWN = "magenta"
# Labels beyond the classes get that many of napari's own colors, again and again: a
# class that is painted by hand is seen, and thousands of objects are told apart.
SPARE_COLORS = 49
# Made here, once: napari changes the filters of warnings meanwhile, which all threads
# share, and the maps of classes are made in a thread of their own.
_SPARE = label_colormap(SPARE_COLORS).map(np.arange(1, SPARE_COLORS + 1))
# What other columns than numbers say of a class that they do not know.
_EMPTY = {"name": ""}
# Keys of classes are 1 to this.
_KEYS = 9


# napari is untyped here, so a class of it is Any to mypy.
class ClassColormap(DirectLabelColormap):  # type: ignore[misc]
    """Colors of their own for some labels, and a cycle of colors for all others.

    Attributes
    ----------
    cycle : (N, 4) ndarray of float32
        Red, green, blue and alpha, 0 to 1.
    first : int
        The label that has the first color of the cycle.
    means : frozenset of int
        Labels whose color is the mean of their pixels in the picture.

    Examples
    --------
    >>> colormap = ClassColormap(
    ...     color_dict={None: "magenta", 0: "transparent", 1: "red"},
    ...     cycle=np.array([[0, 1, 0, 1], [0, 0, 1, 1]], np.float32),
    ...     first=2,
    ... )
    >>> colormap.map(np.array([1, 2, 3, 100_000]))[:, :3].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """

    cycle: np.ndarray = Field(default_factory=lambda: np.ones((1, 4), np.float32))
    first: int = 1
    means: frozenset[int] = frozenset()

    def map(self, values: Any) -> Any:
        """Return the colors of labels."""
        if isinstance(values, int | np.integer):
            hidden = self.use_selection and values != self.selection
            return np.zeros(4) if hidden else self.color_of(int(values))
        values = np.asarray(values)
        colors = self._completed(super().map(values), values)
        if self.use_selection:
            colors[values != self.selection] = 0
        return colors

    def color_of(self, label: int) -> Any:
        """Return the color of a label, whichever one is shown alone."""
        if label in self.color_dict:
            return self.color_dict[label]
        return self.cycle[(label - self.first) % len(self.cycle)]

    def _map_without_cache(self, values: Any) -> Any:
        return self._completed(super()._map_without_cache(values), values)

    def _data_to_texture(self, values: Any) -> Any:
        """Return numbers of colors; those of the cycle come after those of labels."""
        found = super()._data_to_texture(values)
        if values.dtype.itemsize <= 2 or self.use_selection:
            return found
        first = len(self._label_mapping_and_color_dict[1]) - len(self.cycle)
        made, given = np.array(found, ndmin=1), np.atleast_1d(values)
        # What has no color of its own is 0 there.
        rest = made == 0
        made[rest] = first + self._place(given[rest])
        return made.reshape(np.shape(values))[()]

    @kept_property
    def _num_unique_colors(self) -> int:
        own = {tuple(color) for color in self.color_dict.values()}
        return len(own) + len(self.cycle)

    @kept_property
    def _label_mapping_and_color_dict(self) -> tuple[dict[Any, int], dict[int, Any]]:
        numbers, colors = super()._label_mapping_and_color_dict
        more = enumerate(self.cycle, start=len(colors))
        return numbers, {**colors, **dict(more)}

    def _values_mapping_to_minimum_values_set(
        self, apply_selection: bool = True
    ) -> tuple[dict[Any, int], dict[int, Any]]:
        if self.use_selection and apply_selection:
            colors = {0: np.zeros(4), 1: self.color_of(int(self.selection))}
            return {self.selection: 1, None: 0}, colors
        return self._label_mapping_and_color_dict

    def _completed(self, colors: Any, values: Any) -> Any:
        """Return colors, with those of labels that have none of their own."""
        rest = ~one_of(values, [one for one in self.color_dict if one is not None])
        colors[rest] = self.cycle[self._place(values[rest])]
        return colors

    def _place(self, values: Any) -> Any:
        return (values.astype(np.int64) - self.first) % len(self.cycle)


class VividColormap(ClassColormap):
    """Colors that differ much, shown for the moment instead of others.

    Attributes
    ----------
    own : DirectLabelColormap or CyclicLabelColormap
        Those others. Files have them, and what is painted is painted in them, too.
    """

    own: Any = None


def class_colormap(class_colors: NDArray[np.floating]) -> ClassColormap:
    """Return the classes' colors for labels 1..K and napari's for those beyond."""
    opaque = np.column_stack([class_colors, np.ones(len(class_colors))])
    colors: Mapping[int | None, Any] = {
        None: UNKNOWN,
        0: "transparent",
        **dict(enumerate(np.vstack([opaque, _SPARE]).astype(np.float32), start=1)),
    }
    means = frozenset(range(1, len(class_colors) + 1))
    cycle = _SPARE.astype(np.float32)
    return ClassColormap(color_dict=colors, cycle=cycle, means=means)


def class_name(layer: Labels, label: int) -> str:
    """Return the name of a class; "class 3" if it has none."""
    return stored_name(layer, label) or f"class {label}"


def stored_name(layer: Labels, label: int) -> str:
    """Return the name of a class as the features of its layer have it; empty if not."""
    features = layer.features
    if "index" in features and "name" in features:
        found = features.loc[features["index"] == label, "name"]
        if len(found) and isinstance(found.iloc[0], str):
            return str(found.iloc[0])
    return ""


def given_names(layer: Labels) -> dict[int, str]:
    """Return the names that classes of a layer were given, each for one class."""
    features = layer.features
    if "index" not in features or "name" not in features:
        return {}
    found: dict[str, int] = {}
    for label, name in zip(features["index"], features["name"], strict=True):
        if isinstance(name, str) and name and int(label) > 0:
            found.setdefault(name, int(label))
    return {label: name for name, label in found.items()}


def rename_class(layer: Labels, label: int, name: str) -> None:
    """Name a class; napari shows the name under the pointer.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> rename_class(layer, 3, "sky")
    >>> class_name(layer, 3)
    'sky'
    """
    columns = {key: layer.features[key].tolist() for key in layer.features}
    count = len(layer.features)
    index = columns.setdefault("index", list(range(count)))
    columns.setdefault("name", [""] * count)
    if label not in index:
        for key, column in columns.items():
            column.append(label if key == "index" else _EMPTY.get(key, np.nan))
    columns["name"][index.index(label)] = name
    layer.features = columns


def class_color(layer: Labels, label: int) -> NDArray[np.floating[Any]]:
    """Return the color of a class: red, green, blue, 0 to 1, even if it is hidden."""
    return np.asarray(_color(layer.colormap, label)[:3], float)


def class_shown(layer: Labels, label: int) -> bool:
    """Return whether a class is visible."""
    return bool(_color(layer.colormap, label)[3] > 0)


def _color(colormap: Any, label: int) -> Any:
    """Return the color of a label, whichever one napari shows alone."""
    if isinstance(colormap, ClassColormap):
        return colormap.color_of(label)
    if isinstance(colormap, DirectLabelColormap):
        return colormap.color_dict.get(label, colormap.color_dict[None])
    return np.ravel(colormap.map(label))


def paint_class(
    layer: Labels, label: int, color: Any = None, *, shown: bool | None = None
) -> None:
    """Give a class another color, or show or hide it.

    Parameters
    ----------
    layer : napari.layers.Labels
        With napari's random colors, it gets colors of its own.
    label : int
        The class.
    color : (3,) array_like of float, optional
        Red, green and blue, 0 to 1; as before by default.
    shown : bool, optional
        As before by default.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> paint_class(layer, 3, (1, 0, 0), shown=False)
    >>> class_color(layer, 3).tolist(), class_shown(layer, 3)
    ([1.0, 0.0, 0.0], False)
    """
    rgb = class_color(layer, label) if color is None else np.asarray(color, float)
    shown = class_shown(layer, label) if shown is None else shown
    own = {label: np.array([*rgb, float(shown)], np.float32)}
    layer.colormap = colormap_with(layer.colormap, own)


def outer_class(labels: NDArray[np.integer[Any]]) -> int:
    """Return the class that surrounds a volume: that of most pixels on its faces.

    Parameters
    ----------
    labels : (Z, Y, X) ndarray of int

    Returns
    -------
    int
        0 if no class has more than half of them.

    Examples
    --------
    >>> volume = np.full((5, 6, 7), 3)
    >>> volume[1:4, 1:4, 1:4] = 1
    >>> outer_class(volume)
    3
    """
    faces = [
        np.ravel(labels[(slice(None),) * axis + (end,)])
        for axis in range(labels.ndim)
        for end in (0, -1)
    ]
    found, counts = np.unique(np.concatenate(faces), return_counts=True)
    most = int(counts.argmax())
    return int(found[most]) if 2 * counts[most] > counts.sum() else 0


def recolored(layer: Labels, before: Any) -> bool:
    """Return whether a class has another color than in an earlier colormap.

    Those that are hidden, and a layer that is shown in napari's random colors for the
    moment, have not.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> paint_class(layer, 3, (1, 0, 0))
    >>> before = layer.colormap
    >>> paint_class(layer, 3, shown=False)
    >>> recolored(layer, before)
    False
    >>> paint_class(layer, 3, (0, 1, 0))
    >>> recolored(layer, before)
    True
    """
    before, after = own_colormap(before), own_colormap(layer.colormap)
    kinds = (before, after)
    if after is before or not all(isinstance(c, DirectLabelColormap) for c in kinds):
        return False
    return any(
        label is not None and not np.array_equal(color[:3], _color(before, label)[:3])
        for label, color in after.color_dict.items()
    )


def colormap_with(
    colormap: Any, own: Mapping[int, Any], *, means: bool = False
) -> ClassColormap:
    """Return a colormap of labels in which some have other colors.

    Parameters
    ----------
    colormap : napari.utils.colormaps.DirectLabelColormap or CyclicLabelColormap
    own : mapping of int to (4,) ndarray of float32
        Those colors, red to alpha.
    means : bool, optional
        Whether they are means of the picture where the colors before were; otherwise
        a class that gets another color has one that was given by hand.
    """
    if isinstance(colormap, VividColormap):
        return VividColormap(
            color_dict={**colormap.color_dict, **own},
            cycle=colormap.cycle,
            first=colormap.first,
            own=colormap_with(colormap.own, _beneath(colormap, own)),
        )
    direct = isinstance(colormap, DirectLabelColormap)
    colors = colormap.color_dict if direct else {None: UNKNOWN, 0: "transparent"}
    if isinstance(colormap, ClassColormap):
        cycle, first = colormap.cycle, colormap.first
    elif direct:
        cycle, first = np.array([colors[None]], np.float32), 1
    else:
        # Napari's colors come again after as many labels.
        period = len(colormap.colors) - 1
        cycle, first = colormap.map(np.arange(1, period + 1)), 1
    kept: frozenset[int] = getattr(colormap, "means", frozenset())
    if not means:
        kept = frozenset(
            n for n in kept if np.allclose(own.get(n, colors[n])[:3], colors[n][:3])
        )
    return ClassColormap(
        color_dict={**colors, **own}, cycle=cycle, first=first, means=kept
    )


def own_colormap(colormap: Any) -> Any:
    """Return a colormap, or that which a `VividColormap` is shown instead of."""
    return colormap.own if isinstance(colormap, VividColormap) else colormap


def _beneath(colormap: VividColormap, own: Mapping[int, Any]) -> dict[int, Any]:
    """Return what is painted beneath vivid colors: the color if it changes."""
    found = {}
    for label, color in own.items():
        same = np.array_equal(color[:3], colormap.color_of(label)[:3])
        rgb = _color(colormap.own, label)[:3] if same else color[:3]
        found[label] = np.array([*rgb, color[3]], np.float32)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class LayerStyle:
    """The colormap and the table that napari shows with the labels of a segmentation.

    Attributes
    ----------
    colormap : napari.utils.colormaps.DirectLabelColormap
        The classes' mean colors for labels 1..K, other colors for labels beyond.
    table : dict of str to ndarray
        The table of the classes, of which `add_to` makes the layer's features.
    checksum : int
        Of the labels, as `checksum_of` has it.
    """

    colormap: DirectLabelColormap
    table: Table
    checksum: int


def prepare_style(seg: Segmentation) -> LayerStyle:
    """Return the style of a segmentation; any thread may call it.

    Parameters
    ----------
    seg : Segmentation
        The result to show.

    Returns
    -------
    LayerStyle
        For `add_to`.
    """
    colormap = class_colormap(seg.class_colors)
    # Fills the map's cache here rather than in the viewer's thread.
    colormap.map(np.zeros(1, seg.labels.dtype))
    return LayerStyle(colormap, seg.table(), checksum_of(seg.labels))


def checksum_of(labels: NDArray[np.integer[Any]]) -> int:
    """Return a number that other labels of the same type have hardly ever."""
    return zlib.crc32(np.ascontiguousarray(labels).data)


def warm_up() -> None:
    """Load and compile what a first Labels layer needs; any thread may call it.

    Napari compiles its mapping of labels to colors, which can take seconds, loads what
    it keeps features in, and works dashes out for outlines.
    """
    import_module("pandas")
    with suppress(ImportError, AttributeError):
        # It is kept by a cache of that module's own.
        import_module("vispy.visuals.line.dash_atlas").DashAtlas()
    class_colormap(np.zeros((1, 3))).map(np.zeros(1, np.uint8))


def class_keys(layer: Labels) -> dict[int, int]:
    """Return which class each key, 1 to 9, fills the selection with.

    That of its own number, unless the layer has keys of a scheme.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> class_keys(Labels(np.array([[0, 3]])))[3]
    3
    """
    found = layer.metadata.get(KEYS)
    if not isinstance(found, dict):
        return {key: key for key in range(1, _KEYS + 1)}
    return {
        key: number
        for key, number in found.items()
        if isinstance(key, int) and isinstance(number, int) and 1 <= key <= _KEYS
    }


def set_class_keys(layer: Labels, keys: Mapping[int, int]) -> None:
    """Set which class each key fills with; one without a key is missing."""
    layer.metadata = {**layer.metadata, KEYS: dict(keys)}


def scheme_look(scheme: ClassScheme, numbers: Sequence[int]) -> dict[str, Any]:
    """Return how a Labels layer looks in a scheme.

    Parameters
    ----------
    scheme : ClassScheme
    numbers : sequence of int
        The labels that occur; those that the scheme does not know keep napari's colors.

    Returns
    -------
    dict
        Colormap, features and metadata, as ``napari.layers.Labels`` takes them.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> from napari_emseg.exchange import ClassScheme
    >>> look = scheme_look(ClassScheme.of([3], {3: "sky"}), [3])
    >>> layer = Labels(np.array([[0, 3]]), **look)
    >>> class_name(layer, 3), class_keys(layer)
    ('sky', {3: 3})
    """
    own = {
        one.number: np.array([*(part / 255 for part in one.rgb), 1], np.float32)
        for one in scheme.classes
    }
    known = {one.number: one.name for one in scheme.classes}
    index = [0, *sorted({*known, *(n for n in numbers if n > 0)})]
    return {
        "colormap": colormap_with(class_colormap(np.zeros((0, 3))), own),
        "features": {
            "index": index,
            "name": ["no class", *(known.get(n, f"class {n}") for n in index[1:])],
        },
        "metadata": {
            KEYS: {one.key: one.number for one in scheme.classes if one.key is not None}
        },
    }

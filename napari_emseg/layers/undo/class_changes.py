"""Changes of classes that are no labels: names, colors, what is shown, locks."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_emseg.exchange.class_scheme import LONGEST_NAME
from napari_emseg.layers.classes import (
    ClassColormap,
    VividColormap,
    class_color,
    class_keys,
    class_name,
    class_shown,
    colormap_with,
    given_names,
    own_colormap,
    paint_class,
    rename_class,
    set_class_keys,
    stored_name,
)
from napari_emseg.layers.undo.action import Change

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from napari.layers import Labels


# The locked classes of layers, which all panels respect.
_LOCKS: WeakKeyDictionary[Labels, set[int]] = WeakKeyDictionary()


def locks_of(layer: Labels) -> set[int]:
    """Return the set of the locked classes of a layer, which actions change."""
    return _LOCKS.setdefault(layer, set())


def check_name(layer: Labels, label: int, name: str) -> str:
    """Return a name for a class without blanks at its ends; empty for none.

    Raises
    ------
    ValueError
        If another class has it, or it is too long.
    """
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"a name of {len(name)} letters is too long; write at most {LONGEST_NAME}"
        )
    found = [other for other, known in given_names(layer).items() if known == name]
    own = re.fullmatch(r"class (\d+)", name)
    if own and not stored_name(layer, int(own[1])):
        found.append(int(own[1]))
    if name and found and found[0] != label:
        raise ValueError(
            f"class {found[0]} is named {name!r} already; merge the classes, or write "
            "another name"
        )
    return name


def renaming(layer: Labels, label: int, name: str) -> tuple[Change, str]:
    """Return the change that names a class, and what to call it.

    Raises
    ------
    ValueError
        As `check_name`.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> change, text = renaming(layer, 3, "sky")
    >>> change.redo(), class_name(layer, 3), change.undo(), class_name(layer, 3)
    (None, 'sky', None, 'class 3')
    >>> text
    'renamed class 3 to sky'
    """
    name = check_name(layer, label, name)
    before, stored = class_name(layer, label), stored_name(layer, label)
    change = Change(
        partial(rename_class, layer, label, stored),
        partial(rename_class, layer, label, name),
        layer,
    )
    return change, f"renamed {before} to {name or f'class {label}'}"


def painting(
    layer: Labels, label: int, color: Any = None, *, shown: bool | None = None
) -> tuple[Change, str]:
    """Return the change that `paint_class` makes, and what to call it.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> before = layer.get_color(3)
    >>> change, text = painting(layer, 3, (1, 0, 0))
    >>> change.redo(), layer.get_color(3).tolist(), text
    (None, [1.0, 0.0, 0.0, 1.0], 'recolored class 3')
    >>> change.undo(), bool((layer.get_color(3) == before).all())
    (None, True)
    """
    colormap = layer.colormap
    own = {
        label: np.array(
            [*class_color(layer, label), float(class_shown(layer, label))], np.float32
        )
    }
    after: list[Any] = []

    def redo() -> None:
        paint_class(layer, label, color, shown=shown)
        after[:] = [layer.colormap]

    def undo() -> None:
        # What others changed meanwhile stays.
        same = after and layer.colormap is after[0]
        layer.colormap = colormap if same else colormap_with(layer.colormap, own)

    verb = "recolored" if color is not None else "showed" if shown else "hid"
    return Change(undo, redo, layer), f"{verb} {class_name(layer, label)}"


def blending(
    layer: Labels, members: Sequence[int], locked: Container[int] = ()
) -> tuple[Change, ...]:
    """Return the change that gives a merged class the mean color of what it is made of.

    There is none if one of them has a color that was given by hand, or by a file: that
    of the class that they are merged into stays.

    Parameters
    ----------
    layer : napari.layers.Labels
    members, locked
        As of `merge`; before it.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> from napari_emseg.layers import class_colormap
    >>> colors = class_colormap(np.array([[0.2, 0, 0], [1, 0.4, 0]]))
    >>> layer = Labels(np.array([[1, 1, 1, 2]]), colormap=colors)
    >>> [change] = blending(layer, [1, 2])
    >>> change.redo(), class_color(layer, 1).round(3).tolist()
    (None, [0.4, 0.1, 0.0])
    >>> change.undo(), class_color(layer, 1).round(3).tolist()
    (None, [0.2, 0.0, 0.0])
    """
    own, label = own_colormap(layer.colormap), members[0]
    merged = {one for one in members if one not in locked} | {label}
    if not (isinstance(own, ClassColormap) and own.means >= merged):
        return ()
    counts = {one: int(np.count_nonzero(layer.data == one)) for one in merged}
    pixels = sum(counts.values())
    if not pixels:
        return ()
    mean = sum(own.color_of(n)[:3] * (count / pixels) for n, count in counts.items())
    color = {label: np.array([*mean, own.color_of(label)[3]], np.float32)}
    back = {label: np.array(own.color_of(label), np.float32)}

    def put(color: Mapping[int, Any]) -> None:
        layer.colormap = _with_mean(layer.colormap, color)

    return (Change(partial(put, back), partial(put, color), layer),)


def _with_mean(colormap: Any, color: Mapping[int, Any]) -> ClassColormap:
    """Return a colormap with another mean color; vivid ones above it stay."""
    if isinstance(colormap, VividColormap):
        return VividColormap(
            color_dict=colormap.color_dict,
            cycle=colormap.cycle,
            first=colormap.first,
            own=_with_mean(colormap.own, color),
        )
    return colormap_with(colormap, color, means=True)


def keying(layer: Labels, label: int, key: int | None) -> tuple[Change, str]:
    """Return the change that gives a class a key to be filled with, or takes it away.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 3]]))
    >>> change, text = keying(layer, 3, 7)
    >>> change.redo(), class_keys(layer)[7], 3 in class_keys(layer), text
    (None, 3, False, 'gave class 3 the key 7')
    >>> change.undo(), class_keys(layer)[3]
    (None, 3)
    """
    before = class_keys(layer)
    after = {k: number for k, number in before.items() if label != number and k != key}
    if key is not None:
        after[key] = label
    name = class_name(layer, label)
    text = f"took the key of {name}" if key is None else f"gave {name} the key {key}"
    undo, redo = (partial(set_class_keys, layer, keys) for keys in (before, after))
    return Change(undo, redo, layer), text


def locking(
    layer: Labels, locks: set[int], label: int, *, locked: bool
) -> tuple[Change, str]:
    """Return the change that locks or unlocks a class, and what to call it.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> locks = set()
    >>> change, text = locking(Labels(np.array([[0, 3]])), locks, 3, locked=True)
    >>> change.redo(), [*locks], change.undo(), [*locks], text
    (None, [3], None, [], 'locked class 3')
    """
    turns = partial(locks.discard, label), partial(locks.add, label)
    undo, redo = turns if locked else turns[::-1]
    verb = "locked" if locked else "unlocked"
    return Change(undo, redo, layer), f"{verb} {class_name(layer, label)}"

"""The sheet of a comparison: pictures, learning curves, and a table of criteria."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties, findfont, get_font

from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.image.color_space import native, unit_rgb
from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.io.files import paint
from napari_emseg.pipeline.sweep import best, space_name, titles
from napari_emseg.plot.figures import convergence
from napari_emseg.plot.theme import FONT, NotebookFigure, Theme, find_theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_emseg.pipeline.sweep import SweepRow

DPI = 110
WIDTH = 14.0  # inches
_MARGIN, _GAP, _LINE = 0.35, 0.16, 0.24  # inches; a line of text
# Pictures side by side, the original not counted; curves side by side.
_ACROSS, _CURVES = 6, 3
# Pixels along the longer side of a picture.
_SIDE = 800
# Pictures that are longer or wider than this leave room, but do not get more.
_SLIM = 2.5
_CURVE = 2.9  # height in inches
NOTE = (
    "Larger log-likelihood, BIC and ICL are better; the best are bold. They compare "
    "settings with the same colors only: likelihoods in different spaces have "
    "different units. K-means has an inertia (smaller is better) but no likelihood. "
    "BIC and ICL count independent pixels, as automatic classes do."
)
_NONE = "–"
_SIGNED = ("log-likelihood", "BIC", "ICL")
_COLUMNS = (
    ("setting", 0.045, "left"),
    ("colors", 0.42, "left"),
    ("classes", 0.54, "right"),
    ("log-likelihood", 0.645, "right"),
    ("inertia", 0.725, "right"),
    ("iterations", 0.8, "right"),
    ("seconds", 0.865, "right"),
    ("BIC", 0.93, "right"),
    ("ICL", 0.995, "right"),
)


def draw_sheet(
    rows: Sequence[SweepRow], *, name: str = "", theme: str | Theme = "light"
) -> Figure:
    """Draw all settings of a comparison on one sheet.

    A contact sheet, to compare parameters.

    Parameters
    ----------
    rows : sequence of SweepRow
        What `sweep` returned. Of stacks, the middle plane is shown.
    name : str, optional
        Of the image.
    theme : {"light", "dark"} or Theme, optional
        Colors of the sheet.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as a page is long, as high as it needs to be.

    Raises
    ------
    ValueError
        If there are no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg.pipeline.sweep import settings, sweep
    >>> image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    >>> figure = draw_sheet(sweep(image, settings(n_classes=[2, 3])))
    >>> len(figure.axes)  # the original, two pictures, their curves, the table
    5
    """
    if not rows:
        raise ValueError("there are no rows to draw; compare one setting at least")
    look = find_theme(theme)
    down, across = _grid(rows)
    height, width = rows[0].seg.labels.shape[-2:]
    side = (WIDTH - 2 * _MARGIN - across * _GAP) / (across + 1)
    tall = side * float(np.clip(height / width, 1 / _SLIM, _SLIM))
    groups = _groups(rows)
    curves = -(-len(groups) // _CURVES)
    table = (len(rows) + 1) * _LINE + 0.2 + 2 * _LINE
    pictures = down * (tall + _LINE + _GAP)
    total = _MARGIN * 3 + pictures + curves * (_CURVE + 0.35) + table
    figure = NotebookFigure(figsize=(WIDTH, total), dpi=DPI, facecolor=look.page)
    FigureCanvasAgg(figure)

    def place(left: float, top: float, wide: float, high: float) -> Axes:
        box = (left / WIDTH, 1 - (top + high) / total, wide / WIDTH, high / total)
        return figure.add_axes(box)

    top = _MARGIN + _LINE
    title = _drawable(name) or "image"
    _show(place(_MARGIN, top, side, tall), _original(rows[0]), title, look)
    for i, row in enumerate(rows):
        left = _MARGIN + (i % across + 1) * (side + _GAP)
        lower = top + i // across * (tall + _LINE + _GAP)
        title = f"{i + 1}  {row.title}"
        _show(place(left, lower, side, tall), _painted(row), title, look)
    top = _MARGIN + pictures + 0.4
    beside = min(len(groups), _CURVES)
    wide = (WIDTH - 2 * _MARGIN) / max(beside, 2)
    for i, (title, places) in enumerate(groups):
        left = _MARGIN + i % _CURVES * wide + 0.72
        lower = top + i // _CURVES * (_CURVE + 0.35)
        ax = place(left, lower, wide - 0.87, _CURVE - 0.6)
        _curves(ax, title, [(i, rows[i]) for i in places], look)
    top = total - _MARGIN - table
    _table(place(_MARGIN, top, WIDTH - 2 * _MARGIN, table), rows, look)
    return figure


def render(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure as a picture.

    The figure becomes an array.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `draw_sheet`.

    Returns
    -------
    (Y, X, 3) ndarray of uint8
        RGB.
    """
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _grid(rows: Sequence[SweepRow]) -> tuple[int, int]:
    """Choose rows and columns; a column for each number of classes if that fits."""
    count = len(rows)
    across = len({row.params.n_classes for row in rows})
    if count % across or not 1 < across <= _ACROSS:
        across = min(count, 4 if count in (4, 7, 8) else 3 if count < 10 else 5)
    return -(-count // across), across


def _groups(rows: Sequence[SweepRow]) -> list[tuple[str, list[int]]]:
    """Group the settings whose objectives can be compared."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        method = METHODS[row.params.method].title
        plain = native(row.seg.source.space.color)
        name = method if plain else f"{method}, {space_name(row)}"
        found.setdefault(name, []).append(place)
    return list(found.items())


def _curves(
    ax: Axes, title: str, group: Sequence[tuple[int, SweepRow]], theme: Theme
) -> None:
    names = titles([row.params for _, row in group], always=("n_classes",))
    runs = {
        f"{place + 1}  {name}": row.seg
        for name, (place, row) in zip(names, group, strict=True)
    }
    convergence(runs, ax=ax, theme=theme)
    ax.set_title(title, loc="left", color=theme.ink, fontsize=FONT, fontweight="bold")


def _drawable(name: str) -> str:
    """Return a name whose letters the font has; others are shown by their numbers."""
    known = get_font(findfont(FontProperties())).get_charmap()
    shown, lacking = [], set()
    for sign in name:
        if sign.isprintable() and ord(sign) in known:
            shown.append(sign)
        else:
            shown.append(sign.encode("unicode_escape").decode("ascii"))
            lacking.add(sign)
    if lacking:
        several = "letters" if len(lacking) > 1 else "letter"
        warn_user(
            f"the font of figures lacks {len(lacking)} {several} of the name {name}, "
            "shown by numbers on the sheet; give the image another name to have it in "
            "words"
        )
    return "".join(shown)


def _show(ax: Axes, picture: NDArray[Any], title: str, theme: Theme) -> None:
    ax.imshow(picture, aspect="equal", interpolation="antialiased")
    ax.set_anchor("N")
    ax.set_axis_off()
    # A name is no formula, even if it has dollar signs.
    look: dict[str, Any] = {"color": theme.ink, "pad": 3, "parse_math": False}
    ax.set_title(title, loc="left", fontsize=FONT - 1, **look)


def _plane(array: NDArray[Any], trailing: int) -> NDArray[Any]:
    """Return the middle plane of a stack."""
    lead = array.shape[: array.ndim - 2 - trailing]
    return array[tuple(n // 2 for n in lead)]


def _original(row: SweepRow) -> NDArray[Any]:
    """Return the image (Y, X, 3) or (Y, X), small."""
    picture = row.seg.source.picture
    where = tuple(slice(n // 2, n // 2 + 1) for n in picture.shape[:-2])
    values = _plane(picture.read(where), 1)
    if picture.rgb:
        return _shrink(unit_rgb(values, picture.full_scale))
    light = _shrink(np.nan_to_num(values.astype(np.float64).mean(axis=-1)))
    low, high = np.percentile(light, (0.5, 99.5))
    gray = np.clip((light - low) / max(high - low, 1e-300), 0, 1)
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


def _painted(row: SweepRow) -> NDArray[np.uint8]:
    labels = _plane(row.seg.labels, 0)
    step = max(1, max(labels.shape) // (2 * _SIDE))
    return _shrink(paint(labels[::step, ::step], row.seg.class_colors))


def _shrink(picture: NDArray[Any]) -> NDArray[Any]:
    height, width = picture.shape[:2]
    share = _SIDE / max(height, width)
    if share >= 1:
        return picture
    size = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _table(ax: Axes, rows: Sequence[SweepRow], theme: Theme) -> None:
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=((len(rows) + 3) + 0.2 / _LINE, 0))
    style: dict[str, Any] = {"fontsize": FONT - 0.5, "color": theme.ink, "va": "center"}
    columns = [
        column
        for column in _COLUMNS
        if any(_cell(row, column[0]) != _NONE for row in rows)
    ]
    for name, x, side in columns:
        ax.text(x, 0.5, name, ha=side, fontweight="bold", **style)
    ax.axhline(1, color=theme.ink, lw=0.8)
    top = {name: best(rows, name.lower()) for name in ("BIC", "ICL")}
    for place, row in enumerate(rows):
        y = place + 1.5
        ax.text(0.028, y, str(place + 1), ha="right", **style)
        for name, x, side in columns:
            entry, first = _cell(row, name), top.get(name, {}).get(space_name(row))
            # What reads the same is equally good.
            bold = first is not None and entry == _cell(rows[first], name)
            weight = "bold" if bold else "normal"
            ax.text(x, y, entry, ha=side, fontweight=weight, **style)
    ax.axhline(len(rows) + 1, color=theme.faint, lw=0.8)
    words = NOTE.split(". ")
    middle = len(words) // 2
    for i, part in enumerate((words[:middle], words[middle:])):
        text = ". ".join(part) + ("" if i else ".")
        style_of_note = style | {"fontsize": FONT - 1.5}
        ax.text(0, len(rows) + 1.75 + 0.85 * i, text, ha="left", **style_of_note)


def _cell(row: SweepRow, column: str) -> str:
    """Return one entry of the table as text; a dash where there is none."""
    mixture = row.order is not None
    entries = {
        "setting": row.title,
        "colors": space_name(row),
        "classes": str(row.seg.n_classes),
        "log-likelihood": f"{row.objective:.4f}" if mixture else _NONE,
        "inertia": _NONE if mixture else f"{row.objective:.4g}",
        "iterations": str(len(row.seg.objective)),
        "seconds": f"{row.seconds:.2f}",
        "BIC": _NONE if row.bic is None else f"{row.bic:,.0f}",
        "ICL": _NONE if row.icl is None else f"{row.icl:,.0f}",
    }
    return entries[column].replace("-", "−" if column in _SIGNED else "-")

"""One table of all pictures of a batch: a row for each class of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_emseg.pipeline.class_table import csv_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.batch.outcome import Outcome

# Columns of every picture; those of its channels follow.
COLUMNS = ("file", "class", "name", "pixels", "fraction", "area", "unit")
_GRAY, _RGB = "mean", ("mean R", "mean G", "mean B")


def tidy_table(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    """Return the columns of the table; what a picture has not is NaN.

    Tidy data: each class of each picture is a row.

    Returns
    -------
    dict of str to list
        "file", "class", "name", "pixels", "fraction" (of the labeled pixels), "area" in
        the unit of the next column ("px" where pixels have no length), "unit", and
        "mean" of each channel, in the image's own units. Where some pictures are RGB,
        gray ones are as bright in red, green and blue.
    """
    rows = [{"file": o.name, **row} for o in outcomes for row in o.rows]
    if any(_RGB[0] in row for row in rows):
        rows = [_as_colors(row) for row in rows]
    names = dict.fromkeys(COLUMNS) | dict.fromkeys(key for row in rows for key in row)
    return {name: [row.get(name, float("nan")) for row in rows] for name in names}


def _as_colors(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a gray picture with the columns of a color picture."""
    if _GRAY not in row:
        return row
    rest = {name: value for name, value in row.items() if name != _GRAY}
    return rest | dict.fromkeys(_RGB, row[_GRAY])


def tidy_csv(outcomes: Sequence[Outcome]) -> str:
    """Return the table as comma-separated values, with a line of headings.

    As CSV, for pandas, R or a spreadsheet.
    """
    return csv_text(tidy_table(outcomes))

"""Sheets and tables of comparisons as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_emseg.io.files import write_picture, write_text
from napari_emseg.pipeline.sweep import as_csv
from napari_emseg.plot.sheet import draw_sheet, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_emseg.pipeline.sweep import SweepRow

TABLE = ".csv"
_OFFERED = "Sheet (*.png *.jpg *.tif);;Table (*.csv)"


def ask_path(parent: QWidget, name: str) -> str:
    """Ask where the sheet of an image goes, and whether to replace what is there.

    Parameters
    ----------
    parent : QWidget
        Whose dialog it is.
    name : str
        Of the image.

    Returns
    -------
    str
        Empty if the user has thought better of it.
    """
    start = f"{name}_sweep.png"
    path, _ = QFileDialog.getSaveFileName(parent, "Save sheet", start, _OFFERED)
    return str(path)


def write_sheet(path: str | Path, rows: Sequence[SweepRow], name: str) -> None:
    """Write the sheet of a comparison, or its table; replaces what is there.

    Parameters
    ----------
    path : path
        Ends in .csv for the table, otherwise like a picture.
    rows : sequence of SweepRow
        What was compared.
    name : str
        Of the image.

    Raises
    ------
    ValueError
        The ending does not suit.
    """
    path = Path(path)
    if path.suffix.lower() == TABLE:
        write_text(path, as_csv(rows), (TABLE,), force=True)
    else:
        write_picture(path, render(draw_sheet(rows, name=name)), force=True)

"""Icons of the tools, in the color of the theme."""

from __future__ import annotations

from importlib.resources import files

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

SIZE = 64  # pixels, enough for screens of high density
FADED = 0.3  # opacity of what cannot be used


def icon(name: str, color: str) -> QIcon:
    """Draw an icon of this folder.

    Parameters
    ----------
    name : str
        Of the SVG file.
    color : str
        As CSS writes it.
    """
    text = (files(__name__) / f"{name}.svg").read_text()
    picture = QPixmap(SIZE, SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    drawing = text.replace("currentColor", color).encode()
    QSvgRenderer(QByteArray(drawing)).render(painter)
    painter.end()
    found = QIcon(picture)
    found.addPixmap(_faded(picture), QIcon.Mode.Disabled)
    return found


def _faded(picture: QPixmap) -> QPixmap:
    """Return a picture that hardly shows; Qt's own fades no light ones."""
    faded = QPixmap(picture.size())
    faded.fill(Qt.GlobalColor.transparent)
    painter = QPainter(faded)
    painter.setOpacity(FADED)
    painter.drawPixmap(0, 0, picture)
    painter.end()
    return faded

"""Contents of the panel "Pictures": thumbnails, states, next and previous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPainter, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import as_it_stands, plain_label
from napari_emseg.widgets.common.qt import push_button
from napari_emseg.widgets.series.picture_files import SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_emseg.widgets.series.picture_files import BrowsedPicture

SIGNS = {
    "new": "",
    "segmented": "● segmented",
    "edited": "✓ edited",
    "changed": "↻ changed since",
}
LEAVE, PANEL, MODEL = "leave as they are", "segment with the panel", "the same model"
HINT = "Choose a folder; labels and recipes are saved beside the pictures."


# Qt is untyped here, so a class of it is Any to mypy.
class BrowserPage(QWidget):  # type: ignore[misc]
    """Thumbnails of a folder with the state of each picture, and buttons.

    Attributes
    ----------
    picked : Signal
        With the place of a picture, an int.
    list : QListWidget
        The pictures.
    folder, back, ahead : QPushButton
        To choose a folder; the picture before, and the next.
    skip : QCheckBox
        Whether these stop at new pictures alone.
    new : QComboBox
        What is done with new pictures.
    title, status : QLabel
        The folder, and what was done last.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.title = plain_label("no folder")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.list = QListWidget()
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setIconSize(QSize(SIZE, SIZE))
        self.list.setGridSize(QSize(SIZE + 24, SIZE + 44))
        self.list.setMovement(QListView.Movement.Static)
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setWordWrap(True)
        self.list.setMinimumHeight(SIZE + 60)
        self.list.itemClicked.connect(self._on_click)
        self.skip = QCheckBox("Skip what is done")
        self.skip.setToolTip("Next and previous stop at new pictures alone.")
        self.new = QComboBox()
        self.new.addItems([LEAVE, PANEL, MODEL])
        self.new.setToolTip(
            "What is done with a picture that has no labels. The same model is that of "
            "the result before, with its edits that make sense on other pictures."
        )
        self.status = plain_label(HINT)
        self.status.setWordWrap(True)
        self.folder = push_button("Folder…", "Choose a folder.", None)
        self.back = push_button("◀ Previous", "Page Up", None)
        self.ahead = push_button("Next ▶", "Page Down", None)
        self._lay_out()
        # Napari would leave the rest of the dock empty.
        expanding = QSizePolicy.Policy.Expanding
        self.setSizePolicy(QSizePolicy.Policy.Preferred, expanding)

    def fill(self, pictures: Sequence[BrowsedPicture]) -> None:
        """Show pictures, without thumbnails at first."""
        self.list.clear()
        icon = QIcon(_blank())
        # Of an icon and two lines; Qt's own is that of one line, once it has some.
        lines = 2 * self.list.fontMetrics().lineSpacing()
        room = QSize(SIZE + 20, SIZE + lines + 10)
        for place, picture in enumerate(pictures):
            item = QListWidgetItem(icon, picture.path.name)
            item.setToolTip(as_it_stands(str(picture.path)))
            item.setSizeHint(room)
            self.list.addItem(item)
            self.tell_state(place, picture)

    def tell_state(self, place: int, picture: BrowsedPicture) -> None:
        """Show the state of a picture."""
        self._write(place, picture.path.name, SIGNS[picture.state])

    def show_thumbnail(self, place: int, found: NDArray[np.uint8] | str) -> None:
        """Show the thumbnail of a picture, or why there is none."""
        item = self.list.item(place)
        if isinstance(found, str):
            item.setToolTip(as_it_stands(found))
            self._write(place, item.text().splitlines()[0], "✗ unreadable")
            return
        height, width, _ = found.shape
        kind = QImage.Format.Format_RGB888
        image = QImage(found.tobytes(), width, height, 3 * width, kind)
        # In a square, or names would not stand in line.
        square = _blank()
        painter = QPainter(square)
        painter.drawImage((SIZE - width) // 2, SIZE - height, image)
        painter.end()
        item.setIcon(QIcon(square))

    def _write(self, place: int, name: str, state: str) -> None:
        """Write two lines below a thumbnail: a long name leaves room for the state."""
        if state:
            middle = Qt.TextElideMode.ElideMiddle
            name = self.list.fontMetrics().elidedText(name, middle, SIZE)
        self.list.item(place).setText(f"{name}\n{state}".rstrip())

    def _on_click(self, item: QListWidgetItem) -> None:
        self.picked.emit(self.list.row(item))

    def _lay_out(self) -> None:
        page = QVBoxLayout(self)
        page.setContentsMargins(4, 4, 4, 4)
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        row.addWidget(self.folder)
        page.addLayout(row)
        page.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.addWidget(plain_label("New pictures"))
        row.addWidget(self.new, 1)
        page.addLayout(row)
        page.addWidget(self.skip)
        row = QHBoxLayout()
        row.addWidget(self.back, 1)
        row.addWidget(self.ahead, 1)
        page.addLayout(row)


def _blank() -> QPixmap:
    blank = QPixmap(SIZE, SIZE)
    blank.fill(Qt.GlobalColor.transparent)
    return blank

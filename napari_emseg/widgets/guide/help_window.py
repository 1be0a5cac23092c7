"""The window with help: how things are done, and the keys."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIZE = 640, 620  # pixels
PAGE = "help.md"


# Qt is untyped here, so a class of it is Any to mypy.
class HelpWindow(QDialog):  # type: ignore[misc]
    """Help that stays open while one works; it needs no network.

    Parameters
    ----------
    parent : QWidget
        Gives the look.
    text : str
        Markdown.

    Attributes
    ----------
    page : QTextBrowser
    """

    def __init__(self, parent: QWidget, text: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help for napari-emseg")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.page = QTextBrowser()
        self.page.setOpenExternalLinks(True)
        self.page.document().setDocumentMargin(14)
        self.page.setMarkdown(text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.page)
        self.resize(*SIZE)


def help_text(sections: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Return the page as Markdown, with a table of keys at its end.

    Examples
    --------
    >>> text = help_text({"Always": [("Ctrl+Z", "Undo")]})
    >>> text.splitlines()[-2:]
    ['| **Always** | |', '| Ctrl+Z | Undo |']
    """
    text = (files(__package__) / PAGE).read_text(encoding="utf-8")
    lines = ["| Key | |", "|---|---|"]
    for heading, rows in sections.items():
        lines.append(f"| **{heading}** | |")
        lines += [f"| {key.replace('|', '&#124;')} | {title} |" for key, title in rows]
    return "\n".join([text.rstrip(), "", "## Keys", "", *lines])


def show_help(
    parent: QWidget, sections: Mapping[str, Sequence[tuple[str, str]]]
) -> HelpWindow:
    """Open the window, or bring it to the front.

    Parameters
    ----------
    parent : QWidget
        A panel, or napari's window.
    sections : dict of str to sequence of (str, str)
        Heading, and keys with what they do.
    """
    window = parent.window()
    found = window.findChild(HelpWindow)
    if found is not None:
        found.close()
    help_window = HelpWindow(window, help_text(sections))
    help_window.show()
    return help_window

"""Text with names in it, shown as it stands: Qt may take it for HTML."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain_label(text: str = "") -> QLabel:
    """Return a label that shows every text as it stands."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def as_it_stands(text: str) -> str:
    """Return a text for what has no format of its own: a tip, or a label of napari's.

    Examples
    --------
    >>> as_it_stands("less than 5 µm"), as_it_stands("<b>cell</b>")
    ('less than 5 µm', '<span>&lt;b&gt;cell&lt;/b&gt;</span>')
    """
    if not Qt.mightBeRichText(text):
        return text
    lines = escape(text, quote=False).replace("\n", "<br>")
    return f"<span>{lines}</span>"

"""What starts a segmentation, and what tells how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container, Label, ProgressBar, PushButton, Widget
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QSizePolicy

from napari_emseg.widgets.parts import counted

if TYPE_CHECKING:
    from napari_emseg.progress import Progress

STAGES = {
    "colors": "Reading colors",
    "order": "Choosing how many classes",
    "fit": "Fitting classes",
    "label": "Labeling pixels",
    "smooth": "Smoothing",
}
HEIGHT = 32  # pixels of a button


class Controls:
    """The buttons "Segment", "Live" and "Cancel", a thin bar, and a line of news.

    Parameters
    ----------
    live : bool
        Whether "Live" is checked.

    Attributes
    ----------
    segment, cancel : PushButton
        Start and stop.
    live : CheckBox
        Whether changes of the parameters segment at once.
    buttons, news : Container
        Rows for a panel.
    """

    def __init__(self, live: bool) -> None:
        self.segment = PushButton(
            name="run",
            text="Segment",
            tooltip="Find the classes; with “New layer”, an earlier result stays.",
        )
        self.live = CheckBox(
            name="live",
            text="Live",
            value=live,
            tooltip="Segment again at every change of the parameters. While the "
            "latest result has edits, Live is paused, and they stay.",
        )
        self.cancel = PushButton(
            name="cancel", text="Cancel", tooltip="Stop; no layer is changed."
        )
        self.buttons = Container[Widget](
            name="buttons",
            layout="horizontal",
            labels=False,
            widgets=[self.segment, self.live, self.cancel],
        )
        self.bar = ProgressBar(name="bar", min=0, max=1)
        self.status = Label(name="status", value="")
        self.news = Container[Widget](labels=False, widgets=[self.bar, self.status])
        self._dress()

    def show_start(self) -> None:
        """Say that work begins, whose length is not known."""
        self.segment.enabled = False
        self.cancel.enabled = True
        self.status.value = "Starting …"
        self.bar.max = 0
        self.bar.visible = True

    def show_progress(self, progress: Progress) -> None:
        """Say how far the work is."""
        stage = STAGES.get(progress.stage, progress.stage)
        counted = f" {progress.done} of {progress.total}" if progress.total > 1 else ""
        self.status.value = f"{stage}{counted} …"
        self.bar.max = progress.total
        self.bar.value = progress.done if progress.total else 0

    def show_preview(self, n_classes: int | None) -> None:
        """Say that a preview of so many classes is shown; None: it is being made."""
        many = "" if n_classes is None else f": {counted(n_classes, 'class', 'es')}"
        self.segment.enabled = True
        self.cancel.enabled = True
        self.status.value = f"Preview{many} …"
        self.bar.visible = False

    def show_idle(self, status: str, *, ready: bool) -> None:
        """Say how the work ended, and whether there can be more."""
        self.segment.enabled = ready
        self.cancel.enabled = False
        self.status.value = status
        self.bar.visible = False

    def show_theme(self, theme: str) -> None:
        """Give "Segment" and the bar the accent color of a theme of napari's."""
        accent = get_theme(theme).current.as_hex()
        self.segment.native.setStyleSheet(
            f"QPushButton:enabled:!hover {{ background-color: {accent} }}"
            "QPushButton { font-weight: bold }"
        )
        self.bar.native.setStyleSheet(
            f"QProgressBar::chunk {{ background-color: {accent} }}"
        )

    def _dress(self) -> None:
        """One large button, a thin bar, and nothing that jumps."""
        for button in (self.segment, self.cancel):
            button.native.setMinimumHeight(HEIGHT)
        buttons = self.buttons.native.layout()
        for place, stretch in enumerate((3, 0, 1)):
            buttons.setStretch(place, stretch)
        left, _, right, bottom = self.news.margins
        self.news.margins = (left, 0, right, bottom)
        bar = self.bar.native
        bar.setTextVisible(False)
        bar.setFixedHeight(6)
        policy = bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        bar.setSizePolicy(policy)
        status = self.status.native
        status.setWordWrap(True)
        status.setIndent(4)
        status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

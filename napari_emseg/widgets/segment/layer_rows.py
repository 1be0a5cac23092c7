"""Rows of the panel "Segment": layers, buttons, progress and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    Label,
    ProgressBar,
    PushButton,
    Widget,
)
from napari.layers import Image
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

from napari_emseg.layers import is_result
from napari_emseg.widgets.common.name_box import show_both_ends
from napari_emseg.widgets.common.qt import pluralize

if TYPE_CHECKING:
    import napari.components
    from napari.layers import Labels

    from napari_emseg.pipeline.progress import Progress

NEW = "new layer"


class LayerBoxes:
    """Boxes for the image, and the layer of the result.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are offered.

    Attributes
    ----------
    image, output : ComboBox
        Rows for a panel.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        self._viewer = viewer
        self.image = ComboBox(
            name="image",
            label="Image",
            tooltip="The image layer to segment.",
            choices=lambda _: [
                (layer.name, layer)
                for layer in viewer.layers
                if isinstance(layer, Image)
            ],
        )
        self.output = ComboBox(
            name="result",
            label="Output",
            tooltip="Where “Segment” puts the labels: into a new layer, or into an "
            "earlier result, which can be undone.",
            choices=lambda _: [
                ("New layer", NEW),
                *(
                    (f"Update {layer.name}", layer)
                    for layer in viewer.layers
                    if is_result(layer)
                ),
            ],
        )
        for box in (self.image, self.output):
            # A long name is cut in the closed box rather than widening the panel.
            show_both_ends(box.native)
            box.native.setMinimumContentsLength(14)

    @property
    def replace(self) -> Labels | None:
        """The earlier result that is to be updated; None for a new layer."""
        return None if self.output.value == NEW else self.output.value

    def reset(self) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        for box in (self.image, self.output):
            chosen = box.value
            box.reset_choices()
            if chosen in box.choices:
                box.value = chosen

    def turn_to(self, layer: object) -> None:
        """Choose an image."""
        if isinstance(layer, Image):
            self.image.value = layer


STAGES = {
    "plane": "Segmenting plane",
    "colors": "Reading colors",
    "order": "Choosing how many classes",
    "fit": "Fitting classes",
    "label": "Labeling pixels",
    "smooth": "Smoothing",
    "join": "Joining small regions",
}
HEIGHT = 32  # pixels of a button


class Controls:
    """The buttons "Segment", "Live" and "Cancel", a progress bar, and a status line.

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
    buttons, footer : Container
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
        self.status.native.setTextFormat(Qt.TextFormat.PlainText)
        self.footer = Container[Widget](labels=False, widgets=[self.bar, self.status])
        self._lay_out()

    def show_start(self) -> None:
        """Show that a run begins."""
        self.segment.enabled = False
        self.cancel.enabled = True
        self.status.value = "Starting …"
        self.bar.max = 0
        self.bar.visible = True

    def show_progress(self, progress: Progress) -> None:
        """Show the stage and the progress of a run."""
        stage = STAGES.get(progress.stage, progress.stage)
        count = f" {progress.done} of {progress.total}" if progress.total > 1 else ""
        self.status.value = f"{stage}{count} …"
        self.bar.max = progress.total
        self.bar.value = progress.done if progress.total else 0

    def show_preview(self, n_classes: int | None) -> None:
        """Show the number of classes of a preview; None: it is being computed."""
        many = "" if n_classes is None else f": {pluralize(n_classes, 'class', 'es')}"
        self.segment.enabled = True
        self.cancel.enabled = True
        self.status.value = f"Preview{many} …"
        self.bar.visible = False

    def show_idle(self, status: str, *, ready: bool) -> None:
        """Show how a run ended, and whether another one can start."""
        self.segment.enabled = ready
        self.cancel.enabled = False
        self.status.value = status
        self.bar.visible = False

    def show_theme(self, theme: str) -> None:
        """Give "Segment" and the bar the accent color of a napari theme."""
        accent = get_theme(theme).current.as_hex()
        self.segment.native.setStyleSheet(
            f"QPushButton:enabled:!hover {{ background-color: {accent} }}"
            "QPushButton { font-weight: bold }"
        )
        self.bar.native.setStyleSheet(
            f"QProgressBar::chunk {{ background-color: {accent} }}"
        )

    def _lay_out(self) -> None:
        """Set heights so that nothing moves while the bar is hidden."""
        for button in (self.segment, self.cancel):
            button.native.setMinimumHeight(HEIGHT)
        buttons = self.buttons.native.layout()
        for place, stretch in enumerate((3, 0, 1)):
            buttons.setStretch(place, stretch)
        left, _, right, bottom = self.footer.margins
        self.footer.margins = (left, 0, right, bottom)
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

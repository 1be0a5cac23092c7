"""The panel "Compare": several settings side by side, one of which is kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_error
from qtpy.compat import isalive
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emseg.layers import PictureLayers, prepare_style
from napari_emseg.layers.pictures.picture_layers import likely_axes, of_one_file
from napari_emseg.layers.uncertainty import meant_image
from napari_emseg.pipeline.progress import map_steps
from napari_emseg.pipeline.sweep import iter_sweep, titles
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, find_panel, share_dock
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.pause import collect_in_pauses
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.common.qt import connect, order_tabs, pluralize, show_errors
from napari_emseg.widgets.compare.gallery import Gallery
from napari_emseg.widgets.compare.page import NO_IMAGE, ComparePage
from napari_emseg.widgets.compare.sheet_files import ask_path, write_sheet
from napari_emseg.widgets.segment.layer_rows import STAGES
from napari_emseg.widgets.segment.panel import SegmentWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    import napari
    import napari.components

    from napari_emseg.layers import LayerStyle
    from napari_emseg.params import Params
    from napari_emseg.pipeline.sweep import SweepRow, SweepStep

NAME = "Compare"


# Qt is untyped here, so a class of it is Any to mypy.
class CompareWidget(QWidget):  # type: ignore[misc]
    """Panel that segments an image with several settings and shows all results.

    Of a stack, the displayed slice is compared.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the image is and the results go.

    Attributes
    ----------
    page : ComparePage
        The contents of the panel.
    rows : tuple of SweepRow
        The same; empty until all are there.
    gallery : Gallery or None
        The layers of the results.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(
            self._on_error, self._on_busy, on_warning=self.say
        )
        self.gallery: Gallery | None = None
        self.rows: tuple[SweepRow, ...] = ()
        self._image: Image | None = None
        self._chosen: tuple[Params, ...] = ()
        self._titles: list[str] = []
        self._data: Any = None  # of the image that is compared
        self.page = ComparePage()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.page)
        order_tabs(layout)
        for button, call in (
            (self.page.start, self.compare),
            (self.page.stop, self.cancel),
            (self.page.use, self.adopt),
            (self.page.save, self._ask_path),
            (self.page.close_all, self.discard),
        ):
            connect(button.clicked, show_errors(call), button)
        self.page.choices.changed.connect(self._show_state)
        self.page.results.currentItemChanged.connect(self._on_line)
        self.cancel_keys = Keys(
            self._viewer, [Key("Escape", "Cancel the comparison", self.cancel)]
        )
        self.background.busied.connect(self._on_busied)
        share_dock(self, NAME)
        self._old_objects = collect_in_pauses(self._viewer, self)
        reactions = self._reactions()
        self._docking = Docking(
            self, self._viewer, reactions, self._on_open, self._on_close
        )
        self.choose(None, None)

    @property
    def image(self) -> Image | None:
        """What is segmented; None if it is not in the viewer any more."""
        return self._image if self._image in self._viewer.layers else None

    def choose(self, image: Image | None, params: Params | None) -> None:
        """Compare settings of another image, or with other parameters.

        Parameters
        ----------
        image : napari.layers.Image, optional
            By default the one that `meant_image` finds.
        params : Params, optional
            What the settings have in common; by default what "Segment" says.
        """
        if image is None:
            image = meant_image(self._viewer)
        if params is None:
            panel = find_panel(self._viewer, SegmentWidget)
            params = preferred().params if panel is None else panel.form.params
        self._image = image
        self.page.choices.show_params(params)
        self._show_state()

    def compare(self) -> None:
        """Segment the image with all settings, in the background.

        Raises
        ------
        ValueError
            If there is no image, or the settings cannot be.
        """
        image = self.image
        if image is None:
            raise ValueError(f"there is no image to compare settings of. {NO_IMAGE}")
        chosen = self.page.choices.read(rgb=image.rgb)
        picture = self._picture(image)
        at = picture.part(self._viewer) if len(picture.letters) > 2 else None
        data, reading = picture.data(at), picture.reading(at)
        steps = partial(iter_sweep, data, chosen, **reading)
        self.discard()
        self._chosen, self._data = chosen, picture.lead.data
        self._titles = titles(chosen)
        self.gallery = Gallery(self._viewer, picture, at, len(chosen))
        self.page.bar.setRange(0, len(chosen))
        self.page.show_progress(0)
        self.page.status.setText("Starting …")
        self.background.run(
            partial(_iter_styled, steps), self._on_rows, on_step=self._on_trial
        )
        self._show_state()

    def cancel(self) -> None:
        """Stop; results that are there stay."""
        if self.background.cancel():
            if self.gallery is not None:
                self.gallery.close_up()
            self.page.status.setText("Canceled.")
            self._show_state()

    def adopt(self) -> None:
        """Keep the chosen result, show its parameters in "Segment", remove the rest.

        Raises
        ------
        ValueError
            If none is chosen, or its layer was removed.
        """
        place = self.page.results.chosen
        if place is None or self.gallery is None:
            raise ValueError("no result is chosen; click one in the list")
        layer, params = self.gallery.layers[place], self._chosen[place]
        if layer not in self._viewer.layers:
            raise ValueError(f"layer {layer.name!r} was removed; choose another result")
        title = layer.name
        self.cancel()
        self.gallery.close(keep=layer)
        self._forget()
        panel = find_panel(self._viewer, SegmentWidget)
        if panel is not None:
            panel.adopt(params)
        self.page.status.setText(f"{layer.name}: {title}.")

    def discard(self) -> None:
        """Remove all results, and show everything else as it was."""
        self.cancel()
        if self.gallery is not None:
            self.gallery.close()
            self.page.status.setText("")
        self._forget()

    def save_sheet(self, path: str | Path) -> None:
        """Draw the sheet, or write the table, in the background.

        Parameters
        ----------
        path : path
            Its ending decides: a picture, or .csv. A file that exists is replaced.
        """
        assert self.gallery is not None
        self.page.status.setText("Drawing the sheet …")
        self.background.run(
            partial(write_sheet, path, self.rows, self.gallery.image.name),
            lambda _: self.page.status.setText(f"{path} is written."),
        )

    def say(self, text: str) -> None:
        """Say something in the line of the panel."""
        self.page.status.setText(text)

    def _picture(self, image: Image) -> PictureLayers:
        """Return the picture of an image: what "Segment" shows, or what is likely."""
        panel = find_panel(self._viewer, SegmentWidget)
        shown = None if panel is None else panel.axes_rows.picture
        if shown is not None and image in shown.layers:
            return shown
        return PictureLayers.of(of_one_file(self._viewer, image), likely_axes(image))

    def _on_open(self) -> None:
        self._old_objects.hold()
        self.background.open()
        self._on_theme()
        self._show_state()

    def _on_close(self) -> None:
        self.background.close()
        if self.gallery is not None and isalive(self):
            self.gallery.leave()
            self._forget()
        self._old_objects.release()

    def _on_trial(self, step: tuple[SweepStep, LayerStyle | None]) -> None:
        trial, style = step
        assert self.gallery is not None
        if not self._going_on():
            self._on_removed()
            return
        title = self._titles[trial.place]
        if trial.seg is not None and style is not None:
            self.gallery.add(trial.seg, title, style)
            self.page.results.add(title)
        self.page.show_progress(trial.done)
        stage = STAGES[trial.progress.stage if trial.progress else "colors"]
        self.page.status.setText(f"{trial.done} of {trial.total}. {title}: {stage} …")

    def _on_rows(self, rows: tuple[SweepRow, ...]) -> None:
        self.rows = rows
        if self.gallery is not None:
            self.gallery.close_up()
        self.page.results.judge(rows)
        seconds = sum(row.seconds for row in rows)
        self.page.status.setText(
            f"{pluralize(len(rows), 'setting')}, {seconds:.2g} s. Click one to see it."
        )
        self._show_state()

    def _on_line(self) -> None:
        """Choose the layer of the chosen line."""
        place = self.page.results.chosen
        if place is not None and self.gallery is not None:
            layer = self.gallery.layers[place]
            if layer in self._viewer.layers:
                self._viewer.layers.selection.active = layer
        self._show_state()

    def _on_active(self) -> None:
        """Choose the line of the chosen layer, or the chosen image."""
        active = self._viewer.layers.selection.active
        if self.gallery is not None:
            if active in self.gallery.layers:
                self.page.results.choose(self.gallery.layers.index(active))
        elif isinstance(active, Image):
            self._image = active
        self._show_state()

    def _on_removed(self, *_: object) -> None:
        """End a comparison of an image that is not there any more."""
        if not self._going_on() and self.background.running and not self.rows:
            self.cancel()
            self.page.status.setText("Canceled: the image was removed or replaced.")
        self._show_state()

    def _going_on(self) -> bool:
        """Whether the image that is compared is there, with the same pixels."""
        if self.gallery is None or self.gallery.image not in self._viewer.layers:
            return False
        return self.gallery.image.data is self._data

    def _on_error(self, message: str) -> None:
        """Show an error; results that are there stay."""
        show_error(message)
        if self.gallery is not None and not self.gallery.layers:
            self.discard()
        self.say(f"The comparison is incomplete: {message}")

    def _on_busy(self, busy: bool) -> None:
        self.page.bar.setVisible(busy)
        self._show_state()

    def _on_busied(self, busy: bool) -> None:
        (self.cancel_keys.bind if busy else self.cancel_keys.release)()

    def _show_state(self, *_: object) -> None:
        """Enable the buttons that can be used, and update their titles."""
        image, busy = self.image, self.background.running
        self.page.title.setText(
            NO_IMAGE if image is None else f"Settings for {image.name}"
        )
        rgb = image is not None and image.rgb
        self.page.choices.show_colors(rgb)
        count = self.page.choices.count(rgb=rgb)
        some = f" {count} settings" if count > 1 else ""
        self.page.start.setText(f"Compare{some}")
        self.page.start.setEnabled(image is not None and not busy)
        self.page.stop.setEnabled(busy)
        self.page.show_results(self.gallery is not None)
        self.page.use.setEnabled(self.page.results.chosen is not None)
        self.page.save.setEnabled(bool(self.rows) and not busy)

    def _forget(self) -> None:
        self.gallery = None
        self.rows = ()
        self._chosen = ()
        self.page.results.clear()
        self._show_state()

    def _ask_path(self) -> None:
        assert self.gallery is not None
        if path := ask_path(self, self.gallery.image.name):
            self.save_sheet(path)

    def _on_theme(self) -> None:
        self.page.show_theme(self._viewer.theme)

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        """Return the viewer's events that concern the panel, and what they do."""
        layers = self._viewer.layers
        return [
            (layers.selection.events.active, self._on_active),
            (layers.events.inserted, self._show_state),
            (layers.events.removed, self._on_removed),
            (layers.events.renamed, self._show_state),
            (self._viewer.events.theme, self._on_theme),
        ]


def open_compare(
    viewer: napari.Viewer, image: Image | None = None, params: Params | None = None
) -> CompareWidget:
    """Open the panel in a viewer, or bring the open one to the front.

    Parameters
    ----------
    viewer : napari.Viewer
        With a window.
    image : napari.layers.Image, optional
        What to segment; the active layer by default.
    params : Params, optional
        What the settings have in common; by default what the panel "Segment" says.

    Returns
    -------
    CompareWidget
    """
    panel = find_panel(viewer, CompareWidget)
    if panel is None:
        panel = CompareWidget(viewer)
        viewer.window.add_dock_widget(panel, name=NAME, area="right")
    panel.parent().show()
    panel.parent().raise_()
    panel.choose(image, params)
    return panel


def _iter_styled(
    steps: Callable[[], Generator[SweepStep, None, tuple[SweepRow, ...]]],
) -> Generator[tuple[SweepStep, LayerStyle | None], None, tuple[SweepRow, ...]]:
    """Return the trials of a comparison, with the styles of those that are done."""
    return map_steps(
        steps(), lambda one: (one, None if one.seg is None else prepare_style(one.seg))
    )

"""Figures and movies of the panel "Model" as files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QSpinBox,
    QVBoxLayout,
)

from napari_emseg.io.safe_write import new_file
from napari_emseg.plot.movie import (
    WIDTH_STEP,
    WIDTHS,
    Movie,
    check_movie,
    write_movie,
)
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import (
    form_rows,
    number_box,
    pluralize,
    push_button,
)
from napari_emseg.widgets.model.panel_figures import draw_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_emseg.layers import FitRecord
    from napari_emseg.plot.theme import Theme
    from napari_emseg.widgets.common.background import BackgroundQueue
    from napari_emseg.widgets.model.panel_figures import FigureData

FIGURES = {"PNG picture (*.png)": ".png", "SVG drawing (*.svg)": ".svg"}
MOVIES = {"GIF movie (*.gif)": ".gif", "MP4 movie (*.mp4)": ".mp4"}
DPI = 200  # of pictures
SIZE = (6.0, 4.5)  # inches
_LONGEST = 60  # letters of a name that is suggested


@dataclass(frozen=True, slots=True, eq=False)
class ExportedView:
    """The figure and the iterations that are written to files.

    Attributes
    ----------
    name : str
        Of the result.
    title : str
        Of the displayed figure.
    drawing : FigureData
        What it is drawn from.
    run : FitRecord
        The iterations.
    index : int
        The one that is shown.
    colors : callable
        Gives the colors (K, 3) in [0, 1] of the classes of a model.
    theme : Theme
        Colors of the figure.
    likelihood : bool
        Whether the objective is a log-likelihood.
    where : tuple of slice
        The displayed plane of the image.
    features : "auto" or (int, int)
        The axes.
    """

    name: str
    title: str
    drawing: FigureData
    run: FitRecord
    index: int
    colors: Callable[[Any], Any]
    theme: Theme
    likelihood: bool
    where: tuple[slice, ...]
    features: str | tuple[int, int]


# Qt is untyped here, so a class of it is Any to mypy.
class MovieDialog(QDialog):  # type: ignore[misc]
    """Asks for the size and the speed of a movie.

    Parameters
    ----------
    parent : QWidget
        Over which it opens.
    frames : int
        Number of iterations.

    Attributes
    ----------
    width_box : QSpinBox
        Pixels from side to side.
    fps_box : QDoubleSpinBox
        Iterations a second.
    """

    def __init__(self, parent: QWidget, frames: int) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save GIF")
        self.width_box = number_box(
            QSpinBox(), WIDTHS, 960, "Two thirds as high as wide."
        )
        self.width_box.setSingleStep(WIDTH_STEP)
        self.width_box.setSuffix(" px")
        self.fps_box = number_box(
            QDoubleSpinBox(), (0.5, 30), 6, "How many are shown in a second."
        )
        self.fps_box.setDecimals(1)
        self._frames, self._told = frames, plain_label()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        page = QVBoxLayout(self)
        page.addLayout(
            form_rows([("Width", self.width_box), ("Iterations/s", self.fps_box)])
        )
        page.addWidget(self._told)
        page.addWidget(buttons)
        for box in (self.width_box, self.fps_box):
            box.valueChanged.connect(self._tell)
        self._tell()

    def _tell(self, *_: object) -> None:
        seconds = self._frames / self.fps_box.value()
        wide = self.width_box.value() // WIDTH_STEP * WIDTH_STEP
        self._told.setText(
            f"{pluralize(self._frames, 'iteration')}, {seconds:.1f} s; "
            f"{wide} x {wide * 2 // 3} px"
        )


class FigureFiles:
    """Buttons that ask for a file, and write it in the background.

    Parameters
    ----------
    background : BackgroundQueue
        Where files are written.
    get_view : callable
        Tells what is shown; None if nothing is.
    say : callable
        Takes a status message, a str.

    Attributes
    ----------
    row : QHBoxLayout
        The buttons.
    figure, movie, cancel : QPushButton
        Write the displayed figure; write all iterations; stop writing.
    """

    def __init__(
        self,
        background: BackgroundQueue,
        get_view: Callable[[], ExportedView | None],
        say: Callable[[str], None],
    ) -> None:
        self._background, self._get_view, self._say = background, get_view, say
        self.figure = push_button(
            "Save figure…", "As PNG or SVG, as it is shown.", self.save_figure
        )
        self.movie = push_button(
            "Save GIF…", "All iterations as a movie, GIF or MP4.", self.save_movie
        )
        self.cancel = push_button("Cancel", "Leave no file.", self._stop)
        self.row = QHBoxLayout()
        self.row.setSpacing(6)
        for button in (self.figure, self.movie, self.cancel):
            self.row.addWidget(button)
        self.cancel.hide()
        self._writing = False

    def enable(self, on: bool) -> None:
        """Enable or disable the buttons."""
        self.figure.setEnabled(on)
        self.movie.setEnabled(on and not self._writing)

    def save_figure(self, path: str | Path | None = None) -> None:
        """Write the displayed figure.

        Parameters
        ----------
        path : str or Path, optional
            Ends in .png or .svg; asked for by default. A file that exists is replaced,
            as the dialog asks about that.

        Raises
        ------
        ValueError
            If that cannot be written.
        """
        view = self._get_view()
        target = None if view is None else self._ask(path, "Save figure", FIGURES, view)
        if target is None or view is None:
            return
        self._background.run(partial(_write_figure, target, view), self._on_written)

    def save_movie(
        self, path: str | Path | None = None, *, width: int = 960, fps: float = 6.0
    ) -> None:
        """Write all iterations, with the plane that is displayed.

        Parameters
        ----------
        path : str or Path, optional
            Ends in .gif or .mp4; asked for by default, with width and speed. A file
            that exists is replaced.
        width : int, optional
            In pixels.
        fps : float, optional
            Iterations a second.

        Raises
        ------
        ValueError
            If that cannot be written.
        """
        view = self._get_view()
        if view is None:
            return
        if path is None:
            dialog = MovieDialog(self.figure.window(), len(view.run.states))
            if not dialog.exec():
                return
            width, fps = dialog.width_box.value(), dialog.fps_box.value()
        target = self._ask(path, "Save GIF", MOVIES, view)
        if target is None:
            return
        check_movie(target, force=True)
        steps = write_movie(
            target,
            Movie(view.run.states, view.run.source, view.colors),
            view.drawing.cloud,
            where=view.where,
            width=width,
            fps=fps,
            features=view.features,
            theme=view.theme,
            force=True,
        )
        self._writing = True
        self._background.run(
            lambda: steps, lambda _: self._on_written(target), on_step=self._on_progress
        )

    def _stop(self) -> None:
        self._background.cancel()

    def show_busy(self, busy: bool) -> None:
        """Show "Cancel" while a movie is written, and "Save GIF…" otherwise."""
        if not busy:
            self._writing = False
        self.movie.setVisible(not self._writing)
        self.cancel.setVisible(self._writing)

    def _on_progress(self, step: tuple[int, int]) -> None:
        done, total = step
        self._say(f"Drawing frame {done} of {total} ({done / total:.0%}) …")

    def _on_written(self, target: Path) -> None:
        self._say(f"{target.name} is written.")

    def _ask(
        self,
        path: str | Path | None,
        title: str,
        kinds: dict[str, str],
        view: ExportedView,
    ) -> Path | None:
        if path is None:
            first = next(iter(kinds.values()))
            name = re.sub(r'[\\/:*?"<>|\0-\37]', "_", view.name)[:_LONGEST]
            path, kind = QFileDialog.getSaveFileName(
                self.figure.window(), title, f"{name}{first}", ";;".join(kinds)
            )
            if not path:
                return None
            if not Path(path).suffix:
                path = f"{path}{kinds.get(kind, '')}"
                if Path(path).exists():
                    # The dialog asked about another name.
                    raise ValueError(
                        f"{path} exists already; to replace it, give its name in full"
                    )
        if Path(path).suffix.lower() not in kinds.values():
            known = " or ".join(kinds.values())
            raise ValueError(f"{path} cannot be written; use a name in {known}")
        return Path(path)


def _write_figure(target: Path, view: ExportedView) -> Path:
    figure = Figure(SIZE, layout="constrained")
    page = draw_page(
        figure, view.title, view.drawing, view.theme, likelihood=view.likelihood
    )
    model = view.run.states[view.index].model
    page.show(
        view.run.states, view.index, None if model is None else view.colors(model)
    )
    with new_file(target, force=True) as temporary:
        figure.savefig(temporary, dpi=DPI)
    return target

"""Dialog that applies a recipe to other pictures, and shows what comes of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
)

from napari_emseg.batch import find_pictures, tidy_csv
from napari_emseg.io.files import write_text
from napari_emseg.layers.pictures.treated_layers import (
    add_treated,
    image_layer,
    layer_picture,
    pictures_like,
)
from napari_emseg.layers.selection import add_quietly
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.plain_text import as_it_stands, plain_label
from napari_emseg.widgets.common.qt import ask_path, pluralize, push_button
from napari_emseg.widgets.results.dialogs import CHECKED, UNCHECKED
from napari_emseg.widgets.series.apply_request import ApplyRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels
    from qtpy.QtWidgets import QWidget

    from napari_emseg.batch import Outcome, Picture
    from napari_emseg.layers import PictureLayers
    from napari_emseg.recipe.step import Step
    from napari_emseg.widgets.series.apply_request import (
        AppliedRecipe,
        ApplyStep,
        How,
    )

MODELS: dict[How, tuple[str, str]] = {
    "model": (
        "Same model",
        "Classes are those of “{}”, the same in all pictures, with names and colors.",
    ),
    "anew": (
        "Fit anew",
        "Each picture gets classes of its own; class 3 may be another thing in each.",
    ),
    "joint": (
        "One model for all",
        "One fit to all these pictures together; classes are the same in all.",
    ),
    "exact": (
        "All steps as they are",
        "For the picture that “{}” was made on: places and strokes too.",
    ),
}
SIGNS = {"done": "✓", "failed": "✗", "skipped": "–"}
DATA = Qt.ItemDataRole.UserRole
WIDTH, HEIGHT = 620, 600


# Qt is untyped here, so a class of it is Any to mypy.
class ApplyDialog(QDialog):  # type: ignore[misc]
    """Window in which a recipe is applied to layers and files.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Not a proxy of it; results go there, if they do not go to files.
    applied : AppliedRecipe
        What is applied.
    source : napari.layers.Labels or None
        The result that it is of; its picture is not offered.
    parent : QWidget or None
        The window.

    Attributes
    ----------
    models : dict of str to QRadioButton
        "model", "anew", "joint", "exact".
    pictures, edits : QListWidget
        What it is applied to, and the steps after the fit.
    outcomes : tuple of Outcome
        What became of the pictures; empty until all are done.
    background : BackgroundQueue
        Where the work is done.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        applied: AppliedRecipe,
        source: Labels | None,
        parent: QWidget | None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Apply “{applied.name}” to other pictures")
        self._viewer, self._applied, self._source = viewer, applied, source
        self.outcomes: tuple[Outcome, ...] = ()
        self._request: ApplyRequest | None = None
        self._hint = plain_label()
        self._hint.setWordWrap(True)
        self.background = BackgroundQueue(self._on_error, on_cancel=self.cancel)
        self._make_models()
        self._make_pictures()
        self._make_edits()
        self._make_results()
        self.bar, self.status = QProgressBar(), plain_label()
        self.status.setWordWrap(True)
        self.bar.hide()
        self.table = push_button(
            "Save table…", "One table of all classes of all pictures.", self.save_table
        )
        self.start = push_button("Apply", "Begin.", self.apply)
        self.stop = push_button("Close", "Close this window.", self._on_stop)
        self.table.setEnabled(False)
        self._lay_out()
        for button in self.models.values():
            button.toggled.connect(self._on_model)
        self.pictures.itemChanged.connect(self._on_pictures)
        self._on_model()
        self._on_pictures()
        self.resize(WIDTH, HEIGHT)

    @property
    def how(self) -> How:
        """What the classes are."""
        return next(how for how, button in self.models.items() if button.isChecked())

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Add files, and all pictures in folders."""
        known = {picture.path for picture, _ in self._all()}
        for picture in find_pictures(paths):
            if picture.path not in known:
                self._add(picture, None)
        self._on_pictures()

    def apply(self) -> None:
        """Begin with the pictures that are checked.

        Raises
        ------
        ValueError
            If there are none, or what is chosen does not go together.
        """
        chosen = [item.data(DATA) for item in self._items() if _checked(item)]
        if not chosen:
            raise ValueError("there is no picture to apply it to; check or add some")
        steps = [item.data(DATA) for item in _rows(self.edits) if _checked(item)]
        treatment = self._applied.treatment(self.how, steps)
        folder = None
        if self.to_folder.isChecked():
            if not self._folder:
                raise ValueError("no folder is chosen for the results; choose one")
            folder = Path(self._folder)
        request = self._request = ApplyRequest(
            tuple(picture for picture, _ in chosen),
            treatment,
            to_files=not self.to_layers.isChecked(),
            folder=folder,
            force=self.force.isChecked(),
            layers=tuple(layers for _, layers in chosen),
        )
        self.outcomes = ()
        for item in self._items():
            self._show(item, "")
        self._show_running(True)
        self.bar.setRange(0, len(chosen))
        self.bar.setValue(0)
        self.status.setText("Working …")
        self.background.run(
            request.iter_apply,
            self._on_end,
            on_step=self._on_step,
            title=f"Apply to {pluralize(len(chosen), 'picture')}",
        )

    def cancel(self) -> None:
        """Stop; what is done stays."""
        if self.background.cancel():
            self._show_running(False)
            self.status.setText("Canceled; what was done before stays.")

    def save_table(self) -> None:
        """Ask for a file, and write the rows of all pictures."""
        target = ask_path(self, "Save table", "classes.csv", "Table (*.csv)", ".csv")
        if target is None:
            return
        path, force = target
        try:
            write_text(path, tidy_csv(self.outcomes), (".csv",), force=force)
        except OSError as error:
            raise ValueError(str(error)) from error
        self.status.setText(f"Saved {path.name}.")

    def reject(self) -> None:
        """Cancel what is under way, and close; Qt asks for it at each way to close."""
        self.background.close()
        super().reject()

    def _make_models(self) -> None:
        self.models = {how: QRadioButton(title) for how, (title, _) in MODELS.items()}
        group = QButtonGroup(self)
        for button in self.models.values():
            group.addButton(button)
        applied = self._applied
        try:
            self._steps, self._left_out = applied.edits()
        except ValueError as error:
            self._steps, self._left_out = (), ()
            raise ValueError(f"{applied.name}: {error}") from None
        self.models["model"].setEnabled(applied.fitted is not None)
        self.models["exact"].setVisible(applied.from_file)
        first: How = "anew" if applied.fitted is None else "model"
        self.models[first].setChecked(True)

    def _make_pictures(self) -> None:
        self.pictures = QListWidget()
        self.pictures.setWordWrap(True)
        self.pictures.setTextElideMode(Qt.TextElideMode.ElideNone)
        first: Any = self._applied.recipe.steps[0].args
        each = first.params.channels == "each"
        axes = getattr(first, "axes", None)
        active = self._viewer.layers.selection
        for picture in pictures_like(self._viewer, self._source, axes, each=each):
            # A recipe that was opened is for what is looked at.
            on = not self._applied.from_file or picture.lead in active
            self._add(layer_picture(picture), picture, on=on)

    def _make_edits(self) -> None:
        self.edits = QListWidget()
        self.edits.setWordWrap(True)
        for step in self._steps:
            item = QListWidgetItem(_told(step))
            item.setData(DATA, step)
            item.setCheckState(CHECKED)
            self.edits.addItem(item)
        for one in self._left_out:
            item = QListWidgetItem(f"left out: {one}")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.edits.addItem(item)
        self.edits.setVisible(bool(self._steps or self._left_out))

    def _make_results(self) -> None:
        self.to_layers = QRadioButton("layers")
        self.beside = QRadioButton("files beside the pictures")
        self.to_folder = QRadioButton("files in a folder")
        group = QButtonGroup(self)
        for button in (self.to_layers, self.beside, self.to_folder):
            group.addButton(button)
        self._folder = ""
        self.choose = push_button("Folder…", "Where files go.", self._ask_folder)
        self.force = QCheckBox("Replace earlier results")
        self.force.setToolTip(
            "Only labels that this plugin or its command wrote are ever replaced."
        )
        for button in (self.to_layers, self.to_folder):
            button.toggled.connect(self._on_results)
        self.to_layers.setChecked(True)

    def _lay_out(self) -> None:
        page = QVBoxLayout(self)
        row = QHBoxLayout()
        for button in self.models.values():
            row.addWidget(button)
        row.addStretch()
        page.addWidget(_heading("Classes"))
        page.addLayout(row)
        page.addWidget(self._hint)
        row = QHBoxLayout()
        row.addWidget(_heading("Pictures"), 1)
        for title, tip, call in (
            ("Files…", "Add pictures that are files.", self._ask_files),
            ("Folder…", "Add all pictures in a folder.", self._ask_pictures),
        ):
            row.addWidget(push_button(title, tip, call))
        page.addLayout(row)
        page.addWidget(self.pictures, 3)
        if self._steps or self._left_out:
            page.addWidget(_heading("Edits that are repeated"))
            page.addWidget(self.edits, 2)
        page.addWidget(_heading("Results"))
        row = QHBoxLayout()
        for widget in (self.to_layers, self.beside, self.to_folder, self.choose):
            row.addWidget(widget)
        row.addStretch()
        page.addLayout(row)
        page.addWidget(self.force)
        page.addWidget(self.bar)
        page.addWidget(self.status)
        row = QHBoxLayout()
        row.addWidget(self.table)
        row.addStretch()
        row.addWidget(self.start)
        row.addWidget(self.stop)
        page.addLayout(row)

    def _items(self) -> list[QListWidgetItem]:
        return _rows(self.pictures)

    def _all(self) -> list[tuple[Picture, PictureLayers | None]]:
        return [item.data(DATA) for item in self._items()]

    def _add(
        self, picture: Picture, layers: PictureLayers | None, *, on: bool = True
    ) -> None:
        item = QListWidgetItem()
        item.setData(DATA, (picture, layers))
        item.setCheckState(CHECKED if on else UNCHECKED)
        self._show(item, "")
        self.pictures.addItem(item)

    def _show(self, item: QListWidgetItem, sign: str, text: str = "") -> None:
        picture, layers = item.data(DATA)
        what = picture.name if layers is None else f"{picture.name} (layer)"
        told = f" — {text}" if text else ""
        item.setText(f"{sign} {what}{told}".strip())
        item.setToolTip(as_it_stands(text or str(picture.path or "")))

    def _on_model(self, *_: object) -> None:
        how = self.how
        self._hint.setText(MODELS[how][1].format(self._applied.name))
        self.edits.setEnabled(how != "exact")

    def _on_pictures(self, *_: object) -> None:
        count = sum(map(_checked, self._items()))
        self.start.setEnabled(count > 0 and not self.background.running)
        if not self.background.running and not self.outcomes:
            chosen = pluralize(count, "picture")
            self.status.setText(
                f"{chosen} to go." if count else "Add files, or check layers."
            )

    def _on_results(self, *_: object) -> None:
        self.choose.setEnabled(self.to_folder.isChecked())
        self.force.setEnabled(not self.to_layers.isChecked())

    def _on_step(self, step: ApplyStep) -> None:
        told = step.progress
        self.bar.setValue(told.done)
        if told.outcome is not None:
            self._on_outcome(told.outcome, step)
        elif told.step is not None:
            name = told.name or "One model for all"
            self.status.setText(f"{name}: {told.step.stage} …")

    def _on_outcome(self, outcome: Outcome, step: ApplyStep) -> None:
        """Show what became of a picture, and its labels as a layer."""
        request = self._request
        assert request is not None
        # Layers have names of their own; of one file there is one row.
        place = [(one.name, one.path) for one in request.pictures].index(
            (outcome.name, outcome.path)
        )
        item = self._item_of(request.pictures[place])
        text = "" if outcome.error is None else str(outcome.error)
        text = "; ".join(filter(None, (text, *outcome.messages)))
        if outcome.treated is not None and step.table is not None:
            layers = request.layers[place]
            if layers is None:
                layers = image_layer(outcome)
                add_quietly(self._viewer, layers.lead)
            if layers.lead in self._viewer.layers:
                add_treated(self._viewer, outcome.treated, layers, step.table)
            else:
                text = "the layer was removed meanwhile, so nothing was added"
        if item is not None:
            self._show(item, SIGNS[outcome.status], text)

    def _item_of(self, picture: Picture) -> QListWidgetItem | None:
        return next((i for i in self._items() if i.data(DATA)[0] is picture), None)

    def _on_end(self, outcomes: tuple[Outcome, ...]) -> None:
        self.outcomes = outcomes
        bad = [one for one in outcomes if one.error is not None]
        good = len(outcomes) - len(bad)
        self._show_running(False)
        self.table.setEnabled(good > 0)
        text = f"{pluralize(good, 'picture')} done."
        if bad:
            text += f" {len(bad)} failed: {', '.join(one.name for one in bad)}."
        self.status.setText(text)

    def _on_error(self, message: str) -> None:
        self._show_running(False)
        self.status.setText(message)
        show_error(message)

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.start.setEnabled(not running)
        self.stop.setText("Cancel" if running else "Close")
        for widget in (self.pictures, self.edits, *self.models.values()):
            widget.setEnabled(not running)
        if not running:
            self.models["model"].setEnabled(self._applied.fitted is not None)

    def _on_stop(self) -> None:
        if self.background.running:
            self.cancel()
        else:
            self.close()

    def _ask_files(self) -> None:
        kinds = "Pictures (*.png *.jpg *.jpeg *.tif *.tiff);;All files (*)"
        paths, _ = QFileDialog.getOpenFileNames(self, "Add pictures", "", kinds)
        self.add_paths([Path(path) for path in paths])

    def _ask_pictures(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Add a folder"):
            self.add_paths([Path(folder)])

    def _ask_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Folder for results"):
            self.set_folder(folder)

    def set_folder(self, folder: str) -> None:
        """Let results be files in a folder."""
        self._folder = folder
        self.to_folder.setChecked(True)
        self.to_folder.setText(f"files in {Path(folder).name}")
        self.to_folder.setToolTip(as_it_stands(folder))


def open_apply(
    viewer: ViewerModel,
    applied: AppliedRecipe,
    source: Labels | None,
    parent: QWidget | None,
) -> ApplyDialog:
    """Open the window that applies a recipe to other pictures; it blocks nothing."""
    dialog = ApplyDialog(viewer, applied, source, parent)
    dialog.show()
    return dialog


def _rows(widget: QListWidget) -> list[QListWidgetItem]:
    return [widget.item(row) for row in range(widget.count())]


def _checked(item: QListWidgetItem) -> bool:
    return bool(item.data(DATA)) and item.checkState() == CHECKED


def _told(step: Step) -> str:
    """Return a step in words, with what is not as ever."""
    given = step.args.model_dump(mode="json", exclude_defaults=True)
    parts = [f"{name.replace('_', ' ')} {_short(given[name])}" for name in given]
    return f"{step.op.replace('_', ' ')}: {', '.join(parts)}".removesuffix(": ")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:40]}…" if len(text) > 40 else text


def _heading(text: str) -> QLabel:
    label = plain_label(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label

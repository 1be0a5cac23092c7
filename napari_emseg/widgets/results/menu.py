"""The menu "Result"."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from napari.layers import Image
from qtpy.QtWidgets import QMenu

from napari_emseg.layers import is_result
from napari_emseg.widgets.common.qt import clear_menu, connect, push_button
from napari_emseg.widgets.results.inspector import inspector_of

if TYPE_CHECKING:
    import napari.components
    from qtpy.QtWidgets import QPushButton

COMMANDS = "napari_emseg.widgets.manifest_commands"
EXCHANGE = "napari_emseg.widgets.exchange_commands"
BATCH = "napari_emseg.widgets.batch_commands"
NO_IMAGE = "there is no image to segment; open one"
NO_RESULT = "there is no result yet; open an image and segment it"


class MenuRow(NamedTuple):
    """A row of the menu.

    Attributes
    ----------
    title, tip : str
        As the user reads them; an ellipsis says that something is asked for first.
    command : str
        A function of the module of commands.
    of_image : bool
        Whether an image is enough, and no result is needed.
    always : bool
        Whether nothing is needed.
    module : str
        Where the command is.
    submenu : str
        Title of the menu in the menu that it is in; empty if it is in none.
    """

    title: str
    tip: str
    command: str
    of_image: bool = False
    module: str = COMMANDS
    submenu: str = ""
    always: bool = False


# Groups, with a line between them.
ROWS: tuple[tuple[MenuRow, ...], ...] = (
    (
        MenuRow(
            "Select and edit…",
            "Select, cut out and adjust; merge, split, fill and paint classes.",
            "open_edit",
            of_image=True,
        ),
        MenuRow(
            "Objects…",
            "Find the nuclei or grains of a class, count and measure them.",
            "open_objects",
        ),
    ),
    (
        MenuRow(
            "Show uncertainty",
            "A layer that glows where classes are in doubt.",
            "show_uncertainty",
        ),
        MenuRow(
            "Next uncertain place",
            "Go to the worst place, then to the next.",
            "next_uncertain_place",
        ),
        MenuRow(
            "Probability maps…",
            "How likely classes are, a layer for each that you choose.",
            "probability_maps",
        ),
        MenuRow(
            "Uncertain pixels to 0…",
            "Take the label from pixels in doubt.",
            "drop_uncertain",
        ),
    ),
    (
        MenuRow(
            "Class table", "Areas, colors and pieces of the classes.", "class_table"
        ),
        MenuRow("Export class table…", "Write it as CSV.", "export_class_table"),
    ),
    (
        MenuRow(
            "Export…",
            "Write polygons for QuPath, COCO or ImageJ, or a mask.",
            "export_objects",
            module=EXCHANGE,
        ),
        MenuRow(
            "Import polygons…",
            "Make labels of a file of QuPath, COCO or ImageJ, or of the active Shapes.",
            "import_objects",
            of_image=True,
            module=EXCHANGE,
        ),
        MenuRow(
            "Polygons as Shapes",
            "A Shapes layer with the outlines of these labels.",
            "show_polygons",
            module=EXCHANGE,
        ),
        MenuRow(
            "Save class scheme…",
            "Names, colors and keys of the classes, for other images.",
            "save_scheme",
            module=EXCHANGE,
            submenu="Class scheme",
        ),
        MenuRow(
            "Apply class scheme…",
            "Give these classes the names, colors and numbers of a scheme.",
            "apply_scheme",
            module=EXCHANGE,
            submenu="Class scheme",
        ),
        MenuRow(
            "Stain densities…",
            "How much of each stain there is, an image layer for each.",
            "show_stains",
            of_image=True,
            module=EXCHANGE,
            submenu="Stains",
        ),
        MenuRow(
            "Stains from selections…",
            "Find the colors of stains in saved selections of one stain each.",
            "find_stains",
            of_image=True,
            module=EXCHANGE,
            submenu="Stains",
        ),
    ),
    (
        MenuRow(
            "Compare…",
            "Segment with several settings side by side, and keep the best.",
            "compare",
            of_image=True,
        ),
        MenuRow("Model…", "Watch how the classes were found.", "open_model"),
    ),
    (
        MenuRow(
            "Copy as Python",
            "A script that makes these labels again.",
            "copy_as_python",
        ),
        MenuRow(
            "Save labels…", "Write them as TIFF, with the recipe inside.", "save_labels"
        ),
        MenuRow(
            "Save recipe…",
            "The steps to these labels, for other images too.",
            "save_recipe",
        ),
        MenuRow(
            "Edit finest labels",
            "Of a result in a store, as a layer in memory that can be edited.",
            "edit_stored",
            module=BATCH,
            submenu="Store",
        ),
        MenuRow(
            "Write edits back",
            "To the store that the labels came from: the changed chunks alone.",
            "save_stored",
            module=BATCH,
            submenu="Store",
        ),
        MenuRow(
            "Open recipe…",
            "A recipe from a file, for the picture it was made on or for others.",
            "open_recipe",
            of_image=True,
            module=BATCH,
        ),
        MenuRow(
            "Apply to…",
            "Do the same with other layers, files and folders.",
            "apply_to",
            module=BATCH,
        ),
    ),
    (
        MenuRow(
            "Help…",
            "How things are done, step by step, and all keys.",
            "open_help",
            always=True,
        ),
    ),
)


def result_button(viewer: napari.components.ViewerModel) -> QPushButton:
    """Return the button that opens the menu, and start to update tables of results.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the results are.
    """
    inspector_of(viewer)
    button = push_button("Result ▾", "What to do with the segmentation.", None)
    menu = QMenu(button)
    menu.setToolTipsVisible(True)
    connect(menu.aboutToShow, partial(fill, menu, viewer), menu)
    button.setMenu(menu)
    button.setStyleSheet("QPushButton::menu-indicator { image: none; width: 0px }")
    return button


def fill(menu: QMenu, viewer: napari.components.ViewerModel) -> None:
    """Fill the menu; disabled rows say in their tooltip what is missing."""
    clear_menu(menu)
    images = any(isinstance(layer, Image) for layer in viewer.layers)
    results = any(map(is_result, viewer.layers))
    for place, group in enumerate(ROWS):
        if place > 0:
            menu.addSeparator()
        inner: dict[str, QMenu] = {"": menu}
        for row in group:
            missing = ""
            if row.always:
                missing = ""
            elif row.of_image and not images:
                missing = NO_IMAGE
            elif not (row.of_image or results):
                missing = NO_RESULT
            if row.submenu not in inner:
                inner[row.submenu] = menu.addMenu(row.submenu)
                inner[row.submenu].setToolTipsVisible(True)
            action = inner[row.submenu].addAction(row.title)
            connect(action.triggered, partial(_call, row, viewer), action)
            action.setEnabled(not missing)
            action.setToolTip(f"{row.tip} ({missing}.)" if missing else row.tip)


def _call(row: MenuRow, viewer: napari.components.ViewerModel, *_: object) -> None:
    # By its name, as that module imports the panel which this menu is in.
    getattr(import_module(row.module), row.command)(viewer)

"""Commands of the menu "Result" for other programs, schemes of classes and stains."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_emseg.adjust.stains import stain_densities, stain_vectors
from napari_emseg.engine.image.stain_separation import stain_names, vectors_text
from napari_emseg.exchange import (
    ClassScheme,
    export,
    from_shapes,
    read_objects,
    to_shapes,
)
from napari_emseg.exchange.class_scheme import KEYS, renumbered
from napari_emseg.layers import image_data, placement, saved_selections, spatial_shape
from napari_emseg.layers.classes import scheme_look
from napari_emseg.layers.geometry import Plane
from napari_emseg.layers.history import insert_layer
from napari_emseg.layers.instances.object_layer import add_objects, is_objects
from napari_emseg.layers.label_files import annotations_of
from napari_emseg.layers.metadata import EDITED, KEY, RECIPE, entry_of
from napari_emseg.layers.selection import add_result, coverage
from napari_emseg.layers.uncertainty import meant_image
from napari_emseg.layers.undo.shared_history import note_added
from napari_emseg.params import Params
from napari_emseg.recipe.step import Step
from napari_emseg.regions.instances import Objects
from napari_emseg.widgets.common.docks import open_panel
from napari_emseg.widgets.common.qt import ask_path, pluralize
from napari_emseg.widgets.common.status_line import tell
from napari_emseg.widgets.edit.panel import after_edits
from napari_emseg.widgets.manifest_commands import (
    chosen_result,
    command,
    main_window,
)
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.results.menu import NO_IMAGE
from napari_emseg.widgets.results.scheme_dialog import SchemeDialog
from napari_emseg.widgets.segment.panel import SegmentWidget

if TYPE_CHECKING:
    import napari
    from napari.components import ViewerModel

    from napari_emseg.exchange import Annotations

EXPORTED = (
    "QuPath (*.geojson);;COCO (*.json);;ROIs of ImageJ (*.zip);;Mask (*.png *.tif)"
)
IMPORTED = "Objects (*.geojson *.json *.zip)"
SCHEMES = "Scheme of classes (*.json)"
# What a user calls the stains, and what they are called here.
STAIN_CHOICES = {
    "hematoxylin and eosin": "he",
    "hematoxylin and DAB": "hdab",
    "hematoxylin, eosin and DAB": "hed",
    "optical density of red, green, blue": "od",
    "own stains, as in the panel Segment": "",
}


@command
def export_objects(viewer: napari.Viewer) -> None:
    """Write labels for another program."""
    layer = chosen_result(viewer)
    target = ask_path(
        main_window(), "Export", f"{layer.name}.geojson", EXPORTED, ".geojson"
    )
    if target is None:
        return
    path, force = target
    inspector = inspector_of(viewer)

    def write() -> None:
        given = annotations_of(layer)
        work = partial(export, given, path, force=force)
        inspector.background.run(
            work, lambda _: tell(viewer, f"Exported {path.name}."), title="Export"
        )

    after_edits(viewer, write)


@command
def import_objects(viewer: napari.Viewer) -> None:
    """Make labels of a file of polygons, or of the active Shapes layer."""
    image = meant_image(viewer)
    if image is None:
        raise ValueError(NO_IMAGE)
    shape = spatial_shape(image)
    active = viewer.layers.selection.active
    if isinstance(active, Shapes):
        name = active.name
        found = from_shapes(_on_image(active, image), shape, source=repr(name))
        _add_labels(viewer, image, name, found)
        return
    chosen, _ = QFileDialog.getOpenFileName(
        main_window(), "Import polygons", "", IMPORTED
    )
    if not chosen:
        return
    name = chosen.replace("\\", "/").rpartition("/")[2]

    def then(found: Annotations) -> None:
        if image in viewer.layers:
            _add_labels(viewer, image, name, found)

    work = partial(read_objects, chosen, shape)
    inspector_of(viewer).background.run(work, then, title=f"Import {name}")


@command
def show_polygons(viewer: napari.Viewer) -> None:
    """Show the outlines of labels as a Shapes layer."""
    layer = chosen_result(viewer)
    given = annotations_of(layer)

    def then(made: Any) -> None:
        data, attributes, _ = made
        if layer not in viewer.layers:
            return
        shapes = Shapes(
            data,
            ndim=layer.data.ndim,
            name=f"{layer.name} polygons",
            **attributes,
            **placement(layer, (None,) * layer.data.ndim),
        )
        insert_layer(viewer.layers, len(viewer.layers), shapes)
        note_added(viewer, shapes)

    inspector_of(viewer).background.run(
        partial(to_shapes, given), then, title="Polygons"
    )


@command
def save_scheme(viewer: napari.Viewer) -> None:
    """Write names, colors and keys of the classes as a scheme."""
    layer = chosen_result(viewer)
    target = ask_path(
        main_window(), "Save class scheme", f"{layer.name}.json", SCHEMES, ".json"
    )
    if target is None:
        return
    path, force = target
    inspector = inspector_of(viewer)

    def write(scheme: ClassScheme) -> None:
        scheme.save(path, force=force)
        found = pluralize(len(scheme.classes), "class", "es")
        tell(viewer, f"Saved {path.name}, {found}.")

    data, rgb = _pixels_of(viewer, layer)
    work = partial(ClassScheme.from_result, layer, data, rgb=rgb)
    after_edits(viewer, lambda: inspector.background.run(work, write))


@command
def apply_scheme(viewer: napari.Viewer) -> None:
    """Ask for a scheme, show what becomes of the classes, and add a layer with it."""
    layer = chosen_result(viewer)
    if is_objects(layer):
        raise ValueError(
            f"{layer.name!r} are objects, which have no scheme of their own; choose "
            "the classes that they were found in"
        )
    chosen, _ = QFileDialog.getOpenFileName(
        main_window(), "Apply class scheme", "", SCHEMES
    )
    if not chosen:
        return
    scheme = ClassScheme.load(chosen)
    data, rgb = _pixels_of(viewer, layer)

    def ask(numbers: dict[int, int]) -> None:
        if layer not in viewer.layers:
            return
        dialog = SchemeDialog(layer, scheme, numbers, main_window())
        dialog.chosen.connect(partial(_add_in_scheme, viewer, layer, scheme))
        dialog.open()

    def match() -> dict[int, int]:
        return scheme.match(np.asarray(layer.data), data, rgb=rgb)

    inspector = inspector_of(viewer)
    after_edits(viewer, lambda: inspector.background.run(match, ask, title="Classes"))


@command
def show_stains(viewer: napari.Viewer) -> None:
    """Ask for stains, and show the density of each as an image layer."""
    image = _tissue(viewer)
    title, agreed = QInputDialog.getItem(
        main_window(), "Stain densities", "Stains", [*STAIN_CHOICES], 0, False
    )
    if not agreed:
        return
    panel = open_panel(viewer, SegmentWidget, "Segment")
    stains = STAIN_CHOICES[title] or panel.form["stains"].value
    names = ("red", "green", "blue") if stains == "od" else stain_names(stains)

    def then(found: Any) -> None:
        if image not in viewer.layers:
            return
        active = viewer.layers.selection.active
        place = placement(image, (None,) * found[..., 0].ndim)
        for number, name in enumerate(names):
            values = np.ascontiguousarray(found[..., number])
            high = float(np.percentile(values[..., ::4, ::4], 99.9))
            density = Image(
                values,
                name=f"{image.name} {name}",
                contrast_limits=(0, max(high, 1.0)),
                colormap="gray_r",
                **place,
            )
            insert_layer(viewer.layers, len(viewer.layers), density)
            note_added(viewer, density)
        # Panels would turn to the last one.
        viewer.layers.selection.active = active

    inspector_of(viewer).background.run(
        partial(stain_densities, image.data, stains), then, title="Stain densities"
    )


@command
def find_stains(viewer: napari.Viewer) -> None:
    """Find stains in saved selections, and choose them in the panel Segment."""
    image = _tissue(viewer)
    kept = [
        one for one in saved_selections(viewer, image) if np.asarray(one.data).any()
    ]
    if len(kept) not in (2, 3):
        raise ValueError(
            f"there are {len(kept)} saved selections on {image.name!r}, but stains are "
            "found in two or three; select a place of one stain alone, save it (Select "
            "and edit), and do so for each stain"
        )
    whole = (None,) * len(spatial_shape(image))
    masks = [coverage(Plane(one, whole)) for one in kept]

    def then(vectors: Any) -> None:
        panel = open_panel(viewer, SegmentWidget, "Segment")
        now = panel.form.params
        panel.adopt(Params(**now.model_dump() | {"color": "stains", "stains": vectors}))
        told = ", ".join(one.name for one in kept)
        tell(viewer, f"Stains of {told}: {vectors_text(vectors)}.")

    inspector_of(viewer).background.run(
        lambda: stain_vectors(image.data, *masks), then, title="Stains"
    )


def _pixels_of(viewer: ViewerModel, layer: Labels) -> tuple[Any, bool | None]:
    """Return the pixels that a layer lies on, None if there are none, and if RGB."""
    image = inspector_of(viewer).image_of(layer)
    if image is None:
        return None, None
    at = entry_of(layer).get("at")
    return image_data(image, None if at is None else tuple(at)), bool(image.rgb)


def _tissue(viewer: ViewerModel) -> Image:
    image = meant_image(viewer)
    if image is None:
        raise ValueError(NO_IMAGE)
    if not image.rgb:
        raise ValueError(
            f"{image.name!r} is not RGB, from which stains are told; choose a picture "
            "of stained tissue"
        )
    return image


def _on_image(shapes: Shapes, image: Image) -> Any:
    """Return shapes in pixels of an image, wherever both layers lie."""
    axes = len(spatial_shape(image))
    data = [
        np.array([image.world_to_data(shapes.data_to_world(c))[:axes] for c in corners])
        for corners in shapes.data
    ]
    attributes = {"shape_type": shapes.shape_type, "features": shapes.features}
    return data, attributes, "shapes"


def _add_labels(
    viewer: ViewerModel, image: Image, name: str, found: Annotations
) -> None:
    """Add what was read as a Labels layer on its image."""
    if not found.labels.any():
        raise ValueError(f"{name} holds no objects, so no layer was added")
    names = {one.number: one.name for one in found.scheme.classes}
    whole = (None,) * found.labels.ndim
    if found.class_of is not None:
        objects = Objects.of(found.labels, found.class_of, class_names=names)
        layer = add_objects(viewer, objects, image, at=whole, name=name)
        note_added(viewer, layer, f"imported {name}")
        return
    numbers = [int(n) for n in np.unique(found.labels)]
    look = scheme_look(found.scheme, numbers)
    place = placement(image, whole)
    layer = Labels(found.labels, name=name, **look, **place)
    add_result(viewer, layer)
    note_added(viewer, layer, f"imported {name}")


def _add_in_scheme(
    viewer: ViewerModel, layer: Labels, scheme: ClassScheme, numbers: dict[int, int]
) -> None:
    """Add a layer of the classes of a scheme; the labels that it is made of stay."""
    if layer not in viewer.layers:
        return
    labels = renumbered(np.asarray(layer.data), numbers)
    look = scheme_look(scheme, [*numbers.values()])
    metadata = dict(layer.metadata)
    key = KEY if KEY in metadata else EDITED
    entry = entry_of(layer)
    if RECIPE in entry:
        steps = [*entry[RECIPE]["steps"], *_steps(numbers)]
        metadata[key] = entry | {RECIPE: entry[RECIPE] | {"steps": steps}}
    metadata |= {KEYS: look.pop("metadata")[KEYS]}
    place = placement(layer, (None,) * labels.ndim)
    made = Labels(
        labels, name=f"{layer.name} in scheme", metadata=metadata, **look, **place
    )
    add_result(viewer, made)
    note_added(viewer, made, f"put the classes of {layer.name} into a scheme")
    layer.visible = False
    viewer.layers.selection.active = made


def _steps(numbers: dict[int, int]) -> list[dict[str, Any]]:
    """Return the steps of a recipe that give labels other numbers."""
    groups: dict[int, list[int]] = {}
    for old, new in sorted(numbers.items()):
        groups.setdefault(new, []).append(old)
    steps = [
        Step.of("merge", members=members)
        for members in groups.values()
        if len(members) > 1
    ]
    moved = {members[0]: new for new, members in groups.items() if members[0] != new}
    if moved:
        steps.append(Step.of("renumber", numbers=moved))
    return [step.model_dump(mode="json") for step in steps]

"""The rows of the panel "Segment" that choose layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox
from napari.layers import Image
from qtpy.QtWidgets import QComboBox

from napari_emseg.layers import displayed, is_result

if TYPE_CHECKING:
    import napari.components
    from napari.layers import Labels

    from napari_emseg.layers import At

NEW = "new layer"
WHOLE, SLICE = "whole volume", "displayed slice"


class LayerBoxes:
    """What is segmented, and where "Segment" puts the result.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are offered.

    Attributes
    ----------
    image, extent, output : ComboBox
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
        self.extent = ComboBox(
            name="extent",
            label="Extent",
            tooltip="Segment all slices together, or only what is displayed now.",
            choices=[("Whole volume", WHOLE), ("Displayed slice", SLICE)],
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
            box.native.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.native.setMinimumContentsLength(14)

    @property
    def replace(self) -> Labels | None:
        """The earlier result that is to be updated; None for a new layer."""
        return None if self.output.value == NEW else self.output.value

    @property
    def part(self) -> At | None:
        """Which part of the image is to be segmented; None is all.

        Raises
        ------
        ValueError
            If the displayed slice is meant, and lies outside the image.
        """
        layer = self.image.value
        sliced = layer.ndim > 2 and self.extent.value == SLICE
        return displayed(self._viewer, layer) if sliced else None

    def reset(self) -> None:
        """Follow the layer list; a chosen layer stays chosen if it is renamed."""
        for box in (self.image, self.output):
            chosen = box.value
            box.reset_choices()
            if chosen in box.choices:
                box.value = chosen

    def show_extent(self) -> None:
        """Ask for the extent where there is a choice."""
        layer = self.image.value
        self.extent.visible = layer is not None and layer.ndim > 2

    def turn_to(self, layer: object) -> None:
        """Choose an image."""
        if isinstance(layer, Image):
            self.image.value = layer

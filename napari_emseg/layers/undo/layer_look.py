"""How a layer looks and what is known of it: colors, features, metadata, its fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_emseg.layers.fit_records import FitRecord, fit_record_of, remember_fit

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True, slots=True, eq=False)
class LayerLook:
    """What a fit changes in a layer besides its labels.

    Attributes
    ----------
    layer : napari.layers.Labels
    attributes : dict
        Colormap, features and metadata.
    run : FitRecord or None
        The fit that the labels are of.
    """

    layer: Labels
    attributes: dict[str, Any]
    run: FitRecord | None

    @classmethod
    def of(cls, layer: Labels, colormap: Any = None) -> LayerLook:
        """Return the look of a layer, which may be hidden by another colormap now."""
        attributes = {
            "colormap": layer.colormap if colormap is None else colormap,
            "features": layer.features,
            "metadata": dict(layer.metadata),
        }
        return cls(layer, attributes, fit_record_of(layer))

    def restore(self) -> None:
        """Give it to the layer again."""
        for name, value in self.attributes.items():
            setattr(self.layer, name, value)
        remember_fit(self.layer, self.run)

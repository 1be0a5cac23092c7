"""The panel "Segment": an image, its parameters and the result."""

from napari_emseg.widgets.segment.panel import SegmentWidget

__all__ = ["SegmentWidget"]

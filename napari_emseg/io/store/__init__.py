"""Images and labels that are larger than memory: opened, written, written back.

`open_image` opens what `napari_emseg.segment` reads tile by tile; with ``out=`` it
writes labels tile by tile; `open_labels` opens these again, and `write_back` writes
what was edited in them.

A whole slide is fitted on a coarse level, and only where it is no glass: where the
chroma, the difference of the largest and the smallest of red, green and blue, is above
Otsu's threshold. ``tissue=False`` switches that off; by default it is done only where
glass is plain to see.
"""

from napari_emseg.io.store.stored_image import StoredImage, open_image
from napari_emseg.io.store.stored_labels import StoredLabels, open_labels, write_back

__all__ = ["StoredImage", "StoredLabels", "open_image", "open_labels", "write_back"]

"""Labels of "picture.png", made again; written by napari-emseg 0.1.0."""

import napari_emseg as emseg

image = emseg.files.read_image("picture.png")[0]
seg = emseg.segment(
    image,
    method="kmeans",
    n_classes=5,
    smoothing=0.0,
    rgb=True,
)
labels = seg.labels.copy()
colors = emseg.select.prepare(image, rgb=True)
selection = emseg.select.wand(
    colors,
    point=(107.0, 20.0),
    tolerance=12.0,
    soft=True,
)
selection = emseg.select.rounded(selection)
picture = emseg.adjust.hue_saturation(
    image,
    selection if selection.any() else None,
    hue=40.0,
    saturation=0.2,
    rgb=True,
)
picture = emseg.adjust.desaturate(
    image,
    selection if selection.any() else None,
    amount=0.5,
    rgb=True,
)
picture = emseg.adjust.replace_color(
    image,
    selection if selection.any() else None,
    color=(200.0, 90.0, 50.0),
    by=(40.0, 60.0, 200.0),
    rgb=True,
)
selection = emseg.select.harden(selection)
labels = emseg.regions.fill(labels, selection, label=3).apply(labels)
emseg.files.write_labels("labels.tif", labels)

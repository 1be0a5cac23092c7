"""Labels of "picture.png", made again; written by napari-emseg 0.1.0."""

import numpy as np

import napari_emseg as emseg

image = emseg.files.read_image("picture.png")[0]
mask = emseg.hand.unpack(
    (120, 180),
    "bool",
    ((3, 120), (0, 180)),
    (
        "eAHt0LEAAAAAAjB/2wyKoX9DWIsBAwYMGDBgwICBfyADxGY/Pw=="
    ),
)
seed_labels = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((13, 102), (13, 86)),
    (
        "eAHt0CEKAEAIRUEt3v/ImwWTtmV+94ETsVgNW2Qihk6tQo4IECBAgAABAgQIECBAgAABAgQIECBAgACB"
        "fwWy7fBn6+Qh9ACUHgEN"
    ),
)
seg = emseg.segment(
    image,
    mask=mask,
    seed_labels=seed_labels,
    n_classes=6,
    rgb=True,
)
labels = seg.labels.copy()
seed_labels = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((13, 102), (13, 86)),
    (
        "eAHt0CEKAEAIRUEt3v/ImwWTtmV+94ETsVgNW2Qihk6tQo4IECBAgAABAgQIECBAgAABAgQIECBAgACB"
        "fwWy7fBn6+Qh9ACUHgEN"
    ),
)
erased = emseg.hand.unpack(
    (120, 180),
    "bool",
    ((113, 117), (166, 176)),
    (
        "eAH7/x8IAA72BPw="
    ),
)
labels = emseg.refit(
    image,
    labels,
    locked=(2,),
    seed_labels=seed_labels,
    erased=erased,
    n_classes=6,
    smoothing=0.5,
    rgb=True,
)
labels = emseg.regions.renumber(labels).apply(labels)
selection = emseg.select.rectangle(
    labels.shape,
    corner=(67.0, 20.0),
    opposite=(113.0, 140.0),
)
strokes = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((13, 94), (16, 126)),
    (
        "eAHt0MkNADAIwDCO/XfuBIhvhZwN4u6tEAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAhcEcit"
        "K6M+CBD4XaDGHpWYALw="
    ),
)
labels = emseg.hand.draw(
    labels,
    image,
    locked=(5,),
    strokes=strokes,
    selection=selection,
    rgb=True,
)
selection = emseg.select.lasso(
    labels.shape,
    path=((17.0, 20.0), (19.0, 70.0), (47.0, 77.0), (50.0, 23.0)),
)
selection = emseg.select.feather(selection, 2.0)
selection = emseg.select.rounded(selection)
found = emseg.select.ellipse(
    labels.shape,
    corner=(67.0, 10.0),
    opposite=(97.0, 57.0),
    soft=True,
)
selection = emseg.select.combine(selection, found, "add")
selection = emseg.select.rounded(selection)
selection = emseg.select.smooth(selection, radius=2.0)
selection = emseg.select.rounded(selection)
labels = emseg.regions.new_class(labels, selection, locked=(2,)).apply(labels)
saved = {}
saved["kept"] = selection
colors = emseg.select.prepare(image, rgb=True)
selection = emseg.select.wand(colors, point=(107.0, 20.0), tolerance=12.0)
selection = emseg.select.grow(selection, pixels=3.0)
selection = emseg.select.fill_holes(selection)
selection = emseg.select.remove_small(selection, min_size=40)
labels = emseg.regions.fill(labels, selection, locked=(6,), label=2).apply(labels)
found = emseg.select.wand(
    colors,
    point=(10.0, 100.0),
    tolerance=10.0,
    contiguous=False,
    sample_size=3,
)
selection = emseg.select.combine(selection, found, "subtract")
selection = emseg.select.shrink(selection, pixels=1.0)
found = emseg.select.color_range(
    colors,
    points=((10.0, 100.0), (110.0, 67.0)),
    tolerance=14.0,
)
selection = emseg.select.combine(selection, found, "xor")
selection = emseg.select.similar(colors, selection, tolerance=4.0)
selection = emseg.select.largest(selection)
selection = emseg.select.grow_similar(colors, selection, tolerance=5.0)
labels = emseg.regions.swap(labels, a=1, b=3, selection=selection).apply(labels)
selection = emseg.select.by_class(seg, k=2, threshold=0.6)
found = emseg.select.by_label(labels, point=(100.0, 100.0))
selection = emseg.select.combine(selection, found, "intersect")
selection = emseg.select.invert(selection)
selection = emseg.select.border(selection, width=5.0)
labels = emseg.regions.merge(labels, members=(4, 5), selection=selection).apply(labels)
tree = emseg.hierarchy(image, rgb=True)
selection = emseg.select.region_at(tree, point=(40.0, 90.0), level=0.4)
selection = emseg.select.feather(selection, radius=3.0)
selection = emseg.select.rounded(selection)
selection = emseg.select.harden(selection, threshold=0.4)
labels = emseg.regions.new_class(labels, selection).apply(labels)
selection = emseg.select.rectangle(
    labels.shape,
    corner=(3.0, 3.0),
    opposite=(27.0, 40.0),
)
found = emseg.select.polygon(
    labels.shape,
    points=((7.0, 7.0), (67.0, 20.0), (30.0, 100.0)),
)
selection = emseg.select.combine(selection, found, "intersect")
labels = emseg.regions.fill(labels, selection, label=7).apply(labels)
labels = emseg.regions.split(labels, label=1, min_size=40).apply(labels)
labels = emseg.regions.split(
    labels,
    label=2,
    method="watershed",
    n_parts=3,
    depth=2.0,
).apply(labels)
labels = emseg.regions.split(
    labels,
    label=3,
    method="classes",
    n_parts=2,
    image=image,
    rgb=True,
).apply(labels)
labels = emseg.regions.absorb_small(labels, min_size=30).apply(labels)
labels = emseg.regions.smooth_boundaries(labels, radius=1.5).apply(labels)
labels = emseg.regions.drop_uncertain(labels, seg, threshold=0.7).apply(labels)
selection = emseg.select.scissors(
    image,
    points=((40.0, 20.0), (47.0, 100.0), (87.0, 93.0)),
    rgb=True,
)
selection = emseg.select.box(image, box=(66.0, 100.0, 110.0, 166.0), rgb=True)
strokes = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((13, 94), (16, 126)),
    (
        "eAHt2kENAAAIAzHAv2gUEL6E9Bys71VthQgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIEDgi0Bu"
        "fRlqBwEC1wXmx0oD+CIAmg=="
    ),
)
found = emseg.hand.scribbled(image, strokes=strokes, rgb=True)
selection = emseg.select.combine(selection, found, "add")
values = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((20, 26), (133, 156)),
    (
        "eAH7/592IIEkAAC0qmzl"
    ),
)
found = emseg.select.from_bytes(values=values)
selection = emseg.select.combine(selection, found, "add")
selection = emseg.select.rounded(selection)
found = saved["kept"]
selection = emseg.select.combine(selection, found, "add")
selection = emseg.select.rounded(selection)
labels = emseg.regions.new_class(labels, selection).apply(labels)
selection = np.ones(labels.shape, bool)
labels = emseg.regions.swap(labels, a=2, b=4, selection=selection).apply(labels)
labels = emseg.regions.renumber(labels, numbers={1: 9, 9: 1}).apply(labels)
where = emseg.hand.unpack(
    (120, 180),
    "bool",
    ((33, 35), (7, 30)),
    (
        "eAH7/x8I/gAAFO4F+A=="
    ),
)
values = emseg.hand.unpack(
    (120, 180),
    "uint8",
    ((33, 35), (7, 30)),
    (
        "eAFjZiYFAAAM2QCL"
    ),
)
labels = emseg.hand.patch(labels, where=where, values=values)
emseg.files.write_labels("labels.tif", labels)

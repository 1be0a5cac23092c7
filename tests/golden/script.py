"""Labels of "sample_data/scene.png", made again; written by napari-emseg 0.1.0."""

import numpy as np

import napari_emseg as emseg

image = emseg.files.read_image("sample_data/scene.png")[0]
mask = emseg.hand.unpack(
    (360, 540),
    "bool",
    ((8, 360), (0, 540)),
    (
        "eAHt0IEAAAAAwyB/6l3gCIVQYcCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMG"
        "DBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCA"
        "gT8wdS14lQ=="
    ),
)
seed_labels = emseg.hand.unpack(
    (360, 540),
    "uint8",
    ((40, 304), (40, 260)),
    (
        "eAHt0bERACAIBDBo3H9kV/CwAL18r/AhYnbWRWY3i7iotnTrE/j5bn2qJhMgQIAAAQIECBAgQIAAAQIE"
        "CBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
        "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAg"
        "QIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIE"
        "CBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECFQE8jCVv7vfHFbL7j0r"
        "83XLJ++2ATp9BkE="
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
    (360, 540),
    "uint8",
    ((40, 304), (40, 260)),
    (
        "eAHt0bERACAIBDBo3H9kV/CwAL18r/AhYnbWRWY3i7iotnTrE/j5bn2qJhMgQIAAAQIECBAgQIAAAQIE"
        "CBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
        "AQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAg"
        "QIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIE"
        "CBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAAAQIECFQE8jCVv7vfHFbL7j0r"
        "83XLJ++2ATp9BkE="
    ),
)
erased = emseg.hand.unpack(
    (360, 540),
    "bool",
    ((340, 350), (500, 530)),
    ("eAH7/58I8AEA4lAlzA=="),
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
    corner=(200.0, 60.0),
    opposite=(340.0, 420.0),
)
strokes = emseg.hand.unpack(
    (360, 540),
    "uint8",
    ((40, 281), (50, 380)),
    (
        "eAHt0EERAEAIA7Hj8O8ZE9BX1kCn6b7viQABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBA"
        "gAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQI"
        "ECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAAB"
        "AgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBA"
        "gAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQI"
        "ECBAgAABAgQIECBAgAABAgQIECBAgAABAjGBChQ7Y4gAAQIECBAgQIAAAQIECBAgQIAAAQIECBAgQIAA"
        "AQIECBAgQIAAAQIECBwK/OUGsK4CMQ=="
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
    path=((50.0, 60.0), (58.0, 210.0), (140.0, 230.0), (150.0, 70.0)),
)
selection = emseg.select.feather(selection, 2.0)
selection = emseg.select.rounded(selection)
found = emseg.select.ellipse(
    labels.shape,
    corner=(200.0, 30.0),
    opposite=(290.0, 170.0),
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
selection = emseg.select.wand(colors, point=(320.0, 60.0), tolerance=12.0)
selection = emseg.select.grow(selection, pixels=3.0)
selection = emseg.select.fill_holes(selection)
selection = emseg.select.remove_small(selection, min_size=40)
labels = emseg.regions.fill(labels, selection, locked=(6,), label=2).apply(labels)
found = emseg.select.wand(
    colors,
    point=(30.0, 300.0),
    tolerance=10.0,
    contiguous=False,
    sample_size=3,
)
selection = emseg.select.combine(selection, found, "subtract")
selection = emseg.select.shrink(selection, pixels=1.0)
found = emseg.select.color_range(
    colors,
    points=((30.0, 300.0), (330.0, 200.0)),
    tolerance=14.0,
)
selection = emseg.select.combine(selection, found, "xor")
selection = emseg.select.similar(colors, selection, tolerance=4.0)
selection = emseg.select.largest(selection)
selection = emseg.select.grow_similar(colors, selection, tolerance=5.0)
labels = emseg.regions.swap(labels, a=1, b=3, selection=selection).apply(labels)
selection = emseg.select.by_class(seg, k=2, threshold=0.6)
found = emseg.select.by_label(labels, point=(300.0, 300.0))
selection = emseg.select.combine(selection, found, "intersect")
selection = emseg.select.invert(selection)
selection = emseg.select.border(selection, width=5.0)
labels = emseg.regions.merge(labels, members=(4, 5), selection=selection).apply(labels)
tree = emseg.hierarchy(image, rgb=True)
selection = emseg.select.region_at(tree, point=(120.0, 270.0), level=0.4)
selection = emseg.select.feather(selection, radius=3.0)
selection = emseg.select.rounded(selection)
selection = emseg.select.harden(selection, threshold=0.4)
labels = emseg.regions.new_class(labels, selection).apply(labels)
selection = emseg.select.rectangle(
    labels.shape,
    corner=(10.0, 10.0),
    opposite=(80.0, 120.0),
)
found = emseg.select.polygon(
    labels.shape,
    points=((20.0, 20.0), (200.0, 60.0), (90.0, 300.0)),
)
selection = emseg.select.combine(selection, found, "intersect")
labels = emseg.regions.fill(labels, selection, label=7).apply(labels)
labels = emseg.regions.split(labels, label=1, min_size=400).apply(labels)
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
    points=((120.0, 60.0), (140.0, 300.0), (260.0, 280.0)),
    rgb=True,
)
selection = emseg.select.box(image, box=(200.0, 300.0, 330.0, 500.0), rgb=True)
strokes = emseg.hand.unpack(
    (360, 540),
    "uint8",
    ((40, 281), (50, 380)),
    (
        "eAHt0EERAEAMArEW/6LPxJVX1gBDkvtGBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAEC"
        "BAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECA"
        "AAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQ"
        "IECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAEC"
        "BAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECAAAECBAgQIECA"
        "AAECBAgQIECAAAECBAgQIECAAAECBAgQqAlsodoZQwQIECBAgAABAgQIECBAgAABAgQIECBAgAABAgQI"
        "ECBAgAABAgQIECBA4FAgn3tihQHN"
    ),
)
found = emseg.hand.scribbled(image, strokes=strokes, rgb=True)
selection = emseg.select.combine(selection, found, "add")
values = emseg.hand.unpack(
    (360, 540),
    "uint8",
    ((60, 74), (400, 470)),
    ("eAH7/38UjIbA0AyBhFGANQQAVk8icg=="),
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
    (360, 540),
    "bool",
    ((100, 105), (20, 90)),
    ("eAH7/59o8AcA2ngr0g=="),
)
values = emseg.hand.unpack(
    (360, 540),
    "uint8",
    ((100, 105), (20, 90)),
    ("eAFjZh4FtAsBANFPBBs="),
)
labels = emseg.hand.patch(labels, where=where, values=values)
emseg.files.write_labels("labels.tif", labels)

"""Labels of "stack.tif", made again; written by napari-emseg 0.1.0."""

import numpy as np

import napari_emseg as emseg

image = emseg.files.read_image("stack.tif")[0]
labels = np.zeros((3, 40, 56), "uint8")
where = emseg.hand.unpack(
    (3, 40, 56),
    "bool",
    ((2, 3), (5, 9), (6, 20)),
    (
        "eAH7/x8MABvrBvo="
    ),
)
values = emseg.hand.unpack(
    (3, 40, 56),
    "uint8",
    ((2, 3), (5, 9), (6, 20)),
    (
        "eAFjYSEPAAAZKADh"
    ),
)
labels = emseg.hand.patch(labels, where=where, values=values)
model = emseg.KMeansModel(
    centers=np.array(
        [
        [53.912988250238165],
        [83.41775700934579],
        [199.78686233403215],
        ]
    ),
    weights=np.array(
        [
        0.4686011904761905,
        0.31845238095238093,
        0.21294642857142856,
        ]
    ),
    variance=128.2587317003109,
)
seg = emseg.segment(
    image,
    model=model,
    method="kmeans",
    n_classes=3,
    rgb=False,
)
labels = seg.labels.copy()
start = emseg.MixtureModel(
    weights=np.array(
        [
        0.5160991428919869,
        0.2709545468652474,
        0.21294631024276564,
        ]
    ),
    means=np.array(
        [
        [57.6702654149441],
        [81.43328514882843],
        [199.78688122039253],
        ]
    ),
    covariances=np.array(
        [
        [[160.29641904233813]],
        [[268.63070357582336]],
        [[175.95754501096417]],
        ]
    ),
    df=None,
    outliers=0.0,
    log_uniform=-5.351858133476067,
)
seg = emseg.segment(
    image,
    start=start,
    n_classes=3,
    smoothing=0.5,
    distribution="student",
    rgb=False,
)
labels = seg.labels.copy()
colors_1 = emseg.select.prepare(image[1], rgb=False)
selection_1 = emseg.select.wand(colors_1, point=(12.0, 17.0), tolerance=25.0)
labels[1] = emseg.regions.new_class(labels[1], selection_1).apply(labels[1])
strokes = emseg.hand.unpack(
    (40, 56),
    "uint8",
    ((3, 13), (4, 50)),
    (
        "eAFjZCQFMIyCAQoBJjDAbzkAUfsAOw=="
    ),
)
labels[1] = emseg.hand.draw(
    labels[1],
    image[1],
    strokes=strokes,
    selection=selection_1,
    rgb=False,
)
selection_1 = emseg.select.ellipse(
    labels[1].shape,
    corner=(4.0, 6.0),
    opposite=(30.0, 40.0),
    soft=True,
)
selection_1 = emseg.select.rounded(selection_1)
picture = emseg.adjust.brightness_contrast(
    image[1],
    selection_1 if selection_1.any() else None,
    brightness=0.1,
    contrast=0.2,
    rgb=False,
)
picture = emseg.adjust.levels(
    image[1],
    selection_1 if selection_1.any() else None,
    black=30.0,
    gamma=1.3,
    rgb=False,
)
picture = emseg.adjust.curves(
    image[1],
    selection_1 if selection_1.any() else None,
    points=((0.0, 0.0), (100.0, 160.0), (255.0, 255.0)),
    rgb=False,
)
picture = emseg.adjust.fill(
    image[1],
    selection_1 if selection_1.any() else None,
    color=120.0,
    rgb=False,
)
picture = emseg.adjust.blur(
    image[1],
    selection_1 if selection_1.any() else None,
    radius=1.5,
    rgb=False,
)
picture = emseg.adjust.sharpen(
    image[1],
    selection_1 if selection_1.any() else None,
    amount=0.5,
    rgb=False,
)
picture = emseg.adjust.inpaint(image[1], selection_1, radius=2.0, rgb=False)
picture = emseg.adjust.cut_out(image[1], selection_1, radius=4, rgb=False)
selection_0 = emseg.select.scissors(
    image[0],
    points=((4.0, 6.0), (4.0, 28.0), (22.0, 17.0)),
    rgb=False,
)
labels[0] = emseg.regions.merge(labels[0], members=(1, 3), selection=selection_0).apply(labels[0])
where = emseg.hand.unpack(
    (3, 40, 56),
    "bool",
    ((2, 3), (5, 9), (6, 20)),
    (
        "eAH7/x8MABvrBvo="
    ),
)
values = emseg.hand.unpack(
    (3, 40, 56),
    "uint8",
    ((2, 3), (5, 9), (6, 20)),
    (
        "eAHj5CQPAAA4VAH5"
    ),
)
labels = emseg.hand.patch(labels, where=where, values=values)
emseg.files.write_labels("labels.tif", labels)

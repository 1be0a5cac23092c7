"""Files for other programs: read by their own libraries, and back, bit for bit."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
import roifile
import shapely
from pycocotools.coco import COCO

from napari_emseg.exchange import (
    ClassScheme,
    annotate,
    export,
    from_shapes,
    read_objects,
    to_shapes,
)
from napari_emseg.io.files import read_image
from napari_emseg.regions.instances.objects import Objects

ENDINGS = ("geojson", "json", "zip")
SHAPES = ((9, 11), (3, 7, 6), (2, 2, 5, 6))
SCHEME = ClassScheme.of([1, 2, 3], {1: "stroma", 2: "nuclei"})


def random_labels(shape, most=4, seed=0):
    return np.random.default_rng(seed).integers(0, most, shape)


@pytest.fixture
def objects():
    """Objects with holes, of three classes; object 7 has none."""
    labels = random_labels((16, 15), 9)
    return labels, {label: 1 + label % 3 for label in range(1, 9) if label != 7}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_classes_come_back(tmp_path, ending, shape):
    labels = random_labels(shape)
    export(labels, path := tmp_path / f"a.{ending}", scheme=SCHEME)
    found = read_objects(path, shape)
    assert found.class_of is None
    assert (found.labels == labels).all()
    assert (found.class_labels == labels).all()
    assert found.scheme.classes[1].name == "nuclei"
    assert [c.color for c in found.scheme.classes] == [c.color for c in SCHEME.classes]


@pytest.mark.parametrize("ending", ["geojson", "zip"])
def test_objects_come_back(tmp_path, ending, objects):
    labels, classes = objects
    export(labels, path := tmp_path / f"a.{ending}", classes=classes, scheme=SCHEME)
    found = read_objects(path, labels.shape)
    assert (found.labels == labels).all()
    assert found.class_of == classes


def test_objects_come_back_from_coco(tmp_path, objects):
    labels, classes = objects
    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="others none"):
        export(labels, path, classes=classes)
    assert not path.exists()
    classes[7] = 3
    export(labels, path, classes=classes)
    found = read_objects(path, labels.shape)
    assert (found.labels == labels).all()
    assert found.class_of == classes


def test_objects_know_their_classes():
    found = Objects.of([[1, 0, 2]], {1: 4, 2: 4}, class_names={4: "nuclei"})
    given = annotate(found)
    assert given.class_of == {1: 4, 2: 4}
    assert given.class_of_label(2).name == "nuclei"


def test_many_labels_are_objects(tmp_path):
    labels = np.arange(100).reshape(10, 10)
    assert annotate(labels).class_of == {}
    assert annotate(labels % 60).class_of is None
    export(labels, path := tmp_path / "a.json")
    assert [one["name"] for one in json.loads(path.read_text())["categories"]] == [
        "object"
    ]
    assert (read_objects(path, labels.shape).labels == labels).all()


def test_qupath_reads_it(tmp_path, objects):
    labels, classes = objects
    export(labels, path := tmp_path / "a.geojson", classes=classes, scheme=SCHEME)
    data = json.loads(path.read_text())
    assert data["type"] == "FeatureCollection"
    for feature in data["features"]:
        about = feature["properties"]
        label = about["measurements"]["label"]
        assert about["objectType"] == "detection"
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.area == (labels == label).sum()
        if label != 7:
            expected = SCHEME.of_number(classes[label])
            assert about["classification"] == {
                "name": expected.name,
                "color": [*expected.rgb],
            }
        else:
            assert "classification" not in about


def test_objects_of_another_image_are_refused(tmp_path):
    labels = np.zeros((3, 6, 7), np.uint8)
    labels[1, 1:3, 1:3] = 1
    export(labels, path := tmp_path / "a.geojson", classes={1: 1})
    assert (read_objects(path, labels.shape).labels == labels).all()
    for shape in ((3, 6, 8), (2, 6, 7), (6, 7)):
        with pytest.raises(ValueError, match=r"of shape \(3, 6, 7\), not"):
            read_objects(path, shape)
    # QuPath writes the features alone: only an object in a plane that lacks tells.
    features = json.loads(path.read_text())["features"]
    path.write_text(json.dumps(features))
    assert (read_objects(path, labels.shape).labels == labels).all()
    with pytest.raises(ValueError, match=r"plane \(0, 1\), but the image"):
        read_objects(path, (6, 7))


@pytest.mark.parametrize("lead", [(3,), (2, 3)])
def test_rois_of_several_planes_are_of_no_plane(tmp_path, lead):
    labels = np.zeros((*lead, 6, 7), np.uint8)
    labels[..., 1:3, 1:3] = np.arange(1, 1 + np.prod(lead)).reshape(*lead, 1, 1)
    export(labels, path := tmp_path / "a.zip", classes={1: 1})
    assert (read_objects(path, labels.shape).labels == labels).all()
    for fewer in range(len(lead)):
        with pytest.raises(ValueError, match=r"ROIs in \d planes, which would lie on"):
            read_objects(path, (*lead[len(lead) - fewer :], 6, 7))
    labels[:] = 0
    labels[(0,) * len(lead)][3:5, 3:5] = 1  # all in one plane, which the image is
    export(labels, path, classes={1: 1}, force=True)
    found = read_objects(path, (6, 7))
    assert (found.labels == labels[(0,) * len(lead)]).all()


def test_planes_of_qupath(tmp_path):
    export(np.ones((2, 3, 2, 2), int), path := tmp_path / "a.geojson")
    planes = [
        (one["geometry"]["plane"]["t"], one["geometry"]["plane"]["z"])
        for one in json.loads(path.read_text())["features"]
    ]
    assert planes == [*np.ndindex(2, 3)]


# Of pycocotools itself, with numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("rle", [False, True])
def test_coco_reads_it(tmp_path, rle):
    labels = random_labels((2, 12, 11))
    labels[0, 2:7, 2:7], labels[0, 4, 4] = 1, 0
    export(labels, path := tmp_path / "a.json", scheme=SCHEME, rle=rle)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    polygons = 0
    for one in coco.anns.values():
        mask = labels[one["image_id"] - 1] == one["label"]
        assert (coco.annToMask(one) == mask).all()
        assert one["area"] == mask.sum()
        y, x = np.nonzero(mask)
        box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
        assert one["bbox"] == box
        polygons += isinstance(one["segmentation"], list)
    assert (polygons == 0) == rle
    assert coco.cats[2]["name"] == "nuclei"


def test_compressed_coco(tmp_path):
    """Run lengths that pycocotools has compressed, and objects without our labels."""
    labels = np.kron(random_labels((7, 9), 2, seed=5), np.ones((3, 40), int))
    export(labels, path := tmp_path / "a.json", rle=True)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    data = json.loads(path.read_text())
    for one in data["annotations"]:
        counts = coco.annToRLE(one)["counts"]
        one["segmentation"]["counts"] = counts.decode()
        del one["label"]
        one["category_id"] = 90
    data["categories"] = [{"id": 90, "name": "toothbrush"}]
    path.write_text(json.dumps(data))
    found = read_objects(path, labels.shape)
    assert (found.labels == labels).all()
    assert found.class_of_label(1).name == "toothbrush"


def test_imagej_reads_it(tmp_path):
    labels = random_labels((12, 11), 3)
    labels[8:, 7:] = 9
    export(labels, path := tmp_path / "a.zip", scheme=SCHEME)
    rois = {roi.properties["label"]: roi for roi in roifile.roiread(path)}
    assert [*rois] == [1, 2, 9]
    assert rois[9].roitype == roifile.ROI_TYPE.TRACED
    assert rois[9].integer_coordinates.max(axis=0).tolist() == [4, 4]
    plain = roifile.ImagejRoi.frompoints(rois[9].integer_coordinates + np.array([7, 8]))
    for name in ("left", "top", "n_coordinates", "options", "version"):
        assert getattr(rois[9], name) == getattr(plain, name)
    assert rois[2].composite
    assert rois[2].stroke_color == bytes([255, *SCHEME.of_number(2).rgb])
    area = 0
    for ring in rois[2].coordinates(multi=True):
        x, y = ring.T.astype(float)
        area += (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2
    assert area == (labels == 2).sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_come_back(shape):
    labels = random_labels(shape, 3)
    found = from_shapes(to_shapes(annotate(labels, scheme=SCHEME)), shape)
    assert (found.labels == labels).all()
    assert found.class_of_label(2).name == "nuclei"


def test_shapes_of_a_layer():
    """Through napari, which keeps corners in single precision; and an ellipse."""
    from napari.layers import Shapes

    labels = random_labels((12, 15), 3)
    data, attributes, _ = to_shapes(annotate(labels))
    layer = Shapes(data, **attributes)
    assert (from_shapes(layer, labels.shape).labels == labels).all()
    box = np.array([[2, 3], [2, 11], [8, 11], [8, 3]])
    layer = Shapes([box, box[[0, 2]]], shape_type=["ellipse", "line"])
    with pytest.warns(UserWarning, match="no area"):
        found = from_shapes(layer, (12, 15)).labels
    y, x = np.mgrid[:12, :15]
    inside = ((y - 5) / 3) ** 2 + ((x - 7) / 4) ** 2
    assert found[inside < 0.97].all()
    assert not found[inside > 1.03].any()


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_masks(tmp_path, ending):
    labels = random_labels((6, 5))
    export(labels, path := tmp_path / f"a.{ending}", only=["nuclei", 3], scheme=SCHEME)
    mask = read_image(path)[0]
    assert mask.dtype == np.uint8
    assert (mask == np.where(labels >= 2, 255, 0)).all()
    image = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)
    export(labels, path, image=image, force=True)
    found = read_image(path)[0]
    assert (found[..., 3] == np.where(labels > 0, 255, 0)).all()
    assert (found[labels > 0][:, :3] == image[labels > 0]).all()


def test_files_are_kept(tmp_path):
    labels = random_labels((5, 6))
    for ending in (*ENDINGS, "png", "tif"):
        path = tmp_path / f"a.{ending}"
        path.write_text("kept")
        with pytest.raises(FileExistsError):
            export(labels, path)
        assert path.read_text() == "kept"


FEATURE = {
    "type": "Feature",
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[1, 1], [4, 1], [4, 3], [1, 3], [1, 1]]],
    },
    "properties": {"objectType": "annotation", "classification": {"names": ["A", "B"]}},
}


def test_of_qupath_by_hand(tmp_path):
    """Neither labels nor numbers: objects are counted, classes have their names."""
    old = json.loads(json.dumps(FEATURE))
    old["geometry"]["coordinates"][0] = [[4.2, 2.4], [8, 2.4], [8, 6], [4.2, 6]]
    old["properties"]["classification"] = {"name": "C", "colorRGB": -3670016}
    old["properties"]["measurements"] = [{"name": "area", "value": 3.5}]
    point = {"geometry": {"type": "Point", "coordinates": [0, 0]}}
    (path := tmp_path / "a.geojson").write_text(json.dumps([FEATURE, old, point]))
    with pytest.warns(UserWarning, match="1 points or lines"):
        found = read_objects(path, (7, 9))
    assert np.bincount(found.labels.flat).tolist() == [63 - 6 - 16, 6, 16]
    assert [c.name for c in found.scheme.classes] == ["A: B", "C"]
    assert found.class_of_label(2).color == "#c80000"


def without(data, *path):
    data = json.loads(json.dumps(data))
    part = data
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return data


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ('"text"', "no GeoJSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "place 1: it has a value of another kind"),
        (
            '[{"geometry": {"type": "Polygon", "plane": {"z": "a"}}}]',
            "no 'coordinates'",
        ),
        (
            json.dumps(FEATURE).replace('"type"', '"plane": {"z": "a"}, "type"'),
            "place 1",
        ),
        (
            json.dumps([without(FEATURE, "geometry", "coordinates")]),
            "place 1: it has no 'coordinates'; export",
        ),
        (json.dumps(FEATURE).replace("4", "40"), "not of this image: it reaches from"),
        (json.dumps(FEATURE).replace("[4, 1]", "[4]"), "two numbers"),
        (json.dumps(FEATURE).replace("[4, 1]", '["x", 1]'), "two numbers"),
        (json.dumps(FEATURE).replace("[4, 1], [4, 3],", ""), "no area"),
    ],
)
def test_wrong_geojson(tmp_path, text, said):
    (path := tmp_path / "a.geojson").write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        read_objects(path, (7, 9))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("images"), "not COCO"),
        (lambda data: data["images"][0].update(width=8), "not of this image"),
        (lambda data: data["images"].append({"id": 7}), "2 images"),
        (lambda data: data["annotations"][0].pop("image_id"), "no 'image_id'; export"),
        (
            lambda data: data["annotations"][0].update(
                segmentation={"counts": [1, 2], "size": [7, 9]}
            ),
            "63",
        ),
    ],
)
def test_wrong_coco(tmp_path, change, said):
    export(random_labels((7, 9)), path := tmp_path / "a.json")
    change(data := json.loads(path.read_text()))
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=said):
        read_objects(path, (7, 9))


def test_one_image_of_coco(tmp_path):
    export(random_labels((7, 9)), path := tmp_path / "a.json")
    data = json.loads(path.read_text())
    data["images"] += [{"id": 7, "width": 9, "height": 7, "file_name": "b.png"}]
    path.write_text(json.dumps(data))
    assert read_objects(path, (7, 9), image=1).labels.any()
    assert not read_objects(path, (7, 9), image="b.png").labels.any()


@pytest.mark.parametrize("name", ["a.zip", "a.txt", "folder.zip", "none.geojson"])
def test_other_files(tmp_path, name):
    (tmp_path / "folder.zip").mkdir()
    for other in ("a.zip", "a.txt"):
        (tmp_path / other).write_text("text")
    with pytest.raises((ValueError, OSError), match=name):
        read_objects(tmp_path / name, (7, 9))


def test_wrong_choice(tmp_path):
    labels = random_labels((5, 6))
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="no class 'nucleus'; the classes are 1"):
        export(labels, path, only="nucleus", scheme=SCHEME)
    with pytest.raises(ValueError, match="shape"):
        export(labels, path, image=np.zeros((6, 6), np.uint8))
    with pytest.raises(ValueError, match="goes with a mask"):
        export(labels, tmp_path / "a.zip", image=np.zeros((5, 6), np.uint8))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("labels", "options", "error", "said"),
    [
        (np.array([[2**32 - 1]], np.uint32), {}, ValueError, "renumber"),
        (np.ones((1, 1), int), {"classes": {1: 2**40}}, ValueError, "renumber"),
        (np.ones((1, 1), int), {"classes": {1: None}}, TypeError, "a class is None"),
        (np.ones((1, 1), int), {"only": 1.5}, ValueError, "there is no class"),
        (np.ones((0, 5), int), {}, ValueError, "no pixel"),
    ],
)
def test_wrong_classes_are_told_in_one_line(tmp_path, labels, options, error, said):
    with pytest.raises(error, match=said) as caught:
        export(labels, tmp_path / "a.geojson", **options)
    assert "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "mask",
    [[[1, 2, 3]], [[1, 1, 2, 2]], {"counts": [-5, 30]}, {"counts": "~"}],
)
def test_a_wrong_segmentation_names_its_file(tmp_path, mask):
    image = {"id": 1, "width": 5, "height": 5}
    one = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": mask}
    (path := tmp_path / "a.json").write_text(
        json.dumps({"images": [image], "annotations": [one], "categories": []})
    )
    with pytest.raises(ValueError, match="export it again") as caught:
        read_objects(path, (5, 5))
    assert str(path) in str(caught.value)


def test_a_mask_of_a_mask(tmp_path):
    image = np.array([[True, False]])
    export([[1, 0]], path := tmp_path / "a.png", image=image)
    assert read_image(path)[0].tolist() == [[[255, 255, 255, 255], [0, 0, 0, 0]]]

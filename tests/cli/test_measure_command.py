"""The command ``napari-emseg measure``."""

from __future__ import annotations

import csv

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

import napari_emseg as emseg
from napari_emseg.cli import app as cli
from napari_emseg.cli.window import picture_layers
from napari_emseg.exchange import read_objects
from napari_emseg.io.files import read_labels, read_with_spacing, write_labels

LABELS = np.ones((30, 50), np.uint8)
Y, X = np.mgrid[:30, :50]
LABELS[(np.hypot(Y - 15, X - 15) < 9) | (np.hypot(Y - 15, X - 32) < 9)] = 2


@pytest.fixture
def labels(tmp_path):
    write_labels(path := tmp_path / "labels.tif", LABELS)
    return path


def run(*tokens):
    return cli.main(["measure", *map(str, tokens)])


def rows_of(path):
    return [*csv.DictReader(path.read_text("utf-8").splitlines())]


def test_objects_of_a_class_with_image_and_summary(labels, tmp_path, capsys):
    image = tmp_path / "image.tif"
    tifffile.imwrite(
        image, np.where(LABELS == 2, 300, 20).astype(np.uint16),
        resolution=(2e4, 2e4), resolutionunit="CENTIMETER",
    )  # fmt: skip
    table, summary = tmp_path / "t.csv", tmp_path / "s.csv"
    tokens = (labels, image, "-o", table, "--classes", 2, "--summary", summary)
    assert run(*tokens) == 0
    said = capsys.readouterr().out
    assert said.startswith("labels.tif: 2 objects (2 of class 2), ")
    rows = rows_of(table)
    assert [row["mean"] for row in rows] == ["300.0", "300.0"]
    size = float(rows[0]["pixels"]) * 0.25
    assert float(rows[0]["area (µm²)"]) == size
    assert rows_of(summary)[0]["count"] == "2"
    before = table.read_bytes()
    assert run(*tokens) == 2
    assert "exists already" in capsys.readouterr().err
    assert table.read_bytes() == before
    assert run(*tokens[:4], "--classes", 2, "--split", "none", "--force") == 0
    assert len(rows_of(table)) == 1


def test_objects_of_classes_go_to_other_programs(labels, tmp_path, capsys):
    table, objects = tmp_path / "t.csv", tmp_path / "objects.tif"
    tokens = (labels, "-o", table, "--classes", 2, "--objects", objects)
    assert run(*tokens) == 0
    found = emseg.objects(LABELS, classes=[2])
    np.testing.assert_array_equal(read_labels(objects), found.labels)
    out = tmp_path / "objects.geojson"
    export = ["export", "-o", str(out), "--table", str(table)]
    # Classes are no objects, though they have the same numbers.
    assert cli.main([*export, str(labels)]) == 2
    assert "measure --objects writes" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main([*export, str(objects)]) == 0
    again = read_objects(out, LABELS.shape)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert again.class_of == {1: 2, 2: 2}
    before = objects.read_bytes()
    assert run(*tokens[:-1], labels, "--force") == 2
    assert run(*tokens[:2], tmp_path / "other.csv", *tokens[3:]) == 2
    assert objects.read_bytes() == before
    assert not (tmp_path / "other.csv").exists()


def test_labels_are_objects_without_classes(labels, tmp_path):
    assert run(labels, "-o", tmp_path / "t.csv") == 0
    assert [row["label"] for row in rows_of(tmp_path / "t.csv")] == ["1", "2"]


def test_stack_is_a_volume_or_planes_in_its_units(tmp_path):
    place = {"scale": [2.0, 0.5, 0.5], "units": ["µm"] * 3}
    stack = np.stack([LABELS] * 2)
    write_labels(path := tmp_path / "a.tif", stack, metadata={"layer": place})
    assert run(path, "-o", tmp_path / "v.csv", "--classes", 2) == 0
    row = rows_of(tmp_path / "v.csv")[0]
    assert float(row["volume (µm³)"]) == float(row["pixels"]) / 2
    assert run(path, "-o", tmp_path / "p.csv", "--classes", 2, "--planes") == 0
    assert [row["plane"] for row in rows_of(tmp_path / "p.csv")] == list("0011")


def test_volumes_are_split_where_they_are_narrow_in_their_units(tmp_path):
    place = {"scale": [0.8, 0.2, 0.2], "units": ["µm"] * 3}
    z, y, x = np.mgrid[:9, :30, :50]
    height = (z - 4) * 4
    balls = [
        np.hypot(np.hypot(height, y - 15), x - c) < r for c, r in ((15, 11), (33, 9))
    ]
    volume = (balls[0] | balls[1]) + np.uint8(1)
    write_labels(path := tmp_path / "a.tif", volume, metadata={"layer": place})
    assert run(path, "-o", tmp_path / "v.csv", "--classes", 2) == 0
    expected = emseg.objects(volume, 2, scale=place["scale"])
    without = emseg.objects(volume, 2)
    assert (expected.labels != without.labels).any()
    sizes = [int(row["pixels"]) for row in rows_of(tmp_path / "v.csv")]
    assert sizes == np.bincount(expected.labels.ravel())[1:].tolist()


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (
            ("--classes", "7"),
            "there is no class 7; pass one of those that there are: 1, 2",
        ),
        (("--min-size", "3"), "pass --classes"),
        (("--summary", "OUT"), "use two names"),
    ],
)
def test_wrong_input_is_one_line(labels, tmp_path, capsys, tokens, words):
    output = tmp_path / "t.csv"
    given = [str(output) if token == "OUT" else token for token in tokens]
    assert run(labels, "-o", output, *given) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said
    assert not output.exists()


def test_image_of_another_size(labels, tmp_path, capsys):
    iio.imwrite(tmp_path / "b.png", np.zeros((9, 9), np.uint8))
    assert run(labels, tmp_path / "b.png", "-o", tmp_path / "t.csv") == 2
    assert "labels have shape (30, 50), but the image (9, 9)" in capsys.readouterr().err
    assert run(labels, "-o", tmp_path / "t.txt") == 2
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(
    ("axes", "how", "count"),
    [
        ("TYX", (), 3),
        ("ZYX", (), 1),
        ("TYX", ("--volume",), 1),
        ("ZYX", ("--planes",), 3),
    ],
)
def test_times_are_apart(tmp_path, axes, how, count):
    image = np.zeros((3, 30, 40), np.uint8)
    image[:, 10:25, 10:25] = 200
    picture, labels = tmp_path / "a.ome.tif", tmp_path / "labels.tif"
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(picture, image, metadata={"axes": axes, **sizes})
    assert cli.main(["segment", str(picture), "-o", str(labels), "-n", "2"]) == 0
    tokens = ("-o", tmp_path / "t.csv", "--classes", 2, "--min-size", 0, *how)
    assert run(labels, *tokens) == 0
    rows = rows_of(tmp_path / "t.csv")
    assert len(rows) == count
    assert ("area (µm²)" in rows[0]) == (count == 3)
    # Labels of another program, of which only the picture tells.
    other, objects = tmp_path / "other.tif", tmp_path / "objects.tif"
    tifffile.imwrite(other, read_labels(labels), photometric="minisblack")
    assert run(other, picture, *tokens, "--objects", objects, "--force") == 0
    assert len(rows_of(tmp_path / "t.csv")) == count
    # The file of objects tells it again.
    assert run(objects, "-o", tmp_path / "again.csv", *how) == 0
    again = rows_of(tmp_path / "again.csv")
    assert [row["pixels"] for row in again] == [row["pixels"] for row in rows]


def test_columns_have_the_names_of_channels(labels, tmp_path):
    path = tmp_path / "cells.ome.tif"
    image = np.stack([LABELS * 10, LABELS * 20]).astype(np.uint16)
    about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, image, metadata=about, photometric="minisblack")
    assert run(labels, path, "-o", tmp_path / "t.csv", "--classes", 2) == 0
    [row, *_] = rows_of(tmp_path / "t.csv")
    assert (row["mean DAPI"], row["mean GFP"]) == ("20.0", "40.0")
    tidy = tmp_path / "tidy.csv"
    tokens = ["segment", path, "-o", tmp_path / "l.tif", "-n", 2, "--table", tidy]
    assert cli.main([*map(str, tokens)]) == 0
    assert {"mean DAPI", "mean GFP"} <= {*rows_of(tidy)[0]}
    [(_, attributes, _)] = picture_layers(read_with_spacing(path), "cells")
    assert attributes["name"] == ["cells DAPI", "cells GFP"]

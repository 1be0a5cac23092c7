"""The command ``napari-emseg export``."""

from __future__ import annotations

import json

import imageio.v3 as iio
import numpy as np
import pytest

from napari_emseg.cli import app as cli
from napari_emseg.exchange import ClassScheme, read_objects
from napari_emseg.io.files import read_image, write_labels

LABELS = np.random.default_rng(0).integers(0, 4, (12, 15)).astype(np.uint8)


@pytest.fixture
def labels(tmp_path):
    write_labels(path := tmp_path / "labels.tif", LABELS)
    return path


def run(*tokens):
    return cli.main(["export", *map(str, tokens)])


@pytest.mark.parametrize("ending", ["geojson", "json", "zip"])
def test_objects_of_a_file(labels, tmp_path, capsys, ending):
    output = tmp_path / f"objects.{ending}"
    assert run(labels, "-o", output) == 0
    assert capsys.readouterr().out == f"labels.tif: 3 classes → {output}\n"
    assert (read_objects(output, LABELS.shape).labels == LABELS).all()


def test_names_come_from_file_scheme_or_table(tmp_path):
    look = {"names": {"2": "nuclei"}, "colors": {"2": [1, 0, 0, 1]}}
    write_labels(named := tmp_path / "a.tif", LABELS, metadata={"layer": look})
    run(named, "-o", output := tmp_path / "a.geojson")
    one = read_objects(output, LABELS.shape).class_of_label(2)
    assert (one.name, one.color) == ("nuclei", "#ff0000")
    ClassScheme.of([2], {2: "tumor"}).save(scheme := tmp_path / "scheme.json")
    run(named, "-o", output, "--scheme", scheme, "--force")
    assert read_objects(output, LABELS.shape).class_of_label(2).name == "tumor"
    (table := tmp_path / "a.csv").write_text("label,class\n1,tumor\n2,tumor\n3,5\n")
    run(named, "-o", output, "--scheme", scheme, "--table", table, "--force")
    found = read_objects(output, LABELS.shape)
    assert found.class_of == {1: 2, 2: 2, 3: 5}
    assert found.class_of_label(1).name == "tumor"


def test_masks(labels, tmp_path, capsys):
    image = np.random.default_rng(1).integers(0, 256, (12, 15, 3)).astype(np.uint8)
    iio.imwrite(picture := tmp_path / "picture.png", image)
    mask, cut = tmp_path / "mask.png", tmp_path / "cut.png"
    assert run(labels, "-o", mask, "--only", 2, 3) == 0
    assert capsys.readouterr().out.startswith("labels.tif: 2 classes")
    assert (read_image(mask)[0] == np.where(LABELS > 1, 255, 0)).all()
    assert run(labels, "-o", cut, "--image", picture) == 0
    assert (read_image(cut)[0][..., 3] == np.where(LABELS > 0, 255, 0)).all()


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["labels.tif", "-o", "there.json"], "exists already"),
        (["labels.tif", "-o", "labels.tif", "--force"], "is what is read"),
        (["labels.tif", "-o", "a.txt"], "no ending"),
        (["labels.tif", "-o", "a.png", "--only", "7"], "no class '7'"),
        (["labels.tif", "-o", "a.zip", "--scheme", "there.json"], "no JSON"),
        (["labels.tif", "-o", "a.zip", "--table", "there.json"], "no table"),
        (["labels.tif", "-o", "a.zip", "--table", "none.csv"], "none.csv"),
        (["labels.tif", "-o", "a.png", "--image", "labels.png"], "does not exist"),
        (["there.json", "-o", "a.zip"], "there.json"),
    ],
)
def test_one_sentence(labels, tmp_path, capsys, monkeypatch, tokens, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("{")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(*tokens) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_run_lengths(labels, tmp_path):
    output = tmp_path / "a.json"
    assert run(labels, "-o", output, "--rle") == 0
    found = json.loads(output.read_text())["annotations"]
    assert {type(one["segmentation"]) for one in found} == {dict}

"""The table as a file, as a frame, and summed up."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import napari_emseg as emseg

LABELS = np.array([[1, 1, 0, 2], [0, 0, 0, 3]])


@pytest.fixture
def table():
    found = emseg.Objects.of(LABELS, {1: 2, 2: 5, 3: 5}, class_names={5: "a, b"})
    return emseg.measure(found, LABELS * 10, scale=(2, 2), units="um")


def test_csv_has_all_digits_and_units(table, tmp_path):
    path = tmp_path / "t.csv"
    table.to_csv(path)
    rows = [*csv.DictReader(path.read_text("utf-8").splitlines())]
    assert [float(row["area (µm²)"]) for row in rows] == table["area"].tolist()
    assert [row["class_name"] for row in rows] == ["class 2", "a, b", "a, b"]
    assert float(rows[0]["nearest (µm)"]) == table["nearest"][0]
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists already"):
        table.to_csv(path)
    assert path.read_bytes() == before
    table.rows([0]).to_csv(path, force=True)
    assert len(path.read_text("utf-8").splitlines()) == 2
    with pytest.raises(ValueError, match="ending"):
        table.to_csv(tmp_path / "t.txt")


def test_frame(table):
    frame = table.to_pandas()
    assert [*frame.columns] == [*table]
    assert frame["area"].tolist() == table["area"].tolist()
    assert frame.attrs["units"]["area"] == "µm²"


def test_summary_of_classes_and_tissue():
    found = emseg.Objects.of(LABELS, {1: 2, 2: 5, 3: 5})
    tissue = np.array([[0, 1, 1, 1], [0, 0, 0, 0]], bool)
    table = emseg.measure(found, LABELS * 10, scale=(2, 2), tissue=tissue)
    # Object 1 lies outside by one pixel, and 3 wholly; that is tissue, too.
    assert table.tissue == 5 * 4
    summed = table.summary({"mean": 25})
    assert summed["class"].tolist() == [2, 5, 0]
    assert summed["count"].tolist() == [1, 2, 3]
    assert summed["size_sum"].tolist() == [8, 8, 16]
    assert summed["density"].tolist() == [1 / 20, 2 / 20, 3 / 20]
    assert summed["fraction"].tolist() == [8 / 20, 8 / 20, 16 / 20]
    np.testing.assert_allclose(summed["positive_percent"], [0, 50, 100 / 3])


def test_no_object_at_all(tmp_path):
    empty = emseg.measure(np.zeros((3, 4), int), np.ones((3, 4)))
    assert len(empty) == 0
    assert empty.summary({"mean": 1})["count"].tolist() == [0]
    empty.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text("utf-8").startswith("label,class,")


def test_unknown_column(table):
    with pytest.raises(KeyError, match="no column 'size'"):
        table["size"]

"""Labels of OME-Zarr: as others read them, and written back where they changed."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaozarrs
import zarr
from napari_ome_zarr._reader import napari_get_reader

import napari_emseg as emseg
from napari_emseg.io.store import open_image, open_labels, write_back
from napari_emseg.io.store.target_plan import plan_target
from napari_emseg.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


RNG = np.random.default_rng(8)
FIELDS = np.kron(RNG.integers(0, 256, (3, 6, 8)), np.ones((1, 100, 100)))
COLOR = (FIELDS + RNG.normal(0, 5, FIELDS.shape)).clip(0, 255).astype(np.uint8)


def write_image(path: Path, version: str) -> None:
    """Write (1, 3, 600, 800) TCYX."""
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "micrometer"}]  # fmt: skip
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    keys = {"name": "v2", "separator": "/"} if version == "0.4" else None
    group.create_array(
        "0",
        data=COLOR[None],
        chunks=(1, 3, 256, 256),
        chunk_key_encoding=keys,
        dimension_names=None if keys else [*"tcyx"],
    )
    scale = [{"type": "scale", "scale": [1.0, 1.0, 0.5, 0.25]}]
    scales = {
        "name": "image",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }
    if version == "0.4":
        group.attrs["multiscales"] = [{"version": version, **scales}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [scales]}


@pytest.fixture(scope="module", params=["0.4", "0.5"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, emseg.Segmentation]:
    """Return a store with an image and the labels of it, and these."""
    path = tmp_path_factory.mktemp("store") / "image.ome.zarr"
    write_image(path, request.param)
    if request.param == "0.4":
        zarr.consolidate_metadata(path)
    seg = emseg.segment(open_image(path), out=path, n_classes=3, smoothing=0)
    return path, seg


def test_labels_are_valid(store: tuple[Path, emseg.Segmentation]) -> None:
    path, seg = store
    places = [path, path / "labels" / "classes"]
    if "ome" in zarr.open_group(path, mode="r").attrs:
        # Of 0.4, a list of labels does not tell its version.
        places.append(path / "labels")
    for place in places:
        yaozarrs.validate_zarr_store(str(place))
    whole = emseg.segment(open_image(path), n_classes=3, smoothing=0)
    np.testing.assert_array_equal(seg.labels, whole.labels)


# Of napari-ome-zarr, with pandas 3.1.
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_napari_ome_zarr_shows_colors_and_names(
    store: tuple[Path, emseg.Segmentation],
) -> None:
    path, seg = store
    reader = napari_get_reader(str(path))
    assert reader is not None
    layers = reader(str(path))
    assert layers[0][2] == "image"  # or one for each channel, from 0.11 on
    [(levels, about)] = [
        (data, told) for data, told, kind in layers if kind == "labels"
    ]
    np.testing.assert_array_equal(np.asarray(levels[0]).squeeze(), seg.labels)
    np.testing.assert_array_equal(
        np.asarray(levels[1]).squeeze(), np.asarray(seg.labels)[::2, ::2]
    )
    colors = about.get("colormap", about.get("color"))
    shown = np.array([colors[label] for label in (1, 2, 3)])[:, :3]
    shown = shown / 255 if shown.max() > 1 else shown
    np.testing.assert_allclose(shown, seg.class_colors, atol=0.03)
    known = {*about.get("properties", about.get("features"))["name"]}
    assert {"class 1", "class 2", "class 3"} <= known


def test_our_own_labels_come_back(store: tuple[Path, emseg.Segmentation]) -> None:
    path, seg = store
    found = open_labels(path)
    np.testing.assert_array_equal(found, seg.labels)
    assert found.names == {1: "class 1", 2: "class 2", 3: "class 3"}
    assert found.scale == (0.5, 0.25)
    assert found.units == ("micrometer", "micrometer")
    assert [*found.colors] == [1, 2, 3]
    assert len(found.levels) == 2
    recipe = Recipe.model_validate(found.about["recipe"])
    again = recipe.replay(np.moveaxis(COLOR, 0, -1)).labels
    np.testing.assert_array_equal(again, seg.labels)


def test_several_labels_have_names(
    store: tuple[Path, emseg.Segmentation], tmp_path: Path
) -> None:
    image = open_image(store[0])
    out = tmp_path / "new.ome.zarr"
    emseg.segment(image, out=out / "labels" / "two", n_classes=2, smoothing=0)
    assert open_labels(out).path.endswith("labels/two")
    emseg.segment(image, out=out, n_classes=3, smoothing=0)
    with pytest.raises(ValueError, match="several: two, classes"):
        open_labels(out)
    assert int(open_labels(out / "labels" / "two")[:].max()) == 2
    with pytest.raises(FileExistsError, match="exists already"):
        emseg.segment(image, out=out, n_classes=3, smoothing=0)
    emseg.segment(image, out=out, n_classes=4, smoothing=0, force=True)
    assert len(open_labels(out / "labels" / "classes").names) == 4


def files_under(path: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(path)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in path.rglob("*")
        if p.is_file()
    }


def test_only_chunks_that_were_edited_are_written(tmp_path: Path) -> None:
    image = np.zeros((3000, 2600), np.uint8)
    image[:1500] = 200
    image[2990:, ::3] = 200
    out = tmp_path / "a.ome.zarr"
    emseg.segment(image, out=out, n_classes=2, smoothing=0)
    before = files_under(out)
    labels = open_labels(out)
    edited = np.array(labels)
    edited[1200:1300, 1100:1900] = 7
    assert write_back(labels, edited) == 1
    after = files_under(out)
    changed = {name for name in before if before[name] != after[name]}
    folder = "labels/classes"
    assert changed == {f"{folder}/0/c/1/1", f"{folder}/1/c/0/0", f"{folder}/2/c/0/0",
                       f"{folder}/3/c/0/0"}  # fmt: skip
    np.testing.assert_array_equal(labels, edited)
    for level in (1, 2, 3):
        step = 2**level
        np.testing.assert_array_equal(labels.levels[level], edited[::step, ::step])
    # Nothing has changed since.
    assert write_back(out, edited) == 0
    part = np.full((30, 40), 3, np.int32)
    assert write_back(out, part, where=(slice(2020, 2050), slice(2040, 2080))) == 4
    edited[2020:2050, 2040:2080] = 3
    for level in range(4):
        step = 2**level
        np.testing.assert_array_equal(labels.levels[level], edited[::step, ::step])


def test_edits_of_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "l.zarr"
    zarr.create_array(out, data=np.ones((60, 60), np.uint8), chunks=(20, 20))
    first, second = open_labels(out), open_labels(out)
    one, other = first[:], np.array(second)
    one[:9, :9] = 7
    other[30:, 30:] = 8
    assert write_back(first, one) == 1
    assert write_back(second, other) == 4
    both = np.where(other == 8, other, one)
    np.testing.assert_array_equal(open_labels(out), both)
    # Its own writing is no change by somebody else; taken back, it is an edit again.
    other[30:, 30:] = 1
    other[5, 5] = 9
    before = files_under(out)
    with pytest.raises(ValueError, match=r"1 of 5 edited chunks of .* somebody else"):
        write_back(second, other)
    assert files_under(out) == before
    assert write_back(second, other, force=True) == 5
    np.testing.assert_array_equal(open_labels(out)[:20, :20], other[:20, :20])
    # Both make one edit.
    one[5:9, 5:9] = other[5:9, 5:9]
    one[:20, :20] = other[:20, :20]
    assert write_back(first, one) == 0


def test_two_arrays_of_one_opening_are_kept_apart(tmp_path: Path) -> None:
    out = tmp_path / "l.zarr"
    zarr.create_array(out, data=np.ones((60, 60), np.uint8), chunks=(20, 20))
    labels = open_labels(out)
    one, other = labels[:], np.array(labels)
    one[:9, :9] = 7
    other[30:, 30:] = 8
    assert [write_back(labels, each) for each in (one, other)] == [1, 4]
    np.testing.assert_array_equal(labels, np.where(other == 8, other, one))
    # What is computed of them, also in another process, is known by all that was read.
    labels = pickle.loads(pickle.dumps(open_labels(out)))
    made = np.where(labels[:] == 8, 9, labels[:])
    other[30:, 30:] = 5
    write_back(out, other[30:, 30:], (slice(30, 60), slice(30, 60)))
    with pytest.raises(ValueError, match="4 of 4 edited chunks"):
        write_back(pickle.loads(pickle.dumps(labels)), made)


def test_edits_of_others_stay_beside_a_part(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((30, 1500), np.uint8))
    where = slice(10, 20), slice(900, 1100)
    first, second = open_labels(tmp_path / "a.npy"), open_labels(tmp_path / "a.npy")
    one, other = first[where], second[where]
    one[0, 0], other[0, -1] = 5, 6
    assert write_back(first, one, where) == 1
    assert write_back(second, other, where) == 1
    labels = open_labels(tmp_path / "a.npy")[:]
    assert (int(labels[10, 900]), int(labels[10, 1099])) == (5, 6)
    # What was not the same each time that it was read may have been edited from either.
    assert int(first[where][0, -1]) == 6
    one[0, -1] = 7
    for edited in (one, one.copy()):
        with pytest.raises(ValueError, match="1 of 1 edited chunks"):
            write_back(first, edited, where)


@pytest.mark.parametrize("name", ["a.npy", "a.btf", "a.zarr"])
def test_flat_labels_are_written_back(name: str, tmp_path: Path) -> None:
    image = RNG.integers(0, 256, (3, 70, 60), np.uint8)
    emseg.segment(
        image, out=tmp_path / name, n_classes=2, smoothing=0, rgb=False, n_init=1
    )
    edited = np.array(open_labels(tmp_path / name))
    assert edited.shape == (3, 70, 60)
    edited[1, 20:30, 10:20] = 5
    assert write_back(tmp_path / name, edited) == 1
    np.testing.assert_array_equal(open_labels(tmp_path / name), edited)
    with pytest.raises(ValueError, match="label 300 does not fit into the uint8"):
        write_back(tmp_path / name, edited.astype(int) + 295 * (edited == 5))
    with pytest.raises(ValueError, match=r"whole numbers of shape \(3, 70, 60\)"):
        write_back(tmp_path / name, edited[0])


def test_places_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((40, 40), np.uint8)
    image[:20] = 90
    out = tmp_path / "a.ome.zarr"
    emseg.segment(image, out=out, n_classes=2, smoothing=0)
    real = os.access
    closed = {str(out), str(out / "labels"), str(out / "labels" / "classes")}

    def access(path: Any, mode: int) -> bool:
        return os.fspath(path) not in closed and real(path, mode)

    monkeypatch.setattr(os, "access", access)
    with pytest.raises(PermissionError, match="nothing can be written to"):
        emseg.segment(image, out=out / "labels" / "b", n_classes=2)
    with pytest.raises(PermissionError, match="save the labels elsewhere"):
        write_back(out, np.zeros((40, 40), np.uint8))
    for name, reason in {
        "s3://bucket/a.zarr": "is an address",
        "a.png": "tile by tile",
        "b.ome.zarr/labels/x/y": "no place for labels",
    }.items():
        with pytest.raises(ValueError, match=reason):
            plan_target(
                name if "://" in name else tmp_path / name, None, (9, 9), force=False
            )
    zarr.create_array(tmp_path / "c.zarr", data=image)
    zarr.create_array(tmp_path / "d.zarr", data=image, zarr_format=2)
    write_image(tmp_path / "e.ome.zarr", "0.5")
    level = "e.ome.zarr/0"
    for name in ("c.zarr/l", "d.zarr/l.zarr", "c.zarr/l.npy", level, f"{level}/x"):
        with pytest.raises(ValueError, match="is no place for labels, because"):
            plan_target(tmp_path / name, None, (40, 40), force=True)
    # An array of its own may be replaced.
    assert plan_target(tmp_path / "c.zarr", None, (40, 40), force=True).kind == "zarr"
    with pytest.raises(FileNotFoundError, match="make it first"):
        plan_target(tmp_path / "no" / "a.npy", None, (9, 9), force=False)


def test_labels_do_not_go_beside_another_image(
    store: tuple[Path, emseg.Segmentation], tmp_path: Path
) -> None:
    write_image(tmp_path / "b.ome.zarr", "0.5")
    small = zarr.open_group(tmp_path / "b.ome.zarr")
    small.create_array("0", data=COLOR[None, :, :50], overwrite=True)
    with pytest.raises(ValueError, match="holds an image of"):
        emseg.segment(open_image(store[0]), out=tmp_path / "b.ome.zarr", n_classes=2)

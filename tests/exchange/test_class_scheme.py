"""Schemes of classes: files, matches, and what is wrong with them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.exchange import ClassScheme

COLORS = np.uint8([[40, 30, 90], [190, 120, 160], [240, 235, 240]])


def tissue(order, shift=0):
    """Bands of color, with a little noise."""
    image = COLORS[np.array(order)].repeat(6, axis=0)[:, None].repeat(20, axis=1)
    noise = np.random.default_rng(0).integers(0, 6, image.shape)
    return (image.astype(int) - noise - shift).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scheme():
    seg = emseg.segment(tissue([0, 1, 2]), n_classes=3)
    return ClassScheme.from_result(seg.named({1: "nuclei", 2: "stroma"}))


def test_of_a_result(scheme):
    assert scheme.rgb
    assert [one.name for one in scheme.classes] == ["nuclei", "stroma", "class 3"]
    assert [one.key for one in scheme.classes] == [1, 2, 3]
    means = 255 * np.array([one.mean for one in scheme.classes])
    np.testing.assert_allclose(means, COLORS.astype(float) - 2.5, atol=0.5)
    shown = np.array([one.rgb for one in scheme.classes])
    np.testing.assert_allclose(shown, means, atol=0.51)


def test_to_a_file_and_back(scheme, tmp_path):
    scheme.save(path := tmp_path / "a.json")
    assert ClassScheme.load(path) == scheme
    assert path.stat().st_size < 1000
    with pytest.raises(FileExistsError):
        scheme.save(path)


@pytest.mark.parametrize("n_bits", [8, 16])
def test_other_images_get_its_numbers(scheme, n_bits):
    """A class that is not there, other lightness, another type."""
    image = tissue([2, 1, 2], shift=9).astype(f"u{n_bits // 8}")
    image *= 1 if n_bits == 8 else 257
    seg = emseg.segment(image, n_classes=2)
    assert scheme.match(seg) == {1: 2, 2: 3}
    assert scheme.match(seg.labels, image) == {1: 2, 2: 3}
    expected = np.repeat([3, 2, 3], 6)[:, None].repeat(20, axis=1)
    assert (scheme.apply(seg) == expected).all()
    assert (scheme.apply(seg.labels, image) == expected).all()


def test_more_classes_than_it_has(scheme):
    seg = emseg.segment(tissue([0, 1, 2]), n_classes=5, smoothing=0)
    assert set(scheme.match(seg).values()) == {1, 2, 3}
    expected = np.repeat([1, 2, 3], 6)[:, None].repeat(20, axis=1)
    assert (scheme.apply(seg) == expected).all()


def test_channels_are_compared_by_spread():
    """The second channel has small numbers, and tells the classes apart."""
    image = np.zeros((2, 8, 9), np.float32)
    image[0] = np.random.default_rng(0).normal(1000, 20, (8, 9))
    image[1, :, 3:], image[1, :, 6:] = 1, 2
    labels = np.broadcast_to(np.repeat([1, 2, 3], 3), (8, 9))
    scheme = ClassScheme.of([1, 2, 3], means=[[1000, 0], [1001, 1], [999, 2]])
    other = np.moveaxis(image, 0, -1)
    assert scheme.match(labels[:, ::-1], other[:, ::-1], channel_axis=-1) == {
        1: 1,
        2: 2,
        3: 3,
    }
    swapped = np.take([0, 3, 1, 2], labels)
    assert scheme.match(swapped, other, channel_axis=-1) == {1: 2, 2: 3, 3: 1}


def test_by_hand_numbers_are_what_counts():
    scheme = ClassScheme.of([1, 4], {4: "sky"})
    image = tissue([0, 1])
    assert scheme.match(emseg.segment(image, n_classes=2)) == {1: 1, 2: 2}
    assert scheme.of_number(4).name == "sky"
    assert scheme.of_number(2).name == "class 2"


def test_a_mean_that_is_not_known():
    """A class without pixels keeps its number."""
    seg = emseg.segment(tissue([0, 1]), n_classes=2)
    scheme = ClassScheme.of([1, 2], means=[[0.9, 0.9, 0.9], [np.nan] * 3], rgb=True)
    assert scheme.classes[1].mean == ()
    assert scheme.match(seg) == {1: 1, 2: 1}


def test_names_stay_different():
    scheme = ClassScheme.of([1, 2, 3], {1: "a", 2: "a", 3: "class 1"})
    assert [one.name for one in scheme.classes] == ["a", "class 2", "class 3"]


ONE = {"number": 1, "name": "a", "color": "#000000"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "holds no scheme"),
        ([ONE], "holds no scheme"),
        ({"classes": 3}, "classes: classes is 3, but a list is needed; correct"),
        (
            {"classes": [3]},
            "place 1 of classes, is 3, but an object in braces is needed",
        ),
        ({"classes": [{}]}, "number of classes, place 1, is missing"),
        (
            {"classes": [ONE | {"color": "red"}]},
            "is 'red', but a color such as #d55e00",
        ),
        ({"classes": [ONE | {"number": 0}]}, "is 0, but a number of at least 1 is"),
        ({"classes": [ONE | {"number": 1.5}]}, "is 1.5, but a whole number is needed"),
        ({"classes": [ONE | {"name": 3}]}, "is 3, but text in quotes is needed"),
        (
            {"classes": [ONE | {"key": 10}]},
            "is 10, but a number of at most 9 is needed",
        ),
        ({"classes": [ONE], "rgb": "maybe"}, "is 'maybe', but true or false is needed"),
        ({"classes": [ONE, ONE | {"number": 2}]}, "name 'a' stands for several"),
        ({"classes": [ONE, ONE | {"name": "b"}]}, "number 1 stands for several"),
        ({"classes": [ONE | {"mean": [1]}], "rgb": True}, "three of them"),
        ({"classes": [ONE | {"size": 1}]}, "size of classes, place 1, is not known"),
        ({"classes": [ONE], "version": 2}, "version"),
    ],
)
def test_wrong_files(tmp_path, data, said):
    (path := tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=said) as caught:
        ClassScheme.load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_broken_file(tmp_path):
    (path := tmp_path / "a.json").write_text('{"classes": [')
    with pytest.raises(ValueError, match="no JSON"):
        ClassScheme.load(path)


def test_another_kind_of_image(scheme):
    gray = emseg.segment(tissue([0, 1])[..., 0], n_classes=2)
    with pytest.raises(
        ValueError, match="scheme is of RGB, but the image has 1 channel"
    ):
        scheme.match(gray)
    with pytest.raises(ValueError, match="no classes"):
        ClassScheme().match(gray)


def test_labels_that_are_none(scheme):
    for wrong in (np.array([[-58, 1]]), np.array([[np.nan, 1]])):
        with pytest.raises(ValueError, match="labels"):
            scheme.apply(wrong)


def test_a_color_for_each_class():
    with pytest.raises(ValueError, match="each of 2 classes"):
        ClassScheme.of([1, 2], colors=[[0, 0, 0]])

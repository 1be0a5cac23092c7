"""One model of many images: that of their pixels put together, whatever they are."""

from __future__ import annotations

import json
import weakref

import numpy as np
import pytest
import skimage.data
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import napari_emseg as emseg
from napari_emseg.batch import joint_counts
from napari_emseg.batch.joint_fit import JointFit

QUICK = {"n_classes": 3, "smoothing": 0}


@pytest.fixture(scope="module")
def photographs():
    """Ten pieces of photographs, no two alike."""
    names = ("coffee", "astronaut", "chelsea", "rocket", "immunohistochemistry")
    found = [getattr(skimage.data, name)() for name in names]
    return [
        np.ascontiguousarray(photo[at : at + 90, at : at + 120])
        for photo in found
        for at in (20, 150)
    ]


@pytest.fixture(scope="module")
def joint(photographs):
    return emseg.fit(photographs, **QUICK)


def together(images):
    """Return the pixels of all images as one image of one row."""
    rows = [im.reshape(1, -1, *im.shape[2:]) for im in images]
    return np.concatenate(rows, axis=1)


def likelihood(model, points):
    """Return the mean log-likelihood as SciPy has it."""
    each = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(points)
        for weight, mean, covariance in zip(
            model.weights, model.means, model.covariances, strict=True
        )
    ]
    return logsumexp(each, axis=0).mean()


def test_is_the_fit_of_all_pixels_together(photographs, joint):
    seg = emseg.segment(together(photographs), **QUICK)
    assert abs(joint.objective[-1] - seg.objective[-1]) < 1e-9
    np.testing.assert_array_equal(joint.model.means, seg.model.means)
    points = np.concatenate([emseg.features(im).reshape(-1, 3) for im in photographs])
    assert abs(joint.objective[-1] - likelihood(joint.model, points)) < 1e-9
    np.testing.assert_allclose(joint.class_colors, seg.class_colors, atol=1e-9)
    assert (joint.n_images, joint.n_pixels) == (10, points.shape[0])


def test_holds_one_image_at_a_time(photographs):
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def one_by_one():
        nonlocal most
        for photo in photographs:
            image = photo.copy()
            alive.append(weakref.ref(image))
            most = max(most, sum(ref() is not None for ref in alive))
            yield image
            del image

    emseg.fit(one_by_one(), distribution="gaussian", **QUICK)
    assert most == 1


def test_numbers_are_equal_in_all_images(photographs, joint):
    labels = [joint.segment(photo).labels for photo in photographs[:3]]
    for photo, found in zip(photographs, labels, strict=False):
        alone = emseg.segment(photo, model=joint.model, **QUICK)
        np.testing.assert_array_equal(found, alone.labels)
    dark = np.full((4, 4, 3), 2, np.uint8)
    assert (joint.segment(dark).labels == 1).all()


@pytest.mark.parametrize("kind", ["float", "16 bit", "levels", "kmeans", "texture"])
def test_other_pixels_merge_exactly(photographs, kind):
    images = [photo[:40, :50] for photo in photographs[:4]]
    options = dict(QUICK)
    if kind == "float":
        images = [(image / 255).astype(np.float32) for image in images]
    elif kind == "16 bit":
        images = [image.astype(np.uint16) * 257 for image in images]
    elif kind == "levels":
        images = [image[..., 0].astype(np.int16) * 70 - 3000 for image in images]
        options["distribution"] = "gaussian"
    elif kind == "kmeans":
        options["method"] = "kmeans"
    else:
        options["texture"] = 1.0
        images = [images[0]] * 3  # of one image, whose borders change nothing
    found = emseg.fit(iter(images), **options)
    whole = images[0] if kind == "texture" else together(images)
    seg = emseg.segment(whole, **options)
    assert found.objective[-1] == pytest.approx(seg.objective[-1], rel=1e-9)
    np.testing.assert_allclose(found.model.means, seg.model.means, rtol=1e-6)
    if kind in ("float", "16 bit"):
        np.testing.assert_allclose(found.class_colors, seg.class_colors, atol=0.03)


def test_palettes_and_pixels_go_together(photographs):
    """Colors of 8 bit and of floats, and gray saved as RGB, which is a color here."""
    gray = np.repeat(photographs[1][:30, :30, :1], 3, axis=-1)
    parts = [gray, photographs[0][:30, :30], photographs[2][:30, :30] / 255.0]
    found = emseg.fit(parts, **QUICK)
    values = np.concatenate([parts[0], parts[1], np.rint(parts[2] * 255)])
    seg = emseg.segment(values.astype(np.uint8), **QUICK)
    assert found.objective[-1] == pytest.approx(seg.objective[-1], abs=1e-5)
    only = emseg.fit([gray, gray[:9]], **QUICK)
    assert only.model.means.shape == (3, 1)


def test_of_too_many_pixels_some_stand_for_all(photographs, monkeypatch):
    images = [(photo / 255).astype(np.float32) for photo in photographs]
    every = emseg.fit(images, **QUICK)
    monkeypatch.setattr(joint_counts, "MOST_PIXELS", 20_000)
    some = emseg.fit(images, **QUICK)
    assert some.n_pixels == every.n_pixels
    assert some.objective[-1] != every.objective[-1]
    points = np.concatenate([emseg.features(im).reshape(-1, 3) for im in images])
    gap = likelihood(every.model, points) - likelihood(some.model, points)
    assert gap < 0.03


def test_number_of_classes_and_tails_are_chosen(photographs):
    flat = [np.repeat(np.uint8([[9, 90, 200]]), 30, 0).repeat(10, 1)] * 2
    noisy = [(im + np.random.default_rng(0).integers(0, 9, im.shape)) for im in flat]
    found = emseg.fit(noisy, n_classes="auto", smoothing=0)
    assert found.n_classes == 3
    tailed = emseg.fit([photo[..., 0] for photo in photographs[:2]], **QUICK)
    seg = emseg.segment(together([p[..., 0] for p in photographs[:2]]), **QUICK)
    assert (tailed.model.df is None) == (seg.model.df is None)


def test_json_and_back(photographs, joint, tmp_path):
    named = joint.named({2: "sky"})
    assert named.segment(photographs[0]).names == {2: "sky"}
    named.save(tmp_path / "model.json")
    again = JointFit.load(tmp_path / "model.json")
    np.testing.assert_array_equal(again.model.means, joint.model.means)
    np.testing.assert_array_equal(again.model.covariances, joint.model.covariances)
    assert again.params == joint.params
    assert again.names == {2: "sky"}
    assert again.as_json() == named.as_json()
    with pytest.raises(FileExistsError, match="exists already"):
        joint.save(tmp_path / "model.json")


def test_wrong_files_are_told(joint, tmp_path):
    path = tmp_path / "model.json"
    for change, words in (
        ({"version": 2}, "version"),
        ({"model": {"weights": [1.0], "means": [[0.0]]}}, "covariances"),
        ({"grain": 3}, "takes no grain"),
        ({"steps": []}, "is a recipe, not a model"),
    ):
        path.write_text(json.dumps(joint.as_json() | change), "utf-8")
        with pytest.raises(ValueError, match=words):
            JointFit.load(path)


def test_images_that_do_not_go_together_are_told(photographs):
    gray = photographs[0][..., 0]
    with pytest.raises(ValueError, match=r"image 2: the image is gray, but .* RGB"):
        emseg.fit([photographs[0], gray], **QUICK)
    empty = np.full((5, 5), np.nan)
    with pytest.raises(ValueError, match="image 1: the image has no usable pixel"):
        emseg.fit([empty], **QUICK)
    with pytest.raises(ValueError, match="there are no images"):
        emseg.fit([], **QUICK)
    with pytest.raises(FileNotFoundError, match=r"none\.png does not exist"):
        emseg.fit(["none.png"], **QUICK)


def test_white_is_that_of_the_deepest_image(photographs):
    """A dark image of 16 bit looks as if it had fewer."""
    deep = photographs[8][:20, :20].astype(np.uint16)
    found = emseg.fit([deep, deep * 16], **QUICK)
    assert found.full_scale == 4095
    seg = emseg.segment(together([deep, deep * 16]), full_scale=4095, **QUICK)
    np.testing.assert_allclose(found.model.means, seg.model.means, rtol=1e-6)
    labels = emseg.segment(deep, model=found.model, full_scale=4095, **QUICK).labels
    np.testing.assert_array_equal(found.segment(deep).labels, labels)
    bytes_ = found.segment(photographs[8][:20, :20]).labels
    assert (bytes_ != labels).any()  # 8 bit know their white


def test_one_image_is_not_taken_for_many():
    image = np.zeros((20, 21, 3), np.uint8)
    with pytest.raises(ValueError, match=r"pass a list, such as \[image\]"):
        emseg.fit(image)
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        emseg.fit("nothing.png")

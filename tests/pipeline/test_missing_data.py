"""What a person is told of values that seem to mark missing data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import zarr

import napari_emseg as emseg
from napari_emseg.pipeline.preview import PreviewImage
from napari_emseg.recipe import Recipe, segment_step


def scene(dtype: str, channels: int = 1) -> np.ndarray[Any, Any]:
    """Return three classes with noise, around 1200 for integers and 1.2 for floats."""
    rng = np.random.default_rng(0)
    unit = 1.0 if dtype.startswith("float") else 1000.0
    levels = np.repeat([0.8, 1.2, 1.6], 20)[:, np.newaxis, np.newaxis]
    found = unit * (levels + rng.normal(0, 0.03, (60, 50, channels)))
    return (found[..., 0] if channels == 1 else found).astype(dtype)


def told(image: np.ndarray[Any, Any], **options: Any) -> list[str]:
    """Return the warnings of a segmentation, which must name the line that called."""
    axis = -1 if image.ndim == 3 else None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        emseg.segment(image, n_classes=4, channel_axis=axis, smoothing=0, **options)
    assert all(warning.filename == __file__ for warning in said)
    return [str(warning.message) for warning in said]


@pytest.mark.parametrize("options", [{}, {"texture": 0.3}, {"position": 0.2}], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "value", "count"),
    [
        ("float32", -9999, 1000),
        ("float64", 1e6, 30),
        ("int16", -32768, 30),
        ("int16", -9999, 1000),
        ("uint16", 65535, 1),
        ("uint16", 65535, 1500),
        ("int32", -(2**31), 1),
        ("int32", 2**31 - 1, 500),
        ("float32", -50, 1000),
    ],
)
def test_a_mark_is_told_with_its_remedy(
    channels: int, dtype: str, value: float, count: int, options: dict[str, float]
) -> None:
    image = scene(dtype, channels)
    assert told(image, **options) == []
    image.reshape(3000, -1)[np.random.default_rng(1).permutation(3000)[:count]] = value
    (text,) = told(image, **options)
    assert text.startswith(
        ("1 pixel has" if count == 1 else f"{count} pixels have")
        + f" the value {np.float32(value):g}, "
    )
    assert "mask=" in text
    assert "NaN" in text
    inside = image.reshape(60, 50, -1)[..., 0] != value
    assert told(image, mask=inside, **options) == []


def test_several_marks_are_told_at_once() -> None:
    image = scene("float32")
    image[:, :10], image[:, 10:15] = -9999, 65535
    (text,) = told(image)
    assert "1 more" in text


@pytest.mark.parametrize("value", [1e20, -3.4e38])
def test_values_that_are_left_out_are_told(value: float) -> None:
    image = scene("float32")
    image[:, :10] = value
    (text,) = told(image)
    assert text.startswith("600 pixels have values beyond ±1e+18")
    assert f"{value:g}" in text
    image[:, :10] = np.nan
    assert told(image) == []


def test_large_integers_are_told() -> None:
    image = scene("int32").astype(np.int64)
    image[5:8] = 2**62
    (text,) = told(image)
    assert "150 pixels" in text
    with pytest.raises(ValueError, match="beyond"):
        emseg.segment(np.full((9, 9), 2**62))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_ordinary_images_are_not_talked_about(dtype: str) -> None:
    rng = np.random.default_rng(0)
    assert told(rng.integers(0, 200, (60, 50)).astype(dtype)) == []
    stars = rng.gamma(2, 30, (60, 50)).clip(0, 250).astype(dtype)
    assert told(stars) == []
    shapes = np.zeros((60, 50), dtype)
    shapes[9:30, 9:30], shapes[35:50, 9:30] = 100, 250
    with pytest.warns(UserWarning, match="3 classes found"):
        emseg.segment(shapes, smoothing=0)


@pytest.mark.parametrize("power", [-44, -40])
@pytest.mark.parametrize("params", [{}, {"texture": 1.0}, {"method": "kmeans"}])
def test_values_that_are_too_small_are_refused(
    power: int, params: dict[str, Any]
) -> None:
    image = scene("float64") * 10.0**power
    with pytest.raises(ValueError, match="multiply them"):
        emseg.segment(image, **params)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"smoothing": 0},
        {"texture": 0.5, "position": 0.5},
        {"outliers": 0.1},
        {"distribution": "student"},
        {"bias": True},
        {"method": "kmeans"},
        {"n_classes": "auto"},
    ],
    ids=str,
)
@pytest.mark.parametrize("seeded", [False, True])
def test_zeros_are_one_class(
    channels: int, params: dict[str, Any], seeded: bool
) -> None:
    image = np.zeros((40, 50, channels), np.float32)
    seeds = np.zeros((40, 50), np.uint8)
    seeds[3, 3], seeds[30, 30] = 1, 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*found where")
        warnings.filterwarnings("ignore", message=".*finds no light")
        seg = emseg.segment(
            image, channel_axis=-1, seed_labels=seeds if seeded else None, **params
        )
    assert seg.labels.all()
    if seeded:
        assert (seg.labels[seeds > 0] == seeds[seeds > 0]).all()


def test_a_channel_of_zeros_changes_nothing() -> None:
    image = scene("float32", 3)
    image[..., 1] = 0
    with_zeros = emseg.segment(image, n_classes=3, channel_axis=-1)
    without = emseg.segment(image[..., ::2], n_classes=3, channel_axis=-1)
    np.testing.assert_array_equal(with_zeros.labels, without.labels)


class TestScale:
    image = np.random.default_rng(6).choice([20, 90, 200], (60, 70)).astype(np.uint8)

    @pytest.mark.parametrize("smoothing", [0, 1])
    @pytest.mark.parametrize("method", ["em", "kmeans"])
    @pytest.mark.parametrize(
        "other", [image.astype(np.uint16) * 257, (image / 255).astype(np.float32)]
    )
    def test_a_model_of_another_type_is_told(self, other, method, smoothing):
        how = {"n_classes": 3, "method": method, "smoothing": smoothing}
        fitted = emseg.fit([self.image], **how)
        with pytest.warns(UserWarning, match="another type or scale"):
            fitted.segment(other)
        with pytest.warns(UserWarning, match="another type or scale"):
            emseg.fit([other], **how).segment(self.image)

    def test_dark_and_empty_pictures_are_no_news(self):
        noisy = self.image + np.random.default_rng(7).normal(0, 4, self.image.shape)
        model = emseg.fit([noisy], n_classes=3, smoothing=0)
        for other in (noisy / 3, noisy * 2, np.full((9, 9), 19.0)):
            model.segment(other)  # warnings are errors

    def test_one_model_has_values_of_one_type(self):
        with pytest.raises(ValueError, match="uint16, but those before it are uint8"):
            emseg.fit([self.image, self.image.astype(np.uint16) * 257], n_classes=3)


class TestDarkCorners:
    """What is outside of a round field of view has no label, unless it is wanted."""

    away = np.hypot(*(np.indices((90, 110)) - np.array([44.5, 54.5]).reshape(2, 1, 1)))
    image = np.full((90, 110, 3), 5, np.uint8)
    image[away < 54] = 210, 170, 150
    image[away < 20] = 90, 60, 50
    corners = away >= 54

    @pytest.mark.parametrize(
        ("method", "n_classes", "smoothing"),
        [("em", 2, 1), ("em", "auto", 0), ("kmeans", 2, 0)],
    )
    def test_they_have_no_label(self, method, n_classes, smoothing):
        how = {"method": method, "n_classes": n_classes, "smoothing": smoothing}
        with pytest.warns(UserWarning, match="dark corners .*--corners of"):
            labels = emseg.segment(self.image, **how).labels
        assert not labels[self.corners].any()
        # All but the soft edge of the field has one.
        assert labels[self.away < 48].all()
        if n_classes == 2:
            inside = self.away < 48
            assert ((labels == 1) == (self.away < 20))[inside].all()

    def test_they_have_one_if_it_is_wanted(self):
        kept = emseg.segment(self.image, n_classes=3, corners=True)
        whole = emseg.segment(
            self.image, n_classes=3, mask=np.ones(self.corners.shape, bool)
        )
        np.testing.assert_array_equal(kept.labels, whole.labels)
        assert kept.labels.all()
        assert len(np.unique(kept.labels[self.corners])) == 1

    def test_a_seed_label_there_keeps_them(self):
        seeds = np.zeros(self.corners.shape, np.uint8)
        seeds[2, 2], seeds[44, 54], seeds[44, 84] = 1, 2, 3
        labels = emseg.segment(self.image, n_classes=3, seed_labels=seeds).labels
        assert labels.all()
        assert (labels[self.corners] == 1).all()
        seeds[2, 2] = 0
        with pytest.warns(UserWarning, match="dark corners"):
            labels = emseg.segment(self.image, n_classes=3, seed_labels=seeds).labels
        assert not labels[self.corners].any()

    @pytest.mark.parametrize("corners", [False, True])
    def test_the_preview_shows_the_same(self, corners):
        params = emseg.Params(n_classes=2, corners=corners)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if not corners else "error")
            labels = emseg.segment(self.image, **dict(params)).labels
        shown = PreviewImage(self.image).preview(params).labels
        np.testing.assert_array_equal(shown, labels)

    def test_a_preview_follows_the_parameter(self):
        picture = PreviewImage(self.image)
        for corners in (False, True, False):
            params = emseg.Params(n_classes=2, corners=corners)
            assert picture.preview(params).labels[0, 0] == corners

    def test_levels_are_fitted_without_them(self, tmp_path):
        group = zarr.open_group(tmp_path / "a.zarr", mode="w")
        levels = self.image[..., 0], self.image[::2, ::2, 0]
        for name, level in enumerate(levels):
            group.create_array(str(name), data=level)
        axes = [{"name": name, "type": "space"} for name in "yx"]
        steps = [[{"type": "scale", "scale": [scale, scale]}] for scale in (1.0, 2.0)]
        data = [
            {"path": str(name), "coordinateTransformations": step}
            for name, step in enumerate(steps)
        ]
        scales = [{"axes": axes, "datasets": data}]
        group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
        given = emseg.store.open_image(tmp_path / "a.zarr")
        with pytest.warns(UserWarning, match="dark corners") as caught:
            seg = emseg.segment(given, out=tmp_path / "b.npy", n_classes=2, fit_level=1)
        assert len(caught) == 1
        labels = np.load(tmp_path / "b.npy")
        assert not labels[self.corners].any()
        # Neither class is that of the corners.
        assert seg.model.means.min() > 80
        assert ((labels == 1) == (self.away < 20))[self.away < 48].all()

    @pytest.mark.filterwarnings("ignore:dark corners")
    def test_a_recipe_finds_them_in_each_picture(self):
        seg = emseg.segment(self.image, n_classes=2, smoothing=0)
        recipe = Recipe(steps=(segment_step(seg),))
        again = recipe.replay(self.image)
        np.testing.assert_array_equal(again.labels, seg.labels)
        # Of another size, and without such corners.
        wide = np.repeat(self.image, 2, axis=1)
        assert recipe.replay(wide).labels.all()

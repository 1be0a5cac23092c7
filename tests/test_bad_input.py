"""What cannot be segmented is refused in words that help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.engine.user_warnings import collect_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

GREY = np.arange(400, dtype=np.uint8).reshape(20, 20)
RGB = np.stack([GREY, GREY.T, GREY[::-1]], axis=-1)

# What is given, the error, and words for the value, the reason or the remedy.
CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "file name": (lambda: emseg.segment("cat.png"), TypeError, "read the file first"),
    "nothing": (lambda: emseg.segment(None), TypeError, "NoneType"),
    "complex": (lambda: emseg.segment(GREY * 1j), TypeError, "modulus"),
    "dates": (lambda: emseg.segment(GREY.astype("m8[s]")), TypeError, "timedelta"),
    "one axis": (lambda: emseg.segment(GREY[0]), ValueError, r"\(20,\)"),
    "no axis": (lambda: emseg.segment(7), ValueError, r"\(\)"),
    "no pixel": (lambda: emseg.segment(GREY[:0]), ValueError, r"\(0, 20\)"),
    "no channel": (
        lambda: emseg.segment(RGB[..., :0], channel_axis=2),
        ValueError,
        "at least",
    ),
    "five channels in Lab": (
        lambda: emseg.segment(np.zeros((9, 9, 5)), color="lab", channel_axis=2),
        ValueError,
        "5 channel.*color='none'",
    ),
    "grey in Lab": (lambda: emseg.segment(GREY, color="lab"), ValueError, "1 channel"),
    "RGB of 0 to 255 as float": (
        lambda: emseg.segment(np.tile(RGB, (2, 2, 1)) * 1.0),
        ValueError,
        "looks like RGB",
    ),
    "wrong axis": (lambda: emseg.segment(GREY, channel_axis=5), ValueError, "=5"),
    "0 classes": (lambda: emseg.segment(GREY, n_classes=0), ValueError, "n_classes"),
    "1000 classes": (
        lambda: emseg.segment(GREY, n_classes=1000),
        ValueError,
        "(?s)n_classes.*64.*1000",
    ),
    "unknown parameter": (lambda: emseg.segment(GREY, k=3), ValueError, "k"),
    "mask of another shape": (
        lambda: emseg.segment(GREY, mask=np.ones((3, 3))),
        ValueError,
        r"mask has shape \(3, 3\).*\(20, 20\)",
    ),
    "mask with channels": (
        lambda: emseg.segment(RGB, mask=RGB > 0),
        ValueError,
        "without channels",
    ),
    "empty mask": (
        lambda: emseg.segment(GREY, mask=GREY < 0),
        ValueError,
        "no usable pixel",
    ),
    "empty mask of RGB": (
        lambda: emseg.segment(RGB, mask=GREY < 0),
        ValueError,
        "no usable pixel",
    ),
    "empty mask of floats": (
        lambda: emseg.segment(RGB / 255, mask=GREY < 0),
        ValueError,
        "no usable pixel",
    ),
    "nothing but NaN": (
        lambda: emseg.segment(np.full((9, 9), np.nan)),
        ValueError,
        "not finite",
    ),
    "nothing but infinity": (
        lambda: emseg.segment(np.full((9, 9), np.inf)),
        ValueError,
        "not finite",
    ),
    "transparent": (
        lambda: emseg.segment(np.zeros((9, 9, 4), np.uint8)),
        ValueError,
        "transparent",
    ),
    "seeds of another shape": (
        lambda: emseg.segment(GREY, seed_labels=np.ones((3, 3), int)),
        ValueError,
        r"seed_labels has shape \(3, 3\)",
    ),
    "seeds that are fractions": (
        lambda: emseg.segment(GREY, seed_labels=GREY / 255),
        ValueError,
        "float64.*integers",
    ),
    "negative seeds": (
        lambda: emseg.segment(GREY, seed_labels=-GREY.astype(int)),
        ValueError,
        "renumber",
    ),
    "too many seeds": (
        lambda: emseg.segment(GREY, seed_labels=GREY.astype(int)),
        ValueError,
        "to 255.*64",
    ),
    "a result for a model": (
        lambda: emseg.segment(GREY, model=emseg.segment(GREY)),
        TypeError,
        "pass the `model`",
    ),
    "a model of other features": (
        lambda: emseg.segment(GREY, model=emseg.segment(RGB).model),
        ValueError,
        "3 features.* 1 in",
    ),
    "a start of other features": (
        lambda: emseg.segment(RGB, start=emseg.segment(GREY).model),
        ValueError,
        "1 features.* 3 in",
    ),
    "seeds that a model has no class for": (
        lambda: emseg.segment(
            GREY,
            model=emseg.segment(GREY, n_classes=3).model,
            seed_labels=np.full(GREY.shape, 4),
        ),
        ValueError,
        "up to 4.*only 3",
    ),
    "features of five channels in Luv": (
        lambda: emseg.features(np.zeros((9, 9, 5)), color="luv", channel_axis=2),
        ValueError,
        "color='luv'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str) -> None:
    call, error, words = CASES[case]
    with pytest.raises(error, match=words):
        call()


def test_input_is_checked_before_the_first_step() -> None:
    with pytest.raises(TypeError, match="complex"):
        emseg.iter_segment(GREY * 1j)
    with pytest.raises(ValueError, match="mask"):
        emseg.iter_segment(GREY, mask=np.ones(3))
    with pytest.raises(ValueError, match="features"):
        emseg.iter_segment(GREY, model=emseg.segment(RGB).model)


@pytest.mark.parametrize(
    "dtype",
    ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "g"],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_of_number_works(dtype: str, order: str) -> None:
    kind = np.dtype(dtype).newbyteorder(order)
    levels = np.where(np.add.outer(np.arange(20), np.arange(20)) < 20, 0, 100)
    seg = emseg.segment(levels.astype(kind), n_classes=2)
    np.testing.assert_array_equal(seg.labels, np.where(levels > 0, 2, 1))


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("i8", -(10**17), 10**17),
        ("u8", 0, 10**17),
        ("i4", -(2**31), 2**31 - 1),
        ("i2", -(2**15), 2**15 - 1),
        ("f4", -1e17, 1e17),
        ("f8", 1e-12, 3e-12),
        ("f2", -65504, 65504),
    ],
)
@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_extreme_values_work(dtype: str, low: float, high: float, method: str) -> None:
    image = np.full((20, 20), low, dtype)
    image[:, 10:] = high
    seg = emseg.segment(image, n_classes=2, method=method)
    np.testing.assert_array_equal(seg.labels, np.where(image == high, 2, 1))
    assert np.isfinite(seg.objective).all()


@pytest.mark.parametrize("unit", [1e-36, 1e-25, 1e-16, 1e-8, 1e8, 1e17])
@pytest.mark.parametrize(
    "options",
    [
        {"smoothing": 0},
        {"smoothing": 0, "distribution": "student"},
        {"outliers": 0.1},
        {"texture": 0.1},
        {"bias": True},
        {"method": "kmeans"},
    ],
)
def test_units_do_not_matter(unit: float, options: dict[str, Any]) -> None:
    truth = np.arange(64**2).reshape(64, 64) % 64 * 3 // 64
    noisy = truth + np.random.default_rng(0).normal(0, 0.05, truth.shape)
    with collect_warnings() as told:
        seg = emseg.segment(noisy * unit, n_classes=3, **options)
    # There is no light to be found.
    assert len(told) == ("bias" in options)
    np.testing.assert_array_equal(seg.labels, truth + 1)


@pytest.mark.parametrize(
    ("dtype", "high"), [("u1", 255), ("u2", 65535), ("i4", 2e9), ("f4", 1e6)]
)
@pytest.mark.parametrize("covariance", ["full", "tied"])
def test_channels_may_be_the_same(dtype: str, high: float, covariance: str) -> None:
    """A gray picture stored in colors: classes are as narrow as they can be."""
    ramp = np.linspace(0, high, 4096).reshape(64, 64).astype(dtype)
    image = np.stack([ramp, ramp, ramp // 2])
    seg = emseg.segment(
        image, channel_axis=0, n_classes=3, smoothing=0, covariance=covariance
    )
    assert seg.n_classes == 3
    levels = np.array(seg.levels)
    for level in dict.fromkeys(seg.levels):
        objective = np.array(seg.objective)[levels == level]
        assert (np.diff(objective) >= -1e-3).all()
    # Each class is one range of the ramp, and no smaller than a tenth of it.
    assert np.bincount(seg.labels.ravel())[1:].min() > 400

"""The facade: parameters, masks, seed labels, models, progress."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import napari_emseg as emseg
from napari_emseg import Params
from napari_emseg.engine.user_warnings import collect_warnings
from napari_emseg.pipeline import fitting
from napari_emseg.pipeline.segment import read_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PHOTO = np.ascontiguousarray(data.astronaut()[::6, ::6])
STACK = {"image": np.ascontiguousarray(np.moveaxis(PHOTO, -1, 0)), "smoothing": 1}
# A spot in a round field of view.
DERMOSCOPE = np.full((90, 110, 3), 5, np.uint8)
_AWAY = np.hypot(*(np.indices((90, 110)) - np.array([44.5, 54.5]).reshape(2, 1, 1)))
DERMOSCOPE[_AWAY < 54] = 210, 170, 150
DERMOSCOPE[_AWAY < 20] = 90, 60, 50
# For each parameter: what else is set, and two values that must not do the same.
CHANGES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "method": ({}, "em", "kmeans"),
    "n_classes": ({}, 3, 4),
    "color": ({}, "lab", "hsv"),
    "smoothing": ({}, 0, 1),
    "stains": (
        {"color": "stains"},
        "0.65 0.70 0.29, 0.07 0.99 0.11",
        "0.9 0.3 0.1, 0.1 0.3 0.9",
    ),
    "edges": ({"smoothing": 4}, True, False),
    "covariance": ({}, "full", "spherical"),
    "distribution": ({}, "gaussian", "student"),
    "outliers": ({}, 0, 0.2),
    "bias": ({}, False, True),
    "corners": ({"image": DERMOSCOPE, "n_classes": 2}, False, True),
    "texture": ({}, 0, 1),
    "position": ({}, 0, 0.5),
    "init": ({"n_init": 1, "max_iter": 5}, "kmeans", "random"),
    "n_init": ({"n_classes": 8, "init": "random", "max_iter": 8}, 1, 20),
    "tol": ({}, 1e-6, 1e-1),
    "max_iter": ({}, 2, 200),
    "min_size": ({"smoothing": 0}, 0, 20),
    "channels": (STACK | {"axes": "CYX"}, "together", "each"),
    "planes": (STACK | {"axes": "ZYX"}, "volume", "each"),
    "seed": ({"init": "random", "n_init": 1, "max_iter": 4}, 0, 1),
}


@pytest.fixture
def blocks(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (40, 60) uint8: levels 40, 120, 200 side by side, with noise."""
    levels = np.repeat([40, 120, 200], 20)[np.newaxis].repeat(40, axis=0)
    return (levels + rng.normal(0, 8, levels.shape)).round().astype(np.uint8)


def test_every_parameter_is_tested_below() -> None:
    assert set(CHANGES) == set(Params.model_fields)


def shaded() -> NDArray[np.uint8]:
    """Return four gray levels in light that falls off from the left to the right."""
    levels = np.array([60, 110, 160, 210])[np.indices((80, 100)).sum(axis=0) // 12 % 4]
    return np.rint(levels * np.linspace(1.2, 0.8, 100)).astype(np.uint8)


@pytest.mark.filterwarnings("ignore:dark corners")
@pytest.mark.parametrize("name", CHANGES)
def test_parameter_matters(name: str) -> None:
    common, *values = CHANGES[name]
    image = shaded() if name == "bias" else PHOTO
    image = common.get("image", image)
    common = {key: value for key, value in common.items() if key != "image"}
    one, two = (
        emseg.segment(image, **(common | {name: value})).labels for value in values
    )
    assert one.shape != two.shape or (one != two).any()


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_covariances_have_their_kind(covariance: str) -> None:
    model = emseg.segment(PHOTO, covariance=covariance).model
    off = model.covariances * (1 - np.eye(3))
    diagonal = np.einsum("kii->ki", model.covariances)
    assert off.any() == (covariance in ("full", "tied"))
    assert (model.covariances != model.covariances[0]).any() == (covariance != "tied")
    if covariance == "spherical":
        np.testing.assert_allclose(diagonal, diagonal[:, :1].repeat(3, axis=1))


@pytest.mark.parametrize(
    "color",
    [
        *("auto", "lab", "luv", "rgb", "hsv", "hls", "ycrcb", "xyz", "gray", "none"),
        *("ab", "hs", "chromaticity", "he", "hed", "hdab", "stains", "od"),
    ],
)
@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_model_speaks_of_the_features(color: str, method: str) -> None:
    seg = emseg.segment(PHOTO, color=color, method=method, n_classes=3, smoothing=0)
    features = emseg.features(PHOTO, color=color)
    assert seg.model.means.shape == (3, features.shape[-1])
    assert (seg.model.predict(features) == seg.labels).mean() > 0.9999
    sign = 1 if method == "em" else -1
    assert seg.model.score(features) == pytest.approx(sign * seg.objective[-1])


def test_classes_are_numbered_from_dark_to_bright(blocks: NDArray[np.uint8]) -> None:
    for seed in range(5):
        for method in ("em", "kmeans"):
            labels = emseg.segment(blocks, n_classes=3, method=method, seed=seed).labels
            np.testing.assert_array_equal(
                labels, np.repeat([1, 2, 3], 20)[np.newaxis].repeat(40, axis=0)
            )


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize("kind", ["rgb", "grey", "float"])
def test_mask_bounds_labels_and_fit(method: str, smoothing: float, kind: str) -> None:
    image: NDArray[Any] = {"rgb": PHOTO, "grey": PHOTO[..., 1], "float": PHOTO / 255}[
        kind
    ]
    mask = np.zeros(image.shape[:2], bool)
    mask[20:60, 10:70] = True
    mask[30:35, 20:40] = False
    options = {"method": method, "smoothing": smoothing, "n_classes": 3}
    found = emseg.segment(image, mask=mask, **options)
    np.testing.assert_array_equal(found.labels > 0, mask)
    # What lies outside cannot matter.
    other = image.copy()
    other[~mask] = np.random.default_rng(0).permutation(other[~mask])
    again = emseg.segment(other, mask=mask, **options)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert again.objective == found.objective
    np.testing.assert_array_equal(
        emseg.segment(image, mask=mask * 255, **options).labels, found.labels
    )


@pytest.mark.parametrize("outliers", [0, 0.1])
@pytest.mark.parametrize("distribution", ["gaussian", "student"])
def test_thin_masks_are_no_obstacle(outliers: float, distribution: str) -> None:
    image = np.full((20, 40), 12, np.uint8)
    image[:, 20:] = 90
    for mask in (np.eye(20, 40, 5, bool), np.eye(20, 40, 10, bool)):
        seg = emseg.segment(
            image,
            mask=mask,
            n_classes=1 + bool(image[mask].max() == 90),
            outliers=outliers,
            distribution=distribution,
        )
        np.testing.assert_array_equal(
            seg.labels, np.where(mask, np.where(image == 90, 2, 1), 0)
        )
    one = emseg.segment(image[:1], mask=np.eye(1, 40, 1), n_classes=1, outliers=0.1)
    assert one.labels.sum() == one.labels[0, 1] == 1


def test_transparent_pixels_have_no_label() -> None:
    alpha = np.full((*PHOTO.shape[:2], 1), 255, np.uint8)
    alpha[:30] = 0
    alpha[30:40] = 1
    rgba = np.concatenate([PHOTO, alpha], axis=-1)
    found = emseg.segment(rgba)
    np.testing.assert_array_equal(found.labels > 0, alpha[..., 0] > 0)
    masked = emseg.segment(PHOTO, mask=alpha[..., 0] > 0)
    np.testing.assert_array_equal(found.labels, masked.labels)


@pytest.mark.parametrize("color", ["lab", "hsv", "luv", "rgb"])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_values_that_are_no_numbers_have_no_label(
    color: str, smoothing: float, rng: np.random.Generator
) -> None:
    image = PHOTO / 255
    wrong = rng.random(image.shape[:2]) < 0.05
    image[wrong, rng.integers(0, 3, wrong.sum())] = rng.choice(
        [np.nan, np.inf, -np.inf], wrong.sum()
    )
    found = emseg.segment(image, color=color, smoothing=smoothing)
    np.testing.assert_array_equal(found.labels == 0, wrong)
    assert found.table()["pixels"].sum() == (~wrong).sum()
    assert np.isfinite(found.objective).all()
    assert np.isfinite(found.probabilities()).all()
    np.testing.assert_array_equal(found.uncertainty()[wrong], 0)


def test_marks_for_missing_data_have_no_label(blocks: NDArray[np.uint8]) -> None:
    image = blocks.astype(np.float32)
    image[:5, :5] = np.finfo(np.float32).min
    with pytest.warns(UserWarning, match="25 pixels have values beyond"):
        labels = emseg.segment(image, n_classes=3).labels
    assert (labels[:5, :5] == 0).all()
    assert (labels[5:, :20] == 1).all()


@pytest.mark.parametrize(
    ("shape", "side"), [((500, 500), 3), ((20, 120, 120), 6), ((2, 3, 210, 210), 9)]
)
def test_few_seeds_name_the_classes_of_large_noisy_images(
    shape: tuple[int, ...],
    side: int,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the field is fitted to some blocks, seeds may lie in none of them."""
    monkeypatch.setattr(fitting, "_SEEDED", 2**16)  # large is what is larger than that
    width, last = shape[-1], (-1,) * (len(shape) - 2)
    truth = np.broadcast_to(np.arange(width) * 3 // width, shape)
    image = (60 + 60 * truth + rng.normal(0, 40, shape)).clip(0, 255).astype(np.uint8)
    for numbers in permutations((1, 2, 3)):
        seeds = np.zeros(shape, np.uint8)
        for place, number in enumerate(numbers):
            left = width // 12 + place * width // 3
            seeds[*last, -side:, left : left + side] = number
        found = emseg.segment(image, n_classes=3, seed_labels=seeds).labels
        assert (found == np.array(numbers)[truth]).mean() > 0.99


@pytest.mark.parametrize("left", [1, 2])
def test_seeds_outside_of_the_mask_name_no_class(
    left: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_SEEDED", 2**16)
    truth = np.broadcast_to(np.arange(500) // 250, (700, 500))
    image = (60 + 60 * truth + rng.normal(0, 40, truth.shape)).clip(0, 255)
    named = np.where(truth == 0, left, 3 - left)
    mask = np.zeros(truth.shape, bool)
    mask[200:] = True
    seeds = np.where(mask, 0, 3 - named)
    seeds[330:333, [60, 437]] = named[330:333, [60, 437]]
    seg = emseg.segment(
        image.astype(np.uint8), n_classes=2, seed_labels=seeds, mask=mask
    )
    assert (seg.labels == named)[mask].mean() > 0.99


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_seed_labels_keep_their_pixels_and_numbers(
    blocks: NDArray[np.uint8], method: str, smoothing: float, kind: type
) -> None:
    seeds = np.zeros(blocks.shape, int)
    seeds[5:15, 2:8] = 3
    seeds[5:15, 22:28] = 1
    seeds[5:15, 42:48] = 2
    # A stroke that runs over into another class keeps its label there, too.
    seeds[30, 15:25] = 3
    found = emseg.segment(
        blocks.astype(kind),
        seed_labels=seeds,
        n_classes=3,
        method=method,
        smoothing=smoothing,
    )
    np.testing.assert_array_equal(found.labels[seeds > 0], seeds[seeds > 0])
    middles = found.labels[10, [10, 35, 55]]
    np.testing.assert_array_equal(middles, [3, 1, 2])
    p = found.probabilities()
    np.testing.assert_array_equal(p[2][seeds == 3], 1)
    np.testing.assert_array_equal(found.uncertainty()[seeds > 0], 0)


def test_seed_labels_steer_the_fit(rng: np.random.Generator) -> None:
    # One broad cloud: where to cut it is what only the user knows.
    image = rng.uniform(0, 255, (60, 60)).astype(np.uint8)
    cuts = []
    for border in (80, 180):
        seeds = np.where(image < border - 20, 1, np.where(image > border + 20, 2, 0))
        seeds[:30] = 0
        labels = emseg.segment(
            image, seed_labels=seeds, n_classes=2, smoothing=0
        ).labels
        free = labels[:30] == 2
        cuts.append(image[:30][free].min())
    assert cuts[0] < 110 < 150 < cuts[1]


def test_classes_nobody_seeded_stay_free(blocks: NDArray[np.uint8]) -> None:
    seeds = np.zeros(blocks.shape, int)
    seeds[:5, 45:50] = 2
    found = emseg.segment(blocks, seed_labels=seeds, n_classes=3)
    assert (found.labels[:, 40:] == 2).all()
    assert len(np.unique(found.labels[:, :20])) == 1
    assert len(np.unique(found.labels)) == 3


def test_seeds_of_more_classes_than_asked_for_are_refused(
    blocks: NDArray[np.uint8],
) -> None:
    seeds = np.zeros(blocks.shape, int)
    seeds[:5, 45:50] = 5
    with pytest.raises(ValueError, match=r"go up to 5, but n_classes=2.*n_classes=5"):
        emseg.segment(blocks, seed_labels=seeds, n_classes=2)
    found = emseg.segment(blocks, seed_labels=seeds, n_classes="auto", smoothing=0)
    assert found.n_classes == 5
    assert (found.labels[:5, 45:50] == 5).all()
    # Those that take no part name no class.
    mask = seeds == 0
    emseg.segment(blocks, seed_labels=seeds, n_classes=2, mask=mask)


@pytest.mark.parametrize(("method", "smoothing"), [("em", 0), ("em", 1), ("kmeans", 1)])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("u1", {}),
        ("u1", {"texture": 0.5}),
        ("u1", {"n_classes": "auto"}),
        ("u2", {}),
        ("f4", {}),
    ],
)
def test_gray_saved_as_rgb_is_gray(
    method: str, smoothing: float, kind: str, more: dict[str, Any]
) -> None:
    factor = {"u1": 1, "u2": 257.0, "f4": 1 / 255}[kind]
    gray = (PHOTO[..., 1] * factor).astype(kind)
    gray = (
        gray * 257 if kind == "u2" else gray / np.float32(255) if kind == "f4" else gray
    )
    rgb = np.stack([gray] * 3, axis=-1)
    params = {"method": method, "smoothing": smoothing, "n_classes": 3} | more
    one, three = emseg.segment(gray, **params), emseg.segment(rgb, **params)
    np.testing.assert_array_equal(three.labels, one.labels)
    np.testing.assert_array_equal(three.probabilities(), one.probabilities())
    np.testing.assert_array_equal(three.model.means, one.model.means)
    assert three.table()["mean"].shape[1] == 3


def test_transparent_gray_is_gray_in_a_mask() -> None:
    gray, inside = PHOTO[..., 1], np.ones(PHOTO.shape[:2], bool)
    inside[:20] = False
    alpha = np.where(inside, 255, 0).astype(np.uint8)
    rgba = np.stack([gray, gray, gray, alpha], axis=-1)
    expected = emseg.segment(gray, mask=inside).labels
    np.testing.assert_array_equal(emseg.segment(rgba).labels, expected)


def test_one_pixel_of_color_makes_a_picture_one_of_color() -> None:
    rgb = np.repeat(PHOTO[..., 1:2], 3, axis=-1)
    assert emseg.features(rgb).shape[-1] == 1
    rgb[-1, -1, 2] ^= 1
    assert emseg.features(rgb).shape[-1] == 3


def test_models_of_colors_take_gray_for_a_color() -> None:
    gray = np.repeat(PHOTO[..., 1:2], 3, axis=-1)
    model = emseg.segment(PHOTO, n_classes=3).model
    found = emseg.segment(gray, model=model, smoothing=0)
    lab = emseg.features(gray, color="lab")
    np.testing.assert_array_equal(found.labels, model.predict(lab))
    again = read_input(gray, Params(), like=model)
    assert again.space.color == "lab"


def test_a_last_axis_of_one_is_one_plane() -> None:
    gray = PHOTO[..., 1]
    expected = emseg.segment(gray).labels
    np.testing.assert_array_equal(emseg.segment(gray[..., np.newaxis]).labels, expected)
    assert emseg.segment(gray[..., np.newaxis], rgb=False).labels.shape[-1] == 1


@pytest.mark.parametrize("off", [1e-3, 1.0, np.nan])
def test_models_whose_weights_do_not_sum_to_one_are_refused(
    off: float, blocks: NDArray[np.uint8]
) -> None:
    model = emseg.segment(blocks, n_classes=3).model
    wrong = replace(model, weights=model.weights * (1 + off))
    with pytest.raises(ValueError, match=r"weights of the model sum to .* divide"):
        emseg.segment(blocks, model=wrong)


def test_few_seeds_of_many_pixels_are_not_lost(rng: np.random.Generator) -> None:
    image = rng.random((600, 600), np.float32)
    seeds = np.zeros(image.shape, int)
    seeds[3, 3] = 6
    found = emseg.segment(image, n_classes=6, seed_labels=seeds, smoothing=0)
    assert found.labels[3, 3] == 6


def test_small_regions_give_way_but_seeds_do_not(blocks: NDArray[np.uint8]) -> None:
    seeds = np.zeros(blocks.shape, int)
    seeds[:10, :10], seeds[:10, 25:35], seeds[:10, 50:] = 1, 2, 3
    seeds[30, 10] = 3
    found = emseg.segment(
        blocks, n_classes=3, seed_labels=seeds, min_size=50, smoothing=0
    )
    np.testing.assert_array_equal(found.labels[seeds > 0], seeds[seeds > 0])
    # Three blocks, and the one pixel that is too small but fixed.
    assert found.regions().max() == 4


@pytest.mark.parametrize("smoothing", [0, 1])
def test_model_can_be_applied_to_another_image(smoothing: float) -> None:
    first, second = PHOTO[:, :40], PHOTO[:, 40:]
    whole = emseg.segment(PHOTO, smoothing=smoothing)
    for method in ("em", "kmeans"):
        model = emseg.segment(first, method=method).model
        seg = emseg.segment(second, model=model, smoothing=smoothing)
        assert seg.model is model
        assert seg.objective == ()
        assert seg.converged
        if smoothing == 0:
            features = emseg.features(second)
            np.testing.assert_array_equal(seg.labels, model.predict(features))
    again = emseg.segment(PHOTO, model=whole.model, smoothing=smoothing)
    np.testing.assert_array_equal(again.labels, whole.labels)


def test_seed_labels_hold_against_a_model(blocks: NDArray[np.uint8]) -> None:
    model = emseg.segment(blocks, n_classes=3).model
    seeds = np.zeros(blocks.shape, int)
    seeds[:3, :3] = 3
    labels = emseg.segment(blocks, model=model, seed_labels=seeds).labels
    assert (labels[:3, :3] == 3).all()
    assert (labels[10:, :20] == 1).all()


@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_fit_can_start_from_a_model(method: str) -> None:
    options = {"method": method, "n_classes": 5, "smoothing": 0}
    first = emseg.segment(PHOTO, **options)
    again = emseg.segment(PHOTO, start=first.model, **options)
    assert again.levels.count("exact") <= max(first.levels.count("exact"), 3)
    assert again.objective[-1] == pytest.approx(first.objective[-1], abs=1e-4)
    assert (again.labels == first.labels).mean() > 0.99


def test_steps_tell_of_their_progress() -> None:
    for smoothing, stages in ((0, ["label"]), (1, ["smooth"])):
        params = Params(smoothing=smoothing)
        steps = emseg.iter_segment(PHOTO, params)
        seen = []
        while True:
            try:
                seen.append(next(steps))
            except StopIteration as stop:
                result = stop.value
                break
        names = list(dict.fromkeys(step.stage for step in seen))
        assert names == ["colors", "fit", *stages]
        assert seen[-1].done == seen[-1].total > 0
        fits = [step for step in seen if step.stage == "fit"]
        assert [step.done for step in fits] == list(range(1, len(fits) + 1))
        objective = tuple(step.state.objective for step in fits if step.state)
        assert result.objective == objective
        assert result.levels == tuple(step.state.level for step in fits if step.state)
        last = fits[-1].state
        assert last is not None
        np.testing.assert_array_equal(last.model.means, result.model.means)
        assert result.converged == last.converged
        assert result.params == params


def test_states_are_numbered_like_the_result() -> None:
    for step in emseg.iter_segment(PHOTO, Params(n_classes=5)):
        if step.state is not None:
            means = step.state.model.means
            assert (np.diff(means[:, 0]) >= 0).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_image_of_floats_is_not_changed(kind: type, smoothing: float) -> None:
    image = PHOTO[..., 0].astype(kind)
    image[3:9, 4:8] = np.nan
    mask = np.ones(image.shape, bool)
    mask[50:] = False
    before = image.copy()
    seg = emseg.segment(image, mask=mask, smoothing=smoothing, min_size=9)
    seg.probabilities(), seg.uncertainty(), seg.table(), seg.regions(5)
    np.testing.assert_array_equal(image, before)


def test_nothing_given_is_changed() -> None:
    image, mask = PHOTO.copy(), np.ones(PHOTO.shape[:2], bool)
    seeds = np.zeros(mask.shape, int)
    seeds[:4, :4] = 1
    model = emseg.segment(PHOTO, n_classes=3).model
    means = model.means.copy()
    emseg.segment(image, mask=mask, seed_labels=seeds, min_size=30)
    emseg.segment(image, model=model, seed_labels=seeds)
    np.testing.assert_array_equal(image, PHOTO)
    assert mask.all()
    assert seeds.sum() == 16
    np.testing.assert_array_equal(model.means, means)


@pytest.mark.parametrize(
    ("image", "most"),
    [
        (np.full((9, 9, 3), 7, np.uint8), 1),
        (np.full((9, 9), 0.25), 1),
        (np.eye(9, dtype=np.uint8) * 90, 2),
        (np.eye(9, dtype=bool), 2),
        (np.zeros((1, 1), np.uint8), 1),
        (np.full((1, 1, 3), 0.5), 1),
        (np.arange(3, dtype=np.int64).reshape(1, 3) * 50, 3),
    ],
)
@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("init", ["kmeans", "random"])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_fewer_colors_than_classes_are_reported(
    image: NDArray[Any], most: int, method: str, init: str, smoothing: float
) -> None:
    with pytest.warns(UserWarning, match="class(es)? found where 5 were asked"):
        seg = emseg.segment(
            image, n_classes=5, method=method, init=init, smoothing=smoothing
        )
    assert 1 <= seg.n_classes <= most
    if init == "kmeans":
        assert seg.n_classes == most
    assert 1 <= seg.labels.min() <= seg.labels.max() <= most
    assert len(seg.table()["label"]) == seg.n_classes


@pytest.mark.parametrize(
    "call",
    [
        lambda image: emseg.segment(image, n_classes=3),
        lambda image: list(emseg.iter_segment(image, emseg.Params(n_classes=3))),
    ],
    ids=["segment", "iter_segment"],
)
def test_report_points_at_the_caller(call: Callable[[Any], Any]) -> None:
    with pytest.warns(UserWarning, match="where 3 were asked") as told:
        call(np.zeros((5, 5), np.uint8))
    assert [one.filename for one in told] == [__file__]


@pytest.mark.parametrize("init", ["kmeans", "random"])
def test_starts_have_as_many_classes_though_pixels_look_alike(init: str) -> None:
    levels = np.random.default_rng(0).choice(
        6, 900, p=[0.5, 0.4, 0.04, 0.03, 0.02, 0.01]
    )
    seg = emseg.segment(levels.reshape(30, 30) / 5, n_classes=4, init=init, smoothing=0)
    assert seg.n_classes == 4


def test_one_class_is_everything() -> None:
    seg = emseg.segment(PHOTO, n_classes=1)
    assert (seg.labels == 1).all()
    assert (seg.probabilities() == 1).all()
    assert (seg.uncertainty() == 0).all()


def test_as_many_classes_as_allowed() -> None:
    seg = emseg.segment(PHOTO, n_classes=64, max_iter=3, n_init=1, smoothing=0)
    assert seg.n_classes == 64
    assert seg.labels.max() == 64


def noisy_discs(shape: tuple[int, int], sigma: float) -> tuple[Any, Any]:
    """Return discs of three levels in noise, and the truth 0..2."""
    y, x = np.indices(shape)
    truth = 1 + (x > shape[1] // 2)
    truth[(y % 64 - 32) ** 2 + (x % 80 - 40) ** 2 < 400] = 0
    noise = np.random.default_rng(0).normal(0, sigma, shape)
    return (truth / 2 + noise).astype(np.float32), truth


@pytest.mark.parametrize("shape", [(150, 180), (1300, 1100)])
def test_noise_is_smoothed_as_strongly_as_it_is(shape: tuple[int, int]) -> None:
    for sigma in (0.1, 0.3):
        image, truth = noisy_discs(shape, sigma)
        found = emseg.segment(image, n_classes=3)
        assert found.levels[-1] == "field"
        assert (found.labels - 1 != truth).mean() < 0.004
        np.testing.assert_array_equal(
            found.probabilities().argmax(axis=0) + 1, found.labels
        )
    by_model = emseg.segment(image, model=found.model)
    assert (by_model.labels - 1 != truth).mean() < 0.01
    by_means = emseg.segment(image, n_classes=3, method="kmeans", seed=1)
    assert by_means.levels[-1] != "field"


def test_classes_of_noise_do_not_depend_on_how_much_is_smoothed() -> None:
    """Fitted with a weak bond, two of them shared the background."""
    y, x = np.mgrid[:80, :80] / 40 - 1
    radius = np.hypot(y, x)
    truth = np.select([radius < 0.4, radius < 0.6, radius < 0.9], [3, 2, 1], 0)
    image = truth / 3 + np.random.default_rng(0).normal(0, 0.12, truth.shape)
    none, little, much = (
        emseg.segment(image, n_classes=4, smoothing=s) for s in (0, 0.01, 1)
    )
    np.testing.assert_array_equal(little.model.means, much.model.means)
    wrong = [np.count_nonzero(s.labels - 1 != truth) for s in (none, little, much)]
    assert wrong[2] < wrong[1] < wrong[0]


def test_photographs_and_no_smoothing_need_no_field() -> None:
    image, _ = noisy_discs((100, 120), 0.3)
    for found in (emseg.segment(PHOTO), emseg.segment(image, smoothing=0)):
        assert "field" not in found.levels
        assert found.bias is None


def test_many_classes_of_a_photograph_are_no_noise() -> None:
    """Where each class begins, it is so narrow that noise might dominate it."""
    soft = ndimage.gaussian_filter(data.chelsea(), (2, 2, 0))[::2, ::2]
    noise = np.random.default_rng(0).normal(0, 2, soft.shape)
    image = (soft + noise).clip(0, 255).astype(np.uint8)
    with collect_warnings():
        found = emseg.segment(image, n_classes=64, max_iter=40)
    assert "field" not in found.levels
    assert found.levels[-1] == "exact"


def test_a_fit_is_left_where_noise_dominates() -> None:
    image, _ = noisy_discs((150, 180), 0.2)
    found = emseg.segment(image, n_classes=3)
    plain = emseg.segment(image, n_classes=3, smoothing=0)
    before = [level for level in found.levels if level != "field"]
    assert before == [*plain.levels[: len(before)]]
    assert len(before) < len(plain.levels)


@pytest.mark.parametrize("more", [{}, {"n_classes": "auto"}, {"method": "kmeans"}])
def test_bias_is_left_out_where_only_one_class_changes(more: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    truth = np.indices((120, 150))[0] // 20 % 2
    # The ground darkens from left to right; what lies on it does not.
    ground = np.linspace(130, 70, 150)
    image = np.where(truth == 1, 200, ground) + rng.normal(0, 5, truth.shape)
    image = np.rint(image).clip(0, 255).astype(np.uint8)
    params = {"n_classes": 2} | more
    plain = emseg.segment(image, **params)
    with collect_warnings() as messages:
        found = emseg.segment(image, bias=True, **params)
    assert found.bias is None
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_array_equal(found.model.means, plain.model.means)
    told = [message for message in messages if "no light that all classes" in message]
    assert len(told) == (params.get("method") != "kmeans")


def test_light_that_all_classes_share_is_taken() -> None:
    rng = np.random.default_rng(0)
    truth = np.indices((120, 150))[0] // 20 % 2
    light = np.linspace(1.25, 0.75, 150)
    image = np.where(truth == 1, 180, 110) * light + rng.normal(0, 5, truth.shape)
    image = np.rint(image).clip(0, 255).astype(np.uint8)
    found = emseg.segment(image, bias=True, n_classes=2)
    assert found.bias is not None
    assert (found.labels - 1 == truth).mean() > 0.999
    assert (emseg.segment(image, n_classes=2).labels - 1 == truth).mean() < 0.95


@pytest.mark.parametrize(("light", "bright"), [(0.5, 120), (0.25, 90)])
def test_light_that_changes_more_than_classes_differ_is_taken(
    light: float, bright: int
) -> None:
    """The first classes are bright and dark places: it takes several starts."""
    rng = np.random.default_rng(0)
    truth = np.indices((120, 150))[0] >= 60
    field = np.linspace(1 - light, 1 + light, 150)
    image = np.where(truth, bright, 60) * field + rng.normal(0, 2, truth.shape)
    image = np.rint(image).clip(0, 255).astype(np.uint8)
    found = emseg.segment(image, bias=True, n_classes=2)
    assert found.bias is not None
    assert np.corrcoef(found.bias.mean(axis=0), field)[0, 1] > 0.99
    assert (found.labels - 1 == truth).mean() > 0.98
    # The model is that of the light which was kept, not of the last start.
    ratio = found.model.means[1, 0] / found.model.means[0, 0]
    assert ratio == pytest.approx(bright / 60, rel=0.06)


def test_bias_is_found() -> None:
    image, truth = noisy_discs((150, 180), 0.1)
    light = np.linspace(0.8, 1.2, 180)
    image = (image + 0.5) * light.astype(np.float32)
    found = emseg.segment(image, n_classes=3, bias=True)
    assert found.bias is not None
    assert np.corrcoef(found.bias.mean(axis=0), light)[0, 1] > 0.99
    assert (found.labels - 1 != truth).mean() < 0.01
    np.testing.assert_array_equal(
        found.probabilities().argmax(axis=0) + 1, found.labels
    )
    with pytest.raises(ValueError, match="bias=True needs"):
        emseg.segment(np.zeros((2, 3, 8, 8)), bias=True)


@pytest.mark.parametrize("outliers", [0, 0.05])
def test_impulses_are_outliers_whether_they_are_named_or_not(outliers: float) -> None:
    image, truth = noisy_discs((150, 180), 0)
    clean = emseg.segment(image, n_classes=3)
    assert "field" not in clean.levels
    assert clean.model.outliers == 0
    hit = np.random.default_rng(1).random(image.shape)
    image[hit < 0.05], image[hit > 0.95] = 0, 1
    found = emseg.segment(image, n_classes=3, outliers=outliers)
    assert (found.labels - 1 != truth).mean() < 0.003
    assert found.model.outliers == pytest.approx(0.1, abs=0.05)
    texture = emseg.segment(image, n_classes=3, outliers=outliers, texture=0.5)
    assert texture.labels.shape == image.shape


def test_lighter_pixels_of_a_series_are_fitted_together() -> None:
    image, truth = noisy_discs((128, 160), 0.3)
    series = np.stack([image, image[::-1]])[:, np.newaxis]
    found = emseg.segment(series, n_classes=3)
    assert found.levels[-1] == "field"
    assert (found.labels[0, 0] - 1 != truth).mean() < 0.01

"""Recipes without a viewer: JSON, replay, script and command agree; errors help."""

from __future__ import annotations

import base64
import json
import pickle
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_emseg as emseg
from napari_emseg import files
from napari_emseg.cli.app import main
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.recipe import packed_array, segment_step
from napari_emseg.recipe.execute import do
from napari_emseg.recipe.operations import OPERATIONS
from napari_emseg.recipe.packed_array import pack
from napari_emseg.regions import refit

Step, Recipe = emseg.Step, emseg.Recipe
SHAPE = (24, 32)


def scene(depth=0):
    """Return blobs of three colors with noise, or a stack of them."""
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    blobs = (np.hypot(y - 8, x - 8) < 6).astype(int) + 2 * (
        np.hypot(y - 14, x - 22) < 7
    )
    colors = np.array([[30, 40, 50], [200, 80, 40], [90, 200, 220]])
    picture = np.repeat(colors[blobs][np.newaxis], max(depth, 1), axis=0)
    noisy = (picture + rng.normal(0, 9, picture.shape)).clip(0, 255).astype(np.uint8)
    return noisy if depth else noisy[0]


IMAGE, STACK = scene(), scene(3)
START = Step.of(
    "segment",
    params={"n_classes": 3, "smoothing": 0, "method": "kmeans", "n_init": 1},
    rgb=True,
)
STROKES = np.zeros(SHAPE, np.uint8)
STROKES[2, 2:30], STROKES[8, 6:11] = 1, 2
FITTED = emseg.segment(IMAGE, n_classes=2, smoothing=0, seed=3).model
TWICE = base64.b64decode(pack(STROKES).data) * 2
CORNER = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
PIXELS = st.floats(0, 4).map(lambda value: round(value, 1))
WAYS = {
    "mode": st.sampled_from(["new", "add", "subtract", "intersect", "xor"]),
    "feather": st.sampled_from([0.0, 1.3]),
}
LOCKED = {"locked": st.sampled_from([(), (2,)])}
INSIDE = LOCKED | {"inside": st.booleans()}
# What arguments an operation is tried with; the table must be complete.
TRIED = {
    "segment": {
        "params": st.sampled_from([{"n_classes": 2, "smoothing": 0}]),
        "model": st.sampled_from([None, FittedModel.of(FITTED)]),
        "start": st.sampled_from([None, FittedModel.of(FITTED)]),
    },
    "blank": {"shape": st.just(SHAPE), "dtype": st.just("uint8")},
    "wand": WAYS
    | {
        "point": CORNER,
        "tolerance": st.sampled_from([None, 5.0, 30.0]),
        "contiguous": st.booleans(),
        "sample_size": st.sampled_from([1, 3]),
        "gap": st.sampled_from([0, 2]),
        "soft": st.booleans(),
    },
    "color_range": WAYS
    | {
        "points": st.lists(CORNER, min_size=1, max_size=2),
        "minus": st.sampled_from([None, [(0, 0)]]),
        "sample_size": st.sampled_from([1, 3]),
    },
    "similar": WAYS | {"soft": st.booleans()},
    "grow_similar": WAYS,
    "by_class": WAYS | {"k": st.just(1), "threshold": st.sampled_from([0.5, None])},
    "by_label": WAYS | {"point": CORNER, "contiguous": st.booleans()},
    "region_at": WAYS | {"point": CORNER},
    "rectangle": WAYS | {"corner": CORNER, "opposite": CORNER},
    "ellipse": WAYS | {"corner": CORNER, "opposite": CORNER, "soft": st.booleans()},
    "polygon": WAYS | {"points": st.lists(CORNER, min_size=3, max_size=5)},
    "lasso": WAYS | {"path": st.lists(CORNER, min_size=3, max_size=5)},
    "scissors": WAYS | {"points": st.just([(2, 2), (2, 28), (20, 14)])},
    "box": WAYS | {"box": st.just((1.0, 1.0, 16.0, 16.0))},
    "scribbles": WAYS
    | {"strokes": st.just(pack(STROKES)), "contiguous": st.booleans()},
    "selection": WAYS | {"values": st.just(pack(STROKES * 100))},
    "all": WAYS,
    "none": {},
    "save": {"name": st.just("one")},
    "load": WAYS | {"name": st.just("one")},
    "brush": WAYS
    | {
        "path": st.lists(CORNER, min_size=1, max_size=3),
        "radius": st.sampled_from([0.5, 3.0]),
        "tolerance": st.sampled_from([None, 30.0]),
    },
    "brush_regions": WAYS
    | {"path": st.lists(CORNER, min_size=1, max_size=3), "radius": st.just(2.0)},
    "correct": {"strokes": st.just(pack(STROKES))},
    "refine_edge": {"radius": st.sampled_from([0, 3]), "contrast": st.just(0.2)},
    "grow": {"pixels": PIXELS},
    "shrink": {"pixels": PIXELS},
    "smooth": {"radius": PIXELS},
    "border": {"width": st.sampled_from([1.0, 3.0])},
    "feather": {"radius": PIXELS},
    "fill_holes": {"max_size": st.sampled_from([None, 9])},
    "interpolate": {},
    "invert": {},
    "harden": {"threshold": st.sampled_from([0.2, 0.5])},
    "remove_small": {"min_size": st.just(9)},
    "largest": {},
    "fill": LOCKED | {"label": st.sampled_from([0, 1, 7])},
    "new_class": LOCKED,
    "merge": INSIDE | {"members": st.sampled_from([(1, 3), (3, 1, 4)])},
    "split": {
        "label": st.just(1),
        "method": st.sampled_from(["components", "classes", "watershed"]),
    },
    "absorb_small": INSIDE | {"min_size": st.just(9)},
    "smooth_boundaries": INSIDE | {"radius": st.just(1.5)},
    "interpolate_label": INSIDE | {"label": st.just(9)},
    "renumber": {"numbers": st.sampled_from([None, {1: 9, 9: 1}])},
    "swap": INSIDE | {"a": st.just(1), "b": st.just(3)},
    "drop_uncertain": INSIDE | {"threshold": st.just(0.1)},
    "draw": INSIDE | {"strokes": st.just(pack(STROKES))},
    "refit": LOCKED
    | {
        "seed_labels": st.just(pack(STROKES)),
        "erased": st.sampled_from([None, pack(STROKES == 1)]),
        "params": st.just({"n_classes": 3, "smoothing": 0, "method": "kmeans"}),
    },
    "patch": {"where": st.just(pack(STROKES > 0)), "values": st.just(pack(STROKES))},
    "hue_saturation": {"hue": st.just(30.0)},
    "desaturate": {"amount": st.just(0.5)},
    "replace_color": {"color": st.just((200, 80, 40)), "by": st.just((0, 0, 255))},
    "brightness_contrast": {"brightness": st.just(0.2)},
    "levels": {"gamma": st.just(1.5)},
    "curves": {"points": st.just([(0, 0), (100, 180), (255, 255)])},
    "fill_color": {"color": st.just((1, 2, 3))},
    "blur": {"radius": st.just(1.5)},
    "sharpen": {"amount": st.just(0.5)},
    "inpaint": {"method": st.sampled_from(["telea", "navier-stokes"])},
    "cut_out": {"radius": st.just(3)},
}


EVERYTHING = st.none()


@st.composite
def steps(draw, at=EVERYTHING, names=tuple(TRIED)):
    name = draw(st.sampled_from(names))
    place = None if name in ("segment", "blank") else draw(at)
    return Step.of(name, at=place, **draw(st.fixed_dictionaries(TRIED[name])))


def possible(image, wanted):
    """Leave out the steps that cannot be done after those before them."""
    kept = [START]
    state = Recipe(steps=(START,))._begin(image, rgb=None, channel_axis=None)
    do(START, state)
    for step in wanted:
        with suppress(TypeError, ValueError):
            do(step, state)
            kept.append(step)
    return Recipe(steps=tuple(kept))


def check(recipe, image, folder):
    """Check that JSON and script give what the recipe gives; return that."""
    result = recipe.replay(image)
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    np.testing.assert_array_equal(again.replay(image), result.labels)
    least = recipe.without_detours(keep_selection=False)
    np.testing.assert_array_equal(least.replay(image), result.labels)
    straight = recipe.without_detours().replay(image)
    np.testing.assert_array_equal(straight, result.labels)
    assert (straight.selection is None) == (result.selection is None)
    if result.selection is not None:
        np.testing.assert_array_equal(straight.selection, result.selection)
    source, target = folder / "image.tif", folder / "labels.tif"
    tifffile.imwrite(source, image, photometric="rgb")
    target.unlink(missing_ok=True)
    names: dict = {}
    exec(recipe.to_python(source, target), names)
    labels, selection = names["labels"], names.get("selection")
    assert labels.dtype == result.labels.dtype
    np.testing.assert_array_equal(labels, result.labels)
    np.testing.assert_array_equal(files.read_labels(target), result.labels)
    if result.selection is not None and result.selection.shape == SHAPE:
        assert selection.dtype == result.selection.dtype
        np.testing.assert_array_equal(selection, result.selection)
    if result.picture is not None:
        np.testing.assert_array_equal(names["picture"], result.picture)
    return result


def test_every_operation_is_tried():
    assert set(TRIED) == set(OPERATIONS)


@pytest.mark.parametrize("name", [*TRIED])
@given(data=st.data())
@settings(max_examples=3, deadline=None)
def test_each_operation(name, data, tmp_path_factory):
    before = [
        Step.of("ellipse", corner=(3, 4), opposite=(20, 25), feather=1),
        Step.of("save", name="one"),
    ]
    step = data.draw(steps(names=(name,)))
    if name.startswith("interpolate"):
        ends = ((0, None, None), (2, None, None))
        before = [
            Step.of("all"),
            Step.of("fill", label=0),
            Step.of("none"),
            *(before[0].model_copy(update={"at": at}) for at in ends),
            Step.of("fill", label=9),
        ]
        found = check(
            Recipe(steps=(START, *before, step)),
            STACK,
            tmp_path_factory.mktemp("between"),
        )
        inside = getattr(step.args, "inside", True)
        assert (found.labels[1] == 9).any() != inside
        assert found.selection[1].any() == (name == "interpolate")
        return
    check(Recipe(steps=(START, *before, step)), IMAGE, tmp_path_factory.mktemp("one"))


@given(wanted=st.lists(steps(), max_size=12))
@settings(max_examples=25, deadline=None)
def test_random_sequences(wanted, tmp_path_factory):
    recipe = possible(IMAGE, wanted)
    check(recipe, IMAGE, tmp_path_factory.mktemp("random"))


PLANES = st.sampled_from([(1, None, None), (2, None, None), (None, 7, None), None])


@given(wanted=st.lists(steps(at=PLANES), max_size=8))
@settings(max_examples=15, deadline=None)
def test_random_sequences_in_a_stack(wanted, tmp_path_factory):
    recipe = possible(STACK, wanted)
    check(recipe, STACK, tmp_path_factory.mktemp("stack"))


@given(wanted=st.lists(steps(at=PLANES), max_size=12))
@settings(deadline=None)
def test_files_give_back_any_recipe(wanted, tmp_path_factory):
    """Also one that no image fits, and at what a number has of digits."""
    more = Step.of("wand", point=(1 / 3, 2**0.5), tolerance=1e-17)
    recipe = Recipe(steps=(*wanted, more))
    folder = tmp_path_factory.mktemp("files")
    recipe.save(folder / "a.json")
    about = {"recipe": recipe.model_dump(mode="json")}
    files.write_labels(folder / "a.tif", STROKES, metadata=about)
    for name in ("a.json", "a.tif"):
        found = Recipe.load(folder / name)
        assert found == recipe
        assert found.model_dump_json() == recipe.model_dump_json()


def test_recipes_travel_to_other_processes(tmp_path):
    """As `Executor.map(recipe.replay, images)` sends them."""
    steps = (
        START,
        Step.of("selection", values=pack(STROKES), feather=1 / 3),
        Step.of("fill", at=(None, None), label=7),
    )
    recipe = Recipe(steps=steps)
    replay = pickle.loads(pickle.dumps(recipe.replay))
    assert replay.__self__ == recipe
    np.testing.assert_array_equal(replay(IMAGE), recipe.replay(IMAGE))


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_labels_that_a_plane_has_too_many_of(kind, tmp_path):
    """They widen all labels, in replay and in scripts."""
    at, most = (1, None, None), np.iinfo(kind).max
    image = np.zeros((2, 300, 300), np.uint8)
    full = np.arange(300 * 300).reshape(300, 300).clip(0, most).astype(kind)
    values, where = np.zeros(image.shape, kind), np.zeros(image.shape, bool)
    values[1], where[1] = full, True
    recipe = Recipe(
        steps=(
            Step.of("blank", shape=image.shape, dtype=kind, rgb=False),
            Step.of("patch", where=pack(where), values=pack(values)),
            Step.of("rectangle", at=at, corner=(298, 0), opposite=(299, 9)),
            Step.of("new_class", at=at),
        )
    )
    found = recipe.replay(image).labels
    assert found.max() == most + 1
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, image, photometric="minisblack")
    names: dict = {}
    exec(recipe.to_python(source, target), names)
    assert names["labels"].dtype == found.dtype
    np.testing.assert_array_equal(names["labels"], found)


def test_labels_of_one_slice(tmp_path):
    at = (2, None, None)
    recipe = Recipe(
        steps=(
            Step.of("segment", at=at, params={"n_classes": 2}, rgb=True),
            Step.of("wand", at=at, point=(8, 8)),
            Step.of("fill", at=at, label=5),
        )
    )
    result = check(recipe, STACK, tmp_path)
    assert result.labels.shape == (1, *SHAPE)
    assert result.labels[0, 8, 8] == 5
    assert result.selection.shape == (1, *SHAPE)
    elsewhere = Recipe(steps=(*recipe.steps, Step.of("invert", at=(0, None, None))))
    with pytest.raises(ValueError, match=r"step 4 \(invert\).*segment the whole stack"):
        elsewhere.replay(STACK)


def test_result_is_its_labels():
    result = Recipe(steps=(START, Step.of("wand", point=(0, 0)))).replay(IMAGE)
    expected = emseg.segment(
        IMAGE, n_classes=3, smoothing=0, method="kmeans", n_init=1
    ).labels
    np.testing.assert_array_equal(np.asarray(result), expected)
    assert np.array(result, np.int64).dtype == np.int64
    assert result.selection[0, 0]
    assert result.picture is None
    with pytest.raises(ValueError, match="read-only"):
        result.labels[0, 0] = 1
    changed = np.array(result, copy=True)
    changed[0, 0] += 1
    np.testing.assert_array_equal(result.labels, expected)


def test_scopes_share_one_selection(tmp_path):
    """A volume, a plane of it, and a plane across."""
    plane, across = (1, None, None), (None, 7, None)
    recipe = Recipe(
        steps=(
            START,
            Step.of("rectangle", corner=(3, 4), opposite=(12, 20)),
            Step.of("grow", at=plane, pixels=2.0),
            Step.of("fill", label=7),
            Step.of("feather", at=across, radius=1.5),
            Step.of("invert", at=plane),
            Step.of("none", at=across),
            Step.of("fill", label=8),
            Step.of("feather", at=plane, radius=1.0),
            Step.of("wand", mode="add", point=(1, 8, 8), tolerance=30.0),
        )
    )
    found = check(recipe, STACK, tmp_path)
    chosen = emseg.select.rectangle(STACK.shape[:3], (3, 4), (12, 20))
    chosen[1] = emseg.select.grow(chosen[1], 2)
    expected = Recipe(steps=(START,)).replay(STACK).labels.copy()
    expected[chosen] = 7
    chosen[1] = ~chosen[1]
    chosen[:, 7] = False
    expected[chosen] = 8
    np.testing.assert_array_equal(found.labels, expected)
    soft = chosen.astype(np.float32)
    soft[1] = emseg.select.rounded(emseg.select.feather(chosen[1], 1.0))
    piece = emseg.select.wand(STACK, (1, 8, 8), 30.0, rgb=True)
    np.testing.assert_array_equal(found.selection, np.maximum(soft, piece))
    # What a volume gives up, its planes give up.
    start, after = Step.of("all", at=plane), Step.of("largest", at=plane)
    for none in (Step.of("none"), Step.of("none", at=plane)):
        with pytest.raises(ValueError, match="nothing is selected here"):
            Recipe(steps=(START, start, none, after)).replay(STACK)


def test_whole_planes_have_one_name(tmp_path):
    """Nulls alone are everything, as is nothing at all."""
    step = Step.of("wand", at=(None, None), point=(8, 8))
    assert step == Step.of("wand", point=(8, 8))
    check(Recipe(steps=(START, step, Step.of("new_class"))), IMAGE, tmp_path)


@pytest.mark.parametrize(
    "name", ["a b.tif", 'q"u""o"""te\'s.tif', "back\\n.tif", "é天.tif"]
)
def test_scripts_quote_names(name, tmp_path):
    tifffile.imwrite(tmp_path / name, IMAGE, photometric="rgb")
    keep = Step.of("save", name=name)
    recipe = Recipe(
        steps=(START, Step.of("all"), keep, Step.of("none"), Step.of("load", name=name))
    )
    names: dict = {}
    exec(recipe.to_python(tmp_path / name, tmp_path / f"of {name}"), names)
    assert names["selection"].all()
    assert (tmp_path / f"of {name}").exists()


def test_scripts_read_what_napari_showed(tmp_path):
    """Napari's own reader does not turn a photograph that lies on its side."""
    path, target = tmp_path / "phone.tif", tmp_path / "labels.tif"
    recipe = Recipe(steps=(START, Step.of("wand", point=(8, 8)), Step.of("new_class")))
    assert "upright" not in recipe.to_python(path, target, as_stored=True)
    tifffile.imwrite(path, IMAGE, photometric="rgb")
    assert "upright" not in recipe.to_python(path, target, as_stored=True)
    tag = [(274, "H", 1, 6, True)]
    tifffile.imwrite(path, IMAGE, photometric="rgb", extratags=tag)
    for as_stored, seen in ((True, IMAGE), (False, np.rot90(IMAGE, -1))):
        names: dict = {}
        target.unlink(missing_ok=True)
        exec(recipe.to_python(path, target, as_stored=as_stored), names)
        np.testing.assert_array_equal(names["image"], seen)
        np.testing.assert_array_equal(names["labels"], recipe.replay(seen))


WAYS_TO_FIT = [
    {"n_classes": 3},
    {"n_classes": 3, "method": "kmeans", "smoothing": 0},
    {"n_classes": 2, "distribution": "student", "outliers": 0.05},
    {"n_classes": 3, "covariance": "diag", "texture": 1.0, "position": 0.5},
    {"n_classes": 4, "color": "rgb", "covariance": "tied", "min_size": 9},
]


@pytest.mark.parametrize("params", WAYS_TO_FIT)
def test_models_come_back_bit_for_bit(params):
    model = emseg.segment(IMAGE, **params).model
    text = json.dumps(FittedModel.of(model).model_dump(mode="json"))
    again = FittedModel.model_validate_json(text).model()
    assert type(again) is type(model)
    for name in (field.name for field in fields(model)):
        old, new = getattr(model, name), getattr(again, name)
        if old is None:
            assert new is None
            continue
        assert np.asarray(new).dtype == np.float64
        assert np.asarray(old).tobytes() == np.asarray(new).tobytes()
    points = emseg.features(IMAGE, color="lab")
    points = np.resize(points, (*SHAPE, model.means.shape[1]))
    np.testing.assert_array_equal(
        again.predict_proba(points), model.predict_proba(points)
    )


@pytest.mark.parametrize("how", ["model", "start"])
@pytest.mark.parametrize("params", WAYS_TO_FIT)
def test_results_of_given_models(params, how, tmp_path):
    """They are one step, which another picture's fit cannot be confused with."""
    given = emseg.segment(IMAGE[:, :20], **params).model
    if given.n_classes < params["n_classes"]:
        pytest.skip("part of the picture has fewer classes")
    seg = emseg.segment(IMAGE, **params, **{how: given})
    step = segment_step(seg)
    assert getattr(step.args, how) is not None
    recipe = Recipe(steps=(step,))
    check(recipe, IMAGE, tmp_path)
    np.testing.assert_array_equal(recipe.replay(IMAGE), seg.labels)
    assert recipe.ending_in(seg.labels, IMAGE) == recipe
    plain = segment_step(emseg.segment(IMAGE, **params)).model_dump()
    assert not {"model", "start"} & {*plain["args"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variance": 1.0}, "leave one of them out"),
        ({"covariances": None}, "leave one of them out"),
        ({"means": [[1.0], [2.0, 3.0]]}, r"means.*not the shape \(2, 1\)"),
        ({"weights": [1.0]}, r"not the shape \(1, 3\)"),
        ({"df": [4.0]}, r"df.*not the shape \(2,\)"),
        ({"outliers": 1.5}, "outliers=1.5.*less than or equal to 1"),
        ({"weights": [-1.0, 2.0]}, "weights.0=-1.0"),
        ({"weights": [0.5, 0.6]}, r"weights.*sum to 1\.1.*divide"),
        ({"covariances": [np.zeros((3, 3)).tolist()] * 2}, "not positive definite"),
    ],
)
def test_wrong_models_are_named(change, message):
    found = FittedModel.of(FITTED).model_dump(mode="json") | change
    with pytest.raises(ValueError, match=message):
        Step.of("segment", model=found)


def test_seeds_mask_and_channels(tmp_path):
    """A segmentation of channels, with mask and seeds, is one step."""
    image = np.moveaxis(IMAGE, -1, 0).astype(np.uint16)
    mask = np.ones(SHAPE, bool)
    mask[:, 20:] = False
    seg = emseg.segment(
        image, n_classes=3, channel_axis=0, mask=mask, seed_labels=STROKES
    )
    recipe = Recipe(steps=(segment_step(seg), Step.of("wand", point=(8, 8))))
    result = recipe.replay(image)
    np.testing.assert_array_equal(result, seg.labels)
    source, target = tmp_path / "channels.tif", tmp_path / "labels.tif"
    tifffile.imwrite(source, image, photometric="minisblack")
    exec(
        recipe.to_python(source, target),
        names := {},
    )
    np.testing.assert_array_equal(names["labels"], seg.labels)


def of_file(recipe, path, tmp_path):
    """Return the labels that command and script make of a file."""
    recipe.save(tmp_path / "r.json", force=True)
    one, two = tmp_path / "by command.tif", tmp_path / "by script.tif"
    command = ["replay", str(tmp_path / "r.json"), str(path), "-o", str(one), "--force"]
    assert main(command) == 0
    two.unlink(missing_ok=True)
    exec(recipe.to_python(path, two, as_stored=True), {})
    return files.read_labels(one), files.read_labels(two)


def test_channels_that_the_file_has_first(tmp_path):
    """The axis of a recipe counts on what the console read, not on what we read."""
    path = tmp_path / "a.ome.tif"
    image = np.stack([*np.moveaxis(IMAGE, -1, 0), IMAGE[..., 0] // 2]).astype(np.uint16)
    tifffile.imwrite(path, image, metadata={"axes": "CYX"})
    seg = emseg.segment(image, n_classes=3, channel_axis=0)
    assert seg.labels.shape == SHAPE
    for found in of_file(Recipe(steps=(segment_step(seg),)), path, tmp_path):
        np.testing.assert_array_equal(found, seg.labels)


@pytest.mark.parametrize("at", [None, (2, None, None)])
def test_channels_that_were_slices_of_a_stack(at, tmp_path):
    """As such, napari's own reader shows them."""
    path = tmp_path / "a.ome.tif"
    image = np.moveaxis(np.dstack([IMAGE, IMAGE[..., :2]]), -1, 0).astype(np.uint16)
    tifffile.imwrite(path, image, metadata={"axes": "CYX"})
    seg = emseg.segment(image if at is None else image[2], n_classes=3, rgb=False)
    recipe = Recipe(
        steps=(segment_step(seg, at), Step.of("wand", at=at, point=(8, 8)))
        if at
        else (segment_step(seg),)
    )
    for found in of_file(recipe, path, tmp_path):
        np.testing.assert_array_equal(found.squeeze(), seg.labels)


def test_colors_that_the_file_does_not_tell(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE, imagej=False, metadata={"axes": "YXC"})
    seg = emseg.segment(IMAGE, n_classes=3)
    for found in of_file(Recipe(steps=(segment_step(seg),)), path, tmp_path):
        np.testing.assert_array_equal(found, seg.labels)


def test_colors_and_gray_values_are_not_confused(tmp_path, capsys):
    wide = np.tile(IMAGE, (2, 1, 1))
    gray = Recipe(
        steps=(segment_step(emseg.segment(IMAGE[..., 0], n_classes=2, smoothing=0)),)
    )
    with pytest.raises(ValueError, match=r"on gray values .* is RGB; give a gray one"):
        gray.replay(wide)
    assert gray.replay(wide[..., 0]).labels.shape == wide.shape[:2]
    assert gray.replay(wide, rgb=False).labels.shape == wide.shape
    assert gray.replay(wide.astype(int)).labels.shape == wide.shape
    with pytest.raises(ValueError, match=r"in RGB, but this one has shape \(24, 32\)"):
        Recipe(steps=(START,)).replay(IMAGE[..., 0])
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="rgb")
    gray.save(tmp_path / "r.json")
    command = [
        "replay",
        tmp_path / "r.json",
        tmp_path / "a.tif",
        "-o",
        tmp_path / "b.tif",
    ]
    assert main([*map(str, command)]) == 2
    assert "made on gray values" in capsys.readouterr().err
    assert not (tmp_path / "b.tif").exists()


class TestFiles:
    def test_save_and_load(self, tmp_path):
        recipe = Recipe(steps=(START, Step.of("wand", point=(1, 2), tolerance=0.1)))
        path = tmp_path / "r.json"
        recipe.save(path)
        assert Recipe.load(path) == recipe
        with pytest.raises(FileExistsError, match="exists already"):
            Recipe().save(path)
        assert Recipe.load(path) == recipe
        Recipe().save(path, force=True)
        assert Recipe.load(path) == Recipe()
        with pytest.raises(ValueError, match=r"\.json"):
            recipe.save(tmp_path / "r.txt")
        with pytest.raises(FileNotFoundError, match="check the name"):
            Recipe.load(tmp_path / "none.json")
        with pytest.raises(IsADirectoryError):
            Recipe.load(tmp_path)

    def test_labels_carry_their_recipe(self, tmp_path, capsys):
        """What segment writes, replay reads; and so on with what replay writes."""
        source, first = tmp_path / "image.tif", tmp_path / "first.tif"
        tifffile.imwrite(source, IMAGE, photometric="rgb")
        assert main(["segment", str(source), "-o", str(first), "-n", "3"]) == 0
        recipe = Recipe.load(first)
        np.testing.assert_array_equal(recipe.replay(IMAGE), files.read_labels(first))
        more = Recipe(steps=(*recipe.steps, Step.of("merge", members=(1, 2))))
        more.save(tmp_path / "r.json")
        second = tmp_path / "second.tif"
        command = ["replay", str(tmp_path / "r.json"), str(source), "-o", str(second)]
        assert main(command) == 0
        assert "2 steps" in capsys.readouterr().out
        np.testing.assert_array_equal(files.read_labels(second), more.replay(IMAGE))
        assert Recipe.load(second) == more
        assert main(command) == 2
        assert "exists already" in capsys.readouterr().err
        third = tmp_path / "third.tif"
        assert main(["replay", str(second), str(source), "-o", str(third)]) == 0
        assert third.read_bytes() == second.read_bytes()

    def test_names_in_any_language(self, tmp_path):
        recipe = Recipe(steps=(Step.of("all"), Step.of("save", name='天空 "ä"')))
        files.write_labels(
            tmp_path / "l.tif",
            STROKES,
            metadata={"recipe": recipe.model_dump(mode="json")},
        )
        assert Recipe.load(tmp_path / "l.tif") == recipe
        recipe.save(tmp_path / "r.json")
        assert Recipe.load(tmp_path / "r.json") == recipe

    def test_labels_without_recipe(self, tmp_path):
        path = tmp_path / "labels.tif"
        files.write_labels(path, STROKES)
        with pytest.raises(ValueError, match="holds no recipe"):
            Recipe.load(path)

    def test_replay_on_many_images(self, tmp_path, capsys):
        """One image that does not fit does not stop the others."""
        recipe = Recipe(steps=(START, Step.of("patch", **draw_patch())))
        recipe.save(tmp_path / "r.json")
        for name, image in (("a", IMAGE), ("b", IMAGE[:-1]), ("c", IMAGE)):
            tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="rgb")
        images = [str(tmp_path / f"{name}.tif") for name in "abc"]
        out = tmp_path / "out"
        command = ["replay", str(tmp_path / "r.json"), *images, "-o", str(out)]
        assert main(command) == 2
        assert sorted(path.name for path in out.iterdir()) == [
            "a_labels.tif",
            "c_labels.tif",
        ]
        told = capsys.readouterr().err
        assert "b.tif: step 2 (patch)" in told
        assert "(23, 32)" in told
        assert "take the image that it was made on" in told


def draw_patch():
    return {"where": pack(STROKES > 0), "values": pack(STROKES)}


WAND = {"op": "wand", "args": {"point": [1, 2]}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"version": 2}, ["version 2", "version 1", "update"]),
        ({"version": "x"}, ["'x'", "integer"]),
        ([], ["[]"]),
        ({"stepps": []}, ["stepps"]),
        ({"steps": [{"op": "wnd"}]}, ["step 1", "'wnd'", "'wand'"]),
        ({"steps": [{"args": {}}]}, ["step 1", "op", "missing"]),
        ({"steps": [WAND, {"op": "wand"}]}, ["step 2", "point", "missing"]),
        ({"steps": [{"op": "wand", "args": [1]}]}, ["step 1", "[1]", "names"]),
        (
            {"steps": [{"op": "wand", "args": {"point": [1, 2], "tolerance": -3}}]},
            ["tolerance=-3", "greater", "correct"],
        ),
        (
            {"steps": [{"op": "wand", "args": {"point": ["1", True]}}]},
            ["'1'", "True", "number"],
        ),
        (
            {"steps": [{"op": "grow", "args": {"pixels": 1, "by": 2}}]},
            ["no by; it takes pixels"],
        ),
        ({"steps": [{"op": "invert", "args": {"by": 2}}]}, ["no by; leave it out"]),
        ({"steps": [WAND | {"at": [-1, None, None]}]}, ["-1"]),
        (
            {"steps": [{"op": "segment", "args": {"params": {"n_classes": 99}}}]},
            ["99", "64"],
        ),
        (
            {"steps": [{"op": "selection", "args": {"values": {"shape": [2]}}}]},
            ["values.data", "missing"],
        ),
    ],
)
def test_wrong_recipes(data, words, tmp_path):
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"wrong\.json") as caught:
        Recipe.load(path)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own words around ours
        Recipe.model_validate_json(json.dumps(data))


def test_no_json(tmp_path):
    path = tmp_path / "wrong.json"
    for text in (b"{", b"\xff\xfe", b"NaN", b""):
        path.write_bytes(text)
        with pytest.raises(ValueError, match=r"wrong\.json"):
            Recipe.load(path)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step.of("wand", point=(99, 0)), "99"),
        (Step.of("wand", point=(1, 2, 3)), "point"),
        (Step.of("grow", pixels=2), "nothing is selected here; put a step"),
        (Step.of("load", name="sky"), "'sky'.*'save'"),
        (Step.of("fill", label=3), "nothing is selected"),
        (Step.of("wand", point=(0, 0), at=(0, None, None)), "no plane of an image"),
        (Step.of("selection", values=pack(STROKES[1:])), r"\(23, 32\).*take the image"),
        (Step.of("draw", strokes=pack(STROKES[1:])), r"\(23, 32\)"),
        (Step.of("refit", seed_labels=pack(STROKES[1:])), r"\(23, 32\)"),
        (Step.of("patch", where=pack(STROKES[1:] > 0), values=pack(STROKES[1:])), "23"),
    ],
)
def test_steps_that_do_not_fit(step, words):
    with pytest.raises(ValueError, match=rf"step 2 \({step.op}\).*{words}"):
        Recipe(steps=(START, step)).replay(IMAGE)


def test_no_labels():
    with pytest.raises(ValueError, match="begins with"):
        Recipe().replay(IMAGE)
    with pytest.raises(ValueError, match="'segment' or 'blank'"):
        Recipe().to_python("a.png", "b.tif")
    with pytest.raises(ValueError, match="take the image"):
        Recipe(steps=(Step.of("blank", shape=(3, 3), dtype="uint8"),)).replay(IMAGE)


def test_without_detours():
    """A selection that was tried and not used is left out, and no other one."""
    one, two = (Step.of("wand", point=(0, x)) for x in (0, 1))
    more = Step.of("wand", point=(5, 5), mode="add")
    fill, save, clear = (
        Step.of("fill", label=1),
        Step.of("save", name="a"),
        Step.of("none"),
    )
    elsewhere = Step.of("wand", at=(1, None, None), point=(0, 0))
    plane = Step.of("wand", at=(0, None, None), point=(0, 0))
    across = Step.of("wand", at=(None, 3, None), point=(0, 0))
    fill_plane = Step.of("fill", at=(1, None, None), label=1)
    for steps, expected in [
        ([one, two, fill], [two, fill]),
        ([one, more, fill], [one, more, fill]),
        ([one, fill, two, clear], [one, fill, clear]),
        ([one, save, two], [one, save, two]),
        ([one, elsewhere, two], [two]),
        ([elsewhere, plane], [elsewhere, plane]),
        ([elsewhere, fill], [elsewhere, fill]),
        ([one, across, fill_plane], [one, across, fill_plane]),
        (
            [one, Step.of("merge", members=(1, 2)), two],
            [Step.of("merge", members=(1, 2)), two],
        ),
        (
            [one, Step.of("merge", members=(1, 2), inside=True), two],
            [one, Step.of("merge", members=(1, 2), inside=True), two],
        ),
        ([one, Step.of("blur"), two], [one, Step.of("blur"), two]),
        ([one, elsewhere, START, two], [START, two]),
    ]:
        recipe = Recipe(steps=(START, *steps))
        assert recipe.without_detours().steps == (START, *expected)
        while expected and expected[-1].selects:
            expected.pop()
        if elsewhere not in expected:
            least = recipe.without_detours(keep_selection=False)
            assert least.steps == (START, *expected)
    # What a volume has elsewhere is selected in the end, but nothing is done with it.
    recipe = Recipe(steps=(START, one, elsewhere, fill_plane))
    assert recipe.without_detours() == recipe
    least = recipe.without_detours(keep_selection=False)
    assert least.steps == (START, elsewhere, fill_plane)


@given(wanted=st.lists(steps(), max_size=12))
@settings(max_examples=25, deadline=None)
def test_no_selection_is_left_that_nothing_was_done_with(wanted):
    """Each that stays matters: without it labels, kept selections or errors differ."""
    recipe = possible(IMAGE, wanted).without_detours(keep_selection=False)
    users = {"save"} | {
        name
        for name, row in OPERATIONS.items()
        if row.group in ("edit", "labels", "picture")
    }
    waiting = False
    for step in recipe.steps:
        if step.selects:
            waiting = True
        elif step.op in users and step.looks_at_selection:
            waiting = False
    assert not waiting


class TestEndingIn:
    """Whatever labels are wanted, the recipe gives them."""

    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_any_labels(self, data):
        recipe = Recipe(steps=(START, Step.of("wand", point=(0, 0))))
        kind = data.draw(st.sampled_from([np.uint8, np.int64, np.uint16]))
        wanted = np.array(recipe.replay(IMAGE), kind)
        for y, x in data.draw(st.lists(CORNER, max_size=5)):
            wanted[y, x] = data.draw(st.integers(0, 200))
        made = recipe.ending_in(wanted, IMAGE)
        found = made.replay(IMAGE).labels
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
        assert [step.op for step in made.steps[:2]] == ["segment", "wand"]

    def test_a_fit_that_is_known_is_not_done_again(self, monkeypatch):
        recipe = Recipe(
            steps=(START, Step.of("wand", point=(8, 8)), Step.of("fill", label=9))
        )
        known, wanted = Recipe(steps=(START,)).replay(IMAGE), recipe.replay(IMAGE)
        before, wanted = np.array(known), np.array(wanted)
        wanted[0, 0] = 7
        expected = recipe.ending_in(wanted, IMAGE)
        asking = Recipe(steps=(*recipe.steps, Step.of("by_class", k=1)))
        explained = asking.ending_in(wanted, IMAGE, first=known)
        assert explained == asking.ending_in(wanted, IMAGE)

        def refuse(*args, **kwargs):
            raise AssertionError("a fit")

        monkeypatch.setattr("napari_emseg.recipe.execute.segment", refuse)
        assert recipe.ending_in(wanted, IMAGE, first=known) == expected
        np.testing.assert_array_equal(known, before)

    def test_nothing_to_add(self):
        recipe = Recipe(steps=(START,))
        assert recipe.ending_in(recipe.replay(IMAGE), IMAGE) == recipe

    def test_steps_that_cannot_be_done(self):
        recipe = Recipe(steps=(START, Step.of("grow", pixels=1)))
        wanted = np.array(Recipe(steps=(START,)).replay(IMAGE))
        made = recipe.ending_in(wanted, IMAGE)
        assert made.steps == (START,)


class TestPacked:
    @given(data=st.data())
    @settings(max_examples=60, deadline=None)
    def test_round_trip(self, data):
        kind = data.draw(st.sampled_from(["bool", "uint8", ">u2", "int64", "int8"]))
        shape = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=3))
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        values = (rng.integers(-3, 4, shape) * rng.integers(0, 2, shape)).astype(kind)
        packed = pack(values)
        found = packed_array.Packed.model_validate_json(
            packed.model_dump_json()
        ).array()
        assert found.dtype == values.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, values)

    def test_a_recipe_is_shown_without_the_text_of_its_arrays(self):
        """Which of a mask of a photograph fills the window of a console."""
        rng = np.random.default_rng(0)
        step = Step.of("selection", values=pack(rng.integers(0, 256, (200, 300))))
        assert len(step.model_dump_json()) > 60_000
        assert len(repr(Recipe(steps=(START, step)))) < 1000
        assert "shape=(200, 300)" in repr(step)

    def test_refused(self):
        good = pack(STROKES).model_dump()
        for change, words in [
            ({"data": "!"}, "cannot be read"),
            ({"data": f"{good['data']}\n"}, "not in base 64"),
            ({"data": f'"+{good["data"]}'}, "not in base 64"),
            ({"data": f"{good['data']}="}, "cannot be read"),
            ({"data": base64.b64encode(TWICE).decode()}, "more"),
            ({"data": "A" * 4000}, "more than the 196 bytes"),
            ({"shape": (10**9,), "box": ((0, 10**9),)}, "fewer than the 1000000000"),
            (
                {"shape": (10**5, 10**5)},
                r"10\.0 GB, and .* set NAPARI_EMSEG_MAX_BYTES=",
            ),
            ({"data": good["data"][:-8]}, "damaged|fewer|cannot be read"),
            ({"box": ((0, 24), (0, 32))}, "fewer"),
            ({"box": ((8, 9), (6, 7))}, "more"),
            ({"box": ((0, 99), (0, 1))}, "does not lie"),
            ({"dtype": "object"}, "dtype"),
            ({"shape": (-1, 4)}, "shape"),
        ]:
            with pytest.raises(ValueError, match=words):
                packed_array.unpack_array(**good | change)
        with pytest.raises(TypeError, match="float"):
            pack(np.ones((2, 2)))


class TestRefit:
    def test_seeds_locked_and_erased_stay(self):
        old = np.array(Recipe(steps=(START,)).replay(IMAGE))
        erased = np.zeros(SHAPE, bool)
        erased[20:, 28:] = True
        seeds = np.zeros(SHAPE, np.uint8)
        seeds[0, :10] = 2
        new = refit.refit(
            IMAGE, old, seeds, erased=erased, locked=[3], n_classes=3, smoothing=0
        )
        assert (new[0, :10] == 2).all()
        assert not new[erased].any()
        np.testing.assert_array_equal((new == 3) | erased, (old == 3) | erased)

    def test_without_seeds(self):
        old = np.array(Recipe(steps=(START,)).replay(IMAGE))
        with pytest.raises(ValueError, match="edit some pixels"):
            refit.refit(IMAGE, old, np.zeros_like(old), n_classes=3)

    @pytest.mark.parametrize("n_classes", [2, "auto"])
    def test_every_class_may_be_known(self, n_classes):
        old = np.repeat([[1, 2]], 12, axis=1) * np.ones((24, 1), int)
        image = (old * 90).astype(np.uint8)
        seeds = np.where(np.arange(24) < 12, 2, 1) * (np.arange(24)[:, None] == 3)
        new = refit.refit(image, old, seeds, n_classes=n_classes, smoothing=0)
        np.testing.assert_array_equal(new, 3 - old)

    def test_times_are_no_neighbors(self):
        time, y, x = np.indices((3, 20, 24))
        truth = 40 * (np.hypot(y - 9, x - 5 - 6 * time) < 5)
        image = truth + np.random.default_rng(1).normal(0, 20, truth.shape)
        seeds = np.zeros(image.shape, int)
        seeds[:, 0, :3] = 1
        old, how = 1 + (image > 20), {"n_classes": 2, "smoothing": 3.0}
        times = refit.refit(image, old, seeds, axes="TYX", **how)
        apart = refit.refit(image, old, seeds, planes="together", **how)
        np.testing.assert_array_equal(times, apart)
        assert (refit.refit(image, old, seeds, **how) != times).any()

    def test_labels_beyond_all_classes(self):
        with pytest.raises(ValueError, match=r"up to 65.*1 to 64; renumber them"):
            refit.refit(IMAGE, np.full(SHAPE, 65), STROKES)


def test_patch_of_another_type():
    with pytest.raises(ValueError, match="larger type"):
        emseg.regions.patch([[300, 1]], [[False, True]], np.array([[0, 5]], np.uint8))


@pytest.mark.parametrize("name", ["hand", "demo"])
def test_old_names_warn_at_each_use(name):
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=f"emseg.{name} is deprecated"):
            getattr(emseg, name)
    assert name not in dir(emseg)


def test_other_channels_are_refused(tmp_path):
    image = np.random.default_rng(8).integers(0, 900, (3, 20, 16)).astype(np.uint16)
    seg = emseg.segment(image[:2], axes="CYX", n_classes=2)
    recipe = emseg.Recipe(steps=(segment_step(seg),))
    again = emseg.Recipe.model_validate_json(recipe.model_dump_json())
    np.testing.assert_array_equal(again.replay(image[:2]).labels, seg.labels)
    with pytest.raises(ValueError, match="of 2 channels, but this image has 3"):
        again.replay(image)
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "CYX"})
    script = recipe.to_python(path, tmp_path / "labels.tif")
    with pytest.raises(AssertionError, match="other channels"):
        exec(script, {})
    tifffile.imwrite(path, image[:2], imagej=True, metadata={"axes": "CYX"})
    found = {}
    exec(script, found)
    np.testing.assert_array_equal(found["labels"], seg.labels)

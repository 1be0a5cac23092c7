"""One treatment for many pictures, from Python: what panels and the command share."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.batch import (
    Picture,
    Treatment,
    find_pictures,
    iter_apply,
    plan_outputs,
    tidy_csv,
    tidy_table,
)
from napari_emseg.pipeline.progress import finish

PARAMS = emseg.Params(n_classes=3, smoothing=0)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    levels = np.array([[20, 30, 40], [200, 60, 30], [90, 190, 220]])
    rows = [rng.permutation(np.repeat([0, 1, 2], n)) for n in ((9, 9, 9), (0, 9, 18))]
    return [
        (levels[row][:, None] + rng.integers(0, 9, (27, 20, 3))).astype(np.uint8)
        for row in rows
    ]


def outcomes(images, treatment, **options):
    return finish(iter_apply(images, treatment, **options))


def test_one_model_for_all_gives_labels_and_rows(images):
    first, second = outcomes(images, Treatment(PARAMS, joint=True))
    joint = emseg.fit(images, **PARAMS.model_dump())
    for image, outcome in zip(images, (first, second), strict=True):
        expected = joint.segment(image).labels
        np.testing.assert_array_equal(outcome.treated.labels, expected)
    assert first.colors == second.colors
    assert [row["pixels"] for row in second.rows] == [0, 180, 360]
    assert (first.name, second.name) == ("image 1", "image 2")


@pytest.mark.parametrize("how", ["anew", "same", "smoothed"])
def test_is_what_segment_gives(images, how):
    fitted = emseg.fit(images[:1], **PARAMS.model_dump())
    treatment = Treatment(PARAMS)
    options = PARAMS.model_dump()
    if how != "anew":
        options["model"] = fitted.model
        changes = {"smoothing": 1.0} if how == "smoothed" else {}
        options |= changes
        treatment = treatment.with_model(fitted, **changes)
    (outcome,) = outcomes([Picture("b", array=images[1])], treatment)
    seg = emseg.segment(images[1], **options)
    np.testing.assert_array_equal(outcome.treated.labels, seg.labels)
    replayed = outcome.treated.recipe.replay(images[1])
    np.testing.assert_array_equal(replayed, seg.labels)


def test_colors_that_are_looked_up_give_the_same_labels(images):
    """Those of transparent pixels count nowhere; small regions join others."""
    clear = np.dstack([images[1], np.full(images[1].shape[:2], 255, np.uint8)])
    clear[3:9, 4:] = 7, 99, 7, 0
    clear[20, 5, :3] = images[0][0, 0]
    params = PARAMS.replace(min_size=5)
    fitted = emseg.fit(images, **params.model_dump())
    treatment = Treatment(params).with_model(fitted)
    (outcome,) = outcomes([clear], treatment)
    expected = emseg.segment(clear, model=fitted.model, **params.model_dump())
    np.testing.assert_array_equal(outcome.treated.labels, expected.labels)
    assert (outcome.treated.labels[3:9, 4:] == 0).all()
    assert sum(row["pixels"] for row in outcome.rows) == clear[..., 3].sum() // 255


def test_edits_names_and_colors_are_those_of_the_treatment(images):
    recipe = emseg.Recipe(
        steps=(
            emseg.Step.of("segment", params=PARAMS),
            emseg.Step.of("wand", point=(0, 0)),
            emseg.Step.of("merge", members=(1, 2), into=2),
        )
    )
    treatment, left_out = Treatment.of_recipe(recipe, n_init=2)
    assert [one.number for one in left_out] == [2]
    assert treatment.params == PARAMS.replace(n_init=2)
    fitted = emseg.fit(images, **PARAMS.model_dump()).named({2: "ground"})
    treatment = treatment.with_model(fitted)
    first, second = outcomes(images, treatment)
    before = fitted.segment(images[0]).labels
    expected = np.where(before == 1, 2, before)
    np.testing.assert_array_equal(first.treated.labels, expected)
    assert [(r["class"], r["name"]) for r in first.rows] == [(2, "ground"), (3, "")]
    assert second.treated.names == {2: "ground"}
    assert first.colors[3] == second.colors[3] == tuple(fitted.class_colors[2])


def test_a_picture_that_fails_stops_no_other(images, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    for joint in (False, True):
        good, failed = outcomes([images[0], bad], Treatment(PARAMS, joint=joint))
        assert (good.status, failed.status) == ("done", "failed")
        assert "does not begin like an image" in str(failed.error)
        assert failed.path == bad
    (only,) = outcomes([bad], Treatment(PARAMS, joint=True))
    assert only.status == "failed"


def test_to_cancel_is_to_stop_iterating(images, tmp_path):
    path = tmp_path / "a.png"
    emseg.files.write_picture(path, images[0])
    pictures, plans = plan_outputs(find_pictures([path]), tmp_path / "out")
    steps = iter_apply(pictures, Treatment(PARAMS), plans=plans)
    assert next(steps).step.stage == "colors"
    steps.close()
    assert not (tmp_path / "out").exists()


def test_areas_have_units(tmp_path):
    import tifffile

    path = tmp_path / "a.tif"
    gray = np.repeat(np.uint8([[9, 200]]), 10, 0).repeat(10, 1)
    about = {"axes": "YX", "unit": "um"}
    tifffile.imwrite(path, gray, imagej=True, resolution=(2, 2), metadata=about)
    (outcome,) = outcomes([path], Treatment(PARAMS.replace(n_classes=2)))
    assert [(row["area"], row["unit"]) for row in outcome.rows] == [(25.0, "µm²")] * 2
    lines = tidy_csv([outcome]).splitlines()
    assert lines[0] == "file,class,name,pixels,fraction,area,unit,mean"
    assert lines[1] == f"{path},1,,100,0.5,25.0,µm²,9.0"


def test_gray_pictures_among_colors_have_their_columns(images):
    treatment = Treatment(PARAMS.replace(n_classes=2))
    gray = images[0][..., 0]
    found = tidy_table(outcomes([images[0], gray], treatment))
    assert [name for name in found if "mean" in name] == ["mean R", "mean G", "mean B"]
    alone = tidy_table(outcomes([gray], treatment))
    assert found["mean B"][2:] == found["mean R"][2:] == alone["mean"]


def test_models_that_do_not_fit_are_told(images):
    fitted = emseg.fit(images, **PARAMS.model_dump())
    with pytest.raises(ValueError, match=r"fitted with n_classes=3, but n_classes=4"):
        Treatment(PARAMS).with_model(fitted, n_classes=4)
    with pytest.raises(ValueError, match="pass plans, or jobs=1"):
        outcomes(images, Treatment(PARAMS), jobs=2)
    (gray,) = outcomes([images[0][..., 0]], Treatment(PARAMS).with_model(fitted))
    assert "model is of color='lab', but this picture is 'none'" in str(gray.error)


def test_the_recipe_of_a_model_is_applied(images):
    seg = emseg.segment(images[0], **PARAMS.model_dump())
    applied = emseg.segment(images[1], model=seg.model, **PARAMS.model_dump())
    from napari_emseg.recipe import segment_step

    recipe = emseg.Recipe(steps=(segment_step(applied),))
    treatment, _ = Treatment.of_recipe(recipe)
    (outcome,) = outcomes(images[1:], treatment)
    np.testing.assert_array_equal(outcome.treated.labels, applied.labels)
    shown = np.array([outcome.colors[k] for k in (1, 2, 3)])
    np.testing.assert_allclose(shown, seg.class_colors, atol=0.02)

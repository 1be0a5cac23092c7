"""Comparisons: what is compared, what it costs, and the sheet that shows it."""

from __future__ import annotations

import csv
import io
from itertools import combinations

import imageio.v3 as iio
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg
from napari_emseg import sweep
from napari_emseg.cli import app
from napari_emseg.io.files import paint, read_image
from napari_emseg.plot import sheet

COLORS = np.array([[190, 50, 40], [40, 80, 170], [230, 220, 90]], float)


@pytest.fixture(scope="module")
def image():
    """Three colors in noise, 40 x 60."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), 20)[np.newaxis].repeat(40, axis=0)
    noisy = COLORS[truth] + rng.normal(0, 9, (40, 60, 3))
    return noisy.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def rows(image):
    """Two color spaces, two methods, three numbers of classes."""
    return sweep.sweep(
        image,
        sweep.settings(
            emseg.Params(smoothing=0, distribution="gaussian"),
            color=["lab", "gray"],
            method=["em", "kmeans"],
            n_classes=[2, 3, 4],
        ),
    )


class TestSettings:
    def test_all_combinations_once(self):
        found = sweep.settings(
            emseg.Params(seed=4), method=["em", "kmeans"], n_classes=[3, 5, 3], init=[]
        )
        assert [(p.method, p.n_classes, p.seed, p.init) for p in found] == [
            ("em", 3, 4, "kmeans"),
            ("em", 5, 4, "kmeans"),
            ("kmeans", 3, 4, "kmeans"),
            ("kmeans", 5, 4, "kmeans"),
        ]

    def test_too_many_or_wrong(self):
        with pytest.raises(ValueError, match="26 settings are too many"):
            sweep.settings(n_classes=range(1, 27))
        with pytest.raises(ValueError, match="n_classes"):
            sweep.settings(n_classes=[3, 65])
        with pytest.raises(ValueError, match="no settings"):
            sweep.sweep(np.zeros((4, 4), np.uint8), [])
        with pytest.raises(ValueError, match="criterion='aic'"):
            sweep.best([], "aic")

    def test_single_values_need_no_list(self):
        found = sweep.settings(color="rgb", n_classes=3, method=["em", "kmeans"])
        assert [(p.color, p.n_classes) for p in found] == [("rgb", 3)] * 2

    def test_titles_tell_settings_apart(self):
        chosen = sweep.settings(
            n_classes=[1, "auto"],
            color=["auto", "none"],
            init=["kmeans", "random"],
            smoothing=[0, 2.5],
        )
        found = sweep.titles(chosen)
        assert len(set(found)) == len(chosen) == 16
        assert found[0] == "EM · 1 class · automatic · smoothing: 0.0 · start: K-means"
        assert "auto classes · color as it is" in found[-1]


class TestRows:
    def test_results_are_those_of_segment(self, image, rows):
        for row in rows:
            alone = emseg.segment(image, **row.params.model_dump())
            np.testing.assert_array_equal(row.seg.labels, alone.labels)
            assert row.seg.objective == alone.objective
            assert row.objective == pytest.approx(alone.objective[-1], rel=1e-7)
            assert row.seconds > 0

    def test_likelihoods_are_of_one_kind(self):
        """With smoothing the fit of a noisy image ends with another model."""
        rng = np.random.default_rng(0)
        truth = np.indices((80, 90))[1] // 30
        image = (60 + 45 * truth + rng.normal(0, 45, truth.shape)).clip(0, 255)
        chosen = sweep.settings(emseg.Params(n_classes=3), smoothing=[0, 1])
        plain, smooth = sweep.sweep(image.astype(np.uint8), chosen)
        assert smooth.seg.levels[-1] == "field"
        features = emseg.features(image.astype(np.uint8))
        for row in (plain, smooth):
            expected = row.seg.model.score(features)
            assert row.objective == pytest.approx(expected, rel=1e-6)
        assert plain.objective >= smooth.objective - 1e-9

    def test_mask_and_channels_reach_every_setting(self):
        rng = np.random.default_rng(0)
        planes, mask = rng.random((2, 9, 11)), rng.random((9, 11)) < 0.7
        chosen = sweep.settings(emseg.Params(smoothing=0), n_classes=[2, 3])
        for row in sweep.sweep(planes, chosen, mask=mask, channel_axis=0):
            np.testing.assert_array_equal(row.seg.labels > 0, mask)
            assert row.seg.model.means.shape[1] == 2

    def test_criteria_are_those_of_scikit_learn(self, image, rows):
        mixtures = [row for row in rows if row.params.method == "em"]
        for row in mixtures:
            model = row.seg.model
            data = emseg.features(image, color=row.params.color)
            data = data.reshape(-1, data.shape[-1]).astype(float)
            other = GaussianMixture(model.n_classes)
            other.weights_, other.means_ = model.weights, model.means
            other.covariances_ = model.covariances
            factor = np.linalg.cholesky(np.linalg.inv(model.covariances))
            other.precisions_cholesky_ = factor
            n = len(data)
            assert row.order.bic(n) == pytest.approx(-other.bic(data), rel=1e-5)
            share = other.predict_proba(data)
            entropy = -(share * np.log(np.maximum(share, 1e-300))).sum()
            expected = -other.bic(data) - 2 * entropy
            assert row.order.icl(n) == pytest.approx(expected, rel=1e-5)
            assert row.icl <= row.bic
        for space in ("lab", "gray"):
            n = {row.n for row in mixtures if row.params.color == space}
            assert len(n) == 1

    def test_kmeans_has_no_likelihood(self, rows):
        for row in rows:
            none = row.params.method == "kmeans"
            assert (row.bic is None) == (row.icl is None) == (row.order is None) == none

    def test_the_truth_is_best_in_color(self, rows):
        found = sweep.best(rows, "icl")
        assert set(found) == {"Lab", "gray"}
        assert rows[found["Lab"]].params == emseg.Params(
            smoothing=0, color="lab", n_classes=3, distribution="gaussian"
        )

    def test_colors_are_counted_once_for_each_space(self, image, monkeypatch):
        counted = []
        count = sweep.count_source
        monkeypatch.setattr(
            sweep, "count_source", lambda source: counted.append(1) or count(source)
        )
        chosen = sweep.settings(
            emseg.Params(smoothing=0), n_classes=[2, 3], color=["lab", "rgb"]
        )
        rows = sweep.sweep(image, chosen)
        assert len(counted) == 2
        assert [row.params for row in rows] == list(chosen)

    def test_wrong_settings_are_refused_before_work(self):
        planes = np.zeros((5, 8, 9))
        chosen = sweep.settings(color=["none", "lab"])
        with pytest.raises(ValueError, match="color='lab'"):
            sweep.iter_sweep(planes, chosen, channel_axis=0)

    def test_steps(self, image):
        chosen = sweep.settings(emseg.Params(smoothing=0), n_classes=[2, 3])
        trials = list(sweep.iter_sweep(image, chosen))
        assert {trial.total for trial in trials} == {2}
        done = [trial.done for trial in trials]
        assert done == sorted(done)
        assert done[-1] == 2
        results = [trial.seg for trial in trials if trial.seg is not None]
        assert [seg.n_classes for seg in results] == [2, 3]
        assert {"fit", "label"} <= {t.progress.stage for t in trials if t.progress}

    def test_table_reads_back(self, rows):
        table = list(csv.DictReader(io.StringIO(sweep.as_csv(rows))))
        assert len(table) == len(rows)
        for entry, row in zip(table, rows, strict=True):
            fields = {name: entry[name] for name in emseg.Params.model_fields}
            assert emseg.Params.model_validate_strings(fields) == row.params
            assert entry["ICL"] == ("" if row.icl is None else str(row.icl))


class TestSheet:
    def test_pictures_are_in_the_class_colors(self, image, rows):
        figure = sheet.draw_sheet(rows, name="three.png")
        original, *pictures = [ax for ax in figure.axes if ax.images]
        assert original.get_title(loc="left") == "three.png"
        shown = np.asarray(original.images[0].get_array())
        np.testing.assert_allclose(shown, image / 255, atol=1e-6)
        for number, (ax, row) in enumerate(zip(pictures, rows, strict=True), start=1):
            assert ax.get_title(loc="left") == f"{number}  {row.title}"
            np.testing.assert_array_equal(
                ax.images[0].get_array(), paint(row.seg.labels, row.seg.class_colors)
            )

    def test_curves_are_grouped_by_what_can_be_compared(self, rows):
        figure = sheet.draw_sheet(rows)
        curves = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_xlabel()}
        assert set(curves) == {"EM, Lab", "EM, gray", "K-means, Lab", "K-means, gray"}
        lines = curves["EM, Lab"].get_legend_handles_labels()[0]
        drawn = [tuple(line.get_ydata()) for line in lines]
        assert drawn == [row.seg.objective for row in rows[:3]]

    @pytest.mark.parametrize("count", [1, 5, 12, 24])
    def test_no_text_covers_another(self, count, image):
        sizes = {1: [[4], ["lab"], ["em"]], 5: [[2, 3, 4, 5, 6], ["lab"], ["em"]]}
        sizes[12] = [[3, 5, 7, 10], ["rgb", "gray", "lab"], ["em"]]
        sizes[24] = [[3, 5, 7, 10], ["rgb", "gray", "lab"], ["em", "kmeans"]]
        classes, colors, methods = sizes[count]
        base = emseg.Params(smoothing=0, max_iter=3, n_init=1)
        rows = sweep.sweep(
            image, sweep.settings(base, method=methods, color=colors, n_classes=classes)
        )
        figure = sheet.draw_sheet(rows, name="a rather long name of a picture.tif")
        picture = sheet.render(figure)
        assert picture.shape[1] == sheet.WIDTH * sheet.DPI
        height, width = picture.shape[:2]
        *_, table = figure.axes
        parts = [ax.get_tightbbox() for ax in figure.axes]
        texts = [text.get_window_extent() for text in table.texts]
        for box in parts + texts:
            assert 0 <= box.x0 < box.x1 <= width
            assert 0 <= box.y0 < box.y1 <= height
        for boxes in (parts, texts):
            for a, b in combinations(boxes, 2):
                beside = min(a.x1, b.x1) - max(a.x0, b.x0) < 1
                assert beside or min(a.y1, b.y1) - max(a.y0, b.y0) < 1

    def test_best_is_bold_where_it_can_be_compared(self, rows):
        [table] = [
            ax
            for ax in sheet.draw_sheet(rows).axes
            if any(text.get_text() == "setting" for text in ax.texts)
        ]
        bold = {t.get_text() for t in table.texts if t.get_fontweight() == "bold"}
        winner = rows[sweep.best(rows, "icl")["Lab"]]
        assert f"{winner.icl:,.0f}".replace("-", "−") in bold
        loser = rows[0]
        assert f"{loser.icl:,.0f}".replace("-", "−") not in bold

    def test_stacks_and_grey(self):
        stack = np.random.default_rng(0).integers(0, 999, (5, 12, 16)).astype("uint16")
        stack[2] = 0
        stack[2, :, 8:] = 900
        chosen = sweep.settings(emseg.Params(smoothing=0), n_classes=[2])
        figure = sheet.draw_sheet(sweep.sweep(stack, chosen))
        original, picture = (
            np.asarray(ax.images[0].get_array()) for ax in figure.axes[:2]
        )
        assert original.shape == (12, 16, 3)
        assert len(np.unique(picture[:, :8])) == 1 < len(np.unique(picture))


class TestCommand:
    @pytest.fixture
    def picture(self, image, tmp_path):
        iio.imwrite(tmp_path / "three.png", image)
        return tmp_path / "three.png"

    def run(self, *tokens):
        return app.main([str(token) for token in tokens])

    def test_sheet_and_table(self, picture, tmp_path, capsys):
        target = tmp_path / "sheet.png"
        command = ("sweep", picture, "-n", "2", "3", "--color", "lab", "gray", "-o")
        assert self.run(*command, target, "--smoothing", "0") == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert said.out.count("\n") == 1
        for word in ("three.png: 4 settings", "in Lab: EM · 3 classes", "sheet.csv"):
            assert word in said.out
        assert read_image(target)[0].shape[1] == sheet.WIDTH * sheet.DPI
        with (tmp_path / "sheet.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        assert [(row["color"], row["n_classes"]) for row in table] == [
            ("lab", "2"), ("lab", "3"), ("gray", "2"), ("gray", "3")
        ]  # fmt: skip
        assert {row["smoothing"] for row in table} == {"0.0"}

    def test_into_a_folder(self, picture, tmp_path):
        assert self.run("sweep", picture, "-o", tmp_path) == 0
        assert (tmp_path / "three_sweep.png").stat().st_size > 5000
        assert (tmp_path / "three_sweep.csv").stat().st_size > 100

    @pytest.mark.parametrize(
        ("tokens", "words"),
        [
            (["-n", "3", "99"], ["--n-classes 99", "64", "sweep --help"]),
            (["-n", "few"], ["-n", "few"]),
            (["--color", "cmyk"], ["cmyk"]),
            (["-n", *map(str, range(2, 30))], ["28 settings are too many"]),
            (["--smoothing", "-1"], ["--smoothing -1"]),
        ],
    )
    def test_wrong_options(self, picture, tmp_path, capsys, tokens, words):
        target = tmp_path / "sheet.png"
        assert self.run("sweep", picture, *tokens, "-o", target) == app.WRONG_INPUT
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        for word in words:
            assert word in said.err
        assert [path.name for path in tmp_path.iterdir()] == ["three.png"]

    def test_files_are_kept_unless_forced(self, picture, tmp_path, capsys):
        command = ("sweep", picture, "-n", "2", "-o")
        for name in ("sheet.png", "sheet.csv"):
            (tmp_path / name).write_text("precious")
            assert self.run(*command, tmp_path / "sheet.png") == app.WRONG_INPUT
            assert "exists already" in capsys.readouterr().err
            assert (tmp_path / name).read_text() == "precious"
            (tmp_path / name).unlink()
        (tmp_path / "sheet.csv").write_text("old")
        assert self.run(*command, tmp_path / "sheet.png", "--force") == 0
        assert (tmp_path / "sheet.csv").read_text().startswith("setting,")

    def test_places_that_cannot_be(self, picture, tmp_path, capsys):
        for target, reason in (
            (picture, "is the image itself"),
            (tmp_path / "a.gif", "use one of .tif"),
            (tmp_path / "no" / "a.png", "there is no folder"),
        ):
            assert self.run("sweep", picture, "-o", target) == app.WRONG_INPUT
            assert reason in capsys.readouterr().err

    def test_fewer_classes_are_told_once(self, tmp_path, capsys):
        iio.imwrite(tmp_path / "a.png", np.full((9, 9, 3), 70, np.uint8))
        command = ("sweep", tmp_path / "a.png", "-n", "2", "3", "-o")
        assert self.run(*command, tmp_path / "s.png") == 0
        assert capsys.readouterr().err.count("a.png: 1 class found") == 2


def test_white_can_be_given():
    image = np.random.default_rng(0).integers(0, 900, (20, 30, 3), np.uint16)
    chosen = sweep.settings(n_classes=[2])
    (row,) = sweep.sweep(image, chosen, full_scale=4095)
    expected = emseg.segment(image, n_classes=2, full_scale=4095)
    np.testing.assert_array_equal(row.seg.labels, expected.labels)
    np.testing.assert_allclose(row.seg.class_colors, expected.class_colors)
    assert row.seg.class_colors.max() < 0.3

"""Figures: what they show is what the models and the data say."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats

import napari_emseg as emseg
from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.pipeline.model_selection import criteria_by_n_classes
from napari_emseg.plot import DARK, LIGHT
from napari_emseg.plot.convergence_view import ConvergenceView, objective_kind
from napari_emseg.plot.feature_cloud import as_cloud, read_feature_cloud
from napari_emseg.plot.histogram_view import bars, marginals
from napari_emseg.plot.projection import density_of, ellipse_axes, find_projection
from napari_emseg.plot.sheet import draw_sheet

WEIGHTS = np.array([0.2, 0.5, 0.3])


@pytest.fixture
def blobs(rng):
    """Return points (N, 2) of three Gaussian classes, their classes, and the model."""
    means = np.array([[0.0, 0], [20, 5], [5, 30]])
    covariances = np.array(
        [[[4.0, 1.5], [1.5, 1]], [[9, 0], [0, 2]], [[1, -2], [-2, 16]]]
    )
    label = rng.choice(3, 60_000, p=WEIGHTS)
    normal = rng.normal(size=(label.size, 2, 1))
    points = means[label] + (np.linalg.cholesky(covariances)[label] @ normal)[..., 0]
    return points, label, MixtureModel(WEIGHTS, means, covariances)


@pytest.fixture
def many(rng):
    """Return points (N, 6) of two classes, and their model."""
    means = np.stack([np.zeros(6), np.arange(6) * 3.0])
    covariances = np.stack([np.eye(6), np.diag(np.arange(1.0, 7))])
    label = rng.integers(0, 2, 20_000)
    spread = np.sqrt(np.einsum("kii->ki", covariances))[label]
    points = means[label] + rng.normal(size=(label.size, 6)) * spread
    return points, label, MixtureModel(np.full(2, 0.5), means, covariances)


def patches(figure):
    """Return the ellipses of a figure."""
    from matplotlib.patches import Ellipse

    return figure.axes[0].findobj(Ellipse, include_self=False)


def inside(ellipse, points):
    """Tell which points (N, 2) an ellipse on a page holds, by its own geometry."""
    angle = np.radians(ellipse.angle)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    away = (points - np.array(ellipse.center)) @ turn.T
    half = np.array([ellipse.width, ellipse.height]) / 2
    return ((away / half) ** 2).sum(axis=1) <= 1


@pytest.mark.parametrize("sd", [1.0, 2.0, 3.0])
def test_ellipses_hold_the_share_of_chi_square(blobs, sd):
    points, label, model = blobs
    figure = emseg.plot.ellipses((points, model), sd=sd)
    for k, ellipse in enumerate(patches(figure)):
        share = inside(ellipse, points[label == k]).mean()
        assert share == pytest.approx(stats.chi2.cdf(sd**2, 2), abs=0.012)


@pytest.mark.parametrize("features", ["auto", (1, 4), ("feature 6", "feature 3")])
def test_projected_ellipses_hold_it_too(many, features):
    points, label, model = many
    projection = find_projection(as_cloud(points, 6), features)
    figure = emseg.plot.ellipses((points, model), features=features)
    flat = points @ projection.matrix.T
    for k, ellipse in enumerate(patches(figure)):
        share = inside(ellipse, flat[label == k]).mean()
        assert share == pytest.approx(stats.chi2.cdf(4, 2), abs=0.015)


def test_principal_axes_are_those_of_the_points(many):
    points, _, _ = many
    matrix = find_projection(as_cloud(points, 6)).matrix
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(matrix @ axes[:2].T), np.eye(2), atol=1e-6)
    assert (matrix[np.arange(2), np.abs(matrix).argmax(axis=1)] > 0).all()


def test_cells_weigh(blobs):
    """A cell of weight 3 is three points."""
    points, _, model = blobs
    few = points[:500]
    cells = Cells(np.full(500, 3.0), np.ascontiguousarray(few.T))
    one = density_of(as_cloud(cells, 2), find_projection(as_cloud(cells, 2)))
    three = as_cloud(np.repeat(few, 3, axis=0), 2)
    two = density_of(three, find_projection(three))
    np.testing.assert_allclose(one.values, two.values, atol=1e-9)
    assert one.values.sum() == pytest.approx(1500, rel=0.02)
    assert len(patches(emseg.plot.ellipses((cells, model)))) == 3


def test_intervals_of_one_feature(rng):
    points = rng.normal(50, 3, (50_000, 1))
    model = MixtureModel(np.ones(1), np.full((1, 1), 50.0), np.full((1, 1, 1), 9.0))
    ax = emseg.plot.ellipses((points, model)).axes[0]
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 2]
    low, high = line.get_xdata()
    share = ((points >= low) & (points <= high)).mean()
    assert share == pytest.approx(stats.chi2.cdf(4, 1), abs=0.005)


def test_balls_of_kmeans(rng):
    """Classes of K-means are circles of their common spread."""
    points = np.concatenate([rng.normal(0, 2, (5000, 2)), rng.normal(40, 2, (5000, 2))])
    image = points.astype(np.float32).reshape(100, 100, 2)
    seg = emseg.segment(image, channel_axis=2, method="kmeans", n_classes=2)
    for ellipse in patches(emseg.plot.ellipses(seg)):
        assert ellipse.width == ellipse.height == pytest.approx(8, rel=0.03)


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_axes_of_an_ellipse(angle):
    turn = np.radians(angle)
    along = np.array([np.cos(turn), np.sin(turn)])
    covariance = np.eye(2) + 8 * np.outer(along, along)
    width, height, found = ellipse_axes(covariance, 2.0)
    assert (width, height) == (pytest.approx(12), pytest.approx(4))
    assert (found - angle) % 180 == pytest.approx(0, abs=1e-6) or (
        found - angle
    ) % 180 == pytest.approx(180, abs=1e-6)


def histograms(figure):
    """Return (edges, density) of each histogram of a figure."""
    from matplotlib.patches import StepPatch

    found = figure.findobj(StepPatch)
    return [(patch.get_data().edges, patch.get_data().values) for patch in found]


@pytest.mark.parametrize("color", ["lab", "rgb", "hsv"])
def test_histograms_integrate_to_one(stripes, color):
    seg = emseg.segment(stripes, n_classes=3, color=color)
    figure = emseg.plot.histogram(seg)
    found = histograms(figure)
    assert len(found) == len(figure.axes) == 3
    for edges, density in found:
        assert (np.diff(edges) * density).sum() == pytest.approx(1)
    names = [ax.get_xlabel() for ax in figure.axes]
    assert names[0] == {"lab": "L*", "rgb": "red", "hsv": "value"}[color]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_histograms_count_every_pixel(rng, dtype):
    image = rng.gamma(3, 20, (80, 90)).astype(dtype)
    image[0, 0] = 250  # far away, but a pixel
    seg = emseg.segment(image, n_classes=2)
    found = bars(read_feature_cloud(seg.source), 0)
    count = np.histogram(image, found.edges)[0]
    width = np.diff(found.edges)
    np.testing.assert_allclose(found.density * width * image.size, count, atol=1e-6)
    assert count.sum() == image.size


def test_bars_of_levels_hold_equally_many(rng):
    """A flat image of every third grey level has a flat histogram."""
    image = np.repeat(np.arange(0, 255, 3, np.uint8), 20).reshape(20, -1)
    found = bars(read_feature_cloud(emseg.segment(image, n_classes=2).source), 0)
    full = found.density[:-1]
    assert full.min() == pytest.approx(full.max())


@pytest.mark.parametrize("distribution", ["gaussian", "student"])
def test_marginals_are_densities(many, distribution):
    """Against scipy, in every feature."""
    _, _, model = many
    if distribution == "student":
        model = replace(model, df=np.array([4.0, 9.0]), outliers=0.1)
    x = np.linspace(-20, 40, 7)
    for j in range(6):
        found = marginals(model, j, x)
        scale = np.sqrt(model.covariances[:, j, j])
        for k in range(2):
            if model.df is None:
                law = stats.norm(model.means[k, j], scale[k])
            else:
                law = stats.t(model.df[k], model.means[k, j], scale[k])
            share = 0.5 * (1 - model.outliers)
            np.testing.assert_allclose(found[k], share * law.pdf(x), rtol=1e-6)


def test_the_mixture_integrates_to_one_with_its_outliers(rng):
    points = np.concatenate(
        [rng.normal(0, 1, (900, 1)), rng.uniform(-50, 50, (100, 1))]
    )
    model = MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), None, 0.1)
    figure = emseg.plot.histogram((points, model))
    (total,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    x, y = total.get_data()
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_convergence_shows_every_iteration(rng, method):
    image = rng.integers(0, 255, (120, 130, 3), np.uint8)
    seg = emseg.segment(image, method=method, n_classes=3, smoothing=0)
    assert len(set(seg.levels)) > 1
    ax = emseg.plot.convergence(seg).axes[0]
    lines = [
        line
        for line in ax.lines
        if line.get_linestyle() == "-" and line.get_zorder() == 3
    ]
    x = np.concatenate([line.get_xdata() for line in lines])
    y = np.concatenate([line.get_ydata() for line in lines])
    np.testing.assert_array_equal(x, np.arange(len(seg.objective)) + 1)
    np.testing.assert_array_equal(y, seg.objective)
    # Only exact values are filled.
    runs = dict.fromkeys(seg.levels)
    page = to_rgb(LIGHT.page)
    for name, line in zip(runs, lines, strict=True):
        hollow = to_rgb(line.get_markerfacecolor()) == page
        assert hollow == (objective_kind(name) == "bound")
        assert hollow == (not seg.states[int(line.get_xdata()[0]) - 1].exact)
    texts = [text.get_text() for text in ax.texts]
    assert texts == list(runs)


def test_convergence_of_several_runs(stripes):
    runs = {
        f"{k} classes": emseg.segment(stripes, n_classes=k, smoothing=0) for k in (2, 3)
    }
    ax = emseg.plot.convergence(runs).axes[0]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["2 classes", "3 classes"]
    for line, seg in zip(ax.lines[::2], runs.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), seg.objective)


def test_objectives_of_another_kind_make_no_step(rng):
    """Where noise dominates, a random field is fitted; its likelihood is another."""
    truth = np.indices((80, 90))[1] // 30
    image = (60 + 45 * truth + rng.normal(0, 45, truth.shape)).clip(0, 255)
    runs = {
        "smooth": emseg.segment(image.astype(np.uint8), n_classes=3),
        "plain": emseg.segment(image.astype(np.uint8), n_classes=3, smoothing=0),
    }
    assert {*runs["smooth"].levels} == {"exact", "field"}
    ax = emseg.plot.convergence(runs).axes[0]
    first, end, field, diamond, plain, other, _ = ax.lines
    change = runs["smooth"].levels.index("field")
    for line, part in ((first, slice(change)), (field, slice(change, None))):
        np.testing.assert_array_equal(line.get_ydata(), runs["smooth"].objective[part])
    assert field.get_xdata()[0] == change + 1
    assert field.get_color() == first.get_color() != plain.get_color()
    np.testing.assert_array_equal(plain.get_ydata(), runs["plain"].objective)
    assert [end.get_marker(), diamond.get_marker(), other.get_marker()] == [*"oDo"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["smooth", "plain", "with smoothing"]


def test_a_curve_that_starts_again_is_drawn_afresh():
    """Another run may have fewer levels, or others."""
    ax = Figure().add_subplot()
    view = ConvergenceView(ax, LIGHT, likelihood=True)
    view.show([1, 2, 3], ["4 bit", "5 bit", "exact"])
    view.show([1, 2], ["4 bit", "exact"])
    assert [text.get_text() for text in ax.texts] == ["4 bit", "exact"]
    view.show([5], ["exact"])
    assert [text.get_text() for text in ax.texts] == ["exact"]


def test_criteria_are_those_of_the_orders(rng):
    truth = rng.integers(0, 3, (60, 60))
    image = (40 + 80 * truth + rng.normal(0, 6, truth.shape)).astype(np.uint8)
    choice = criteria_by_n_classes(emseg.segment(image, n_classes=2).source, most=5)
    ax = emseg.plot.criteria(choice).axes[0]
    bic, icl = ax.lines[:2]
    np.testing.assert_array_equal(bic.get_xdata(), [1, 2, 3, 4, 5])
    for line, name in ((bic, "bic"), (icl, "icl")):
        values = [getattr(order, name)(choice.n) for order in choice.orders]
        np.testing.assert_allclose(line.get_ydata(), np.array(values) / (2 * choice.n))
    assert choice.best == 3
    assert [line.get_xdata()[0] for line in ax.lines[2:4]] == [choice.best] * 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["ellipses", "histogram", "convergence", "criteria"])
def test_files_and_themes(stripes, tmp_path, kind, theme):
    """Written as PNG and SVG; all text stands out from the page."""
    seg = emseg.segment(stripes[::2, ::2], n_classes=3)
    figure = getattr(emseg.plot, kind)(seg, theme=theme)
    look = {"light": LIGHT, "dark": DARK}[theme]
    assert to_rgb(figure.get_facecolor()) == to_rgb(look.page)
    for ax in figure.axes:
        for text in (ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()):
            assert contrast(to_rgb(text.get_color()), to_rgb(look.page)) > 7
    figure.savefig(tmp_path / "a.png")
    figure.savefig(tmp_path / "a.svg")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


def contrast(one, other):
    """Contrast of two colors as the WCAG defines it; 7 is its highest demand."""

    def luminance(color):
        c = np.asarray(color)
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_notebooks_show_figures(stripes):
    """Which know those of pyplot alone; others tell what they look like."""
    seg = emseg.segment(stripes, n_classes=3)
    rows = emseg.sweep.sweep(stripes, emseg.sweep.settings(n_classes=[2, 3]))
    for figure in (
        emseg.plot.ellipses(seg, theme="dark"),
        emseg.plot.histogram(seg),
        emseg.plot.convergence(seg),
        emseg.plot.criteria(seg),
        draw_sheet(rows),
    ):
        shown = iio.imread(figure._repr_png_())
        np.testing.assert_allclose(shown.shape[1::-1], figure.bbox.size, atol=1)
        page = (255 * np.array(to_rgb(figure.get_facecolor()))).round()
        np.testing.assert_array_equal(shown[0, 0, :3], page)
        assert np.ptp(shown[..., :3]) > 99


def test_given_axes_are_drawn_into(stripes):
    seg = emseg.segment(stripes, n_classes=3)
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    ax = left.add_subplot()
    assert emseg.plot.ellipses(seg, ax=ax) is figure
    assert emseg.plot.histogram(seg, figure=right) is figure
    assert len(left.axes) == 1
    assert len(right.axes) == 3


def test_colors_are_those_of_the_classes(stripes):
    seg = emseg.segment(stripes, n_classes=3)
    found = [to_rgb(e.get_edgecolor()) for e in patches(emseg.plot.ellipses(seg))]
    np.testing.assert_allclose(found, seg.class_colors)
    given = np.eye(3)
    figure = emseg.plot.ellipses(seg, colors=given)
    found = [to_rgb(e.get_edgecolor()) for e in patches(figure)]
    np.testing.assert_allclose(found, given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda seg: emseg.plot.ellipses(seg, features=(0, 0)), "two different"),
        (lambda seg: emseg.plot.ellipses(seg, features=(0, 3)), "no feature 3"),
        (lambda seg: emseg.plot.ellipses(seg, features=("L*", "x")), "feature 'x'"),
        (lambda seg: emseg.plot.ellipses(seg, features="all"), "no feature 'a'"),
        (lambda seg: emseg.plot.ellipses(seg, theme="pink"), "'light' or 'dark'"),
        (lambda seg: emseg.plot.ellipses(seg, colors=[[1, 0, 0]]), "3 rows"),
        (lambda seg: emseg.plot.histogram(seg, features=[7]), "no feature 7"),
        (lambda seg: emseg.plot.histogram(seg, features=[]), "0 features"),
        (lambda seg: emseg.plot.ellipses((np.zeros(4), seg.model)), r"\(N, D\)"),
        (lambda seg: emseg.plot.ellipses((np.zeros((4, 2)), seg.model)), "2 features"),
    ],
)
def test_what_cannot_be_drawn_is_told(stripes, call, message):
    with pytest.raises(ValueError, match=message):
        call(emseg.segment(stripes, n_classes=3))


def test_what_has_no_iterations_has_no_convergence(stripes):
    seg = emseg.segment(stripes, n_classes=3)
    again = emseg.segment(stripes, model=seg.model)
    with pytest.raises(ValueError, match="given, not fitted"):
        emseg.plot.convergence(again)
    other = emseg.segment(stripes, n_classes=3, method="kmeans")
    with pytest.raises(ValueError, match="cannot be compared"):
        emseg.plot.convergence({"one": seg, "two": other})


def test_figures_need_no_window():
    code = (
        "import sys, numpy as np, napari_emseg as emseg\n"
        "image = np.arange(64, dtype=np.uint8).reshape(8, 8)\n"
        "seg = emseg.segment(image, n_classes=2)\n"
        "emseg.plot.ellipses(seg); emseg.plot.convergence(seg)\n"
        "bad = {'matplotlib.pyplot', 'napari', 'qtpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {bad}' if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("name", ["ellipses", "histogram", "convergence", "criteria"])
@pytest.mark.parametrize("data", [np.ones((4, 4), int), None, (1, 2, 3)])
def test_what_is_no_segmentation_is_named(name, data):
    with pytest.raises(TypeError, match="but a Segmentation is needed"):
        getattr(emseg.plot, name)(data)

"""Seeds of all classes: what they say of components that were fitted freely."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

import napari_emseg as emseg
from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.pipeline.seeded_classes import SeededClasses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[Any]


def scene(seed: int) -> tuple[Image, Image, Image]:
    """Draw an object of two colors on a ground of three; return truth and strokes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    ground = np.digitize(gaussian_filter(rng.normal(size=y.shape), 9), [-0.02, 0.02])
    image = np.array([(60, 110, 60), (200, 190, 120), (90, 140, 200)], float)[ground]
    truth = np.where(np.hypot(y - 60, x - 80) < 35, 2, 1)
    image[truth == 2] = (180, 60, 60)
    image[(truth == 2) & (y > 60)] = (240, 230, 235)
    image = gaussian_filter(image, (0.7, 0.7, 0)) + rng.normal(0, 6, image.shape)
    strokes = np.zeros(y.shape, np.uint8)
    strokes[35:85, 79:82] = 2
    strokes[8:11, 5:155] = strokes[110:113, 5:155] = 1
    return image.round().clip(0, 255).astype(np.uint8), truth, strokes


@pytest.fixture
def seg() -> emseg.Segmentation:
    image, _, strokes = scene(0)
    return emseg.segment(image, n_classes=2, seed_labels=strokes)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("smoothing", [0, 1])
def test_classes_of_several_colors(seed: int, smoothing: float) -> None:
    image, truth, strokes = scene(seed)
    seg = emseg.segment(image, n_classes=2, seed_labels=strokes, smoothing=smoothing)
    found = seg.labels
    np.testing.assert_array_equal(found[strokes > 0], strokes[strokes > 0])
    both = (found == 2) & (truth == 2)
    assert both.sum() > 0.9 * ((found == 2) | (truth == 2)).sum()
    if not smoothing:
        return
    features = emseg.features(image)
    for label in (1, 2):
        own = strokes == label
        spread = np.sqrt(np.diagonal(seg.model.covariances[label - 1]))
        like = np.abs(features - features[own].mean(axis=0)) < spread
        beside = like.all(axis=-1) & (strokes == 0) & (distance_transform_edt(~own) < 3)
        assert (found[beside] == label).mean() >= 0.95


def test_all_of_the_model_is_of_the_classes(seg: emseg.Segmentation) -> None:
    model = seg.model
    assert isinstance(model, GroupedMixture)
    assert seg.n_classes == model.n_classes == 2
    features = emseg.features(scene(0)[0]).reshape(-1, 3).astype(float)
    joint = model.log_joint(features)
    chance = model.predict_proba(features)
    np.testing.assert_allclose(chance.sum(axis=-1), 1)
    np.testing.assert_allclose(np.exp(joint).T, chance * np.exp(joint).sum(0)[:, None])
    np.testing.assert_array_equal(model.predict(features), chance.argmax(axis=-1) + 1)
    np.testing.assert_allclose(
        np.logaddexp.reduce(joint), model.score_samples(features), rtol=1e-9
    )
    assert model.weights.sum() == pytest.approx(1)
    # Of all pixels together, mean and variance are those of the image.
    mean = model.weights @ model.means
    np.testing.assert_allclose(mean, features.mean(axis=0), rtol=0.02)
    away = model.means - mean
    total = np.einsum("k,kii->i", model.weights, model.covariances)
    total += model.weights @ away**2
    np.testing.assert_allclose(total, features.var(axis=0), rtol=0.05)
    swapped = model.reorder(np.array([1, 0]))
    np.testing.assert_array_equal(
        swapped.predict(features), 3 - model.predict(features)
    )


def test_states_have_the_classes_of_the_seeds(seg: emseg.Segmentation) -> None:
    assert all(state.model.n_classes == 2 for state in seg.states)
    level = [state.objective for state in seg.states if state.level == "exact"]
    assert (np.diff(level) > -1e-9).all()


@pytest.mark.parametrize("smoothing", [0, 1])
def test_probabilities_are_of_the_classes(smoothing: float) -> None:
    image, _, strokes = scene(1)
    seg = emseg.segment(image, n_classes=2, seed_labels=strokes, smoothing=smoothing)
    found = seg.probabilities()
    assert found.shape == (2, *image.shape[:2])
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found.argmax(axis=0) + 1 == seg.labels).mean() > 0.98
    assert 0 <= seg.uncertainty().min() <= seg.uncertainty().max() <= 1


def test_the_model_goes_through_json_and_python(seg: emseg.Segmentation) -> None:
    fitted = FittedModel.of(seg.model)
    text = fitted.model_dump_json(exclude_none=True)
    image = scene(2)[0]
    expected = emseg.segment(image, model=seg.model).labels
    for model in (
        FittedModel.model_validate_json(text).model(),
        eval(fitted.code(), {"np": np, "emseg": emseg}),
    ):
        found = emseg.segment(image, model=model).labels
        np.testing.assert_array_equal(found, expected)
    owners = fitted.model_dump(exclude_none=True)["owners"]
    for wrong in (owners[:-1], [1] * (len(owners) - 1) + [3]):
        with pytest.raises(ValueError, match="owners of a fitted model"):
            FittedModel(**fitted.model_dump(exclude_none=True) | {"owners": wrong})


@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize("noise", [8, 13, 16])
def test_colors_that_lie_between_each_other(smoothing: float, noise: float) -> None:
    """What looks like much noise within two classes is the several colors of each."""
    rng = np.random.default_rng(1)
    color = rng.integers(0, 4, (12, 16)).repeat(15, 0).repeat(15, 1)
    truth = np.array([1, 1, 2, 2])[color]
    seeds = np.where(rng.random(color.shape) < 0.02, truth, 0)
    image = np.array([40, 150, 95, 205])[color] + rng.normal(0, noise, color.shape)
    seg = emseg.segment(
        image.clip(0, 255).astype(np.uint8),
        n_classes=2,
        seed_labels=seeds,
        smoothing=smoothing,
    )
    assert (seg.labels == truth).mean() > 0.9


@pytest.mark.parametrize(
    "owners", [[0, 1], [1, 3], [1], [1, 1, 2], [1.0, 2.0], [[1, 2]], []]
)
def test_owners_are_checked(owners: list[Any]) -> None:
    parts = MixtureModel(np.full(2, 0.5), np.array([[0.0], [9.0]]), np.ones((2, 1, 1)))
    with pytest.raises(ValueError, match="owners are"):
        GroupedMixture(parts, np.array(owners))


def test_components_are_checked(seg: emseg.Segmentation) -> None:
    tailed = replace(seg.model.components, df=np.full(len(seg.model.owners), 3.0))
    for wrong in (tailed, seg.model, emseg.KMeansModel(np.ones((1, 1)), np.ones(1), 1)):
        with pytest.raises(TypeError, match="a Gaussian MixtureModel is needed"):
            GroupedMixture(wrong, seg.model.owners)


def test_a_grouped_mixture_is_no_start(seg: emseg.Segmentation) -> None:
    with pytest.raises(ValueError, match="leave start out"):
        emseg.segment(scene(0)[0], n_classes=2, start=seg.model)


class TestNoGroups:
    """Where seeds do not tell of all classes, each is one Gaussian, as ever."""

    @pytest.mark.parametrize(
        "more",
        [
            {"n_classes": 3},
            {"method": "kmeans"},
            {"distribution": "student"},
            {"outliers": 0.1},
        ],
    )
    def test_asked_for_otherwise(self, more: dict[str, Any]) -> None:
        image, _, strokes = scene(0)
        seg = emseg.segment(image, seed_labels=strokes, **({"n_classes": 2} | more))
        assert not isinstance(seg.model, GroupedMixture)
        assert (seg.labels[strokes > 0] == strokes[strokes > 0]).all()

    def test_noise(self) -> None:
        rng = np.random.default_rng(0)
        truth = np.repeat([1, 2], 60) * np.ones((80, 1), int)
        image = (80 + 40 * truth + rng.normal(0, 40, truth.shape)).clip(0, 255)
        strokes = np.where((truth > 0) & (np.arange(80) % 40 == 20)[:, None], truth, 0)
        seg = emseg.segment(image.astype(np.uint8), n_classes=2, seed_labels=strokes)
        assert not isinstance(seg.model, GroupedMixture)
        assert (seg.labels == truth).mean() > 0.97


class TestOwners:
    floor = np.full(1, 0.01)

    def model(self, *means: float) -> MixtureModel:
        count = len(means)
        return MixtureModel(
            np.full(count, 1 / count), np.array(means)[:, None], np.ones((count, 1, 1))
        )

    def seeds(self, points: list[float], classes: list[int]) -> SeededClasses | None:
        cells = Cells(
            np.ones(len(points)), np.array([points]), seed_labels=np.array(classes)
        )
        return SeededClasses.of(cells, self.floor, 2)

    def test_a_class_that_would_lose_its_seeds_gets_a_component(self) -> None:
        seeds = self.seeds([0, 0.1, -0.1, 1.5, 1.6, 1.4, 0], [1, 1, 1, 2, 2, 2, 0])
        assert seeds is not None
        model = self.model(0, 50)
        grouped = seeds.group(model)
        assert grouped.n_classes == 2
        assert len(grouped.owners) == 3
        assert grouped.components.weights.sum() == pytest.approx(1)
        assert grouped.predict([[0.0], [1.5]]).tolist() == [1, 2]

    def test_seeds_of_one_class_tell_nothing(self) -> None:
        assert self.seeds([0, 1, 2], [2, 2, 0]) is None

    def test_numbers_between_seeds_are_no_classes(self) -> None:
        assert self.seeds([0, 1, 2], [1, 5, 0]) is None

    def test_of_many_seeds_some_are_asked(self) -> None:
        rng = np.random.default_rng(0)
        points = np.concatenate([rng.normal(0, 1, 50_000), rng.normal(9, 1, 20)])
        seeds = self.seeds(points.tolist(), [1] * 50_000 + [2] * 20)
        assert seeds is not None
        assert len(seeds.points) < 5000
        assert (seeds.classes == 2).sum() == 20
        assert seeds.group(self.model(0, 9)).owners.tolist() == [1, 2]

"""The result: probabilities, uncertainty, regions, table, colors."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage import data
from skimage.measure import label as connected

import napari_emseg as emseg
from napari_emseg.pipeline.segment import read_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTO = np.ascontiguousarray(data.coffee()[::6, ::6])
IMAGES: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "rgb": (PHOTO, {}),
    "rgb16": (PHOTO.astype(np.uint16) * 257, {}),
    "rgb float": (PHOTO / 255, {}),
    "grey": (PHOTO[..., 0], {}),
    "float": (PHOTO[..., 0] * 3.7 - 500, {}),
    "channels": (PHOTO.transpose(2, 0, 1) * 2.0, {"channel_axis": 0}),
    "volume": (np.stack([PHOTO[..., c] for c in range(3)]), {"rgb": False}),
    "series": (np.stack([PHOTO, PHOTO])[:, None], {}),
}
COLUMNS = ["label", "pixels", "area", "fraction", "mean", "std", "n_regions"]


@pytest.fixture(params=IMAGES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("smoothing", [0, 1])
@pytest.mark.parametrize("options", [{}, {"method": "kmeans"}, {"outliers": 0.1}])
def test_probabilities_sum_to_one_and_lead_to_the_labels(
    kind: str, smoothing: float, options: dict[str, Any]
) -> None:
    image, axes = IMAGES[kind]
    seg = emseg.segment(image, n_classes=4, smoothing=smoothing, **axes, **options)
    p = seg.probabilities()
    assert p.shape == (4, *seg.labels.shape)
    assert p.dtype == np.float32
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-5)
    differ = p.argmax(axis=0) + 1 != seg.labels
    two = np.sort(p[:, differ], axis=0)[-2:]
    # Only where float32 cannot tell two classes apart.
    np.testing.assert_allclose(two[0], two[1], rtol=1e-4)
    if smoothing == 0:
        exact = seg.model.predict_proba(
            emseg.features(image, color=seg.source.space.color, **axes)
        )
        np.testing.assert_allclose(p, np.moveaxis(exact, -1, 0), atol=1e-5)


def test_uncertainty_is_the_share_of_the_largest_entropy(kind: str) -> None:
    image, axes = IMAGES[kind]
    seg = emseg.segment(image, n_classes=3, **axes)
    found = seg.uncertainty()
    assert found.shape == seg.labels.shape
    assert found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    p = seg.probabilities().astype(np.float64)
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=0) / np.log(3)
    np.testing.assert_allclose(found, entropy, atol=1e-5)


def test_no_label_no_probability() -> None:
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[10:40, 20:70] = True
    for smoothing in (0, 1):
        seg = emseg.segment(PHOTO, mask=mask, smoothing=smoothing)
        p = seg.probabilities()
        np.testing.assert_array_equal(p[:, ~mask], 0)
        np.testing.assert_allclose(p[:, mask].sum(axis=0), 1, atol=1e-5)
        np.testing.assert_array_equal(seg.uncertainty()[~mask], 0)


def test_table_counts_pixels_and_averages_colors(kind: str) -> None:
    image, axes = IMAGES[kind]
    seg = emseg.segment(image, n_classes=4, **axes)
    table = seg.table()
    assert list(table) == COLUMNS
    np.testing.assert_array_equal(table["label"], [1, 2, 3, 4])
    assert table["pixels"].sum() == seg.labels.size
    assert table["fraction"].sum() == pytest.approx(1)
    if "channel_axis" in axes:
        image = np.moveaxis(image, axes["channel_axis"], -1)
    values = image.reshape(*seg.labels.shape, -1).astype(np.float64)
    for k in range(4):
        own = values[seg.labels == k + 1]
        assert table["pixels"][k] == len(own)
        assert table["fraction"][k] == pytest.approx(len(own) / seg.labels.size)
        np.testing.assert_allclose(table["mean"][k], own.mean(axis=0))
        np.testing.assert_allclose(table["std"][k], own.std(axis=0), atol=1e-6)
        pieces = connected(seg.labels == k + 1, connectivity=1, return_num=True)[1]
        if kind != "series":
            assert table["n_regions"][k] == pieces
    np.testing.assert_array_equal(table["area"], table["pixels"])
    np.testing.assert_allclose(
        seg.table(spacing=(0.5, 3))["area"], table["pixels"] * 1.5
    )


def test_table_leaves_out_what_has_no_label() -> None:
    image = PHOTO / 255
    image[:10] = np.nan
    seg = emseg.segment(image, n_classes=3)
    table = seg.table()
    assert table["pixels"].sum() == image[10:, :, 0].size
    assert table["fraction"].sum() == pytest.approx(1)
    assert np.isfinite(table["mean"]).all()


def test_table_is_the_reader_s_own() -> None:
    seg = emseg.segment(PHOTO, n_classes=3)
    before = seg.table()
    for column in seg.table().values():
        column[:] = 0
    for name, column in seg.table().items():
        np.testing.assert_array_equal(column, before[name])


def test_class_colors_are_the_means_of_rgb_images() -> None:
    for kind, full in (("rgb", 255), ("rgb16", 65535), ("rgb float", 1), ("series", 1)):
        seg = emseg.segment(IMAGES[kind][0], n_classes=4)
        colors = seg.class_colors
        assert colors.shape == (4, 3)
        if kind != "series":
            np.testing.assert_allclose(colors, seg.table()["mean"] / full)


def test_class_colors_of_other_images_differ_and_brighten(kind: str) -> None:
    image, axes = IMAGES[kind]
    colors = emseg.segment(image, n_classes=6, **axes).class_colors
    assert colors.shape == (6, 3)
    assert ((colors >= 0) & (colors <= 1)).all()
    assert len(np.unique(colors.round(3), axis=0)) == 6
    if kind in ("grey", "float", "volume"):
        assert (np.diff(colors[:, 0]) > 0).all()
        np.testing.assert_array_equal(colors[:, 0], colors[:, 2])


@pytest.mark.parametrize("smoothing", [0, 1])
def test_regions_are_connected_pieces(kind: str, smoothing: float) -> None:
    image, axes = IMAGES[kind]
    seg = emseg.segment(image, n_classes=3, smoothing=smoothing, **axes)
    regions = seg.regions()
    # Points in time are apart from each other.
    volumes = seg.labels if seg.labels.ndim > 3 else seg.labels[np.newaxis]
    expected = np.zeros(volumes.shape, int)
    for volume, out in zip(volumes, expected, strict=True):
        out[:] = connected(volume, connectivity=1) + expected.max()
    pairs = np.unique(np.stack([regions.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == expected.max() == regions.max()


@pytest.mark.parametrize("smallest", [2, 10, 100, 10**6])
def test_small_regions_are_absorbed(kind: str, smallest: int) -> None:
    image, axes = IMAGES[kind]
    seg = emseg.segment(image, n_classes=3, smoothing=0, **axes)
    regions = seg.regions(min_size=smallest)
    size = np.bincount(regions.ravel())[1:]
    assert size.sum() == seg.labels.size
    frames = 2 if kind == "series" else 1
    assert size.min() >= min(smallest, seg.labels.size // frames)
    assert len(size) >= frames
    assert 1 <= regions.max() <= seg.regions().max()


@pytest.mark.parametrize("smallest", [2, 20])
def test_labels_without_small_regions(smallest: int) -> None:
    seg = emseg.segment(PHOTO, n_classes=4, min_size=smallest, smoothing=0)
    size = np.bincount(seg.regions().ravel())[1:]
    assert size.min() >= smallest
    plain = emseg.segment(PHOTO, n_classes=4, smoothing=0)
    large = np.bincount(plain.regions().ravel())[plain.regions()] >= smallest
    # Only small regions change their class.
    np.testing.assert_array_equal(seg.labels[large], plain.labels[large])


def test_regions_respect_the_mask() -> None:
    mask = np.ones(PHOTO.shape[:2], bool)
    mask[:, 40] = False
    seg = emseg.segment(PHOTO, mask=mask, n_classes=2, smoothing=0)
    regions = seg.regions(min_size=10**6)
    # The line without labels cuts the image in two.
    np.testing.assert_array_equal(regions[:, 40], 0)
    assert regions.max() == 2
    assert len(np.unique(regions[:, :40])) == len(np.unique(regions[:, 41:])) == 1


def test_labels_take_the_smallest_type() -> None:
    assert emseg.segment(PHOTO, n_classes=3).labels.dtype == np.uint8


def test_result_says_what_it_is() -> None:
    text = repr(emseg.segment(PHOTO, n_classes=3))
    assert text == "Segmentation(67 x 100, 3 classes, converged)"
    hasty = emseg.segment(PHOTO, n_classes=8, max_iter=1, n_init=1)
    assert "not converged" in repr(hasty)
    assert not hasty.converged


def test_result_cannot_be_changed() -> None:
    seg = emseg.segment(PHOTO, n_classes=2)
    with pytest.raises(AttributeError, match="labels"):
        seg.labels = np.zeros(3)


def test_labeler_travels_to_other_processes() -> None:
    for options in ({"smoothing": 0}, {"smoothing": 1}, {"method": "kmeans"}):
        seg = emseg.segment(PHOTO, n_classes=3, **options)
        labeler = pickle.loads(pickle.dumps(seg.labeler))
        data = emseg.features(PHOTO) if labeler.table is None else PHOTO
        np.testing.assert_array_equal(labeler.labels(data, None), seg.labels)


def test_fractions_are_those_of_the_table() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    mask = np.ones((40, 30), bool)
    mask[:9] = False
    seg = emseg.segment(image, n_classes=4, mask=mask)
    np.testing.assert_allclose(seg.fractions, seg.table()["fraction"])
    assert seg.fractions.sum() == pytest.approx(1)


@pytest.mark.parametrize("n_classes", [1, 8, 12, 64])
def test_tiles_are_smaller_the_more_classes_there_are(n_classes: int) -> None:
    image = np.broadcast_to(np.uint8(0), (3000, 2500))
    source = read_input(image, emseg.Params())
    grid = source.tiles(16, n_classes)
    sizes = [np.prod([s.stop - s.start for s in tile.write]) for tile in grid]
    assert sum(sizes) == image.size
    assert max(sizes) * n_classes <= 2**23
    # Neighbors are told by parity.
    assert all(s.start % 2 == 0 for tile in grid for s in tile.read)


def test_results_keep_no_table_of_colors() -> None:
    found = emseg.segment(PHOTO, n_classes=3, smoothing=0)
    assert len(pickle.dumps(found.labeler)) < 10**5


def test_masks_of_classes_by_number_and_name() -> None:
    seg = emseg.segment(PHOTO, n_classes=3)
    assert seg.mask(2).dtype == bool
    np.testing.assert_array_equal(seg.mask(2), seg.labels == 2)
    np.testing.assert_array_equal(seg.mask([1, 3]), np.isin(seg.labels, [1, 3]))
    assert not seg.mask([]).any()
    named = seg.named({3: "nuclei", 1: "ground"})
    np.testing.assert_array_equal(named.mask("nuclei"), seg.labels == 3)
    np.testing.assert_array_equal(named.mask(["nuclei", 2]), seg.labels >= 2)
    assert not seg.names


@pytest.mark.parametrize("wrong", [0, 4, -1, True, 1.5, None, [1, 9]])
def test_masks_of_no_class_are_refused(wrong: Any) -> None:
    seg = emseg.segment(PHOTO, n_classes=3)
    with pytest.raises(ValueError, match=r"no class .* 1 to 3; pass"):
        seg.mask(wrong)


def test_names_that_lead_to_no_class_are_refused() -> None:
    seg = emseg.segment(PHOTO, n_classes=3)
    with pytest.raises(ValueError, match="'nuclei'; no class has one yet"):
        seg.mask("nuclei")
    with pytest.raises(ValueError, match="'nucleus'; the names are 'nuclei'"):
        seg.named({3: "nuclei"}).mask("nucleus")
    with pytest.raises(ValueError, match="no class 4"):
        seg.named({4: "sky"})
    with pytest.raises(ValueError, match="one name for two classes"):
        seg.named({1: "sky", 2: "sky"})
    with pytest.raises(ValueError, match="not empty"):
        seg.named({1: ""})

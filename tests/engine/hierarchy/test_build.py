"""Hierarchy: nested cuts, known answers, and images that leave little to see."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.linalg import eigh
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from skimage.data import astronaut
from skimage.measure import label as connected
from skimage.metrics import adapted_rand_error
from skimage.transform import resize

from napari_emseg.engine.hierarchy import build as module
from napari_emseg.engine.hierarchy.build import (
    comparable,
    enlarge,
    hierarchy,
    merge_order,
)
from napari_emseg.engine.hierarchy.contours import (
    CUES,
    disagreement,
    gather,
    gradient_cues,
    look,
    ridges,
    slopes,
)
from napari_emseg.engine.hierarchy.ensemble import CLASSES, opinions
from napari_emseg.engine.hierarchy.merge_cost import WEIGHTS, MergeStatistics, spectral
from napari_emseg.engine.hierarchy.region_graph import (
    FINE,
    build,
    find_cracks,
    fine_regions,
)
from napari_emseg.engine.hierarchy.region_tree import RegionTree, grow
from napari_emseg.select import region_at


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A photograph of 160 x 160 pixels in Lab."""
    rgb = resize(astronaut(), (160, 160), anti_aliasing=True)
    return rgb2lab(rgb).astype(np.float32)


@pytest.fixture(scope="module")
def tree(photo: np.ndarray) -> RegionTree:
    return hierarchy(photo)


def quarters(size: int = 80, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Four squares of different lightness, (size, size, 1)."""
    image = np.repeat(np.repeat([[20, 45], [65, 90]], size // 2, 0), size // 2, 1)
    image = image + np.random.default_rng(seed).normal(0, noise, image.shape)
    return image[..., np.newaxis].astype(np.float32)


def truth(size: int) -> np.ndarray:
    return np.repeat(np.repeat([[1, 2], [3, 4]], size // 2, 0), size // 2, 1)


@pytest.mark.parametrize("noise", [0, 6])
def test_finds_the_four_squares(noise: float) -> None:
    tree = hierarchy(quarters(80, noise))
    assert adapted_rand_error(truth(80), tree.cut(n_regions=4))[0] < 0.03
    assert tree.cut().max() == 4


def test_texture_of_equal_mean_is_told_apart() -> None:
    rng = np.random.default_rng(1)
    image = np.full((120, 120), 50.0)
    image[:, 60:] += rng.normal(0, 25, (120, 60))
    labels = hierarchy(gaussian_filter(image, 0.7)[..., np.newaxis]).cut(n_regions=2)
    left, right = labels[:, :50], labels[:, 70:]
    assert np.bincount(left.ravel()).argmax() != np.bincount(right.ravel()).argmax()
    assert (left == 1).mean() > 0.95
    assert (right == 2).mean() > 0.95


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 60])
def test_n_regions_is_what_was_asked_for(tree: RegionTree, n: int) -> None:
    labels = tree.cut(n_regions=n)
    assert labels.shape == (160, 160)
    assert np.array_equal(np.unique(labels), np.arange(1, n + 1))


def test_regions_are_connected(tree: RegionTree) -> None:
    for n in (5, 40):
        assert connected(tree.cut(n_regions=n), connectivity=1).max() == n


def test_cuts_are_nested(tree: RegionTree) -> None:
    coarse = tree.cut(n_regions=4)
    for finer in (tree.cut(n_regions=9), tree.cut(level=0), tree.cut(n_regions=5)):
        pairs = np.unique(np.stack([finer.ravel(), coarse.ravel()]), axis=1)
        assert pairs.shape[1] == finer.max()


@st.composite
def trees(draw: st.DrawFn) -> RegionTree:
    """Any tree, also of regions that do not all touch, and pixels without one."""
    n = draw(st.integers(1, 12))
    free, merges = [*range(n)], []
    for _ in range(draw(st.integers(0, n - 1))):
        one, two = draw(st.permutations(free))[:2]
        free = [node for node in free if node not in (one, two)] + [n + len(merges)]
        merges.append((one, two, draw(st.floats(-30, 30))))
    order = draw(st.permutations([*range(n + 1), *range(n + 1)]))
    return RegionTree(np.array([order], np.int32), *grow(n, merges))


@given(trees(), st.tuples(st.floats(0, 1), st.floats(0, 1)), st.integers(1, 14))
def test_cuts_of_any_tree_are_nested(
    tree: RegionTree, levels: tuple[float, float], n_regions: int
) -> None:
    fine, coarse = (tree.cut(level=level) for level in sorted(levels))
    some = tree.cut(n_regions=n_regions)
    assert some.max() == min(n_regions, tree.n_fine)
    for labels in (fine, coarse, some):
        # 1, 2, … without a gap, and 0 where there is no region.
        assert (np.unique(labels[labels > 0]) == np.arange(labels.max()) + 1).all()
        assert ((labels == 0) == (tree.labels == 0)).all()
    for one, other in ((fine, coarse), (tree.cut(level=0), some), (some, fine)):
        finer, coarser = (one, other) if one.max() >= other.max() else (other, one)
        pairs = {*zip(finer.ravel().tolist(), coarser.ravel().tolist(), strict=True)}
        assert len(pairs) == finer.max() + 1
    point = (0, int(np.flatnonzero(tree.labels)[0]))
    small, large = (region_at(tree, point, level) for level in sorted(levels))
    assert (small <= large).all()
    assert (small == (fine == fine[point])).all()
    assert (large == (coarse == coarse[point])).all()


def test_more_than_all_gives_the_fine_regions(tree: RegionTree) -> None:
    assert np.array_equal(tree.cut(n_regions=10**6), tree.cut(level=0))
    assert tree.cut(level=0).max() == tree.n_fine <= FINE


def test_levels(tree: RegionTree) -> None:
    counts = [tree.cut(level=level).max() for level in np.linspace(0, 1, 21)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1
    assert len(set(counts)) > 8
    assert np.array_equal(tree.cut(), tree.cut(level=0.5))


def test_parent_and_height_are_a_binary_tree(tree: RegionTree) -> None:
    n, nodes = tree.n_fine, np.arange(len(tree.parent))
    assert len(nodes) == len(tree.height) == 2 * n - 1
    assert (tree.parent[:-1] > nodes[:-1]).all()
    assert tree.parent[-1] == nodes[-1]
    assert np.array_equal(np.bincount(tree.parent[:-1])[n:], np.full(n - 1, 2))
    assert (tree.height[:n] == 0).all()
    assert ((tree.height[n:] > 0) & (tree.height <= 1)[n:]).all()
    assert (tree.height[tree.parent] >= tree.height).all()
    parts = [np.flatnonzero(tree.parent[:-1] == node) for node in nodes[n:]]
    size = np.ones(len(nodes))
    for node, pair in zip(nodes[n:], parts, strict=True):
        size[node] = size[pair].sum()
    linkage = np.column_stack([parts, tree.height[n:], size[n:]])
    assert is_valid_linkage(linkage.astype(float))


def test_recutting_takes_milliseconds(tree: RegionTree) -> None:
    start = time.perf_counter()
    for n in range(1, 41):
        tree.cut(n_regions=n)
    assert (time.perf_counter() - start) / 40 < 0.02


def test_same_image_same_tree(photo: np.ndarray, tree: RegionTree) -> None:
    again = hierarchy(photo.copy())
    assert np.array_equal(again.labels, tree.labels)
    assert np.array_equal(again.parent, tree.parent)
    assert np.array_equal(again.height, tree.height)


def test_input_is_not_changed(photo: np.ndarray) -> None:
    small = photo[:40, :40].copy()
    valid = np.ones((40, 40), bool)
    valid[:5] = False
    hierarchy(small, valid=valid)
    assert np.array_equal(small, photo[:40, :40])
    assert valid.sum() == 35 * 40


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90])
def test_turned_images_have_turned_regions(turn, photo: np.ndarray) -> None:
    # Sampling and rounding differ a little, the main regions must not.
    labels = turn(hierarchy(quarters(80, 6)).cut())
    turned = hierarchy(np.ascontiguousarray(turn(quarters(80, 6)))).cut()
    assert adapted_rand_error(labels, turned)[0] < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 50), (3, 3), (9, 150)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_tiny_images(shape: tuple[int, int], channels: int) -> None:
    noise = np.random.default_rng(0).random((*shape, channels))
    for image in (noise, np.round(noise)):
        tree = hierarchy(comparable(image))
        for n in (1, 2, 10**4):
            assert tree.cut(n_regions=n).max() == min(n, tree.n_fine)
        assert tree.cut().shape == shape


@pytest.mark.parametrize("value", [0.0, 50.0, -1e4])
def test_a_constant_image_is_one_region(value: float) -> None:
    tree = hierarchy(np.full((70, 90, 3), value, np.float32))
    assert tree.n_fine == 1
    assert (tree.cut(n_regions=5) == 1).all()
    assert (tree.cut() == 1).all()


def test_pixels_outside_get_zero() -> None:
    image = quarters(80, 3)
    valid = np.zeros((80, 80), bool)
    valid[10:35, 5:75] = True
    valid[60:70, 60:70] = True
    image[~valid] = np.nan
    tree = hierarchy(image, valid=valid)
    for labels in (tree.cut(), tree.cut(n_regions=3), tree.cut(level=0)):
        assert np.array_equal(labels > 0, valid)
    assert tree.cut(level=1).max() == 1
    # Left and right of the bar, and the square that touches neither.
    three = tree.cut(n_regions=3)
    assert len(np.unique(three[10:35, 5:38])) == 1
    assert len({three[20, 10], three[20, 70], three[65, 65]}) == 3


def test_no_pixel_at_all() -> None:
    tree = hierarchy(quarters(40), valid=np.zeros((40, 40), bool))
    assert tree.n_fine == 0
    for labels in (tree.cut(), tree.cut(n_regions=3), tree.cut(level=0)):
        assert not labels.any()


def test_large_images_keep_sharp_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORK_PIXELS", 6400)
    valid = np.ones((320, 320), bool)
    valid[:7, 100:] = False
    tree = hierarchy(quarters(320, 3), valid=valid)
    labels = tree.cut(n_regions=4)
    assert np.array_equal(labels > 0, valid)
    # Which of the squares has which number is not promised.
    name = [0, *(np.bincount(truth(320)[labels == k]).argmax() for k in (1, 2, 3, 4))]
    assert sorted(name) == [0, 1, 2, 3, 4]
    assert (np.array(name)[labels][valid] != truth(320)[valid]).mean() < 0.01


def test_enlarge_follows_the_image() -> None:
    coarse = np.zeros((20, 20), np.int32)
    coarse[:, 9:] = 1
    image = np.zeros((1, 100, 100), np.float32)
    image[:, :, 48:] = 60
    wrong = (enlarge(coarse, image, None) == 1) != (image[0] > 0)
    # The plain enlargement is three columns off, the watershed's line one.
    assert wrong.sum() <= 100
    assert not wrong[:, [46, 49]].any()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n_regions": 0}, ValueError, "at least one region"),
        ({"n_regions": 2.5}, TypeError, "no whole number"),
        ({"level": 1.5}, ValueError, "not in 0..1"),
        ({"level": float("nan")}, ValueError, "not in 0..1"),
        ({"n_regions": 3, "level": 0.2}, TypeError, "pass one of them"),
    ],
)
def test_cut_rejects(
    tree: RegionTree, arguments: dict[str, float], error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        tree.cut(**arguments)


@pytest.mark.parametrize("shape", [(5, 5), (4, 5, 5, 3), (5, 5, 4), (0, 5, 1)])
def test_other_shapes_are_rejected(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="features have shape"):
        hierarchy(np.zeros(shape))


def test_comparable_does_not_mind_scale_or_offset() -> None:
    image = np.random.default_rng(0).random((20, 30, 2))
    np.testing.assert_allclose(
        comparable(image * 1e-6 + 3), comparable(image), atol=1e-3
    )
    low, high = np.percentile(comparable(image)[..., 0], (1, 99))
    assert high - low == pytest.approx(80, rel=1e-4)
    many = comparable(np.random.default_rng(0).random((20, 30, 7)))
    assert many.shape == (20, 30, 3)
    covariance = np.cov(many.reshape(-1, 3).T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-2)


def test_comparable_leaves_pixels_out() -> None:
    image = np.random.default_rng(0).random((20, 30, 5))
    valid = np.ones((20, 30), bool)
    valid[:, 20:] = False
    whole = comparable(image[:, :20])
    image[~valid] = np.nan
    part = comparable(image, valid=valid)
    np.testing.assert_allclose(part[:, :20], whole, atol=1e-4)
    assert not part[:, 20:].any()
    assert not comparable(image, valid=valid & False).any()


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 120])
def test_classes_change_across_a_contour_and_not_along_it(angle: int) -> None:
    y, x = np.mgrid[-20:21, -20:21]
    turn = np.deg2rad(angle)
    side = np.clip(x * np.cos(turn) + y * np.sin(turn) + 0.5, 0, 1)
    posterior = np.stack([side, 1 - side]).astype(np.float32)
    across, along = slopes(posterior, 3.0)
    # Of a step seen through a Gaussian: 1 / √(2π), twice that of each class's mean.
    assert across[20, 20] == pytest.approx(2 / np.sqrt(2 * np.pi), rel=0.12)
    assert along[20, 20] < 0.02
    assert across[abs(x * np.cos(turn) + y * np.sin(turn)) > 15].max() < 1e-3
    # Where three classes meet, there are changes in all directions.
    meeting = np.stack([x > 0, (x <= 0) & (y > 0), (x <= 0) & (y <= 0)])
    assert slopes(meeting.astype(np.float32), 3.0)[1][20, 20] > 0.3


def test_ridges_are_lines_that_go_on() -> None:
    line, dot, area = np.zeros((3, 81, 81), np.float32)
    line[40] = dot[40, 38:43] = 1
    area[20:60, 20:60] = 1
    for picture in (line, line.T, np.eye(81, dtype=np.float32)):
        found = ridges(np.ascontiguousarray(picture))
        assert found[40, 40] > 2 * ridges(dot)[40, 40]
        assert found[40, 40] > 5 * abs(ridges(area)[40, 40])
    np.testing.assert_allclose(ridges(np.ones_like(line)), 0, atol=1e-5)


def test_disagreement_is_where_posteriors_change() -> None:
    posterior = np.zeros((2, 40, 40), np.float32)
    posterior[0, :17] = 1
    posterior[1, 17:] = 1
    edge = disagreement([posterior, posterior])
    assert edge.mean(axis=1).argmax() in (16, 17)
    assert abs(edge[:10]).max() < 1e-6


@pytest.mark.parametrize(("size", "per_view"), [(120, 1), (200, 2)])
def test_gradients_of_a_ramp_have_its_slope(size: int, per_view: int) -> None:
    slope = 0.8
    ramp = np.tile(slope * np.arange(size, dtype=np.float32), (size, 1))
    found = [cue[size // 2, size // 2] for cue in gradient_cues(ramp)]
    # What is around is seen at half the size, where the slope is twice as steep.
    square = np.array([slope, *[slope * per_view] * 2, slope, slope * per_view]) ** 2
    expected = [*np.log(square[:3] + 0.5), *(square[3:] / (square[3:] + 0.5))]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_gradients_lie_along_one_line_at_a_contour_and_none_in_texture() -> None:
    step, noise = np.zeros((2, 120, 120), np.float32)
    step[:, 60:] = 20
    noise[:] = np.random.default_rng(0).normal(0, 20, noise.shape)
    for angle in (step, step.T, np.tril(np.full_like(step, 20))):
        for aligned in gradient_cues(np.ascontiguousarray(angle))[3:]:
            assert aligned[58:62, 58:62].min() > 0.8
    *energies, close, coarse = gradient_cues(noise)
    assert np.median(close) < 0.5
    assert np.median(coarse) < 0.3
    assert min(np.median(energy) for energy in energies) > 0.5
    energy, around, _, *aligned = gradient_cues(step)
    # Close by, a contour stands out; far away from it nothing does.
    assert energy[60, 60] > around[60, 60] + 1
    assert all(abs(cue[60, 5]) < 1e-3 for cue in aligned)


def test_opinions_are_posteriors(photo: np.ndarray) -> None:
    views = look(np.ascontiguousarray(np.moveaxis(photo, -1, 0)))
    for name, posteriors in opinions(views).items():
        assert [len(p) for p in posteriors] == list(CLASSES[name])
        for posterior in posteriors:
            assert posterior.min() >= 0
            np.testing.assert_allclose(posterior.sum(axis=0), 1, atol=1e-5)


def test_each_cue_and_weight_has_its_column(photo: np.ndarray) -> None:
    evidence = gather(np.ascontiguousarray(np.moveaxis(photo, -1, 0)))
    assert len(evidence.cues) == len(CUES)
    assert ((evidence.edge > 0) & (evidence.edge < 1)).all()
    graph = build(fine_regions(evidence.edge), evidence)
    table = MergeStatistics.of(graph).compare(*graph.pairs[:1].T, graph.borders[:1])
    assert table.shape == (1, len(WEIGHTS))
    # The last columns are products of the others.
    column = dict(zip(WEIGHTS, table[0], strict=True))
    for name in WEIGHTS:
        if "*" in name:
            one, two = name.split("*")
            assert column[name] == column[one] * column[two]
    mixtures = [f"{name}_{k}" for name, ks in CLASSES.items() for k in ks]
    assert list(WEIGHTS)[: len(CUES) + len(mixtures)] == [*CUES, *mixtures]


def test_likeness_is_local(photo: np.ndarray) -> None:
    evidence = gather(np.ascontiguousarray(np.moveaxis(photo, -1, 0)))
    graph = build(fine_regions(evidence.edge), evidence)
    regions = MergeStatistics.of(graph)
    before = regions.likeness(graph)
    assert len(before) > 10
    assert (before > 0).all()
    # Neither the part on the frame nor the embedding has a say.
    regions.sums[:, 2] = np.arange(len(regions.sums))
    regions.sums[:, 4 + graph.color.shape[1] :] = 0
    np.testing.assert_array_equal(regions.likeness(graph), before)


def test_cracks_agree_with_a_count_by_hand() -> None:
    labels = np.array([[0, 0, 1], [2, 2, 1]], np.int32)
    cracks = find_cracks(labels)
    assert cracks.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert cracks.lengths().tolist() == [1, 2, 1]
    values = np.arange(6, dtype=np.float32)
    assert cracks.sums(values).tolist() == [1.5, 1.5 + 2.5, 4.5]


def test_merged_statistics_equal_those_of_the_union(photo: np.ndarray) -> None:
    # Small enough to be measured at full size, where sums are exact.
    evidence = gather(np.ascontiguousarray(np.moveaxis(photo[:120, :120], -1, 0)))
    fine = fine_regions(evidence.edge)
    graph = build(fine, evidence)
    (one, two), border = graph.pairs[0], graph.borders[0, 0]
    merged = MergeStatistics.of(graph)
    n = len(graph.area)
    merged.merge(one, two, n, border)
    union = fine.copy()
    union[fine == two] = one
    union[fine > two] -= 1
    whole = MergeStatistics.of(build(union, evidence))
    # The spectral embedding depends on the graph, all else on pixels alone.
    c = 4 + 2 * merged.colors
    np.testing.assert_allclose(merged.sums[n, :c], whole.sums[one, :c], atol=1e-9)
    np.testing.assert_allclose(merged.memberships[n], whole.memberships[one], atol=1e-7)


def test_spectral_embedding_parts_what_hangs_together_weakly() -> None:
    # A chain of six regions of which the middle two are unlike.
    pairs = np.array([[i, i + 1] for i in range(5)])
    place = spectral(pairs, np.array([1, 1, 1e-3, 1, 1]), np.ones(6))
    first = place[:, 0]
    assert np.ptp(first[:3]) < 0.1 * abs(first[3] - first[2])
    assert (np.sign(first[:3]) == -np.sign(first[3:])).all()


def test_two_parts_with_one_weak_link_are_farther_apart_than_any_neighbors() -> None:
    # Twelve stripes; steps of 2 within each half, one of 12 between the halves.
    values = np.concatenate([np.arange(6) * 2, np.arange(6) * 2 + 22]) + 30.0
    image = np.tile(np.repeat(values, 20), (120, 1)).astype(np.float32)
    evidence = gather(image[np.newaxis])
    stripes = np.tile(np.repeat(np.arange(12, dtype=np.int32), 20), (120, 1))
    graph = build(stripes, evidence)
    compared = MergeStatistics.of(graph).compare(*graph.pairs.T, graph.borders)
    away = compared[:, list(WEIGHTS).index("spectral")]
    assert away.argmax() == 5
    assert away[5] > np.delete(away, 5).max() + 1


def test_spectral_embedding_equals_the_generalised_eigenvectors() -> None:
    rng = np.random.default_rng(3)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [0, 3], [1, 3]])
    likeness, area = rng.random(5), rng.random(4)
    matrix = np.zeros((4, 4))
    matrix[tuple(pairs.T)] = likeness
    matrix += matrix.T
    share = area / area.sum()
    values, vectors = eigh(np.diag(matrix.sum(0)) - matrix, np.diag(share))
    expected = vectors[:, 1:] * np.sqrt(values[1] / values[1:])
    place = spectral(pairs, likeness, area)
    np.testing.assert_allclose(np.abs(place), np.abs(expected), atol=1e-6)


def test_weights_matter(photo: np.ndarray) -> None:
    evidence = gather(np.ascontiguousarray(np.moveaxis(photo, -1, 0)))
    graph = build(fine_regions(evidence.edge), evidence)
    weights = np.fromiter(WEIGHTS.values(), float)
    orders = {tuple(merge_order(graph, weights)[0][:2])}
    for column in range(len(weights)):
        changed = weights.copy()
        changed[column] += 5
        merges = merge_order(graph, changed)
        assert len(merges) == len(graph.area) - 1
        orders.add(tuple(merges[50][:2]))
    assert len(orders) > len(weights) / 2


def test_parts_that_do_not_touch_join_on_top() -> None:
    parent, height = grow(4, [(0, 1, -1.0), (2, 3, 0.5)])
    assert parent.tolist() == [4, 4, 5, 5, 6, 6, 6]
    assert height[-1] == 1
    assert (np.diff(height[4:]) > 0).all()

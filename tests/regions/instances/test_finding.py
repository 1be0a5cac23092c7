"""Objects are found, told apart where they touch, and cleaned."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg


def draw_discs(rng, side, radii, overlap=(0.0, 0.08), count=60):
    """Return discs that touch each other, as labels: the truth."""
    truth = np.zeros((side, side), int)
    y, x = np.mgrid[:side, :side]
    middles = [(side / 2, side / 2, float(np.mean(radii)))]
    for _ in range(50 * count):
        cy, cx, r = middles[rng.integers(len(middles))]
        new, angle = rng.uniform(*radii), rng.uniform(0, 2 * np.pi)
        away = r + new - rng.uniform(*overlap) * min(r, new) * 2
        at = cy + away * np.sin(angle), cx + away * np.cos(angle), new
        far = all(
            np.hypot(at[0] - one[0], at[1] - one[1])
            >= at[2] + one[2] - overlap[1] * 2 * min(at[2], one[2])
            for one in middles
        )
        if far and all(new <= place <= side - new for place in at[:2]):
            middles.append(at)
        if len(middles) == count:
            break
    nearest = np.full(truth.shape, np.inf)
    for number, (cy, cx, r) in enumerate(middles, 1):
        level = np.hypot(y - cy, x - cx) - r
        here = (level < 0) & (level < nearest)
        truth[here] = number
        nearest = np.minimum(nearest, level)
    return truth


def f1(found, truth):
    """Return the F1 score of objects that overlap by more than half of their union."""
    table = np.zeros((found.max() + 1, truth.max() + 1))
    np.add.at(table, (found.ravel(), truth.ravel()), 1)
    union = table.sum(1)[1:, None] + table.sum(0)[None, 1:] - table[1:, 1:]
    hits = (table[1:, 1:] / union > 0.5).sum()
    return 2 * hits / ((table.sum(1)[1:] > 0).sum() + (table.sum(0)[1:] > 0).sum())


@pytest.mark.parametrize("radii", [(5, 8), (9, 20), (8, 9)])
def test_touching_discs_are_told_apart(radii):
    scores, plain = [], []
    for seed in range(3):
        truth = draw_discs(np.random.default_rng(seed), 200, radii, count=40)
        scores.append(f1(emseg.objects(truth > 0).labels, truth))
        plain.append(f1(emseg.objects(truth > 0, split="none").labels, truth))
    assert np.mean(scores) >= 0.95
    assert np.mean(plain) < 0.5


@pytest.fixture(scope="module")
def pair():
    """Two discs that touch, one with a hole, and dirt."""
    y, x = np.mgrid[:40, :70]
    labels = np.full((40, 70), 1, np.uint8)
    labels[(np.hypot(y - 20, x - 20) < 13) | (np.hypot(y - 20, x - 45) < 13)] = 2
    labels[18:21, 44:48] = 1
    labels[3, 60] = 2
    return labels


def test_classes_by_default_are_all_but_the_background(pair):
    assert {*emseg.objects(pair).counts()} == {2}
    assert {*emseg.objects(pair, [1, 2]).counts()} == {1, 2}
    # Where 0 is nothing, no class is the background.
    assert {*emseg.objects(np.pad(pair, 1)).counts()} == {1, 2}
    assert len(emseg.objects(pair == 2)) == 2


def test_segmentation_knows_its_names(pair):
    seg = emseg.segment(np.where(pair == 2, 200, 20).astype(np.uint8), n_classes=2)
    found = emseg.objects(seg.named({2: "nuclei"}), "nuclei")
    assert (len(found), found.name_of(2)) == (2, "nuclei")
    np.testing.assert_array_equal(found.labels, emseg.objects(seg).labels)
    with pytest.raises(ValueError, match="no class has the name 'cells'"):
        emseg.objects(seg, "cells")
    with pytest.raises(ValueError, match="no class 3"):
        emseg.objects(seg, 3)


def test_holes_are_filled_but_gaps_are_not(pair):
    found = emseg.objects(pair)
    assert found.sizes[found.ids].tolist() == [found.sizes[1]] * 2
    whole = emseg.objects(pair, fill_holes=False)
    assert whole.sizes.sum() == found.sizes.sum() - 12
    y, x = np.mgrid[:60, :60]
    middles = [(20, 20), (20, 39.5), (37, 30)]
    discs = np.any([np.hypot(y - a, x - b) < 10 for a, b in middles], axis=0)
    three = emseg.objects(discs)
    assert len(three) == 3
    np.testing.assert_array_equal(three.labels > 0, discs)
    assert (emseg.objects(discs, fill_holes=True).labels > 0).sum() > discs.sum()


def test_objects_of_other_classes_stay_in_holes():
    labels = np.zeros((30, 30), int)
    labels[5:25, 5:25] = 1
    labels[13:16, 13:16] = 2
    found = emseg.objects(labels)
    np.testing.assert_array_equal(found.class_labels(), labels)
    other = emseg.objects(labels, [2, 1])
    np.testing.assert_array_equal(other.class_labels(), labels)
    assert emseg.objects(labels, 1).sizes[1] == 400


def test_sizes_and_rim(pair):
    assert emseg.objects(pair).dropped == 1
    assert len(emseg.objects(pair, min_size=0)) == 3
    assert len(emseg.objects(pair, min_size=0, max_size=20)) == 1
    assert len(emseg.objects(pair[10:], exclude_border=True)) == 0
    assert len(emseg.objects(pair[:, 20:], exclude_border=True)) == 1


def test_depth_splits_less(pair):
    assert len(emseg.objects(pair, depth=1e9)) == 1
    with pytest.raises(ValueError, match="depth"):
        emseg.objects(pair, depth=0)


def test_order_of_axes_does_not_matter():
    truth = draw_discs(np.random.default_rng(5), 120, (6, 12), count=15)
    found, turned = emseg.objects(truth > 0), emseg.objects(truth.T > 0)
    assert f1(turned.labels.T, found.labels.astype(int)) > 0.95


def test_volumes_and_planes():
    z, y, x = np.mgrid[:24, :24, :44]
    balls = [np.sqrt((z - 12) ** 2 + (y - 12) ** 2 + (x - at) ** 2) < 10
             for at in (12, 31)]  # fmt: skip
    volume = balls[0] | balls[1]
    found = emseg.objects(volume)
    assert len(found) == 2
    assert abs(int(found.sizes[1]) - int(balls[0].sum())) < 0.1 * balls[0].sum()
    planes = emseg.objects(volume, per_plane=True, min_size=0)
    one = emseg.objects(volume[12], min_size=0)
    first = np.unique(planes.labels[12])[1]
    here = planes.labels[12].astype(int)
    np.testing.assert_array_equal(np.where(here, here - first + 1, 0), one.labels)
    # Slices that are thick in truth: the balls are ellipsoids, which are one each.
    assert len(emseg.objects(volume[::2], scale=(2, 1, 1))) == 2
    series = emseg.objects(np.stack([volume] * 2))
    assert (len(series), series.labels.max()) == (4, 4)


def test_seeds(pair):
    seeds = np.zeros(pair.shape, int)
    seeds[20, 10], seeds[20, 55] = 7, 9
    found = emseg.objects(pair, 2, split="seeds", seeds=seeds)
    assert len(found) == 2
    points = emseg.objects(pair, 2, split="seeds", seeds=[[20, 10], [20, 55]])
    np.testing.assert_array_equal(found.labels, points.labels)
    same = emseg.objects(pair, 2, split="seeds", seeds=(seeds > 0) * 1)
    assert len(same) == 1
    with pytest.raises(ValueError, match="lies outside"):
        emseg.objects(pair, 2, split="seeds", seeds=[[20, 99]])
    with pytest.raises(ValueError, match="seeds have shape"):
        emseg.objects(pair, 2, split="seeds", seeds=np.zeros((3, 3)))


def test_seeds_off_the_middle_grow_alike():
    """A click near the rim of a disc is as good as one in its middle."""
    y, x = np.mgrid[:40, :70]
    discs = [np.hypot(y - 20, x - middle) < 14 for middle in (20, 45)]
    middles = emseg.objects(
        discs[0] | discs[1], split="seeds", seeds=[[20, 20], [20, 45]]
    )
    for seeds in ([[20, 20], [30, 50]], [[12, 14], [20, 45]], [[20, 8], [20, 57]]):
        found = emseg.objects(discs[0] | discs[1], split="seeds", seeds=seeds)
        assert (found.labels == middles.labels)[discs[0] | discs[1]].mean() > 0.85
    # Two in one disc have a half each.
    halves = emseg.objects(discs[0], split="seeds", seeds=[[20, 15], [20, 24]])
    assert halves.sizes[1:].min() > 0.35 * discs[0].sum()


def test_lines(pair):
    line = [[0, 30], [39, 34]]
    found = emseg.objects(pair, 2, split="line", lines=[line])
    plain = emseg.objects(pair, 2, split="none")
    assert (len(plain), len(found)) == (1, 2)
    np.testing.assert_array_equal(found.labels > 0, plain.labels > 0)
    cut = plain.split_by_line(line)
    # Pixels of the line, which are as near to one part as to the other, may differ.
    assert np.abs(np.sort(cut.sizes[1:]) - np.sort(found.sizes[1:])).max() <= 2


@pytest.mark.parametrize("kind", ["none", "distance"])
def test_extremes(kind):
    empty = emseg.objects(np.zeros((5, 5), int), split=kind)
    assert (len(empty), empty.labels.dtype) == (0, np.uint8)
    assert len(emseg.objects(np.ones((5, 5), bool), split=kind)) == 1
    assert len(emseg.objects(np.ones((1, 7), bool), split=kind)) == 1
    dots = np.indices((260, 260)).sum(axis=0) % 2 == 0
    found = emseg.objects(dots, split=kind, fill_holes=False)
    assert (len(found), found.labels.dtype) == (260 * 130, np.uint16)
    assert emseg.measure(found)["area"].tolist() == [1] * (260 * 130)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "magic"}, "pass one of"),
        ({"split": "seeds"}, "needs seeds"),
        ({"seeds": [[1, 1]]}, "does not use seeds"),
        ({"split": "line"}, "needs lines"),
        ({"min_size": -1}, "number of pixels"),
        ({"max_size": "big"}, "number of pixels"),
        ({"classes": 0}, "0 is no class"),
        ({"classes": [1, 7]}, "there is no class 7; .* that there are: 1, 2$"),
        ({"scale": (1, 2, 3)}, "positive length"),
        ({"split": "line", "lines": [[[1, 1]]]}, "line of points"),
    ],
)
def test_wrong_input_is_told(pair, arguments, message):
    with pytest.raises(ValueError, match=message):
        emseg.objects(pair, **arguments)


@pytest.mark.parametrize(
    "labels",
    [np.ones((0, 5), int), np.full((2, 2), -1), np.full((2, 2), 2**63, np.uint64)],
)
def test_what_cannot_be_classes(labels):
    with pytest.raises(ValueError, match="there must be a pixel"):
        emseg.objects(labels)


@pytest.mark.parametrize("most", [-1, 2.5, None, "yes"])
def test_a_wrong_size_of_holes(most):
    with pytest.raises((TypeError, ValueError), match="fill_holes"):
        emseg.objects(np.ones((2, 2), int), fill_holes=most)


def test_times_are_apart_and_planes_along_z_are_a_volume():
    image = np.zeros((3, 40, 50), np.uint8)
    image[:, 10:25, 10:25] = 200

    def count(axes, **how):
        shaped = image[np.newaxis] if len(axes) > 3 else image
        seg = emseg.segment(shaped, axes=axes, n_classes=2, smoothing=0)
        return emseg.objects(seg, 2, **how).n_objects

    assert count("TYX") == 3
    assert count("ZYX") == count("TZYX") == count("TYX", per_plane=False) == 1
    assert count("ZYX", per_plane=True) == 3
    seg = emseg.segment(image.transpose(1, 2, 0), axes="YXZ", n_classes=2, smoothing=0)
    with pytest.raises(ValueError, match="the axes of the labels are YXZ"):
        emseg.objects(seg, 2)

"""Objects are found, told apart where they touch, and cleaned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.measure import label

import napari_emseg as emseg


def draw_discs(rng, side, radii, overlap=(0.0, 0.25), count=60):
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

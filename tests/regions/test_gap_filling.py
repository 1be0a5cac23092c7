"""Interpolation of a label between planes: where it goes, and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg import regions, select


def drawn():
    """Return labels in which 7 is drawn in planes 2 and 6, with others between."""
    labels = np.zeros((9, 30, 30), np.uint8)
    labels[2, 8:22, 8:22] = labels[6, 5:25, 5:25] = 7
    labels[4, :, :15] = 3
    labels[5, 20:, 20:] = 4
    return labels


def test_a_label_grows_over_nothing_alone():
    labels = drawn()
    after = regions.interpolate(labels, 7).apply(labels)
    between = select.interpolate(labels == 7)
    assert (after == np.where(between & (labels == 0), 7, labels)).all()
    assert (after[labels != 0] == labels[labels != 0]).all()
    assert (after[[3, 4, 5]] == 7).any(axis=(1, 2)).all()


def test_it_keeps_to_the_selection_and_to_locks():
    labels = drawn()
    selection = np.zeros(labels.shape, bool)
    selection[:, :15] = True
    after = regions.interpolate(labels, 7, selection=selection).apply(labels)
    assert (after[~selection] == labels[~selection]).all()
    assert (after != labels).any()
    assert regions.interpolate(labels, 7, locked=[0]).empty
    assert not regions.interpolate(labels, 7, locked=[3, 4]).empty


def test_what_others_fill_is_left():
    labels = drawn()
    labels[3:6] = 1
    assert regions.interpolate(labels, 7).empty


@pytest.mark.parametrize(
    ("label", "locked", "message"),
    [
        (9, (), "0 planes"),
        (3, (), "1 plane of"),
        (0, (), "label 0"),
        (7, (7,), "locked"),
    ],
)
def test_labels_that_cannot_be_are_named(label, locked, message):
    with pytest.raises(ValueError, match=message):
        regions.interpolate(drawn(), label, locked=locked)
    with pytest.raises(ValueError, match="Z, Y, X"):
        regions.interpolate(np.full((4, 4), 7), 7)

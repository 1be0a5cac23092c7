"""Sheets of comparisons bear the names of their images, whatever these are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.pipeline.sweep import sweep
from napari_emseg.plot.sheet import draw_sheet, render

NAMES = {
    "plain é.png": "plain é.png",
    "$x_{1}$.png": "$x_{1}$.png",
    "天地.png": r"\u5929\u5730.png",
    "a\nb\t.png": r"a\nb\t.png",
    "\33[31mred.png": r"\x1b[31mred.png",
    "\u202egnp.png": r"\u202egnp.png",
    "bad\udcff.png": r"bad\udcff.png",
    "\U0001f9a0" * 60: r"\U0001f9a0" * 60,
    "": "image",
}


@pytest.fixture(scope="module")
def rows():
    image = np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)
    return sweep(image, [emseg.Params(n_classes=2, method="kmeans", smoothing=0)])


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names(rows, name):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure = draw_sheet(rows, name=name)
        render(figure)
    assert figure.axes[0].get_title(loc="left") == NAMES[name]
    words = [str(one.message) for one in told]
    assert len(words) == (NAMES[name] not in (name, "image"))
    assert all(f"of the name {name}, shown by numbers" in text for text in words)

"""Sample data: there without a network, and what it says it is."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import numpy as np
import pytest
import yaml
from npe2 import PluginManifest

import napari_emseg as emseg
from napari_emseg.io import samples

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = [samples.coffee, samples.astronaut, samples.cat, samples.tissue]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample asks the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("sample", PHOTOGRAPHS)
def test_photographs(sample):
    [(data, attributes, kind)] = sample()
    assert kind == "image"
    assert attributes == {"name": sample.__name__}
    assert data.dtype == np.uint8
    assert data.ndim == data.shape[-1] == 3
    assert len(np.unique(data.reshape(-1, 3), axis=0)) > 5000


def test_every_sample_is_in_the_manifest():
    path = ROOT / "napari_emseg" / "napari.yaml"
    manifest = PluginManifest(**yaml.safe_load(path.read_text()))
    functions = {c.id: c.python_name for c in manifest.contributions.commands}
    shown = {functions[s.command] for s in manifest.contributions.sample_data}
    made = [*PHOTOGRAPHS, samples.scene]
    assert shown == {f"napari_emseg.io.samples:{sample.__name__}" for sample in made}


def test_scene_is_what_its_script_draws():
    spec = importlib.util.spec_from_file_location(
        "make_scene", ROOT / "sample_data" / "make_scene.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (image, _, _), (truth, _, _) = samples.scene()
    np.testing.assert_array_equal(truth, script.truth())
    # Another numpy may round a sine or a logarithm otherwise: one level, rarely.
    difference = np.abs(image.astype(int) - script.scene(script.truth()))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_truth_counts_from_the_darkest_class_and_has_names():
    (image, _, _), (truth, attributes, kind) = samples.scene()
    assert kind == "labels"
    assert truth.shape == image.shape[:2]
    numbers = np.unique(truth)
    assert numbers.tolist() == attributes["features"]["index"][1:]
    assert len(attributes["features"]["name"]) == len(numbers) + 1
    lightness = emseg.features(image, color="lab")[..., 0]
    means = [lightness[truth == number].mean() for number in numbers]
    assert means == sorted(means)


def test_segmentation_finds_the_classes_of_the_scene():
    (image, _, _), (truth, _, _) = samples.scene()
    assert (emseg.segment(image, n_classes=6).labels == truth).mean() > 0.98

"""The files for workflow managers: their commands run, their names are right."""

from __future__ import annotations

import inspect
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

import napari_emseg as emseg
from napari_emseg.cli.app import main

WORKFLOWS = Path(__file__).parents[1] / "docs" / "workflows"
TASK = WORKFLOWS / "fractal" / "segment_colors.py"
IMAGE = np.repeat(np.array([20, 90, 160, 230], np.uint8), 600).reshape(40, 60)


def write_image(path: Path) -> None:
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=IMAGE)
    scales = [{"name": "i", "axes": [{"name": a, "type": "space"} for a in "yx"],
               "datasets": [{"path": "0", "coordinateTransformations": [
                   {"type": "scale", "scale": [1.0, 1.0]}]}]}]  # fmt: skip
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales}


def test_the_task_of_fractal(tmp_path: Path) -> None:
    task = runpy.run_path(str(TASK))["segment_colors"]
    image = tmp_path / "image.zarr"
    write_image(image)
    found = task(zarr_url=str(image), smoothing=0)
    assert found == {"image_list_updates": [{"zarr_url": str(image)}]}
    labels = emseg.store.open_labels(image)
    np.testing.assert_array_equal(labels, IMAGE // 70 + 1)
    # A second time, nothing is done; with another name, or by force, it is.
    assert task(zarr_url=str(image), n_classes=2) == found
    np.testing.assert_array_equal(labels, IMAGE // 70 + 1)
    task(zarr_url=str(image), n_classes=2, smoothing=0, overwrite=True)
    assert np.asarray(emseg.store.open_labels(image)).max() == 2


def test_fractal_calls_it_by_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.zarr"
    write_image(image)
    asked, out = tmp_path / "args.json", tmp_path / "out.json"
    asked.write_text(json.dumps({"zarr_url": str(image), "label_name": "a"}))
    arguments = [str(TASK), "--args-json", str(asked), "--out-json", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(TASK), run_name="__main__")
    assert json.loads(out.read_text())["image_list_updates"]
    assert emseg.store.open_labels(image / "labels" / "a").shape == IMAGE.shape


def test_the_manifest_of_fractal_knows_the_task() -> None:
    manifest = json.loads((TASK.parent / "__FRACTAL_MANIFEST__.json").read_text())
    (task,) = manifest["task_list"]
    assert (TASK.parent / task["executable_parallel"]) == TASK
    properties = task["args_schema_parallel"]["properties"]
    parameters = inspect.signature(
        runpy.run_path(str(TASK))["segment_colors"]
    ).parameters
    assert [*properties] == [*parameters]
    for name, parameter in parameters.items():
        default = properties[name].get("default")
        required = name in task["args_schema_parallel"]["required"]
        assert required == (parameter.default is parameter.empty)
        assert required or default == parameter.default


@pytest.mark.parametrize("name", ["Snakefile", "segment.nf"])
def test_commands_of_workflows_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (WORKFLOWS / name).read_text()
    command = re.search(r"napari-emseg (segment .*--resume)", text)
    assert command is not None
    monkeypatch.chdir(tmp_path)
    Path("labels").mkdir()
    np.save("a.npy", IMAGE)
    filled = command[1]
    for place in ("{input}", "${slide}"):
        filled = filled.replace(place, "a.npy")
    for place in ("{wildcards.slide}", "${slide.baseName}"):
        filled = filled.replace(place, "a")
    assert "{" not in filled
    assert main(filled.split()) == 0
    # Once more, as a manager does that does not know.
    assert main(filled.split()) == 0
    (found,) = tmp_path.rglob("*.ome.zarr")
    assert np.asarray(emseg.store.open_labels(found)).max() == 4

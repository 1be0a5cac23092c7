"""Names that others rely on: in scripts, recipes, files, preferences and terminals.

``names.json`` holds those of the commit that made it. Names may be added; one that is
gone or means something else breaks what people have written. With ``--write``, names
that were added are taken over.
"""

from __future__ import annotations

import io
import json
import re
import runpy
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings, simplefilter

import npe2
import numpy as np
import tifffile
from npe2 import PluginManifest
from pydantic import BaseModel

import napari_emseg as emseg
from napari_emseg import files, movie, regions, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
FILE = HERE / "names.json"
STORED = ("recipe.json", "stack.json", "colors.json")
IMAGE = np.repeat(np.array([[10, 12, 90, 91]], np.uint8), 4, axis=0)
with catch_warnings():
    simplefilter("ignore", DeprecationWarning)
    demo, hand = emseg.demo, emseg.hand
# Modules without a list of their public names, and old names of modules.
UNLISTED = {"demo": demo, "files": files, "hand": hand, "sweep": sweep}


def steps() -> Iterator[emseg.Step]:
    """Yield the steps of the recipes here, which know every operation."""
    for name in STORED:
        yield from emseg.Recipe.load(HERE / name).steps


def operations() -> dict[str, list[str]]:
    """Return the arguments of the operations of recipes."""
    return {step.op: [*type(step.args).model_fields] for step in steps()}


def formats() -> dict[str, list[str]]:
    """Return the keys that recipes consist of."""
    recipe = json.loads((HERE / "stack.json").read_text("utf-8"))
    models = [getattr(step.args, "start", None) for step in steps()]
    model = next(model for model in models if model is not None)
    return {
        "recipe": [*recipe],
        "step": sorted({key for step in recipe["steps"] for key in step}),
        "packed": [*hand.pack(IMAGE).model_dump()],
        "fitted": [*type(model).model_fields],
    }


def params() -> dict[str, Any]:
    """Return the parameters with their values, bounds and defaults."""
    kept = ("default", "enum", "minimum", "maximum", "anyOf")
    fields = emseg.Params.model_json_schema()["properties"]
    return {
        name: {key: field[key] for key in kept if key in field}
        for name, field in fields.items()
    }


def interface() -> dict[str, list[str]]:
    """Return the public names of modules."""
    found = {"": [*emseg.__all__, *UNLISTED]}
    for name in ("adjust", "exchange", "plot", "regions", "select", "store"):
        found[name] = [*getattr(emseg, name).__all__]
    found["movie"] = [name for name in _own(movie) if name.startswith("save")]
    return found | {name: _own(module) for name, module in UNLISTED.items()}


def attributes() -> dict[str, list[str]]:
    """Return the public attributes of what functions give."""
    seg = emseg.segment(IMAGE, n_classes=2, smoothing=0)
    kmeans = emseg.segment(IMAGE, n_classes=2, smoothing=0, method="kmeans")
    recipe = emseg.Recipe.load(HERE / "stack.json")
    objects = {
        "Segmentation": seg,
        "MixtureModel": seg.model,
        "KMeansModel": kmeans.model,
        "Edit": regions.swap(seg.labels, 1, 2),
        "Recipe": recipe,
        "Result": recipe.replay(files.read_image(HERE / "stack.tif")[0]),
        "Step": recipe.steps[0],
        "Blobs": demo.blobs(9, 2),
        "RegionTree": emseg.hierarchy(IMAGE),
        "Progress": emseg.Progress("fit", 0, 1),
        "Packed": hand.pack(IMAGE),
        "JointFit": emseg.fit([IMAGE], n_classes=2, smoothing=0),
        "Row": sweep.sweep(IMAGE, [emseg.Params(n_classes=2)])[0],
    }
    return {name: _public(one) for name, one in objects.items()}


def tables() -> dict[str, list[str]]:
    """Return the columns of tables."""
    rows = sweep.sweep(IMAGE, [emseg.Params(n_classes=2)])
    return {
        "classes": [*emseg.class_table(IMAGE, IMAGE)],
        "segmentation": [*rows[0].seg.table()],
        "sweep": sweep.as_csv(rows).splitlines()[0].split(","),
    }


def metadata() -> dict[str, Any]:
    """Return the keys in the metadata of layers and of TIFF files."""
    from napari.components import ViewerModel

    viewer = ViewerModel()
    image = viewer.add_image(IMAGE, name="image")
    layer = emseg.add_to(viewer, emseg.segment(IMAGE, n_classes=2), image)
    edited = emseg.Step.of("blank", shape=IMAGE.shape, dtype="uint8")
    recipe = emseg.Recipe(steps=(edited,)).model_dump(mode="json")
    with tempfile.TemporaryDirectory() as folder:
        saved, blank = (str(Path(folder, f"{n}.emseg.tif")) for n in "ab")
        npe2.PluginManager.instance().discover()
        npe2.write(saved, [layer.as_layer_data_tuple()], plugin_name="napari-emseg")
        files.write_labels(blank, IMAGE, metadata={"recipe": recipe})
        [(_, read, _)] = npe2.read([blank], stack=False, plugin_name="napari-emseg")
        with tifffile.TiffFile(saved) as file:
            about = file.shaped_metadata[0]
        run("segment", str(HERE / "picture.png"), "-o", str(Path(folder, "c.tif")))
        with tifffile.TiffFile(Path(folder, "c.tif")) as file:
            command = [*file.shaped_metadata[0]]
    return {
        "layer": {key: [*entry] for key, entry in layer.metadata.items()},
        "features": [*layer.features],
        "layer of other labels": {key: [*e] for key, e in read["metadata"].items()},
        "file": [*about],
        "look": [*about["layer"]],
        "file of the command": command,
    }


def manifest() -> dict[str, Any]:
    """Return what the plugin tells napari."""
    found = PluginManifest.from_distribution("napari-emseg")
    has = found.contributions
    return {
        "name": found.name,
        "display_name": found.display_name,
        "commands": {command.id: command.title for command in has.commands},
        "widgets": {widget.command: widget.display_name for widget in has.widgets},
        "menus": {
            menu: [item.command for item in items] for menu, items in has.menus.items()
        },
        "samples": {sample.key: sample.display_name for sample in has.sample_data},
        "readers": {one.command: [*one.filename_patterns] for one in has.readers},
        "writers": {one.command: [*one.filename_extensions] for one in has.writers},
        "preferences": preferences(found),
    }


def preferences(found: PluginManifest) -> dict[str, Any]:
    """Return the preferences, with their values and defaults."""
    kept = ("type", "enum", "default", "minimum", "maximum")
    groups = json.loads(found.model_dump_json())["contributions"]["configurations"]
    return {
        key: {
            name: {key: field[key] for key in kept if field.get(key) is not None}
            for name, field in group["properties"].items()
        }
        for key, group in groups.items()
    }


def run(*tokens: str) -> tuple[int, str]:
    """Run the command; return its status and what it writes."""
    text, before = io.StringIO(), sys.argv
    sys.argv = ["napari-emseg", *tokens]
    try:
        with catch_warnings(), redirect_stdout(text), redirect_stderr(text):
            # It takes the arguments of a process where there is a test.
            filterwarnings("ignore", "Cyclopts application invoked", UserWarning)
            runpy.run_module(emseg.__name__, run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0), text.getvalue()
    finally:
        sys.argv = before
    return 0, text.getvalue()


def terminal() -> dict[str, Any]:
    """Return the subcommands with their options, and what exit statuses mean."""
    status, text = run("--help")
    commands = (
        "segment",
        "fit",
        "sweep",
        "replay",
        "export",
        "measure",
        "open",
        "demo",
    )
    return {
        "options": {
            command: options(command)
            for command in commands
            if re.search(rf"\b{command}\b", text)
        },
        "statuses": re.findall(r"\b(\d+) (?:done|no|wrong|interrupted)", text),
        "status of help": status,
        "status of wrong input": run("segment", "none.png", "-o", "labels.tif")[0],
    }


def options(command: str) -> list[str]:
    """Return the options of a subcommand; what stands below the boxes is not one."""
    text = run(command, "--help")[1].partition("Files that exist")[0]
    return sorted(set(re.findall(r" (--?[a-z][\w-]*)", text)))


def _public(one: object) -> list[str]:
    """Return the public names of an object that are not of pydantic."""
    foreign = {*dir(BaseModel)} if isinstance(one, BaseModel) else set()
    return sorted(name for name in {*dir(one)} - foreign if name[0] != "_")


def _own(module: Any) -> list[str]:
    """Return the public names of this package that a module has."""
    return sorted(
        name
        for name, one in vars(module).items()
        if name[0] != "_" and getattr(one, "__module__", "").startswith(emseg.__name__)
    )


SECTIONS: dict[str, Callable[[], Any]] = {
    "operations": operations,
    "formats": formats,
    "params": params,
    "interface": interface,
    "attributes": attributes,
    "tables": tables,
    "metadata": metadata,
    "manifest": manifest,
    "terminal": terminal,
}


def lost(stored: Any, found: Any, where: str = "") -> list[str]:
    """List what was there and is gone, or is something else."""
    if isinstance(stored, dict) and isinstance(found, dict):
        return [
            line
            for key, value in stored.items()
            for line in (
                lost(value, found[key], f"{where}/{key}")
                if key in found
                else [f"{where}/{key}"]
            )
        ]
    if isinstance(stored, list) and isinstance(found, list):
        return [f"{where}: {one}" for one in stored if one not in found]
    return [] if stored == found else [f"{where}: {stored!r} is now {found!r}"]


def main() -> int:
    """Compare all names with the file; write it if that is asked for."""
    found = {name: section() for name, section in SECTIONS.items()}
    stored = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    gone = lost(stored, found)
    print("\n".join(gone), end="\n" if gone else "")
    if "--write" in sys.argv[1:]:
        text = json.dumps(found, indent=1, ensure_ascii=False)
        FILE.write_text(f"{text}\n", "utf-8")
        return 0
    return 1 if gone else 0


if __name__ == "__main__":
    sys.exit(main())

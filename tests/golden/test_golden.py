"""Labels stay as they are, bit for bit.

The table says on which versions it was made, see ``recipes.py``. A change of a hash
needs an entry in the CHANGELOG that says which labels change, and why; then
``python tests/golden/make_table.py --write`` takes it over.
"""

from __future__ import annotations

import npe2
import pytest

import napari_emseg as emseg
from recipes import HERE, RECIPES, digest, expected

TABLE = expected()


def test_table_and_recipes_have_the_same_names():
    assert [*TABLE] == [*RECIPES]


@pytest.mark.parametrize("name", RECIPES)
def test_labels_are_as_ever(name):
    assert digest(RECIPES[name]()) == TABLE[name]


def test_napari_opens_labels_with_their_recipe():
    """What napari reads of a file is what it was: labels, recipe, place, colors."""
    path = HERE / "result.emseg.tif"
    npe2.PluginManager.instance().discover()
    [(labels, attributes, kind)] = npe2.read(
        [str(path)], stack=False, plugin_name="napari-emseg"
    )
    assert kind == "labels"
    assert digest(labels) == TABLE["file: session as stored"]
    assert attributes["name"] == "result"
    assert attributes["scale"] == [0.5, 0.5]
    recorded = attributes["metadata"]["emseg"]["recipe"]
    found = emseg.Recipe.model_validate(recorded)
    assert found == emseg.Recipe.load(path) == emseg.Recipe.load(HERE / "recipe.json")

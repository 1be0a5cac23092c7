"""No name is gone that scripts, recipes, files or people rely on."""

from __future__ import annotations

import json

import pytest

from names import FILE, SECTIONS, lost

NAMES = json.loads(FILE.read_text("utf-8"))


def test_there_are_all_sections():
    assert {*NAMES} == {*SECTIONS}


@pytest.mark.parametrize("section", SECTIONS)
def test_no_name_is_gone(section):
    assert lost(NAMES[section], SECTIONS[section]()) == []

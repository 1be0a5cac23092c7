"""Load wrong recipes, and replay those that load: each ends well, or in a sentence."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from guarded import run_all
from recipe_mutants import SHAPE, extremes, mutants, recipe_of

import napari_emseg as emseg

LONGEST = 4000  # characters that a person may be asked to read
BUDGET = 2**28  # bytes that a text of some KB may ask for
IMAGE = np.random.default_rng(5).integers(0, 256, (*SHAPE, 3), np.uint8)


def attack(text: bytes) -> str:
    """Load and replay a recipe; return how it ended, "WRONG" and why if it is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recipe.json")
        path.write_bytes(text)
        where = "load"
        try:
            recipe = emseg.Recipe.load(path)
            where = "replay"
            result = recipe.replay(IMAGE)
        except (ValueError, OSError) as error:
            words = str(error)
            good = 20 < len(words) < LONGEST and " " in words and "\n" not in words
            return f"{where} refused" if good else f"WRONG {where}: {words[:200]!r}"
        return "WRONG shape" if result.labels.shape[-2:] != SHAPE else "done"


def main(count: int, seed: int) -> int:
    """Attack with `count` recipes, a fifth of them extreme; return the faults."""
    rng = np.random.default_rng(seed)
    steps = [*extremes()]
    chosen = rng.permutation(len(steps))[: count // 5]
    texts = [json.dumps(recipe_of(steps[k])).encode() for k in chosen]
    texts += [*islice(mutants(count - len(texts), seed), count - len(texts))]
    seen, faults, most = Counter[str](), 0, 0
    for outcome in run_all(attack, texts):
        said = outcome.result if outcome.kind == "done" else f"WRONG {outcome.kind}"
        most = max(most, outcome.peak)
        if outcome.peak > BUDGET:
            said = "WRONG memory"
        seen[said.partition(":")[0]] += 1
        if said.startswith("WRONG"):
            faults += 1
            text = texts[outcome.number][:300]
            print(f"{said} {'; '.join(outcome.told)[:200]} {outcome.peak} {text!r}")
    print(f"{len(texts)} recipes, most memory {most / 2**20:.0f} MiB: {dict(seen)}")
    return faults

"""Read damaged and dishonest files: it ends well, with a warning, or in a sentence."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

BUDGET = 2**28  # bytes that a file of some KB may ask for
os.environ["NAPARI_EMSEG_MAX_BYTES"] = str(BUDGET)

import numpy as np
from corpus import corpus
from guarded import run_all
from mutants import mutants

import napari_emseg as emseg
from napari_emseg import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutants import Mutant

_MARGIN = 1.2
_FIT = 20_000  # pixels; larger ones only take time


def _calls(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name of a call and how to do it; one may use what those before gave."""
    found: list[Any] = []

    def read() -> Any:
        found[:] = files.read_image(path)
        return found[0]

    yield "read_image", read
    yield "read_labels", lambda: files.read_labels(path)
    yield "Recipe.load", lambda: emseg.Recipe.load(path)
    if found and 0 < found[0].size <= _FIT:
        pixels, axis = found
        yield (
            "segment",
            lambda: emseg.segment(pixels, n_classes=3, channel_axis=axis).labels,
        )
        recipe = emseg.Recipe(
            steps=(
                emseg.Step.of("segment", params={"n_classes": 2}),
                emseg.Step.of("wand", point=(3, 4), tolerance=9),
                emseg.Step.of("fill", label=3),
            )
        )
        yield "replay", lambda: recipe.replay(pixels, channel_axis=axis).labels


def attack(job: tuple[Mutant, bytes | None]) -> list[tuple[str, str, str]]:
    """Return (call, verdict, words) of each call on one mutant.

    The verdict is "read", "warned", "refused", or "WRONG" and why.
    """
    mutant, sound = job
    said: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, mutant.name)
        path.write_bytes(mutant.data)
        for name, call in _calls(path):
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                try:
                    result = call()
                except (ValueError, OSError) as error:
                    words = str(error)
                    good = len(words) > 20 and " " in words and "Traceback" not in words
                    said.append(
                        (name, "refused" if good else "WRONG no sentence", words)
                    )
                    continue
                except Exception as error:  # which is what is looked for
                    said.append((name, f"WRONG {type(error).__name__}", str(error)))
                    continue
            words = "; ".join(str(one.message) for one in heard)
            odd = [w for w in heard if not issubclass(w.category, UserWarning)]
            if odd:
                said.append((name, f"WRONG {odd[0].category.__name__}", words))
            elif (
                (mutant.cut or mutant.summed)
                and not heard
                and name == "read_image"
                and sound is not None
                and not _same(result, sound)
            ):
                said.append((name, "WRONG damaged, read as whole", str(result.shape)))
            else:
                said.append((name, "warned" if heard else "read", words))
    return said


def _same(pixels: Any, sound: bytes) -> bool:
    return (str(pixels.shape) + str(pixels.dtype)).encode() + pixels.tobytes() == sound


def main(count: int, seed: int) -> int:
    """Attack with `count` mutants; print a table; return the number of faults."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        sound = corpus(seed, Path(folder))
        pixels: dict[str, bytes | None] = {}
        for name, data in sound.items():
            pixels[name] = None
            if not name.endswith(".json"):
                path = Path(folder, name)
                path.write_bytes(data)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    whole = files.read_image(path)[0]
                pixels[name] = (
                    str(whole.shape) + str(whole.dtype)
                ).encode() + whole.tobytes()
    each = -(-count // len(sound))
    tasks = [
        (mutant, pixels[name])
        for name, data in sound.items()
        for mutant in mutants(name, data, each, rng)
    ]
    seen: Counter[tuple[str, str]] = Counter()
    faults, most = 0, 0
    for outcome in run_all(attack, tasks):
        mutant = tasks[outcome.number][0]
        most = max(most, outcome.peak)
        said = outcome.result if outcome.kind == "done" else []
        if outcome.kind != "done":
            said.append(("all", f"WRONG {outcome.kind}", "; ".join(outcome.told)))
        elif outcome.peak > BUDGET * _MARGIN:
            said.append(("all", "WRONG memory", f"{outcome.peak / 2**20:.0f} MiB"))
        for call, verdict, words in said:
            seen[call, verdict] += 1
            if verdict.startswith("WRONG"):
                faults += 1
                print(f"{mutant.name}: {mutant.how}: {call}: {verdict}: {words[:200]}")
    memory = f"{most / 2**20:.0f} MiB"
    print(f"{len(tasks)} mutants of {len(sound)} files; most memory {memory}")
    for (call, verdict), number in sorted(seen.items()):
        print(f"  {call:12} {verdict:32} {number}")
    return faults

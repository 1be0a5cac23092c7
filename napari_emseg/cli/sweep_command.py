"""A comparison of settings: one image in, a sheet and a table out."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_emseg.batch.picture import Content
from napari_emseg.cli.options import params_of_options
from napari_emseg.cli.outputs import read_told
from napari_emseg.cli.terminal import follow, pluralize, shown, warnings_told
from napari_emseg.io import decoders, files
from napari_emseg.io.safe_write import check_target, fitting_name, real_place
from napari_emseg.pipeline.progress import Progress
from napari_emseg.pipeline.sweep import COMPARED, as_csv, best, iter_sweep, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from napari_emseg.params import Params
    from napari_emseg.pipeline.sweep import SweepRow, SweepStep

TABLE = ".csv"


class Places(NamedTuple):
    """Where sheet and table go."""

    sheet: Path
    table: Path


def read_settings(options: Mapping[str, Any]) -> tuple[Params, ...]:
    """Return the settings that options make, some of which have lists of values.

    Raises
    ------
    ValueError
        In the words of the command line.
    """
    lists = {name: v for name, v in options.items() if isinstance(v, list)}
    single = {name: v for name, v in options.items() if name not in lists}
    for name, values in lists.items():
        for value in values:
            params_of_options({name: value}, command="sweep")
    base = params_of_options(single, command="sweep")
    return settings(base, **{name: lists.get(name, []) for name in COMPARED})


def find_places(image: Path, output: Path, *, force: bool) -> Places:
    """Decide where the results go, and refuse what cannot be written to."""
    decoders.kind_of(image)
    name = fitting_name(image.stem, "_sweep.png")
    sheet = output / name if real_place(output).is_dir() else output
    places = Places(sheet, sheet.with_suffix(TABLE))
    for place in places:
        if real_place(place) == real_place(image):
            raise ValueError(f"{place} is the image itself; choose another name")
    check_target(places.sheet, files.PICTURE_SUFFIXES, force=force)
    check_target(places.table, (TABLE,), force=force)
    return places


def run_sweep(
    image: Path,
    chosen: tuple[Params, ...],
    places: Places,
    *,
    axes: str | None = None,
    force: bool,
    max_bytes: int | None = None,
) -> None:
    """Compare settings over one image, write sheet and table, and say so."""
    found = read_told(image, max_bytes, axes=axes)
    with warnings_told(image.name):
        start = time.perf_counter()
        content = Content.of(found, told=axes is not None)
        content, told = content.as_named(axes, each=False)
        steps = iter_sweep(
            content.pixels,
            chosen,
            channel_axis=None if told else found.channel_axis,
            full_scale=found.full_scale,
            axes=told,
        )
        rows = follow(_with_count(steps))
        seconds = time.perf_counter() - start
    # matplotlib takes a moment to import: only now is it needed.
    from napari_emseg.plot.sheet import draw_sheet, render

    with warnings_told(image.name):  # of letters that its font lacks
        picture = render(draw_sheet(rows, name=image.name))
    files.write_picture(places.sheet, picture, force=force)
    files.write_text(places.table, as_csv(rows), (TABLE,), force=force)
    told = (
        f"{image.name}: {pluralize(len(rows), 'setting')}{_winners(rows)}, "
        f"{seconds:.2f} s; sheet {places.sheet}, table {places.table}"
    )
    sys.stdout.write(f"{shown(told)}\n")


def _with_count(
    steps: Generator[SweepStep, None, tuple[SweepRow, ...]],
) -> Generator[Progress, None, tuple[SweepRow, ...]]:
    """Yield the steps of each setting and the number of settings done."""
    while True:
        try:
            trial = next(steps)
        except StopIteration as end:
            rows: tuple[SweepRow, ...] = end.value
            return rows
        yield Progress("settings", trial.done, trial.total)
        if trial.progress is not None:
            yield trial.progress


def _winners(rows: tuple[SweepRow, ...]) -> str:
    """Return a text with the best setting of each color space."""
    found = {space: rows[place].title for space, place in best(rows, "icl").items()}
    several = len(found) > 1
    told = [f" in {space}: {x}" if several else f": {x}" for space, x in found.items()]
    return f", best by ICL{','.join(told)}" if told else ""

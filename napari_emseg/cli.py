"""The command ``napari-emseg``: segment files, or open them in napari.

Every option that decides a segmentation is read from `Params`; none is named here.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from napari_emseg import files, samples, window
from napari_emseg.engine.mixture import MixtureModel
from napari_emseg.options import options_of_params, params_of_options
from napari_emseg.params import Params
from napari_emseg.segment import iter_segment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_emseg.segment import Progress as Step
    from napari_emseg.segment import Segmentation

DONE, NO_WINDOW, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

Images = Annotated[list[Path], Parameter(help="PNG, JPEG or TIFF files.")]
Output = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="File for the labels (.tif or .png), or a folder, which several images "
        "need.",
    ),
]
Overlay = Annotated[
    Path | None,
    Parameter(help="File or folder for a picture in the classes' mean colors."),
]
Force = Annotated[bool, Parameter(negative="", help="Replace files that exist.")]
Folder = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"], help="Folder for the results if there is no display."
    ),
]

app = App(
    name="napari-emseg",
    help="Color segmentation by K-means and EM, from the command line and in napari.",
    version=version("napari-emseg"),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


class Job(NamedTuple):
    """Where the results of one image go; `folders` are made when needed."""

    name: str
    labels: Path
    overlay: Path | None
    folders: tuple[Path, ...] = ()

    def targets(self) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Yield each file and the endings that it may have."""
        yield self.labels, files.LABEL_SUFFIXES
        if self.overlay:
            yield self.overlay, files.PICTURE_SUFFIXES


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    tokens : sequence of str, optional
        Arguments of the command; those of the process if not given.

    Returns
    -------
    int
        Exit status: 0 done, 1 no picture of the window could be taken, 2 wrong
        input, 130 interrupted.
    """
    try:
        status = app(tokens, exit_on_error=False, print_error=False, verbose=False)
    except CycloptsError as error:
        return _refuse(f"{error} See napari-emseg --help.")
    except (OSError, TypeError, ValueError) as error:
        return _refuse(error)
    except KeyboardInterrupt:
        _tell("interrupted")
        return INTERRUPTED
    return DONE if status is None else int(status)


@app.command
@options_of_params
def segment(
    images: Images,
    /,
    *,
    output: Output,
    overlay: Overlay = None,
    force: Force = False,
    **options: Any,
) -> int:
    """Segment pictures and write their labels."""
    params = params_of_options(options)
    status = DONE
    for source, job in zip(images, _jobs(images, output, overlay), strict=True):
        try:
            _check(job, source, force=force)
            pixels, channel_axis = files.read_image(source)
            _segment(pixels, channel_axis, params, job, force=force)
        except (OSError, TypeError, ValueError) as error:
            status = _refuse(error)
    return status


@app.command(name="open")
def open_images(images: Images, /) -> int:
    """Open pictures in napari, with the panel docked."""
    layers: list[samples.LayerData] = []
    for path in images:
        pixels, channel_axis = files.read_image(path)
        attributes: dict[str, Any] = {"name": path.stem}
        if channel_axis is not None:
            attributes["channel_axis"] = channel_axis
        layers.append((pixels, attributes, "image"))
    if reason := window.why_no_window():
        raise OSError(
            f"napari cannot open a window: {reason}; napari-emseg segment needs none"
        )
    return DONE if window.show(layers) else NO_WINDOW


@app.command
def demo(*, output: Folder = Path("demo-output")) -> int:
    """Show a sample picture in napari; without a display, segment it into files."""
    layers = samples.coffee()
    reason = window.why_no_window()
    if not reason:
        return DONE if window.show(layers) else NO_WINDOW
    _tell(f"no window ({reason}): the sample is segmented into files instead")
    [(pixels, attributes, _)] = layers
    name = attributes["name"]
    job = Job(
        name,
        labels=output / f"{name}_labels.tif",
        overlay=output / f"{name}_overlay.png",
        folders=(output,),
    )
    _segment(pixels, None, Params(), job, force=True)
    return DONE


def _jobs(images: list[Path], output: Path, overlay: Path | None) -> list[Job]:
    """Decide which files come of which image."""
    several = len(images) > 1
    for name, count in Counter(path.stem for path in images).items():
        if count > 1:
            raise ValueError(
                f"{count} images are named {name!r} and would share one result; "
                "segment them separately"
            )
    folders = tuple(filter(None, (output, overlay))) if several else ()
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(
                f"{folder} is a file; several images need a folder for their results"
            )

    def place(target: Path, name: str) -> Path:
        return target / name if several or target.is_dir() else target

    return [
        Job(
            path.name,
            labels=place(output, f"{path.stem}_labels.tif"),
            overlay=overlay and place(overlay, f"{path.stem}_overlay.png"),
            folders=folders,
        )
        for path in images
    ]


def _check(job: Job, source: Path, *, force: bool) -> None:
    """Refuse places that cannot be written to, before any work is done."""
    if job.labels == job.overlay:
        raise ValueError(f"{job.labels} cannot be labels and overlay; use two names")
    for target, suffixes in job.targets():
        if target.exists() and source.exists() and target.samefile(source):
            raise ValueError(f"{target} is the image itself; choose another name")
        if target.parent.exists() or target.parent not in job.folders:
            files.check_target(target, suffixes, force=force)


def _segment(
    pixels: NDArray[Any],
    channel_axis: int | None,
    params: Params,
    job: Job,
    *,
    force: bool,
) -> None:
    """Segment one image, write the files of `job`, and say what came out."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = _follow(iter_segment(pixels, params, channel_axis=channel_axis))
    seconds = time.perf_counter() - start
    for warning in caught:
        _tell(f"{job.name}: {warning.message}")
    for folder in job.folders:
        folder.mkdir(parents=True, exist_ok=True)
    ndim = result.labels.ndim
    if ndim > 2 and job.overlay and job.folders:  # the name is ours to choose
        job = job._replace(overlay=job.overlay.with_suffix(".tif"))
    for target, suffixes in job.targets():
        files.check_target(target, suffixes, force=force, ndim=ndim)
    about = {"napari-emseg": version("napari-emseg"), "params": params.model_dump()}
    files.write_labels(job.labels, result.labels, force=force, metadata=about)
    if job.overlay:
        picture = files.paint(result.labels, result.class_colors)
        files.write_picture(job.overlay, picture, force=force)
    console = Console(soft_wrap=True, highlight=False)
    console.print(_summary(result, job, seconds, swatches=console.is_terminal))


def _follow(steps: Generator[Step, None, Segmentation]) -> Segmentation:
    """Run a segmentation to its end, with a bar for each stage on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        stages: dict[str, Any] = {}
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: Segmentation = end.value
                return result
            if step.stage not in stages:
                stages[step.stage] = bars.add_task(step.stage)
            bars.update(
                stages[step.stage], completed=step.done, total=step.total or None
            )


def _summary(result: Segmentation, job: Job, seconds: float, *, swatches: bool) -> Text:
    """Return what came out, in one line."""
    shares = Text()
    for fraction, color in zip(
        result.table()["fraction"], result.class_colors, strict=True
    ):
        red, green, blue = (round(255 * float(part)) for part in color)
        shares += Text(" ■" if swatches else "", style=f"rgb({red},{green},{blue})")
        shares += Text(f" {100 * fraction:.1f}")
    if isinstance(result.model, MixtureModel):
        quality = f"log-likelihood {result.objective[-1]:.4f} nats per pixel"
    else:
        quality = f"inertia {result.objective[-1]:.4f} per pixel"
    places = f"labels {job.labels}"
    if job.overlay:
        places += f", overlay {job.overlay}"
    return (
        Text(f"{job.name}: {result.n_classes} classes (")
        + shares[1:]
        + Text(f" %), {quality}, {seconds:.2f} s; {places}")
    )


def _refuse(error: Exception | str) -> int:
    """Say in one line what is wrong."""
    _tell(" ".join(str(error).split()))
    return WRONG_INPUT


def _tell(message: str) -> None:
    """Write one line for the person at the terminal, not for a file or a pipe."""
    sys.stderr.write(f"napari-emseg: {message}\n")

"""Images and labels that are larger than memory, from the command line."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from napari_emseg.batch import JointFit
from napari_emseg.batch.picture import Content
from napari_emseg.cli.terminal import (
    DONE,
    follow,
    pluralize,
    shown,
    status_of,
    tell_of,
    warnings_told,
)
from napari_emseg.io import files
from napari_emseg.io.safe_write import make_folder
from napari_emseg.io.store.run_journal import differences
from napari_emseg.io.store.stored_array import needed
from napari_emseg.io.store.stored_image import (
    TIFF_SUFFIXES,
    StoredImage,
    is_store,
    open_image,
)
from napari_emseg.io.store.stored_labels import open_labels
from napari_emseg.io.store.target_plan import LabelsAreWhole, is_target
from napari_emseg.pipeline.segment import iter_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_emseg.params import Params
    from napari_emseg.pipeline.segmentation import Segmentation

_GROUP = "Larger than memory"
# Seconds for a scheduler to answer.
_PATIENCE = 20.0


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True)
class LargeOptions:
    """Options of images that are read, and labels that are written, tile by tile."""

    fit_level: Annotated[
        int | None,
        Parameter(
            help="Level of a pyramid that is fitted, 0 the finest; by default the "
            "finest of at most 16 megapixels. The finest is labeled."
        ),
    ] = None
    tissue: Annotated[
        bool | None,
        Parameter(
            help="Leave glass of a whole slide out; by default where it is plain to "
            "see."
        ),
    ] = None
    cluster: Annotated[
        str | None,
        Parameter(help="Address of a Dask scheduler, such as tcp://host:8786."),
    ] = None
    workers: Annotated[
        int, Parameter(help="Processes to work in; 0 works in threads of this one.")
    ] = 0

    def given(self) -> list[str]:
        """Name the options that are given."""
        names = {
            "--fit-level": self.fit_level is not None,
            "--tissue": self.tissue is not None,
            "--cluster": self.cluster is not None,
            "--workers": self.workers > 0,
        }
        return [name for name, there in names.items() if there]


def is_large(images: list[Path], output: Path, options: LargeOptions) -> bool:
    """Tell whether images are read, or labels written, tile by tile.

    Raises
    ------
    ValueError
        If an option of these is given for others.
    """
    large = is_target(output) or any(map(is_store, images))
    if options.given() and not large:
        raise ValueError(
            f"{' and '.join(options.given())} is for labels that are written tile by "
            "tile; give an output such as slide.ome.zarr, labels.npy or labels.btf"
        )
    return large


def refuse_of_batch(images: list[Path], **given: Any) -> None:
    """Refuse options that are for many pictures.

    Raises
    ------
    ValueError
        If one is given.
    """
    names = [f"--{name}" for name, value in given.items() if value]
    if not names:
        return
    stored = next(filter(is_store, images), None)
    if stored is None:
        why = "these labels are written tile by tile"
        remedy = "give another name for the labels, such as labels.tif"
    else:
        why = f"{stored} is read tile by tile"
        remedy = "save it as a picture, such as image.tif"
    raise ValueError(
        f"{' and '.join(names)} is for pictures that are read whole, but {why}; leave "
        f"it out, or {remedy}"
    )


def run_stores(
    images: list[Path],
    output: Path,
    options: LargeOptions,
    params: Params,
    model: Path | None = None,
    *,
    axes: str | None = None,
    force: bool,
    resume: bool,
) -> int:
    """Segment images tile by tile; the others are done if one cannot be.

    Parameters
    ----------
    images : list of Path
        What `open_image` opens, or pictures.
    output : Path
        A place for labels, or a folder for one of each image.
    options : LargeOptions
    params : Params
    model : Path, optional
        Model of ``napari-emseg fit``, which is applied as it is.
    axes : str, optional
        Letters of the axes as they stand in the files.
    force, resume : bool
        As for `napari_emseg.segment`.

    Returns
    -------
    int
        The exit status.
    """
    several = len(images) > 1
    if several and is_target(output):
        raise ValueError(
            f"{output} is a place for the labels of one image, but {len(images)} are "
            "given; give a folder"
        )
    folder = several or output.is_dir() or not output.suffix
    in_folder = folder and not is_target(output)
    status = DONE
    how: dict[str, Any] = {"force": force, "resume": resume}
    if model is not None:
        joint = JointFit.load(model)
        params, how["model"] = joint.params, joint.model
    with _executor(options) as executor:
        for image in images:
            place = output
            if in_folder:
                make_folder(output)
                place = output / f"{image.name.split('.')[0]}_labels.ome.zarr"
            try:
                line = _run(image, place, options, params, executor, axes, how)
                sys.stdout.write(f"{shown(line)}\n")
            except Exception as error:  # the others are done all the same
                tell_of(image, error)
                status = status_of(error)
    return status


def _run(
    path: Path,
    place: Path,
    options: LargeOptions,
    params: Params,
    executor: Executor | None,
    axes: str | None,
    asked: dict[str, Any],
) -> str:
    """Segment one image, and return what came out, in one line."""
    start = time.perf_counter()
    with warnings_told(path.name):
        image, how = _open(path, axes)
        try:
            seg: Segmentation = follow(
                iter_segment(
                    image,
                    params,
                    executor=executor,
                    out=place,
                    fit_level="auto"
                    if options.fit_level is None
                    else options.fit_level,
                    tissue="auto" if options.tissue is None else options.tissue,
                    **asked,
                    **how,
                )
            )
        except LabelsAreWhole as found:
            _check_whole(found.place, params)
            return f"{path.name}: done already; labels {found.place}"
    shares = " ".join(f"{100 * share:.1f}" for share in seg.fractions)
    labels: Any = seg.labels
    return (
        f"{path.name}: {pluralize(seg.n_classes, 'class', 'es')} ({shares} %), "
        f"{time.perf_counter() - start:.2f} s; labels {labels.place}"
    )


def _auto(value: Any) -> Any:
    return "auto" if value is None else value


def _open(path: Path, axes: str | None) -> tuple[Any, dict[str, Any]]:
    """Open an image part by part, or read it whole if that cannot be."""
    if is_store(path):
        return open_image(path, axes), {}
    if path.suffix.lower() in TIFF_SUFFIXES:
        try:
            image: StoredImage = open_image(path)
        except ValueError:
            pass  # a kind of TIFF that is read whole only
        else:
            return image if axes is None else open_image(path, axes), {}
    found = files.read_with_spacing(path, axes=axes)
    how: dict[str, Any] = {"full_scale": found.full_scale}
    if axes is None:
        return found.pixels, how | {"channel_axis": found.channel_axis}
    content, named = Content.of(found, told=True).as_named(axes, each=False)
    return content.pixels, how | {"axes": named}


def _check_whole(place: Path, params: Params) -> None:
    """Refuse to take labels of other parameters for what was asked for."""
    recipe = open_labels(place).about.get("recipe")
    if recipe is None:
        return
    before = recipe["steps"][0]["args"]["params"]
    changes = differences(before, params.model_dump(mode="json"))
    if changes:
        raise ValueError(
            f"{place} holds labels that were asked for otherwise: "
            f"{'; '.join(changes)}; choose another name, or allow it to be replaced "
            "(--force)"
        )


@contextmanager
def _executor(options: LargeOptions) -> Iterator[Executor | None]:
    """Yield who works."""
    if options.cluster is None and options.workers < 1:
        yield None
        return
    distributed = needed("distributed", "large", "a cluster")
    if options.cluster is not None:
        try:
            client = distributed.Client(options.cluster, timeout=_PATIENCE)
        except (OSError, ValueError) as error:
            raise OSError(
                f"there is no scheduler of Dask at {options.cluster} "
                f"({type(error).__name__}); start one with dask-scheduler, or leave "
                "--cluster out"
            ) from error
        with client, client.get_executor() as executor:
            yield executor
        return
    with (
        distributed.LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=":0"
        ) as local,
        distributed.Client(local) as client,
        client.get_executor() as executor,
    ):
        yield executor

"""A run as a movie: GIF, or MP4 if imageio has what it needs for that."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_emseg.io.safe_write import check_target, new_file
from napari_emseg.plot.cloud_view import CloudView, LineView
from napari_emseg.plot.convergence_view import ConvergenceView
from napari_emseg.plot.feature_cloud import read_feature_cloud
from napari_emseg.plot.histogram_view import Histogram, bars
from napari_emseg.plot.iteration_labels import read_iteration_labels
from napari_emseg.plot.projection import density_of, find_projection
from napari_emseg.plot.theme import find_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.pipeline.tiles import Slices
    from napari_emseg.plot.feature_cloud import FeatureCloud
    from napari_emseg.plot.projection import Density
    from napari_emseg.plot.theme import Theme

# Inches; at 100 pixels each, the usual size.
_WIDE, _HIGH = 9.6, 6.4
# Of a width that this divides, both sides are multiples of 16, as video formats need.
WIDTH_STEP = 48
WIDTHS = (240, 1920)


class RunFigure:
    """The classes of one iteration after the other, as pixels.

    A figure that is drawn for each frame.

    Parameters
    ----------
    states : sequence of FitState
        All iterations.
    cloud : Density or Histogram
        The data.
    theme : Theme
        Colors.
    likelihood : bool
        Whether the objective is a log-likelihood.
    width : int, optional
        Of the picture, in pixels.
    """

    def __init__(
        self,
        states: Sequence[FitState],
        cloud: Density | Histogram,
        theme: Theme,
        *,
        likelihood: bool,
        width: int = 960,
    ) -> None:
        figure = Figure(
            (_WIDE, _HIGH),
            dpi=width / _WIDE,
            facecolor=theme.page,
            layout="constrained",
        )
        # Matplotlib's canvases are untyped.
        self._canvas: Any = FigureCanvasAgg(figure)
        grid = figure.add_gridspec(2, 2, height_ratios=(2, 1))
        ax = figure.add_subplot(grid[0, 0])
        self._cloud: CloudView | LineView
        if isinstance(cloud, Histogram):
            self._cloud = LineView(ax, cloud, theme, 2.0)
        else:
            self._cloud = CloudView(ax, cloud, theme, 2.0)
        self._picture = figure.add_subplot(grid[0, 1])
        self._picture.set_axis_off()
        self._image = self._picture.imshow(np.zeros((1, 1, 3)), interpolation="nearest")
        ax = figure.add_subplot(grid[1, :])
        self._learning = ConvergenceView(ax, theme, likelihood=likelihood)
        self._learning.show([s.objective for s in states], [s.level for s in states])
        self._states = states

    def draw(
        self, index: int, colors: ArrayLike, labels: NDArray[np.integer]
    ) -> NDArray[np.uint8]:
        """Draw an iteration.

        Parameters
        ----------
        index : int
            Which, from 0.
        colors : (K, 3) array_like
            Of the classes, in [0, 1].
        labels : (Y, X) ndarray of int
            0..K.

        Returns
        -------
        (H, W, 3) ndarray of uint8
            RGB; two thirds as high as wide.
        """
        state, rgb = self._states[index], np.asarray(colors, float)
        self._cloud.show(state.model, rgb)
        self._learning.mark(index + 1, state.objective)
        palette = np.vstack([np.full(3, 0.5), rgb])
        self._image.set_data(palette[labels])
        height, width = labels.shape
        self._image.set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
        self._canvas.draw()
        # From now on axes keep their places: nothing jumps, and frames take half.
        self._canvas.figure.set_layout_engine("none")
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


SUFFIXES = (".gif", ".mp4")
# Most frames: of longer runs, some iterations are left out.
_MOST = 200
# Pixels of the picture along its longer side: as many as are drawn.
_SIDE = 480
# How long the last frame stays, in frames.
_REST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Movie:
    """What a movie is made of.

    Attributes
    ----------
    states : sequence of FitState
        The iterations.
    source : SegmentationInput
        The image.
    colors : callable
        Gives the colors (K, 3) in [0, 1] of the classes of a model.
    """

    states: Sequence[FitState]
    source: SegmentationInput
    colors: Callable[[Any], Any]


def save_movie(
    path: str | Path,
    seg: Segmentation,
    *,
    fps: float = 6.0,
    width: int = 960,
    features: str | Sequence[int | str] = "auto",
    theme: str | Theme = "light",
    force: bool = False,
) -> None:
    """Write the iterations of a fit as a movie.

    An animation, as GIF or MP4.

    Parameters
    ----------
    path : str or Path
        Ends in .gif or .mp4.
    seg : Segmentation
        Whose labels are drawn without smoothing; of a volume, its middle plane.
    fps : float, optional
        Iterations a second.
    width : int, optional
        Pixels from side to side, 240 to 1920; taken down to a multiple of 48. It is two
        thirds as high.
    features : "auto" or pair of int or str, optional
        As for `napari_emseg.plot.ellipses`.
    theme : {"light", "dark"} or Theme, optional
        Colors.
    force : bool, optional
        Replace a file that exists.

    Raises
    ------
    ValueError
        If there are no iterations, the format is none that can be written, the
        frames have no duration, or the width is out of bounds.
    FileExistsError
        If there is such a file, and `force` is not given.
    """

    def colors(model: Any) -> Any:
        same = model.n_classes == len(seg.class_colors)
        return seg.class_colors if same else cloud.class_colors(model)

    check_movie(Path(path), force=force)
    cloud = read_feature_cloud(seg.source)
    middle = tuple(slice(n // 2, n // 2 + 1) for n in seg.labels.shape[:-2])
    reel = Movie(seg.states, seg.source, colors)
    for _ in write_movie(
        Path(path),
        reel,
        cloud,
        where=middle,
        fps=fps,
        width=width,
        features=features,
        theme=theme,
        force=force,
    ):
        pass


def check_movie(path: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a movie that cannot be written.

    Raises
    ------
    FileExistsError, FileNotFoundError, IsADirectoryError, ValueError
        With the reason and what to do.
    """
    check_target(path, SUFFIXES, force=force)
    if path.suffix.lower() == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise ValueError(
            "writing MP4 needs the package imageio-ffmpeg, which is not installed; run "
            '"pip install imageio-ffmpeg", or choose a name that ends in .gif'
        )


def write_movie(
    path: Path,
    reel: Movie,
    cloud: FeatureCloud,
    *,
    where: Slices = (),
    fps: float = 6.0,
    width: int = 960,
    features: str | Sequence[int | str] = "auto",
    theme: str | Theme = "light",
    force: bool = False,
) -> Generator[tuple[int, int], None, None]:
    """Write a movie frame by frame; to cancel, stop iterating: no file is left.

    Parameters
    ----------
    path, fps, width, features, theme, force
        As for `save_movie`.
    reel : Movie
        The run.
    cloud : FeatureCloud
        Of its image.
    where : tuple of slice, optional
        The plane of the image that is shown.

    Yields
    ------
    (int, int)
        Frames that are drawn, and all.

    Raises
    ------
    ValueError
        If there are no iterations.
    """
    shown = [i for i, state in enumerate(reel.states) if state.model is not None]
    if not shown:
        raise ValueError(
            "there are no iterations to show: the model was given, not fitted"
        )
    if not 0 < fps < np.inf:
        raise ValueError(f"fps={fps}, but each frame takes a time; pass 6, or another")
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise ValueError(
            f"width={width} is out of bounds; choose {WIDTHS[0]} to {WIDTHS[1]} pixels"
        )
    check_movie(path, force=force)
    step = -(-len(shown) // _MOST)
    shown = shown[::-step][::-1]
    full = (*where, *(slice(0, n) for n in reel.source.picture.shape[len(where) :]))
    plane = [part.stop - part.start for part in full if part.stop - part.start > 1]
    every = max(1, -(-max(plane, default=1) // _SIDE))
    frame = read_iteration_labels(
        reel.source, full, tuple(every if p.stop - p.start > 1 else 1 for p in full)
    )
    size = frame.shape[-2:]
    projection = find_projection(cloud, features)
    figure = RunFigure(
        reel.states,
        bars(cloud, 0) if cloud.cells.dims == 1 else density_of(cloud, projection),
        find_theme(theme),
        likelihood=reel.states[-1].model.has_likelihood,
        width=width // WIDTH_STEP * WIDTH_STEP,
    )
    with new_file(path, force=force) as temporary, _Writer(temporary, fps) as writer:
        for done, index in enumerate(shown, start=1):
            model = reel.states[index].model
            labels = frame.labels(model).reshape(size)
            picture = figure.draw(index, reel.colors(model), labels)
            for _ in range(_REST if done == len(shown) else 1):
                writer.write(picture)
            yield done, len(shown)


class _Writer:
    """Writes pictures one after the other, whichever the format."""

    def __init__(self, path: Path, fps: float) -> None:
        self._gif = path.suffix.lower() == ".gif"
        self._fps, self._path, self._held = fps, path, io.BytesIO()
        # Of a disk that is full, Pillow tells more than once, and the last time to
        # nobody but the terminal.
        place = self._held if self._gif else path
        self._file: Any = iio.imopen(place, "w", extension=path.suffix)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._gif:
            self._path.write_bytes(self._held.getbuffer())

    def write(self, picture: NDArray[np.uint8]) -> None:
        if self._gif:
            self._file.write(picture, duration=1000 / self._fps, loop=0, bits=8)
        else:
            self._file.write(picture[np.newaxis], fps=self._fps)

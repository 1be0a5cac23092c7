"""What is done with each picture of a batch: a fit or a model, and edits of classes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

from napari_emseg.batch.joint_fit import JointFit
from napari_emseg.batch.label_record import digest_of
from napari_emseg.engine.image.color_space import PLANE
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.params import Params, params_affecting
from napari_emseg.pipeline.class_table import channel_names, labels_of, measure
from napari_emseg.pipeline.segment import iter_segment, read_input
from napari_emseg.pipeline.segmentation import colors_of, scale_colors
from napari_emseg.recipe import Recipe, segment_step
from napari_emseg.recipe.execute import do, start
from napari_emseg.recipe.state import StateView, begin, check_colors
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from napari_emseg.batch.label_table import SharedLabels
    from napari_emseg.batch.picture import Content
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.exchange import ClassScheme
    from napari_emseg.io.pixel_size import Spacing
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.recipe.transfer import LeftOut

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Treated:
    """Labels of a picture, and what is known of their classes.

    One result of a batch, before anything is written.

    Attributes
    ----------
    labels : (…, Y, X) ndarray of unsigned int
    recipe : Recipe
        The steps that make them.
    colors : dict of int to (R, G, B)
        Of the classes, in [0, 1].
    names : dict of int to str
        Of some classes.
    rows : tuple of dict
        Of the table, one for each class.
    seg : Segmentation
        Before the edits.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    recipe: Recipe
    colors: Mapping[int, tuple[float, ...]]
    names: Mapping[int, str]
    rows: tuple[Row, ...]
    seg: Segmentation


@dataclass(frozen=True, eq=False)
class Treatment:
    """How pictures become labels with classes that mean the same in all of them.

    Attributes
    ----------
    params : Params
        What is asked for.
    fitted : JointFit or None
        The model that all share; None fits each picture anew.
    start : Model or None
        What each fit starts from.
    steps : tuple of Step
        Edits of the labels, as `Recipe.transferable` keeps them.
    rgb, channel_axis, full_scale, axes
        As for `napari_emseg.segment`, where a recipe, or a person, tells.
    names : dict of int to str
        Of classes.
    colors : dict of int to (R, G, B)
        Of classes, in [0, 1].
    scheme : ClassScheme or None
        Numbers, names and colors that classes get, each those of the nearest color.
    joint : bool
        Whether one model of all pictures is to be fitted first.
    exact : Recipe or None
        All steps, places too, that are done instead of everything else: for the picture
        that they were made on.
    """

    params: Params = field(default_factory=Params)
    fitted: JointFit | None = None
    start: Model | None = None
    steps: tuple[Step, ...] = ()
    rgb: bool | None = None
    channel_axis: int | None = None
    full_scale: float | None = None
    axes: str | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    scheme: ClassScheme | None = None
    joint: bool = False
    exact: Recipe | None = None

    @classmethod
    def of_recipe(
        cls, recipe: Recipe, **changes: Any
    ) -> tuple[Self, tuple[LeftOut, ...]]:
        """Return the treatment that a recipe means for other pictures.

        Parameters
        ----------
        recipe : Recipe
            Its model is applied, if it has one; otherwise each picture is fitted anew.
        **changes
            Parameters that are asked for instead of those of the recipe.

        Returns
        -------
        treatment : Treatment
        left_out : tuple of LeftOut
            Steps that make no sense on other pictures, and why.

        Raises
        ------
        ValueError
            If nothing in the recipe tells what the classes are.
        """
        kept, left_out = recipe.transferable()
        first: Any = kept.steps[0].args
        params = first.params.replace(**changes)
        treatment = cls(
            params,
            start=None if first.start is None else first.start.model(),
            steps=kept.steps[1:],
            rgb=first.rgb,
            channel_axis=first.channel_axis,
            full_scale=first.full_scale,
            axes=first.axes,
        )
        if first.model is not None:
            fitted = JointFit(first.model.model(), params, color="auto")
            treatment = treatment.with_model(fitted, **changes)
        return treatment, left_out

    def with_model(self, fitted: JointFit, **changes: Any) -> Self:
        """Return the treatment with a model for all pictures.

        Parameters
        ----------
        fitted : JointFit
            Its parameters say what features are; those that affect labels alone, such
            as the smoothing, may be others.
        **changes
            Parameters that are asked for.

        Raises
        ------
        ValueError
            If one of these would need another model.
        """
        free = params_affecting("labels")
        for name, value in changes.items():
            has = getattr(fitted.params, name)
            if name not in free and value != has:
                raise ValueError(
                    f"the model was fitted with {name}={has!r}, but {name}={value!r} "
                    "is asked for; leave that out, or fit another model"
                )
        params = fitted.params.replace(**changes)
        return replace(self, fitted=fitted, params=params, start=None, joint=False)

    def settings(self) -> dict[str, Any]:
        """Return what decides the labels, as JSON has it."""
        how = "joint" if self.joint else "anew" if self.fitted is None else "model"
        found: dict[str, Any] = {"how": how, "params": self.params.model_dump()}
        model = self.start if self.fitted is None else self.fitted.model
        if model is not None:
            stored = FittedModel.of(model).model_dump(mode="json", exclude_none=True)
            found["model"] = digest_of(stored)
        steps = self.steps if self.exact is None else self.exact.steps
        if steps:
            found["steps"] = digest_of([s.model_dump(mode="json") for s in steps])
        look = [sorted(self.names.items()), sorted(self.colors.items())]
        if self.scheme is not None:
            look.append(self.scheme.model_dump(mode="json"))
        if any(look):
            found["classes"] = digest_of(look)
        for name in ("rgb", "channel_axis", "full_scale", "axes"):
            if getattr(self, name) is not None:
                found[name] = getattr(self, name)
        return found

    def iter_labels(
        self, content: Content, shared: SharedLabels | None = None
    ) -> Generator[Progress, None, Treated]:
        """Yield the progress of one picture; return its labels.

        Parameters
        ----------
        content : Content
            The picture.
        shared : SharedLabels, optional
            Of the model, for all pictures of a run.

        Raises
        ------
        TypeError, ValueError
            If the picture cannot be treated so; the message says why.
        """
        if self.exact is not None:
            return (yield from self._iter_exact(content, self.exact))
        each = self.params.channels == "each"
        axes = None
        # What a recipe knows of its image holds, whatever the file says.
        untold = self.rgb is None and self.channel_axis is None
        if not content.reading and (untold or self.axes is not None):
            content, axes = content.as_named(self.axes, each=each)
        reader = self._reader(content, axes)
        seg = yield from self._iter_segment(content, reader, shared)
        steps = self.steps
        if self.scheme is not None:
            steps = (*self._as_scheme(seg), *steps)
        labels: NDArray[Any] = seg.labels
        if steps:
            kind = {key: reader[key] for key in reader if key != "full_scale"}
            state = begin(content.pixels, **kind, split=each)
            start(StateView(state, None), labels)
            state.seg = seg
            for step in steps:
                try:
                    do(step, state)
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{step.op}: {error}") from error
            labels = np.asarray(state.labels)
        first = segment_step(seg)
        if content.as_stored and axes is not None:
            # Whoever repeats the recipe is to read the file in the same way.
            told = first.args.model_copy(update={"rgb": False})
            first = first.model_copy(update={"args": told})
        recipe = Recipe(steps=(first, *steps))
        return self._described(seg, labels, recipe, content)

    def _iter_exact(
        self, content: Content, recipe: Recipe
    ) -> Generator[Progress, None, Treated]:
        """Do all steps of a recipe, as `Recipe.replay` does."""
        axis = None if recipe.rgb is not None else content.channel_axis
        known = dict(content.reading) or {"rgb": recipe.rgb, "channel_axis": axis}
        if recipe.axes is not None and not content.reading:
            each = recipe.splits_channels
            content, told = content.as_named(recipe.axes, each=each)
            known = {"axes": told}
        state = yield from recipe.iter_state(content.pixels, **known)
        if state.seg is None:
            raise ValueError(
                "the recipe begins with labels from elsewhere, so that there is no "
                "segmentation in it to show; napari-emseg replay writes its labels"
            )
        # Of a slice, without the axes that are one pixel long.
        labels = np.reshape(np.asarray(state.labels), state.seg.labels.shape)
        return self._described(state.seg, labels, recipe, content)

    def _reader(self, content: Content, axes: str | None) -> dict[str, Any]:
        """Return how a picture is read: what a recipe knows holds."""
        axis, white = content.channel_axis, content.full_scale
        if content.reading:
            known = bool(content.reading.get("rgb"))
            if self.rgb is not None and known != self.rgb:
                kinds = {True: "RGB", False: "no RGB"}
                raise ValueError(
                    f"the recipe is for {kinds[self.rgb]}, but this picture is "
                    f"{kinds[known]}; take pictures of the kind that it was made on"
                )
            return dict(content.reading) | {"full_scale": white}
        if axes is not None:
            axis = None
        elif self.rgb is not None:
            check_colors(content.pixels, rgb=self.rgb)
            axis = None
        elif self.channel_axis is not None:
            axis = -1 if content.channel_axis is None else content.channel_axis
        if white is None and np.dtype(content.pixels.dtype) == np.uint16:
            shared = None if self.fitted is None else self.fitted.full_scale
            white = self.full_scale or shared
        rgb = self.rgb if axes is None else None
        kind = {"rgb": rgb, "channel_axis": axis, "full_scale": white}
        return kind if axes is None else kind | {"axes": axes}

    def _iter_segment(
        self, content: Content, reader: dict[str, Any], shared: SharedLabels | None
    ) -> Generator[Progress, None, Segmentation]:
        params = self.params
        if self.fitted is None:
            return (
                yield from iter_segment(
                    content.pixels, params, start=self.start, **reader
                )
            )
        model = self.fitted.model
        source = read_input(content.pixels, params, like=model, **reader)
        here, wanted = source.space.color, self.fitted.color
        known = wanted not in ("auto", "none", PLANE) or here not in ("none", PLANE)
        if known and wanted not in ("auto", here):
            raise ValueError(
                f"the model is of color={wanted!r}, but this picture is "
                f"{here!r}; take pictures of the kind that it was fitted to, or "
                "another model"
            )
        if shared is not None and shared.suit(source, params):
            return (yield from shared.iter_segment(source, params))
        return (yield from iter_segment(content.pixels, params, model=model, **reader))

    def _as_scheme(self, seg: Segmentation) -> tuple[Step, ...]:
        """Return the steps that give classes the numbers of the scheme."""
        assert self.scheme is not None
        if self.fitted is not None and self.fitted.class_colors is not None:
            # The same in all pictures, whatever classes look like in this one.
            colors = np.nan_to_num(self.fitted.class_colors)[np.newaxis]
            labels = np.arange(1, len(colors[0]) + 1)[np.newaxis]
            numbers = self.scheme.match(labels, colors.astype(np.float32), rgb=True)
        else:
            numbers = self.scheme.match(seg)
        groups: dict[int, list[int]] = {}
        for label, number in sorted(numbers.items()):
            groups.setdefault(number, []).append(label)
        steps = [
            Step.of("merge", members=tuple(members), into=members[0])
            for members in groups.values()
            if len(members) > 1
        ]
        moved = {members[0]: number for number, members in groups.items()}
        if any(old != new for old, new in moved.items()):
            steps.append(Step.of("renumber", numbers=moved))
        return tuple(steps)

    def _described(
        self,
        seg: Segmentation,
        labels: NDArray[Any],
        recipe: Recipe,
        content: Content,
    ) -> Treated:
        """Return labels with names, colors and rows of the table."""
        picture = seg.source.picture
        names = dict(self.names)
        if self.fitted is not None:
            names = dict(self.fitted.names) | names
        if self.scheme is not None:
            names |= {one.number: one.name for one in self.scheme.classes}
        classes = [*range(1, seg.n_classes + 1)]
        if len(recipe.steps) > 1:
            classes = sorted({*labels_of(labels), *names})
        measures = measure(labels, picture, classes)
        mean, pixels = measures.mean(), measures.pixels
        colors = dict(zip(classes, colors_of(picture, mean).tolist(), strict=True))
        if self.fitted is not None:
            fixed = shown_colors(self.fitted, rgb=picture.rgb)
            colors |= {n: c for n, c in fixed.items() if n in colors}
        if self.scheme is not None:
            shown = {one.number: one.rgb for one in self.scheme.classes}
            colors |= {n: [part / 255 for part in rgb] for n, rgb in shown.items()}
        colors |= self.colors
        size, unit = _pixel_size(content.spacing, labels.ndim)
        total = max(int(pixels.sum()), 1)
        channels = [*content.channel_names]
        if len(channels) != mean.shape[1]:
            channels = channel_names(mean.shape[1], rgb=picture.rgb)
        rows = [
            {
                "class": number,
                "name": names.get(number, ""),
                "pixels": int(count),
                "fraction": int(count) / total,
                "area": int(count) * size,
                "unit": unit,
                **{
                    f"mean {channel}".strip(): float(value)
                    for channel, value in zip(channels, values, strict=True)
                },
            }
            for number, count, values in zip(classes, pixels, mean, strict=True)
        ]
        given = {n: tuple(color) for n, color in colors.items()}
        return Treated(labels, recipe, given, names, tuple(rows), seg)


def shown_colors(fitted: JointFit, *, rgb: bool) -> dict[int, list[float]]:
    """Return the colors of classes of a model, the same for all pictures.

    Mean colors if they are known, or told by means in Lab or RGB; otherwise a scale of
    colors, in the order of the classes.
    """
    means, numbers = fitted.model.means, range(1, fitted.n_classes + 1)
    colors = fitted.class_colors
    if colors is None and rgb and means.shape[1] == 3:
        if fitted.color in ("lab", "auto"):
            flat = means.astype(np.float32)[np.newaxis]
            colors = cv2.cvtColor(flat, cv2.COLOR_Lab2RGB)[0].astype(np.float64)
        elif fitted.color == "rgb":
            colors = means / 100
    if colors is not None:
        clipped = np.clip(np.nan_to_num(colors), 0, 1)
        return dict(zip(numbers, clipped.tolist(), strict=True))
    scale = scale_colors(*means.shape)
    return dict(zip(numbers, scale.tolist(), strict=True))


def _pixel_size(spacing: Spacing | None, ndim: int) -> tuple[float, str]:
    """Return area or volume of a pixel, and its unit."""
    place = {} if spacing is None else spacing.place(ndim)
    units = place.get("units", [])
    count = sum(unit != "pixel" for unit in units)
    if count < 2:
        return 1.0, "px"
    size = float(np.prod(place["scale"]))
    return size, {2: "µm²", 3: "µm³"}.get(count, "µm²")

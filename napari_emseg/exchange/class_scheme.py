"""A scheme of classes: numbers, names, colors and keys, the same for many images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from napari_emseg.engine.image.color_space import convert
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.exchange.json_files import read_json, write_json, wrong_field
from napari_emseg.exchange.polygons import check_labels
from napari_emseg.pipeline.class_table import class_table
from napari_emseg.pipeline.segmentation import Segmentation

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

VERSION = 1
# Where a Labels layer keeps the keys of its classes, in its metadata: number by key.
KEYS = "emseg keys"
SUFFIXES = (".json",)
# Colors that people with each kind of color vision tell apart, of Okabe and Ito, "Color
# Universal Design", 2008; again and again for more classes.
_COLORS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
_KEYS = 9


# Letters of a class's name.
LONGEST_NAME = 200


class SchemeClass(BaseModel):
    """One class of a scheme.

    Attributes
    ----------
    number : int
        Its label, from 1.
    name : str
        What people call it; no two of a scheme have the same.
    color : str
        Red, green and blue as two hexadecimal digits each, "#d55e00".
    key : int or None
        The key, 1 to 9, that fills the selection with it.
    mean : tuple of float
        Its mean color where the scheme comes from, by which it is found elsewhere: red,
        green and blue as shares of white, or one value for each channel. Empty if it is
        not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    number: Annotated[int, Field(strict=True, ge=1, lt=2**31)]
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    color: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
    key: Annotated[int, Field(strict=True, ge=1, le=_KEYS)] | None = None
    mean: tuple[float, ...] = ()

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Its color as three numbers, 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


class ClassScheme(BaseModel):
    """Numbers, names, colors and keys of classes, for many images.

    Frozen, equal by value; a small JSON file.

    Attributes
    ----------
    version : int
        Of the format; this program knows 1.
    rgb : bool
        Whether the mean colors are red, green and blue, which are compared in Lab.
    classes : tuple of SchemeClass
        Numbers, names and keys are all different.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError` that says what is wrong.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> image = np.repeat(np.uint8([3, 90, 200]), 4).reshape(3, 4)
    >>> seg = emseg.segment(image, n_classes=3).named({1: "ground", 3: "sky"})
    >>> scheme = ClassScheme.from_result(seg)
    >>> [(one.number, one.name, one.color) for one in scheme.classes]
    [(1, 'ground', '#262626'), (2, 'class 2', '#939393'), (3, 'sky', '#ffffff')]
    >>> other = emseg.segment(image[:2], n_classes=2)
    >>> scheme.match(other)
    {1: 1, 2: 2}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(strict=True, ge=1, le=VERSION)] = VERSION
    rgb: bool = False
    classes: tuple[SchemeClass, ...] = ()

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, given: tuple[SchemeClass, ...]) -> tuple[SchemeClass, ...]:
        for what in ("number", "name", "key"):
            values = [getattr(one, what) for one in given]
            values = [value for value in values if value is not None]
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"{what} {value!r} stands for several classes")
        return given

    @model_validator(mode="after")
    def _check_means(self) -> Self:
        sizes = {len(one.mean) for one in self.classes} - {0}
        if len(sizes) > 1 or (self.rgb and sizes - {3}):
            raise ValueError(
                "mean colors have as many numbers in all classes, three of them if "
                f"rgb is true, but here they have {sorted(sizes)}"
            )
        return self

    @classmethod
    def from_result(
        cls,
        result: Segmentation | Any,
        image: ArrayLike | None = None,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
    ) -> Self:
        """Return the scheme of a result.

        Parameters
        ----------
        result : Segmentation or napari.layers.Labels
            Of a layer, names and colors are those that it shows.
        image : (…, Y, X) or (…, Y, X, C) array_like, optional
            What a layer lies on; without it classes have no mean colors, and are found
            in other results by their numbers alone.
        rgb, channel_axis
            As for `napari_emseg.segment`.

        Returns
        -------
        ClassScheme
            Classes 1 to 9 have the key of their number, unless a layer has others.

        Examples
        --------
        >>> from napari.layers import Labels
        >>> layer = Labels(np.array([[0, 3]]), features={"index": [3], "name": ["sky"]})
        >>> ClassScheme.from_result(layer).classes[0].name
        'sky'
        """
        if isinstance(result, Segmentation):
            picture = result.source.picture
            means = _means(result.table()["mean"], picture)
            return cls.of(
                range(1, result.n_classes + 1),
                result.names,
                result.class_colors,
                means=means,
                rgb=picture.rgb,
            )
        labels = np.asarray(result.data)
        shown = np.unique(labels)
        numbers = [int(number) for number in shown if number > 0]
        table = result.features
        names: dict[int, str] = {}
        if "index" in table and "name" in table:
            pairs = zip(table["index"], table["name"], strict=True)
            names = {int(n): name for n, name in pairs if isinstance(name, str)}
        # Whichever class is shown alone.
        color_of = getattr(result.colormap, "color_of", result.colormap.map)
        colors = [np.ravel(color_of(n))[:3] for n in numbers]
        found = None
        if image is not None:
            how: Any = {"rgb": rgb, "channel_axis": channel_axis}
            picture = as_lazy_image(image, **how)
            measured = class_table(labels, image, classes=numbers, **how)
            found, rgb = _means(measured["mean"], picture), picture.rgb
        keys = result.metadata.get(KEYS)
        return cls.of(numbers, names, colors, keys=keys, means=found, rgb=bool(rgb))

    @classmethod
    def of(
        cls,
        numbers: Sequence[int],
        names: Mapping[int, str] | None = None,
        colors: ArrayLike | None = None,
        *,
        keys: Mapping[int, int] | None = None,
        means: ArrayLike | None = None,
        rgb: bool = False,
    ) -> Self:
        """Return a scheme of some classes.

        Parameters
        ----------
        numbers : sequence of int
            K labels.
        names : dict of int to str, optional
            By number; "class 3" by default, and where a name was given before.
        colors : (K, 3) array_like of float, optional
            In [0, 1]; by default colors that are told apart.
        keys : dict of int to int, optional
            Number by key; by default 1 to 9 are those of the same number.
        means : (K, C) array_like of float, optional
            Mean colors; rows that are not finite are left out.
        rgb : bool, optional
            Whether these are red, green and blue, as shares of white.

        Examples
        --------
        >>> ClassScheme.of([1, 2], {1: "nuclei"}).classes[1]
        SchemeClass(number=2, name='class 2', color='#56b4e9', key=2, mean=())
        """
        classes: list[SchemeClass] = []
        if colors is not None and np.shape(colors) != (len(numbers), 3):
            raise ValueError(
                f"colors have shape {np.shape(colors)}, but red, green and blue of "
                f"each of {len(numbers)} classes are needed; pass these, or none"
            )
        taken = {f"class {number}" for number in numbers}
        if keys is None:
            keys = {key: key for key in range(1, _KEYS + 1)}
        key_of = {number: key for key, number in keys.items()}
        for place, number in enumerate(map(int, numbers)):
            name = (names or {}).get(number) or f"class {number}"
            if name in taken and name != f"class {number}":
                name = f"class {number}"
            taken.add(name)
            if colors is None:
                color = _COLORS[(number - 1) % len(_COLORS)]
            else:
                share = np.asarray(colors, float).reshape(-1, 3)[place].clip(0, 1)
                color = "#" + bytes(np.rint(255 * share).astype(np.uint8)).hex()
            mean = () if means is None else np.asarray(means, float)[place]
            classes.append(
                SchemeClass(
                    number=number,
                    name=name,
                    color=color,
                    key=key_of.get(number),
                    mean=tuple(np.round(mean, 6)) if np.isfinite(mean).all() else (),
                )
            )
        return cls(rgb=rgb, classes=tuple(classes))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the scheme of a JSON file.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            There is no file of this name.
        ValueError
            It holds no scheme, or one that is wrong.
        """
        found = read_json(Path(path), "a scheme of classes")
        if not isinstance(found, dict) or "classes" not in found:
            raise ValueError(
                f"{path} holds no scheme of classes; give a file that "
                "ClassScheme.save wrote"
            )
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise ValueError(
                f"{path} is no scheme of classes: {wrong_field(error)}; correct it, or "
                "save the scheme again"
            ) from None

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a JSON file.

        Parameters
        ----------
        path : path
            Ends in .json.
        force : bool
            Replace a file that exists.

        Raises
        ------
        FileExistsError
            The file exists and `force` is not given.
        ValueError
            The ending does not suit.
        """
        data = self.model_dump(mode="json", exclude_defaults=True) | {
            "version": self.version
        }
        write_json(Path(path), data, SUFFIXES, indent=1, force=force)

    def of_number(self, number: int) -> SchemeClass:
        """Return the class of a number; one with a name and a color if there is none.

        Examples
        --------
        >>> ClassScheme().of_number(3).name
        'class 3'
        """
        for one in self.classes:
            if one.number == number:
                return one
        color = _COLORS[(number - 1) % len(_COLORS)]
        return SchemeClass(number=number, name=f"class {number}", color=color)

    def match(
        self,
        result: Segmentation | ArrayLike,
        image: ArrayLike | None = None,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
    ) -> dict[int, int]:
        """Return which class of this scheme is nearest to each class of a result.

        Parameters
        ----------
        result : Segmentation, or (…, Y, X) array_like of int
            A result, or labels.
        image : array_like, optional
            What such labels lie on; without it they are matched by their numbers.
        rgb, channel_axis
            As for `napari_emseg.segment`.

        Returns
        -------
        dict of int to int
            Number of the scheme by number of the result. Several may be nearest to one.
            RGB is compared in Lab, other channels as multiples of how far their values
            are spread; classes without a mean color keep their number.

        Raises
        ------
        ValueError
            If the scheme has no classes, or is of another kind of image.
        """
        if not self.classes:
            raise ValueError("the scheme has no classes; load another one")
        if isinstance(result, Segmentation):
            picture = result.source.picture
            numbers = [*range(1, result.n_classes + 1)]
            table = result.table()
        else:
            labels = check_labels(result)
            numbers = [int(n) for n in np.unique(labels) if n > 0]
            if image is None:
                return {n: n for n in numbers}
            how: Any = {"rgb": rgb, "channel_axis": channel_axis}
            picture = as_lazy_image(image, **how)
            table = class_table(labels, image, classes=numbers, **how)
        found = _means(table["mean"], picture)
        known = [one for one in self.classes if one.mean]
        if not known:
            return {n: n for n in numbers}
        own = np.array([one.mean for one in known])
        if picture.rgb != self.rgb or own.shape[1] != found.shape[1]:
            raise ValueError(
                f"the scheme is of {_kind(self.rgb, own.shape[1])}, but the image has "
                f"{_kind(picture.rgb, found.shape[1])}; take a scheme of such an image"
            )
        if self.rgb:
            own, found = _lab(own), _lab(found)
        else:
            # Of all pixels, so that a channel of noise counts for little.
            within = np.nan_to_num(table["std"]).mean(axis=0)
            spread = np.hypot(own.std(axis=0), within)
            spread[spread == 0] = 1
            own, found = own / spread, found / spread
        matched = {}
        for number, mean in zip(numbers, found, strict=True):
            matched[number] = number
            if np.isfinite(mean).all():
                nearest = int(((own - mean) ** 2).sum(axis=1).argmin())
                matched[number] = known[nearest].number
        return matched

    def apply(
        self,
        result: Segmentation | ArrayLike,
        image: ArrayLike | None = None,
        *,
        rgb: bool | None = None,
        channel_axis: int | None = None,
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Return the labels of a result with the numbers of this scheme.

        Parameters
        ----------
        result, image, rgb, channel_axis
            As for `match`, which says what becomes of what.

        Returns
        -------
        (…, Y, X) ndarray of the smallest unsigned type that holds the numbers

        Examples
        --------
        >>> import napari_emseg as emseg
        >>> image = np.repeat(np.uint8([3, 90, 200]), 4).reshape(3, 4)
        >>> scheme = ClassScheme.from_result(emseg.segment(image, n_classes=3))
        >>> scheme.apply(emseg.segment(image[1:], n_classes=2))[:, 0]
        array([2, 3], dtype=uint8)
        """
        numbers = self.match(result, image, rgb=rgb, channel_axis=channel_axis)
        if isinstance(result, Segmentation):
            return renumbered(result.labels, numbers)
        return renumbered(check_labels(result), numbers)


def renumbered(
    labels: NDArray[Any], numbers: Mapping[int, int]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return labels with other numbers, in the smallest type that holds them.

    Examples
    --------
    >>> renumbered(np.array([[0, 1, 5]]), {1: 2, 5: 2})
    array([[0, 2, 2]], dtype=uint8)
    """
    found, places = np.unique(labels, return_inverse=True)
    new = np.array([numbers.get(int(n), int(n)) for n in found], np.int64)
    dtype = np.min_scalar_type(int(new.max(initial=0)))
    return np.asarray(new.astype(dtype)[places].reshape(labels.shape))


def _means(mean: NDArray[np.float64], picture: Any) -> NDArray[np.float64]:
    return mean / picture.full_scale if picture.rgb else mean


def _lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return convert(np.clip(rgb, 0, 1).astype(np.float32), "lab").astype(np.float64)


def _kind(rgb: bool, channels: int) -> str:
    return "RGB" if rgb else f"{channels} channel{'s' if channels > 1 else ''}"

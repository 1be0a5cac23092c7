"""A picture of a batch: a file or an array, read when its turn comes."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_emseg.engine.image.axes import (
    CHANNELS,
    channels_as_told,
    check_axes,
    unnamed_axes,
    without_channels,
)
from napari_emseg.io import files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from napari_emseg.io.image_content import ImageContent
    from napari_emseg.io.pixel_size import Spacing


class Content(NamedTuple):
    """The pixels of a picture, and what is known of them.

    Attributes
    ----------
    pixels : array_like
    channel_axis : int or None
        As the file tells.
    spacing : Spacing or None
        Lengths of the pixels.
    full_scale : float or None
        The value of white, as the file tells.
    messages : tuple of str
        What is not as the file has it.
    reading : mapping
        ``rgb`` or ``axes`` of what is no file, as for `napari_emseg.segment`.
    axes : str or None
        Letters of the axes, as the file tells.
    as_stored : bool
        Whether all axes stand as in the file, because somebody names them otherwise.
    told : bool
        Whether a person names the axes of the file.
    channel_names : tuple of str
        Names of the channels, as the file tells.
    """

    pixels: Any
    channel_axis: int | None = None
    spacing: Spacing | None = None
    full_scale: float | None = None
    messages: tuple[str, ...] = ()
    reading: Mapping[str, Any] = MappingProxyType({})
    axes: str | None = None
    as_stored: bool = False
    told: bool = False
    channel_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: ImageContent, **known: Any) -> Content:
        """Return what a file holds; `known` are other attributes."""
        return cls(
            found.pixels,
            found.channel_axis,
            found.spacing,
            found.full_scale,
            axes=found.axes,
            as_stored=found.as_stored,
            channel_names=found.channel_names,
        )._replace(**known)

    def as_named(self, axes: str | None, *, each: bool) -> tuple[Content, str | None]:
        """Return the content with its axes as somebody names them, or the file.

        Parameters
        ----------
        axes : str or None
            Letters of the axes; None for those that the file tells, if these are other
            than what everybody takes them for.
        each : bool
            Whether channels are planes, which stand where they are named, or first.

        Raises
        ------
        ValueError
            If the letters do not fit the pixels, or those of a recipe stand in another
            order than those of the file.
        """
        if axes is None and self.axes is not None:
            letters = without_channels(self.axes)
            channels = self.channel_axis is not None
            if channels and each:
                axes = f"{CHANNELS}{letters}"
            elif letters != unnamed_axes(len(letters)):
                axes = self.axes
        if axes is None:
            return self, None
        axes = check_axes(axes, np.shape(self.pixels))
        if self.as_stored:
            return self, axes
        if self.axes is not None and not self.told:
            here, there = without_channels(self.axes), without_channels(axes)
            if here != there and sorted(here) == sorted(there):
                raise ValueError(
                    f"the recipe is of a picture whose axes are {axes}, but this file "
                    f"says that it has {self.axes}; name them as they stand in the "
                    "file with --axes, or with axes= in Python"
                )
        pixels, axes = channels_as_told(self.pixels, axes, self.channel_axis, each=each)
        return self._replace(pixels=pixels), axes

    def axis(self, channel_axis: int | None, rgb: bool | None) -> int | None:
        """Return the axis of channels: that of the file, unless more is known."""
        if channel_axis is None and rgb is None:
            return self.channel_axis
        return channel_axis


@dataclass(frozen=True, eq=False)
class Picture:
    """A file, or an array with a name.

    Attributes
    ----------
    name : str
        As tables and messages have it.
    path : Path or None
        The file.
    array : array_like or None
        What there is instead of a file.
    folder : Path or None
        Of a file that was found in a folder or by a pattern, the subfolder.
    reading : mapping
        ``rgb`` or ``axes`` of an array, if they are known.
    spacing : Spacing or None
        Lengths of the pixels of an array.
    axes : str or None
        Letters of the axes as they stand in the file, if somebody tells.
    """

    name: str
    path: Path | None = None
    array: ArrayLike | None = None
    folder: Path | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    spacing: Spacing | None = None
    axes: str | None = None

    def read(
        self,
        max_bytes: int | None = None,
        *,
        stack: bool = False,
        axes: str | None = None,
    ) -> Content:
        """Read the file, or return the array.

        Parameters
        ----------
        max_bytes, stack
            As for `napari_emseg.files.read_image`.
        axes : str, optional
            Letters of the axes as they stand in the file, if nobody else tells.
        """
        if self.path is None:
            known = dict(self.reading)
            return Content(self.array, spacing=self.spacing, reading=known)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = files.read_with_spacing(
                self.path, stack=stack, axes=self.axes or axes, max_bytes=max_bytes
            )
        told = [str(warning.message) for warning in caught]
        if found.profile:
            told.append(f"colors are converted from {found.profile} to sRGB")
        return Content.of(
            found,
            messages=tuple(dict.fromkeys(told)),
            as_stored=found.as_stored or stack,
            told=self.axes is not None,
        )

    def told(self, error: Exception) -> str:
        """Return what is wrong, the name of the picture first."""
        text, name = str(error), self.name
        return text if text.startswith((name, str(self.path))) else f"{name}: {text}"


def as_picture(image: Any, number: int, axes: str | None = None) -> Picture:
    """Return an image as a picture of a batch.

    Parameters
    ----------
    image : Picture, path or array_like
    number : int
        Of the image, from 1: an array has no other name.
    axes : str, optional
        Letters of the axes of a file.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        return Picture(str(path), path, axes=axes)
    return Picture(f"image {number}", array=image)

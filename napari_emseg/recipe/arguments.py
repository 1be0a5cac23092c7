"""What arguments of steps can be, and which many of them share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from napari_emseg.recipe.hand import Side

Number = Annotated[float, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Whole = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]
Switch = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Point: TypeAlias = tuple[Number, ...]
# The plane of a step: an index or None for each axis; None is everything.
Place: TypeAlias = tuple[Side | None, ...] | None
Points: TypeAlias = tuple[Point, ...]


class Args(BaseModel):
    """Arguments of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Selecting(Args):
    """What all selections take.

    Attributes
    ----------
    mode : {"new", "add", "subtract", "intersect", "xor"}
        How the new selection is combined with the old one.
    feather : float
        How soft it is made before that, in pixels.
    """

    mode: Literal["new", "add", "subtract", "intersect", "xor"] = "new"
    feather: Amount = 0.0


class Editing(Args):
    """What all edits of labels take.

    Attributes
    ----------
    locked : tuple of int
        Labels that neither lose nor gain a pixel.
    """

    locked: tuple[Whole, ...] = ()


class Inside(Editing):
    """What edits take that need no selection.

    Attributes
    ----------
    inside : bool
        Whether only selected pixels change.
    """

    inside: Switch = False

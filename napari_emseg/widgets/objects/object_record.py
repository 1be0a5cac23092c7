"""How objects are found, and what was done to them since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_emseg.widgets.common.qt import pluralize

if TYPE_CHECKING:
    from napari_emseg.layers.history import StepMark
    from napari_emseg.regions.instances import Objects


@dataclass(frozen=True, slots=True)
class FindOptions:
    """How objects are found, as `napari_emseg.objects` takes it.

    Attributes
    ----------
    classes : tuple of int
    split : {"distance", "none", "seeds"}
    depth : float
    exclude_border, fill_holes, per_plane : bool
    seeds : tuple of tuple of int
        Pixels, for "seeds".
    """

    classes: tuple[int, ...] = ()
    split: str = "distance"
    depth: float = 1.0
    exclude_border: bool = False
    fill_holes: bool = True
    per_plane: bool = False
    seeds: tuple[tuple[int, ...], ...] = ()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that are not those by default."""
        found: dict[str, Any] = {"classes": list(self.classes)}
        if self.split != "distance":
            found["split"] = self.split
            if self.split == "seeds":
                found["seeds"] = [list(point) for point in self.seeds]
        elif self.depth != 1:
            found["depth"] = self.depth
        if self.exclude_border:
            found["exclude_border"] = True
        if not self.fill_holes:
            found["fill_holes"] = False
        if self.per_plane:
            found["per_plane"] = True
        return found


@dataclass(slots=True)
class ObjectRecord:
    """How the objects of a layer came about.

    Attributes
    ----------
    options : dict
        Arguments of `napari_emseg.objects`.
    edits : list of (StepMark, str)
        Steps of undo, and the method of `Objects` that each is, as Python.
    """

    options: dict[str, Any]
    edits: list[tuple[StepMark, str]] = field(default_factory=list)


def count_text(objects: Objects) -> str:
    """Return how many objects there are of which class, for the user.

    Examples
    --------
    >>> from napari_emseg.regions.instances import Objects
    >>> count_text(Objects.of([[1, 0, 2]], class_names={1: "nuclei"}))
    '2 objects of class nuclei'
    """
    parts = []
    for number, count in objects.counts().items():
        name = objects.name_of(number).removeprefix("class ")
        parts.append(f"{pluralize(count, 'object')} of class {name}")
    return ", ".join(parts) or "no objects"

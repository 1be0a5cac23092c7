"""The table of objects: columns of numbers with their units, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.io.files import write_text
from napari_emseg.pipeline.class_table import csv_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    Columns = dict[str, NDArray[Any]]

CSV = (".csv",)


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """Measures of objects: a row for each, a column for each measure.

    Attributes
    ----------
    columns : dict of str to (N,) ndarray
        By name, in order; ``table["area"]`` is the column of that name.
    units : dict of str to str
        Units of columns that have one, such as "µm²"; pixels have none.
    tissue : float
        Area or volume that densities and fractions refer to, in the units of the table:
        of the tissue if that was given, otherwise of the whole image.
    n_planes : int
        Number of planes, or volumes, that were measured.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> table = emseg.measure([[1, 1, 0, 2]], scale=(2, 2), units="um")
    >>> table["area"], table.units["area"]
    (array([8., 4.]), 'µm²')
    >>> table.summary().columns["count"]
    array([2])
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)
    tissue: float = 0.0
    n_planes: int = 1

    def __repr__(self) -> str:
        """Return a summary: numbers of rows and columns."""
        return f"ObjectTable({len(self)} objects, {len(self.columns)} columns)"

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a column of a name."""
        return name in self.columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the column (N,) of a name."""
        if name not in self.columns:
            raise KeyError(
                f"there is no column {name!r}; the columns are "
                f"{', '.join(self.columns)}"
            )
        return self.columns[name]

    def rows(self, which: ArrayLike) -> ObjectTable:
        """Return some rows, by an array of bool (N,) or of places."""
        some = np.asarray(which)
        found = {name: column[some] for name, column in self.columns.items()}
        return ObjectTable(found, self.units, self.tissue, self.n_planes)

    def headings(self) -> list[str]:
        """Return the names of the columns with their units: "area (µm²)"."""
        units = self.units
        return [f"{name} ({units[name]})" if name in units else name for name in self]

    def to_csv(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write the table as comma-separated values, with units in the headings.

        Parameters
        ----------
        path : path
            Ends in .csv.
        force : bool, optional
            Replace a file that exists.

        Raises
        ------
        FileExistsError, ValueError
            The file exists and `force` is not given, or the ending does not suit.
        """
        columns = [column.tolist() for column in self.columns.values()]
        text = csv_text(dict(zip(self.headings(), columns, strict=True)))
        write_text(Path(path), text, CSV, force=force)

    def to_pandas(self) -> Any:
        """Return the table as ``pandas.DataFrame``; its ``attrs`` hold the units.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                "pandas is not installed; install it, or take the columns of the "
                "table, or its to_csv"
            ) from None
        frame = pd.DataFrame(dict(self.columns))
        frame.attrs["units"] = dict(self.units)
        return frame

    def summary(
        self,
        positive: Mapping[str, float] | None = None,
        *,
        by_plane: bool = False,
    ) -> ObjectTable:
        """Sum up the objects of each class, and of all classes.

        Parameters
        ----------
        positive : dict of str to float, optional
            An object is positive if each of these columns has at least this value.
        by_plane : bool, optional
            Sum up each plane by itself.

        Returns
        -------
        ObjectTable
            A row for each class, and with several classes one for all, of class 0.
            "count"; "size_mean", "size_median" and "size_sum" of areas or volumes;
            "density", objects by area or volume of the tissue; "fraction" of it that
            they cover; "positive_percent".

        Raises
        ------
        KeyError
            If there is no such column.

        Examples
        --------
        >>> import numpy as np, napari_emseg as emseg
        >>> labels = np.array([[1, 2, 2, 0]])
        >>> table = emseg.measure(labels, labels * 10)
        >>> table.summary({"mean": 15})["positive_percent"]
        array([50.])
        """
        size = self["area" if "area" in self else "volume"]
        chosen = np.ones(len(self), bool)
        for name, least in (positive or {}).items():
            chosen &= self[name] >= least
        planes = [name for name in self if name.startswith("plane")]
        if by_plane and planes:
            keys = np.stack([self[name] for name in planes], axis=1)
            groups = [
                (tuple(key.tolist()), (keys == key).all(axis=1))
                for key in np.unique(keys, axis=0)
            ]
        else:
            planes, groups = [], [((), np.ones(len(self), bool))]
        tissue = self.tissue / (max(self.n_planes, 1) if planes else 1)
        rows: list[list[Any]] = []
        for key, here in groups:
            known = np.unique(self["class"][here]).tolist()
            for number in known + [0] * (len(known) != 1):
                some = here if number == 0 else here & (self["class"] == number)
                names = self["class_name"][some]
                n, sizes = int(some.sum()), size[some]
                row = [*key, number, names[0] if number else "all", n]
                row += [sizes.mean(), np.median(sizes)] if n else [np.nan] * 2
                total = float(sizes.sum())
                row += [total, n / tissue, total / tissue] if tissue else [total]
                row += [] if tissue else [np.nan] * 2
                if positive:
                    row.append(100 * chosen[some].mean() if n else np.nan)
                rows.append(row)
        heads = [*planes, "class", "class_name", "count", "size_mean", "size_median"]
        heads += ["size_sum", "density", "fraction"] + ["positive_percent"] * bool(
            positive
        )
        columns = {name: np.array(c) for name, c in zip(heads, zip(*rows), strict=True)}  # noqa: B905
        unit = self.units.get("area", self.units.get("volume"))
        units = {}
        if unit:
            units = dict.fromkeys(("size_mean", "size_median", "size_sum"), unit)
            units["density"] = f"1/{unit}"
        return ObjectTable(columns, units, self.tissue, self.n_planes)

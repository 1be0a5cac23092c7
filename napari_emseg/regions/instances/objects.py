"""Objects as a value: labels 1..N, each with its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.kept_property import kept_property
from napari_emseg.pipeline.progress import finish
from napari_emseg.regions.edit import as_labels, whole_number
from napari_emseg.regions.instances.division import cut_object
from napari_emseg.regions.instances.shape_measures import measure_shapes, shape_names

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray

    IntArray = NDArray[np.integer[Any]]
    Range = tuple[float | None, float | None]

# A table has a row for each number up to the largest label: so many for each pixel, and
# those that other programs give in a small part of a large image.
_SPARSE, _ANYHOW = 4, 2**22


@dataclass(frozen=True, eq=False)
class Objects:
    """Things of an image that count as one each, such as nuclei.

    Numbers of objects stay when others go, so that what is known of them stays
    right; `renumbered` closes the gaps. All methods return new objects. Instances,
    in other words.

    Attributes
    ----------
    labels : (…) ndarray of unsigned int
        Number of the object of each pixel, of the narrowest type; 0 is none.
    classes : (M + 1,) ndarray of int
        Class of each object: that of object i is ``classes[i]``; 0 for numbers that no
        object has. ``classes[labels]`` is the image of the classes.
    class_names : dict of int to str
        Names of some classes.
    per_plane : bool
        Whether the last two axes are space, rather than the last three: objects of
        other planes are others.
    dropped : int
        How many pieces were left out because they were too small, too large, or cut by
        the rim of the image.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> found = emseg.objects([[1, 1, 2, 1], [2, 2, 2, 1]], classes=1, min_size=0)
    >>> len(found), found.sizes[found.ids].tolist()
    (2, [2, 2])
    >>> found.without([1]).labels
    array([[0, 0, 0, 2],
           [0, 0, 0, 2]], dtype=uint8)
    """

    labels: IntArray
    classes: NDArray[np.int64]
    class_names: Mapping[int, str] = field(default_factory=dict)
    per_plane: bool = False
    dropped: int = 0

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        classes: Mapping[int, int] | ArrayLike | None = None,
        *,
        class_names: Mapping[int, str] | None = None,
        per_plane: bool = False,
    ) -> Objects:
        """Return objects that are labeled already, as by hand or by another program.

        Parameters
        ----------
        labels : (…, Y, X) array_like of int
            Numbers of objects; 0 is none.
        classes : dict of int to int, or (M + 1,) array_like of int, optional
            Class of each object by its number; 1 by default.
        class_names, per_plane
            As the attributes.

        Raises
        ------
        ValueError
            If these are no labels, or some are negative.

        Examples
        --------
        >>> Objects.of([[1, 0, 7]], {7: 2}).classes
        array([0, 1, 0, 0, 0, 0, 0, 2])
        """
        if np.asarray(labels).dtype == bool:
            raise ValueError(
                "a mask does not tell one object from another; find them with "
                "emseg.objects(mask)"
            )
        given = as_labels(labels)
        least, most = int(given.min(initial=0)), int(given.max(initial=0))
        if least < 0:
            raise ValueError(
                f"labels count objects from 1, but the smallest is {least}; renumber "
                "them, with 0 for what is no object"
            )
        if most > _SPARSE * given.size + _ANYHOW:
            raise ValueError(
                f"label {most} is far larger than the {given.size} pixels; renumber "
                "the objects, as skimage.segmentation.relabel_sequential does"
            )
        of = np.zeros(most + 1, np.int64)
        if isinstance(classes, Mapping):
            of[:] = 1
            known = {int(i): int(c) for i, c in classes.items() if 0 < int(i) <= most}
            of[[*known]] = [*known.values()]
        elif classes is None:
            of[:] = 1
        else:
            some = np.asarray(classes)
            if some.ndim != 1 or len(some) <= most or some.dtype.kind not in "ui":
                raise ValueError(
                    f"classes have shape {some.shape} and type {some.dtype}, but one "
                    f"whole number for each of 0 to {most} is needed; pass these, or a "
                    "dict"
                )
            of = some.astype(np.int64)
        sizes = _sizes(given, len(of) - 1)
        sizes[0] = 0
        of[sizes == 0] = 0
        made = _narrowed(cls(given, of, class_names or {}, per_plane))
        vars(made)["sizes"] = sizes  # counted already
        return made

    def __repr__(self) -> str:
        """Return a summary: shape and number of objects."""
        shape = " x ".join(str(n) for n in self.labels.shape)
        return f"Objects({shape}, {self.n_objects} objects)"

    def __len__(self) -> int:
        """Return the number of objects."""
        return self.n_objects

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> IntArray:
        """Return the labels, so that numpy takes objects for them."""
        return np.array(self.labels, dtype=dtype, copy=bool(copy))

    @property
    def n_objects(self) -> int:
        """Number of objects N."""
        return len(self.ids)

    @kept_property
    def sizes(self) -> NDArray[np.int64]:
        """Pixels of each object (M + 1,); 0 for numbers that no object has."""
        sizes = _sizes(self.labels, len(self.classes) - 1)
        sizes[0] = 0
        return sizes

    @kept_property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the objects (N,), rising."""
        return np.flatnonzero(self.sizes)

    @property
    def n_space(self) -> int:
        """Number of axes of space, the last ones: 2 or 3."""
        return 2 if self.per_plane else min(self.labels.ndim, 3)

    def planes(self) -> IntArray:
        """Return the labels as (P, Y, X) or (P, Z, Y, X): what is apart comes first."""
        return self.labels.reshape(-1, *self.labels.shape[-self.n_space :])

    def counts(self) -> dict[int, int]:
        """Return the number of objects of each class.

        Examples
        --------
        >>> Objects.of([[1, 2, 3]], [0, 5, 5, 7]).counts()
        {5: 2, 7: 1}
        """
        found, numbers = np.unique(self.classes[self.ids], return_counts=True)
        return dict(zip(found.tolist(), numbers.tolist(), strict=True))

    def name_of(self, number: int) -> str:
        """Return the name of a class; "class 3" if it has none."""
        return self.class_names.get(number, f"class {number}")

    def keep(self, which: ArrayLike) -> Objects:
        """Return only some objects.

        Parameters
        ----------
        which : (…) array_like of bool, (N,) array_like of bool, or list of int
            A mask over the image, which keeps whatever it touches; one value for each
            of `ids`; or numbers of objects.

        Raises
        ------
        ValueError
            If it is none of these, or there is no such object.

        Examples
        --------
        >>> found = Objects.of([[1, 0, 2, 2]])
        >>> found.keep([2]).labels, found.keep([[1, 1, 0, 0]] == np.ones(4)).labels
        (array([[0, 0, 2, 2]], dtype=uint8), array([[1, 0, 0, 0]], dtype=uint8))
        """
        wanted = self._wanted(which)
        kept = np.where(wanted, np.arange(len(wanted)), 0)
        return self._with(kept.astype(self.labels.dtype)[self.labels])

    def without(self, which: ArrayLike) -> Objects:
        """Return all objects but some, which are given as for `keep`."""
        wanted = self._wanted(which)
        kept = np.where(wanted, 0, np.arange(len(wanted)))
        return self._with(kept.astype(self.labels.dtype)[self.labels])

    def filtered(
        self,
        *,
        min_size: float = 0,
        max_size: float | None = None,
        exclude_border: bool = False,
        classes: int | Iterable[int] | None = None,
        **ranges: Range,
    ) -> Objects:
        """Return the objects of some sizes and shapes.

        Parameters
        ----------
        min_size, max_size : float, optional
            Pixels of an object.
        exclude_border : bool, optional
            Leave out what touches the rim of the image.
        classes : int or iterable of int, optional
            Their classes; all by default.
        **ranges : (float or None, float or None)
            Smallest and largest value, None for no bound, of what
            `napari_emseg.measure` calls so, in pixels: ``circularity=(0.8, None)``.

        Raises
        ------
        ValueError
            If there is no such measure, or a range is none.

        Examples
        --------
        >>> found = Objects.of([[1, 0, 2, 2], [0, 0, 2, 2]])
        >>> found.filtered(equivalent_diameter=(2, None)).ids
        array([2])
        """
        ids = self.ids
        fine = self.sizes[ids] >= min_size
        if max_size is not None:
            fine &= self.sizes[ids] <= max_size
        if classes is not None:
            some = [classes] if isinstance(classes, int | np.integer) else [*classes]
            fine &= np.isin(self.classes[ids], some)
        names = [*ranges] + ["touches_border"] * exclude_border
        known = shape_names(self.n_space)
        for name in ranges:
            if name not in known:
                raise ValueError(
                    f"there is no measure {name!r}; pass one of {', '.join(known)}"
                )
        bounds = {name: _range(name, given) for name, given in ranges.items()}
        wanted = np.zeros(len(self.classes), bool)
        wanted[ids[fine]] = True
        for plane in self.planes() if names else ():
            here = np.flatnonzero(_sizes(plane, len(wanted) - 1)[1:]) + 1
            here = here[wanted[here]]
            found = finish(measure_shapes(plane, here, names))
            for name, (low, high) in bounds.items():
                wanted[here] &= (found[name] >= low) & (found[name] <= high)
            if exclude_border:
                wanted[here] &= ~found["touches_border"]
        return self.keep(np.flatnonzero(wanted))

    def merged(self, ids: Iterable[int]) -> Objects:
        """Return the objects with some made one, of number and class of the largest.

        Raises
        ------
        ValueError
            If there is no such object, or they lie in different planes.

        Examples
        --------
        >>> Objects.of([[1, 2, 2, 3]]).merged([1, 2]).labels
        array([[2, 2, 2, 3]], dtype=uint8)
        """
        some = self._known(ids)
        if len(some) == 0:
            return self
        if self.labels.ndim > self.n_space:
            planes = {self._plane(int(number)) for number in some}
            if len(planes) > 1:
                raise ValueError(
                    f"objects {some.tolist()} lie in different planes, which are "
                    "apart; merge those of one plane"
                )
        number = some[self.sizes[some].argmax()]
        new = np.arange(len(self.classes), dtype=self.labels.dtype)
        new[some] = number
        return self._with(new[self.labels])

    def split_by_line(self, path: ArrayLike) -> Objects:
        """Return the objects with those in parts that a line goes through.

        Parameters
        ----------
        path : (P, 2) or (P, ndim) array_like of float
            Points of the line in pixels. Of a volume, (P, 2) cuts all planes; (P, 3)
            cuts across the axis along which all its points have one value. Before the
            axes of space, the points tell the plane.

        Returns
        -------
        Objects
            The largest part keeps the number, the others have new ones after the
            largest. Pixels of the line go to the nearest part. What the line does not
            part stays as it is.

        Raises
        ------
        ValueError
            If these are no points of the image.

        Examples
        --------
        >>> Objects.of([[1, 1, 1, 1, 1]]).split_by_line([[0, 1], [0, 1]]).labels
        array([[2, 2, 1, 1, 1]], dtype=uint8)
        """
        after = len(self.classes)
        labels, parents = cut_object(self.labels, self.n_space, path, after)
        classes = np.append(self.classes, self.classes[parents])
        return _narrowed(replace(self, labels=labels, classes=classes))

    def renumbered(self) -> Objects:
        """Return the objects with numbers 1..N without gaps.

        Examples
        --------
        >>> Objects.of([[3, 0, 9]], {9: 2}).renumbered().classes
        array([0, 1, 2])
        """
        ids = self.ids
        new = np.zeros(len(self.classes), np.min_scalar_type(len(ids)))
        new[ids] = np.arange(1, len(ids) + 1)
        classes = np.append(0, self.classes[ids])
        return replace(self, labels=new[self.labels], classes=classes)

    def class_labels(self) -> IntArray:
        """Return the class of each pixel, (…) ndarray of unsigned int; 0 is none."""
        kind = np.min_scalar_type(int(self.classes.max(initial=0)))
        return self.classes.astype(kind)[self.labels]

    def _with(self, labels: IntArray) -> Objects:
        """Return these objects with others gone from the labels."""
        left = _sizes(labels, len(self.classes) - 1) > 0
        classes = np.where(left, self.classes, 0)
        return _narrowed(replace(self, labels=labels, classes=classes))

    def _known(self, ids: Iterable[int] | IntArray) -> NDArray[np.int64]:
        """Return numbers of objects, each once and rising, or reject what is none."""
        if not isinstance(ids, np.ndarray):
            ids = np.array([whole_number("an object", one) for one in ids], np.int64)
        some = np.sort(ids)
        some = some[np.append(True, some[1:] != some[:-1])[: len(some)]]
        inside = (some > 0) & (some < len(self.sizes))
        wrong = some[~inside | (self.sizes[np.where(inside, some, 0)] == 0)]
        if len(wrong):
            raise ValueError(
                f"there is no object {', '.join(map(str, wrong[:5].tolist()))} among "
                f"these {self.n_objects}; pass numbers that `ids` has"
            )
        return some

    def _wanted(self, which: ArrayLike) -> BoolArray:
        """Return for each number 0..M whether it is meant."""
        given = np.asarray(which)
        wanted = np.zeros(len(self.classes), bool)
        if given.dtype == bool and given.shape == self.labels.shape:
            wanted[np.unique(self.labels[given])] = True
        elif given.dtype == bool and given.shape == self.ids.shape:
            wanted[self.ids[given]] = True
        elif given.ndim <= 1 and (given.dtype.kind in "ui" or given.size == 0):
            wanted[self._known(np.atleast_1d(given).astype(np.int64))] = True
        else:
            raise ValueError(
                f"objects are told by an array of shape {given.shape} and type "
                f"{given.dtype}, but a mask of shape {self.labels.shape}, one bool for "
                f"each of the {self.n_objects} objects, or their numbers are needed"
            )
        wanted[0] = False
        return wanted

    def _plane(self, number: int) -> int:
        """Return the plane of an object: its place in `planes`."""
        first = int((self.labels == number).argmax())
        return first // int(np.prod(self.labels.shape[-self.n_space :]))


def _narrowed(objects: Objects) -> Objects:
    """Return the same with labels of the narrowest type."""
    most = int(np.flatnonzero(objects.classes).max(initial=0))
    labels = objects.labels.astype(np.min_scalar_type(most), copy=False)
    return replace(objects, labels=labels)


def _sizes(labels: IntArray, most: int) -> NDArray[np.int64]:
    flat = labels.ravel()
    if labels.dtype == np.uint64:  # which bincount does not take
        flat = flat.astype(np.int64)
    return np.bincount(flat, minlength=most + 1)


def _range(name: str, given: Any) -> tuple[float, float]:
    """Return the bounds of a range."""
    try:
        low, high = given
        bounds = (
            -np.inf if low is None else float(low),
            np.inf if high is None else float(high),
        )
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}={given!r} is no range; pass two numbers, or None for no bound"
        ) from None
    return bounds

"""Labels of cells of two by two pixels, refined to labels of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.mrf.fixed_field import FLOOR, largest_class, normalize
from napari_emseg.engine.mrf.fixed_point import Scratch, closeness, squares
from napari_emseg.engine.mrf.flat_grid import repeat_into, repeat_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine.mrf.class_logits import ClassLogits
    from napari_emseg.engine.mrf.fixed_field import Strength, Votes
    from napari_emseg.engine.mrf.fixed_point import Integers, Planes, Unit
    from napari_emseg.engine.mrf.flat_grid import FlatGrid
    from napari_emseg.engine.mrf.tile_picture import TilePicture

    Places = NDArray[np.intp]
    Labels = NDArray[np.uint8]

# Cells worked on at once.
_STRIP = 1 << 16
# OpenCV takes four numbers for a color.
_FEWEST = 8
# Share of each vote, of 256, that does not depend on contrast.
_PLAIN = 64
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class CellRefiner:
    """Cells with their posteriors, asked for those of their pixels.

    Pixels of cells at borders listen to the three nearest cells, those that they are
    like most. Where the mean of a cell hides a pixel, as of thin lines, its four are
    each updated by what they are themselves.

    Attributes
    ----------
    picture : TilePicture
        The pixels.
    grid : FlatGrid
        The cells.
    guide : (D, size) ndarray of int16
        What bonds are made of.
    cells : (K, size) ndarray of uint16
        Posteriors.
    edges : Unit or None
        Of the guide; None: bonds do not depend on it.
    strength : Strength
        Of the bonds.
    classes : ClassLogits
        Of features and texture, if any, for one pixel.
    unit : Unit
        Of these features.
    texture : (N, size) ndarray of int16
        Of the cells; N is 0 or 1.
    detail : (y, x) ndarray of bool
        Cells whose mean hides a pixel.
    """

    picture: TilePicture
    grid: FlatGrid
    guide: Integers
    cells: Votes
    edges: Unit | None
    strength: Strength
    classes: ClassLogits
    unit: Unit
    texture: Integers
    detail: NDArray[np.bool_]

    def labels(self) -> Labels:
        """Return the labels 1..K of the pixels."""
        cells = self._cell_labels()
        out = repeat_labels(cells, self.picture.shape)
        flat = out.reshape(-1)
        for places, votes in self._outlines(cells):
            flat[places] = largest_class(votes)
        for places, logits in self._details():
            flat[places] = largest_class(logits)
        if self.picture.valid is not None:
            out[~self.picture.valid] = 0
        places, labels = find_specks(out)
        flat[places] = labels
        return out

    def posteriors(self) -> Votes:
        """Return posteriors (K, Y, X) of the pixels; 0 where not valid."""
        classes, shape = len(self.cells), self.picture.shape
        out = np.empty((classes, *shape), np.uint16)
        repeat_into(out, self.grid.view(self.cells))
        flat = out.reshape(classes, -1)
        for places, votes in self._outlines(self._cell_labels()):
            flat[:, places] = votes
        scratch = Scratch()
        for places, logits in self._details():
            share = np.empty(logits.shape, np.uint16)
            best = largest_class(logits) - 1
            normalize(logits, share, self.strength, 1.0, scratch)
            # Of two that differ by less than exponentials tell, the label's is first.
            share[best, np.arange(best.size)] += 1
            flat[:, places] = share
        labels = largest_class(out)
        if self.picture.valid is not None:
            out[:, ~self.picture.valid] = 0
            labels[~self.picture.valid] = 0
        places, better = find_specks(labels)
        worse = labels.reshape(-1)[places] - 1
        better = better - 1
        most = flat[worse, places]
        flat[worse, places], flat[better, places] = flat[better, places], most + 1
        return out

    def _cell_labels(self) -> Labels:
        found = largest_class(self.grid.view(self.cells))
        if self.picture.valid_cells is not None:
            found[~self.picture.valid_cells] = 0
        return found

    def _outlines(self, cells: Labels) -> Iterator[tuple[Places, Votes]]:
        """Yield numbers of pixels (m,) in cells at borders, and votes (K, m)."""
        # With the diagonal cells, corners would be cut.
        border = cv2.dilate(cells, _CROSS) != cv2.erode(cells, _CROSS)
        border &= ~self.detail
        border &= cells > 0
        for at in _strips(border):
            for places, _, votes in self._listen(at, _PLAIN):
                yield places, votes

    def _details(self) -> Iterator[tuple[Places, Integers]]:
        """Yield numbers of pixels (m,) that means hide, and logits (K, m), from 0."""
        for at in _strips(self.detail):
            texture = self.texture[:, self._elements(at)]
            for places, own, votes in self._listen(at, 0):
                seen = np.concatenate([self.unit.encode(own), texture])
                logits = np.empty(votes.shape, np.int16)
                self.classes(seen, logits)
                # As loud as eight neighbors.
                np.right_shift(votes, 5, out=votes)
                np.multiply(votes, self.strength.bond, out=votes)
                np.right_shift(votes, 5, out=votes)
                logits += votes.view(np.int16)
                logits -= np.int16(FLOOR)
                yield places, logits

    def _elements(self, at: Places) -> Places:
        y, x = np.divmod(at, self.grid.shape[1])
        return self.grid.start + y * self.grid.step((1, 0)) + x

    def _listen(self, at: Places, plain: int) -> Iterator[tuple[Places, Planes, Votes]]:
        """Yield one pixel of each cell after the other: places, features, votes."""
        rows, columns = self.picture.shape
        y, x = np.divmod(at, self.grid.shape[1])
        element = self._elements(at)
        near = {}
        for side in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
            index = element + self.grid.step(side)
            near[side] = tuple(
                [plane.take(index) for plane in planes]
                for planes in (self.guide, self.cells)
            )
        total, work = (np.empty(at.size, np.int16) for _ in range(2))
        vote = np.empty(at.size, np.uint16)
        for cy in (0, 1):
            for cx in (0, 1):
                places = np.minimum(2 * y + cy, rows - 1) * columns
                places += np.minimum(2 * x + cx, columns - 1)
                own = self.picture.pixels(places)
                seen = (
                    np.zeros((1, at.size), np.int16)
                    if self.edges is None
                    else self.edges.encode(own)
                )
                steepness = 1.0 if self.edges is None else self.edges.steepness
                votes = np.empty((len(self.cells), at.size), np.uint16)
                # Weights of the nearest cells by their distance, of 16.
                around = {(0, 0): 10, (2 * cy - 1, 0): 3, (0, 2 * cx - 1): 3}
                for side, weight in around.items():
                    features, posteriors = near[side]
                    bond = closeness(squares(features, [*seen], total, work), steepness)
                    if plain:
                        np.multiply(bond, 256 - plain, out=bond)
                        np.right_shift(bond, 8, out=bond)
                        np.add(bond, plain - 1, out=bond)
                    np.multiply(bond, weight, out=bond)
                    np.right_shift(bond, 4, out=bond)
                    for sums, posterior in zip(votes, posteriors, strict=True):
                        if side == (0, 0):
                            np.multiply(posterior, bond, out=sums)
                        else:
                            np.multiply(posterior, bond, out=vote)
                            np.add(sums, vote, out=sums)
                yield places, own, votes


def _strips(mask: NDArray[np.bool_]) -> Iterator[Places]:
    """Yield the numbers of cells in parts, a few of them more than once."""
    found = np.flatnonzero(mask)
    for start in range(0, found.size, _STRIP):
        part = found[start : start + _STRIP]
        yield part if part.size >= _FEWEST else np.resize(part, _FEWEST)


def find_specks(labels: Labels) -> tuple[Places, Labels]:
    """Find pixels unlike all four side neighbors, and what most of these are.

    Parameters
    ----------
    labels : (Y, X) ndarray of uint8
        0 for what has no label.

    Returns
    -------
    places : (m,) ndarray of intp
        Numbers of such pixels.
    labels : (m,) ndarray of uint8
        What they become; never 0.

    Examples
    --------
    >>> labels = np.ones((3, 4), np.uint8)
    >>> labels[1, 1] = 2
    >>> find_specks(labels)
    (array([5]), array([1], dtype=uint8))
    """
    around = cv2.copyMakeBorder(labels, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    rows, columns = labels.shape
    sides = ((0, 1), (2, 1), (1, 0), (1, 2))
    alone = labels != 0
    for top, left in sides:
        alone &= labels != around[top : top + rows, left : left + columns]
    places = np.flatnonzero(alone)
    y, x = np.divmod(places, columns)
    up, down, left, right = (around[y + dy, x + dx] for dy, dx in sides)
    same = (up == down) | (up == left) | (up == right)
    found = np.where(same, up, np.where((down == left) | (down == right), down, left))
    keep = found > 0
    return places[keep], found[keep]

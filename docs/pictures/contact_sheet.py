"""Ten photographs as classes, as regions, and cut from the hierarchy, on one sheet.

python docs/pictures/contact_sheet.py [sheet.jpg]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from skimage.segmentation import find_boundaries

import napari_emseg as emseg

WIDTH, HEIGHT, GAP, HEAD = 240, 160, 6, 26
COLUMNS = ("photograph", "5 classes", "their regions ≥ 1500 px", "hierarchy().cut()")
SHEET = Path(__file__).parent / "sheet.jpg"


def photographs() -> list[np.ndarray]:
    """Photographs inside scikit-image's wheel, and details of them, as 480 x 320."""
    found = []
    for name, boxes in {
        "astronaut": ((0, 0, 341), (170, 100, 341)),
        "coffee": ((0, 0, 400), (100, 200, 250)),
        "chelsea": ((0, 0, 300), (60, 80, 180)),
        "rocket": ((0, 0, 426), (180, 120, 240)),
        "hubble_deep_field": ((0, 0, 500),),
        "immunohistochemistry": ((0, 0, 341),),
    }.items():
        image = getattr(skimage.data, name)()
        for y, x, height in boxes:
            part = image[y : y + height, x : x + height * 3 // 2]
            found.append(cv2.resize(part, (480, 320), interpolation=cv2.INTER_AREA))
    return found


def painted(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each label the mean color of its pixels."""
    flat = labels.ravel()
    count = np.maximum(np.bincount(flat), 1)
    mean = [np.bincount(flat, c) / count for c in image.reshape(-1, 3).T]
    return np.stack(mean, axis=-1)[labels].astype(np.uint8)


def outlined(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw the borders of regions into the photograph."""
    out = image.copy()
    out[find_boundaries(labels)] = (255, 235, 60)
    return out


def sheet() -> np.ndarray:
    rows = []
    for image in photographs():
        seg = emseg.segment(image, n_classes=5)
        pictures = (
            image,
            painted(image, seg.labels),
            outlined(image, seg.regions(min_size=1500)),
            outlined(image, emseg.hierarchy(image).cut()),
        )
        cells = [
            cv2.copyMakeBorder(
                cv2.resize(p, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA),
                *(0, GAP, 0, GAP),
                cv2.BORDER_CONSTANT,
                value=(255, 255, 255),
            )
            for p in pictures
        ]
        rows.append(np.hstack(cells))
    half = (len(rows) + 1) // 2
    if len(rows) % 2:
        rows.append(np.full_like(rows[0], 255))
    body = np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])])
    head = np.full((HEAD, body.shape[1], 3), 255, np.uint8)
    for column in range(2 * len(COLUMNS)):
        text = COLUMNS[column % len(COLUMNS)].replace("≥", ">=")
        place = (column * (WIDTH + GAP) + 2, HEAD - 9)
        cv2.putText(head, text, place, 0, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([head, body])


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET
    cv2.imwrite(str(path), sheet()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(path)

"""A box finds what is in it, of more than one color too."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg import select
from napari_emseg.select import object_box


@dataclass(frozen=True)
class Look:
    """Colors of a cell and of what is around it; gray ones are single numbers."""

    background: tuple[float, ...]
    body: tuple[float, ...]
    nucleus: tuple[float, ...]
    rim: tuple[float, ...]
    other: tuple[float, ...] | None = None  # cells of another kind
    light: float = 0.0  # how much darker one side of the background is
    grain: float = 0.0  # texture of the background
    noise: float = 4.0


LOOKS = {
    "blood": Look(
        (228, 220, 226),
        (196, 150, 186),
        (88, 48, 132),
        (226, 190, 208),
        other=(226, 156, 150),
        light=22,
    ),
    "tissue": Look(
        (214, 150, 186),
        (172, 138, 204),
        (74, 40, 112),
        (242, 236, 246),
        light=12,
        grain=14,
        noise=6,
    ),
    "phase contrast": Look((128,), (98,), (62,), (188,), light=24, grain=5, noise=5),
    "fluorescence": Look((34,), (104,), (206,), (68,), light=16, noise=7),
}


def blot(shape, center, radius, rng, wobble=0.12):
    """Return the distance (Y, X) from a wobbly outline, negative inside, in pixels."""
    y, x = np.indices(shape)
    dy, dx = y - center[0], (x - center[1]) * rng.uniform(0.8, 1.2)
    angle = np.arctan2(dy, dx)
    outline = sum(
        wobble / k * rng.uniform(-1, 1) * np.cos(k * angle + rng.uniform(0, 6.3))
        for k in (2, 3, 4, 5)
    )
    return np.hypot(dy, dx) - radius * (1 + outline)


def paint(picture, color, depth):
    """Paint where depth is negative, with an edge of a pixel or two."""
    cover = np.clip(0.5 - depth / 2, 0, 1)[..., np.newaxis]
    return picture + cover * (np.array(color) - picture)


def draw_cell(picture, look, center, radius, rng):
    """Return the picture with a cell of two colors and a pale rim, and its depth."""
    whole = blot(picture.shape[:2], center, radius, rng)
    picture = paint(picture, look.rim, whole)
    picture = paint(picture, look.body, whole + 0.1 * radius)
    inner = center + rng.uniform(-0.25, 0.25, 2) * radius
    size = rng.uniform(0.4, 0.55) * radius
    nucleus = blot(picture.shape[:2], inner, size, rng, wobble=0.3)
    return paint(picture, look.nucleus, np.maximum(nucleus, whole + 3)), whole


def cells(look, seed):
    """Return a picture of cells, the mask of the one in the middle, and a box."""
    rng = np.random.default_rng(seed)
    shape = (220, 260)
    y, x = np.indices(shape) / 260
    angle = rng.uniform(0, 6.3)
    shade = np.sin(angle) * (y - 0.4) + np.cos(angle) * (x - 0.5)
    grain = ndi.gaussian_filter(rng.normal(size=shape), 2)
    uneven = look.grain * grain / grain.std() - look.light * (shade - shade.min())
    picture = np.array(look.background) + uneven[..., np.newaxis]
    center = np.array([110, 130]) + rng.uniform(-8, 8, 2)
    radius = rng.uniform(34, 44)
    drawn, whole = draw_cell(picture, look, center, radius, rng)
    truth = whole < 0
    rows, columns = (np.flatnonzero(truth.any(axis=1 - axis)) for axis in (0, 1))
    box = (rows[0] - 4, columns[0] - 4, rows[-1] + 5, columns[-1] + 5)
    free = np.ones(shape, bool)
    free[box[0] : box[2], box[1] : box[3]] = False
    taken = ~free
    for number in range(40):
        alike = look.other is None or number % 2 == 0
        place, size = rng.uniform((0, 0), shape), rng.uniform(22, 40)
        if look.other is not None and not alike:
            size *= 0.6
            depth = blot(shape, place, size, rng)
            new = paint(drawn, look.other, depth)
        else:
            new, depth = draw_cell(drawn, look, place, size, rng)
        if not (taken & (depth < 4)).any():
            drawn, taken = new, taken | (depth < 0)
    drawn = drawn + rng.normal(0, look.noise, drawn.shape)
    image = drawn.round().clip(0, 255).astype(np.uint8)
    return (image if image.shape[-1] == 3 else image[..., 0]), truth, box


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("kind", LOOKS)
def test_cells_of_two_colors_are_found_whole(kind):
    """With nucleus, body and rim, though their neighbors are of the same kind."""
    scores = []
    for seed in range(4):
        image, truth, box = cells(LOOKS[kind], seed)
        scores.append(iou(select.box(image, box), truth))
    assert np.median(scores) > 0.95
    assert min(scores) > 0.9


def test_box_without_a_margin_finds_the_whole_cell():
    image, truth, (y0, x0, y1, x1) = cells(LOOKS["blood"], 7)
    assert iou(select.box(image, (y0 + 4, x0 + 4, y1 - 4, x1 - 4)), truth) > 0.95


def test_light_from_one_side_cuts_nothing():
    look = replace(LOOKS["phase contrast"], light=70)
    image, truth, box = cells(look, 8)
    assert iou(select.box(image, box), truth) > 0.9


def test_object_in_the_colors_of_its_surroundings_is_still_found():
    """A red square between two others on a dark plane: no color is new."""
    rng = np.random.default_rng(0)
    image = np.full((90, 200, 3), 40.0)
    for x in (10, 75, 140):
        image[20:70, x : x + 50] = (180, 60, 50)
    image += rng.normal(0, 5, image.shape)
    truth = np.zeros((90, 200), bool)
    truth[20:70, 75:125] = True
    found = select.box(image.clip(0, 255).astype(np.uint8), (16, 71, 74, 129))
    assert iou(found, truth) > 0.95


def ball(contrast, noise, shape=(15, 50, 56), radius=(4, 13, 15)):
    """Return a volume with an ellipsoid in it, and that."""
    axes = np.indices(shape) - np.reshape([7, 24, 27], (3, 1, 1, 1))
    inside = ((axes / np.reshape(radius, (3, 1, 1, 1))) ** 2).sum(axis=0) <= 1
    rng = np.random.default_rng(11)
    gray = 60 + contrast * inside + rng.normal(0, noise, shape)
    return gray.clip(0, 255).astype(np.uint8), inside


@pytest.mark.parametrize("channels", [0, 3])
def test_box_follows_the_object_through_a_volume(channels):
    volume, inside = ball(110, 6)
    if channels:
        volume = np.stack([volume, volume // 2, 255 - volume], axis=-1)
    plane = 7 if channels else 5
    found = select.box(volume, (9, 10, 40, 45), plane=plane, rgb=channels == 3)
    assert (found & inside).sum() / (found | inside).sum() > 0.9
    # It ends where the object does, or where that is a dot.
    assert not found[:2].any()
    assert not found[-2:].any()
    flat = select.box(volume[plane], (9, 10, 40, 45), rgb=channels == 3)
    assert (found[plane] == flat).all()


def test_box_follows_what_touches_from_plane_to_plane(monkeypatch):
    """Of what the box holds in the next plane, other pieces are other objects."""
    truth = np.zeros((7, 20, 20), bool)
    truth[2:6, 8:12, 6:10] = True
    other = np.zeros(truth.shape, bool)
    other[4:, 8:12, 12:16] = True
    gray = np.where(truth | other, 200, 30).astype(np.uint8)
    held = {
        plane.tobytes(): mask for plane, mask in zip(gray, truth | other, strict=True)
    }

    def in_plane(values, *_):
        return held[values.tobytes()]

    monkeypatch.setattr(object_box, "_in_plane", in_plane)
    assert (select.box(gray, (4, 2, 16, 18), plane=3) == truth).all()


def test_box_in_a_volume_passes_over_planes_without_values():
    volume, inside = ball(110, 6)
    gaps = volume.astype(np.float32)
    gaps[9:] = np.nan
    found = select.box(gaps, (9, 10, 40, 45), plane=7)
    assert not found[9:].any()
    assert (found[4:9] & inside[4:9]).sum() > 0.9 * inside[4:9].sum()


@pytest.mark.parametrize(
    ("shape", "plane", "message"),
    [
        ((9, 9), 3, "do not fit"),
        ((4, 9, 9), None, "do not fit"),
        ((2, 4, 9, 9), 3, "do not fit"),
        ((4, 9, 9), 4, "none of the 4 planes"),
        ((4, 9, 9), -1, "none of the 4 planes"),
    ],
)
def test_planes_that_are_not_there_are_named(shape, plane, message):
    with pytest.raises(ValueError, match=message):
        select.box(np.ones(shape), (1, 1, 8, 8), plane=plane, rgb=False)

"""Changes of pictures: what is selected changes as it should, and nothing else."""

import colorsys
import tracemalloc

import cv2
import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi
from skimage.color import rgb2lab

from napari_emseg import adjust, select


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :50]
    rgb = np.stack([5 * x, 6 * y, 200 - 3 * x], axis=-1) + rng.normal(0, 9, (40, 50, 3))
    return rgb.clip(0, 255).astype(np.uint8)


CALLS = {
    "brightness": lambda im, s, **k: adjust.brightness_contrast(
        im, s, brightness=0.2, contrast=0.4, **k
    ),
    "levels": lambda im, s, **k: adjust.levels(im, s, gamma=1.7, **k),
    "curves": lambda im, s, **k: adjust.curves(
        im, s, points=[(0, 0), (80, 150), (255, 255)], **k
    ),
    "fill": lambda im, s, **k: adjust.fill(im, s, color=50, **k),
    "blur": lambda im, s, **k: adjust.blur(im, s, radius=1.5, **k),
    "sharpen": lambda im, s, **k: adjust.sharpen(im, s, radius=1.5, **k),
}
COLORED = {
    "hue": lambda im, s: adjust.hue_saturation(im, s, hue=60, saturation=-0.3),
    "grey": lambda im, s: adjust.desaturate(im, s),
    "replace": lambda im, s: adjust.replace_color(
        im, s, color=(120, 120, 120), by=(90, 200, 60), tolerance=60
    ),
}


def selections(shape):
    rng = np.random.default_rng(1)
    hard = np.zeros(shape, bool)
    hard[..., 8:22, 10:33] = rng.random(hard[..., 8:22, 10:33].shape) > 0.2
    soft = ndi.gaussian_filter(hard.astype(np.float32), 1)
    soft[soft < 1e-3] = 0
    return hard, np.clip(soft, 0, 1)


@pytest.mark.parametrize("name", [*CALLS, *COLORED])
def test_only_the_selection_changes(name, photo):
    call = {**CALLS, **COLORED}[name]
    hard, soft = selections(photo.shape[:2])
    before = photo.copy()
    full = call(photo, None)
    part = call(photo, hard)
    assert part.dtype == photo.dtype
    assert part.shape == photo.shape
    assert (part[~hard] == photo[~hard]).all()
    assert (part[hard] == full[hard]).all()
    assert (full != photo).mean() > 0.1
    blended = call(photo, soft).astype(float)
    share = soft[..., np.newaxis]
    wanted = photo + share * (full.astype(float) - photo)
    assert abs(blended - wanted).max() <= 1.01
    assert (blended[soft == 0] == photo[soft == 0]).all()
    assert (photo == before).all()
    assert (call(photo, np.zeros(hard.shape, bool)) == photo).all()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", ["grey", "int16", "float", "channels", "volume"])
def test_any_image(name, kind, photo):
    image, ways = {
        "grey": (photo[..., 0], {}),
        "int16": (photo[..., 0].astype(np.int16) * 50 - 4000, {}),
        "float": (photo[..., 0] * 3.3 - 100, {}),
        "channels": (np.moveaxis(np.tile(photo, 2), -1, 0), {"channel_axis": 0}),
        "volume": (np.stack([photo[..., c] for c in range(3)]), {}),
    }[kind]
    shape = image.shape[1:] if kind == "channels" else image.shape
    hard, soft = selections(shape)
    for selection in (hard, soft):
        found = CALLS[name](image, selection, **ways)
        assert found.shape == image.shape
        assert found.dtype == image.dtype
        outside = np.broadcast_to(selection == 0, image.shape)
        assert (found[outside] == image[outside]).all()
        assert (found != image).any()


@pytest.mark.parametrize("name", [*CALLS, *COLORED])
def test_alpha_stays(name, photo):
    rgba = np.dstack([photo, np.full(photo.shape[:2], 90, np.uint8)])
    found = {**CALLS, **COLORED}[name](rgba, None)
    assert (found[..., 3] == 90).all()
    assert (found[..., :3] == {**CALLS, **COLORED}[name](photo, None)).all()


NEUTRAL = {
    "brightness": lambda im, s, **k: adjust.brightness_contrast(im, s, **k),
    "levels": lambda im, s, **k: adjust.levels(im, s, **k),
    "curves": lambda im, s, **k: adjust.curves(im, s, points=straight(im), **k),
    "sharpen": lambda im, s, **k: adjust.sharpen(im, s, amount=0, **k),
    "hue": lambda im, s, **k: adjust.hue_saturation(im, s, **k),
    "whole turn": lambda im, s, **k: adjust.hue_saturation(im, s, hue=-360, **k),
    "grey": lambda im, s, **k: adjust.desaturate(im, s, amount=0, **k),
    "replace": lambda im, s, **k: adjust.replace_color(
        im, s, color=im[0, 0, :3], by=im[0, 0, :3], **k
    ),
    "blur nothing": lambda im, s, **k: adjust.blur(im, np.zeros(s.shape), **k),
    "inpaint nothing": lambda im, s, **k: adjust.inpaint(im, np.zeros(s.shape), **k),
    "fill nothing": lambda im, s, **k: adjust.fill(im, np.zeros(s.shape), color=1, **k),
}


NEED_RGB = {"hue", "whole turn", "grey", "replace"}


def straight(image):
    """Points of the curve that changes nothing."""
    rgb = image.ndim == 3
    if image.dtype.kind == "f":
        ends = (0, 1) if rgb else (np.nanmin(image), np.nanmax(image))
        return [(end, end) for end in ends]
    top = np.iinfo(image.dtype).max
    ends = (0, top // 3, top) if rgb or top == 255 else (image.min(), image.max())
    return [(float(end), float(end)) for end in ends]


@st.composite
def pictures(draw, rgb):
    """Any picture, and a selection of it."""
    kind = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    limits = {"min_value": 0, "max_value": 1} if rgb else {"allow_infinity": False}
    values = st.floats(width=32, **limits) if kind == "float32" else None
    shape = (3, 4, draw(st.sampled_from([3, 4]))) if rgb else (3, 4)
    image = draw(hnp.arrays(kind, shape, elements=values))
    finite = image[np.isfinite(image)]
    hypothesis.assume(finite.size > 0 and finite.min() < finite.max())
    hypothesis.assume(np.isfinite(float(finite.max()) - float(finite.min())))
    shares = draw(hnp.arrays("float32", (3, 4), elements=st.floats(0, 1, width=32)))
    return image, draw(st.sampled_from([shares, shares > 0.5, shares >= 0]))


@pytest.mark.parametrize(
    ("name", "rgb"),
    [
        *((name, True) for name in NEUTRAL),
        *((n, False) for n in NEUTRAL if n not in NEED_RGB),
    ],
)
@given(st.data())
def test_nothing_asked_changes_no_byte(name, rgb, data):
    image, selection = data.draw(pictures(rgb))
    found = NEUTRAL[name](image, selection, rgb=rgb)
    assert found.dtype == image.dtype
    assert found.tobytes() == image.tobytes()
    if "nothing" not in name:
        assert NEUTRAL[name](image, None, rgb=rgb).tobytes() == image.tobytes()


def test_the_range_may_be_wider_than_float32():
    image = np.array([[-2e38, 3e38], [3e38, 3e38]], np.float32)
    assert adjust.levels(image).tobytes() == image.tobytes()


def test_pixels_of_other_colors_keep_their_bytes(photo):
    found = adjust.replace_color(photo, color=photo[3, 3], by=(0, 0, 255), tolerance=5)
    weight = select.color_range(photo, colors=photo[3, 3], tolerance=5, soft=True)
    assert 0 < (weight > 0).mean() < 0.5
    np.testing.assert_array_equal(found[weight == 0], photo[weight == 0])


@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.integers(-180, 180),
    st.sampled_from([-1, -0.5, 0, 0.5]),
    st.sampled_from([-0.5, 0, 0.7]),
)
def test_hue_is_that_of_colorsys(color, hue, saturation, lightness):
    pixel = np.array([[color]], np.uint8)
    found = adjust.hue_saturation(
        pixel, hue=hue, saturation=saturation, lightness=lightness, rgb=True
    )
    h, l, s = colorsys.rgb_to_hls(*(c / 255 for c in color))  # noqa: E741
    light = l * (1 + lightness) if lightness < 0 else l + lightness * (1 - l)
    wanted = colorsys.hls_to_rgb(
        (h + hue / 360) % 1, light, min(1, s * (1 + saturation))
    )
    assert found[0, 0] == pytest.approx(np.array(wanted) * 255, abs=1.01)


def test_levels_and_curves_are_their_formulas():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = adjust.levels(
        image, black=20, white=220, gamma=2, out_black=10, out_white=200
    )
    wanted = 10 + 190 * np.clip((image / 1.0 - 20) / 200, 0, 1) ** 0.5
    assert abs(found - wanted).max() <= 0.51
    curve = adjust.curves(image, points=[(50, 20), (100, 180), (200, 200)])
    assert (np.diff(curve.ravel().astype(int)) >= 0).all()
    assert [curve.flat[n] for n in (0, 50, 100, 200, 255)] == [20, 20, 180, 200, 200]
    one = adjust.curves(
        np.dstack([image] * 3), points=[(0, 255), (255, 0)], channel=1, rgb=True
    )
    assert (one[..., 1] == 255 - image).all()
    assert (one[..., [0, 2]] == image[..., np.newaxis]).all()


def test_contrast_ends():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    flat = adjust.brightness_contrast(image, contrast=-1)
    assert np.ptp(flat) == 0
    assert set(np.unique(adjust.brightness_contrast(image, contrast=1))) == {0, 255}


def test_desaturation_keeps_lightness(photo):
    found = adjust.desaturate(photo)
    assert np.ptp(found.astype(int), axis=-1).max() <= 1
    assert abs(rgb2lab(found) - rgb2lab(photo))[..., 0].max() < 0.6


def test_replaced_color_keeps_its_texture():
    rng = np.random.default_rng(0)
    image = np.full((30, 40, 3), (60, 90, 160), float)
    image[:, 20:] = (170, 70, 60)
    image = (image + rng.normal(0, 4, (30, 40, 1))).clip(0, 255).astype(np.uint8)
    found = adjust.replace_color(
        image, color=(170, 70, 60), by=(70, 150, 70), tolerance=25
    )
    assert (found[:, :20] == image[:, :20]).all()
    assert found[:, 20:].mean(axis=(0, 1)) == pytest.approx([70, 150, 70], abs=3)
    old, new = rgb2lab(image)[:, 20:, 0], rgb2lab(found)[:, 20:, 0]
    assert np.corrcoef(old.ravel(), new.ravel())[0, 1] > 0.97


def test_blur_is_a_gaussian_and_skips_what_is_not_finite(photo):
    image = photo[..., 0] * 1.5
    found = adjust.blur(image, radius=2)
    assert abs(found - ndi.gaussian_filter(image, 2, mode="nearest")).max() < 0.05
    holes = np.full((20, 20), 7.0)
    holes[0, 0] = 9
    holes[10, 10] = np.nan
    found = adjust.blur(holes, radius=2)
    assert np.isnan(found).sum() == 1
    assert found[8:13, 8:13][~np.isnan(found[8:13, 8:13])] == pytest.approx(7, abs=1e-3)


def test_sharpening_makes_edges_steeper(photo):
    smooth = adjust.blur(photo, radius=2)
    found = adjust.sharpen(smooth, amount=1.5, radius=2)
    original = photo.astype(float)
    assert abs(found - original).mean() < abs(smooth - original).mean()


@pytest.mark.parametrize("method", ["telea", "navier-stokes"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_inpainting_continues_the_surroundings(method, dtype):
    y, x = np.mgrid[:40, :60]
    truth = np.stack([2 * x + y, 3 * y, 100 + 0 * x], axis=-1) / 255
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    image = (truth * scale).astype(dtype)
    holes = np.zeros((40, 60), bool)
    holes[15:22, 20:28] = True
    broken = image.copy()
    broken[holes] = scale
    found = adjust.inpaint(broken, holes, method=method)
    assert found.dtype == dtype
    assert (found[~holes] == image[~holes]).all()
    error = abs(found[holes] / scale - truth[holes]).mean()
    assert error < 0.3 * abs(broken[holes] / scale - truth[holes]).mean()
    assert error < (0.02 if method == "navier-stokes" else 0.1)
    stack = np.stack([broken[..., 0]] * 2)
    both = adjust.inpaint(stack, np.stack([holes] * 2), method=method, rgb=False)
    assert (both[0] == both[1]).all()
    assert abs(both[0].astype(float) - found[..., 0])[holes].max() <= 0.01 * scale


def composite(name, shape=(240, 280)):
    """Lay a thing of known opacity on a background: (image, thing, alpha)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    alpha = np.zeros(shape, np.float32)
    if name == "soft ball":
        alpha = cv2.GaussianBlur((np.hypot(y - 120, x - 140) < 75) * 1.0, (0, 0), 4)
        thing = [200 + 20 * np.sin(x / 30), 90 + 30 * np.cos(y / 25), 60 + 0 * x]
        behind = [50 + x / 6, 100 + y / 8, 150 - x / 8]
    elif name == "hair":
        cv2.circle(alpha, (140, 120), 55, 1, -1)
        for turn in rng.uniform(0, 2 * np.pi, 120):
            ends = [(50, turn), (rng.uniform(65, 85), turn + rng.normal(0, 0.15))]
            at = [(int(140 + r * np.cos(t)), int(120 + r * np.sin(t))) for r, t in ends]
            cv2.line(alpha, *at, 1, 1, cv2.LINE_AA)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.7)
        thing = [60 + 10 * np.sin(y / 9), 40 + 0 * x, 30 + 10 * np.cos(x / 7)]
        behind = [200 - y / 6, 200 - x / 9, 190 + 0 * x]
    else:
        corners = np.array([[60, 50], [200, 70], [220, 180], [90, 200]], np.int32)
        cv2.fillPoly(alpha, [corners], 1)
        alpha = cv2.blur(alpha, (23, 1))
        thing = [40 + 0 * x, 180 + y / 10, 90 + 20 * np.sin(x / 12)]
        behind = [
            120 + 60 * np.sin(x / 17 + y / 40),
            60 + 40 * np.cos(y / 23),
            60 + x / 5,
        ]
    thing, behind = np.stack(thing, axis=-1), np.stack(behind, axis=-1)
    share = alpha[..., np.newaxis]
    image = share * thing + (1 - share) * behind + rng.normal(0, 2, thing.shape)
    return image.clip(0, 255).astype(np.uint8), thing, np.clip(alpha, 0, 1)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("soft ball", "guided"),
        ("hair", "guided"),
        ("motion", "guided"),
        ("motion", "closed-form"),
    ],
)
def test_cut_out_finds_the_opacity(name, method):
    if method == "closed-form":
        pytest.importorskip("pymatting")
    image, thing, alpha = composite(name)
    hard = alpha >= 0.5
    found = adjust.cut_out(image, hard, edge="hair", method=method)
    assert found.shape == (240, 280, 4)
    assert found.dtype == np.uint8
    error = abs(found[..., 3] / 255 - alpha).mean()
    assert error < 0.5 * abs(hard - alpha).mean()
    # Colors of half transparent pixels are those of the thing, not of the mixture.
    edge = (alpha > 0.25) & (alpha < 0.75)
    clean = abs(found[edge, :3] - thing[edge]).mean()
    assert clean < 0.5 * abs(image[edge] - thing[edge]).mean()
    inside = found[..., 3] == 255
    assert (found[inside, :3] == image[inside]).all()


def test_cut_out_without_decontamination_keeps_colors():
    image, _, alpha = composite("soft ball")
    found = adjust.cut_out(image, alpha, edge="hair", decontaminate=False)
    assert (found[..., :3] == image).all()
    assert len(np.unique(found[..., 3])) > 100


OUTLINES = {
    "disk": lambda y, x: (y - 60) ** 2 + (x - 70) ** 2 < 40**2,
    "ring": lambda y, x: abs(np.hypot(y - 60, x - 70) - 35) < 9,
    "square": lambda y, x: (abs(y - 60) < 30) & (abs(x - 70) < 35),
    "slanted": lambda y, x: (abs(y + x - 130) < 25) & (abs(y - x) < 50),
    "half": lambda y, x: y + 0.3 * x < 80,
    "star": lambda y, x: (
        np.hypot(y - 60, x - 70) < 30 + 15 * np.cos(5 * np.arctan2(y - 60, x - 70))
    ),
    "stripes": lambda y, x: x % 12 < 6,
    "line": lambda y, x: abs(y - x / 3) < 1,
    "dots": lambda y, x: (y % 20 == 10) & (x % 20 == 10),
    "noise": lambda y, x: (
        cv2.GaussianBlur(np.random.default_rng(0).random(y.shape), (0, 0), 4) > 0.5
    ),
}


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("edge", ["crisp", "soft"])
def test_cut_out_stays_inside_its_outline(rng, name, edge):
    y, x = np.mgrid[:120.0, :140.0]
    mask = OUTLINES[name](y, x)
    image = rng.integers(0, 255, (*mask.shape, 3), np.uint8)
    found = adjust.cut_out(image, mask, edge=edge)
    alpha = found[..., 3] / 255
    outside, inside = (ndi.distance_transform_edt(m) for m in (~mask, mask))
    assert (alpha[outside > 2] <= 0.02).all()
    if edge == "crisp":
        assert (alpha[inside > 2] >= 0.98).all()
        assert (alpha[mask] >= 0.5).all()
        assert (alpha[~mask] < 0.51).all()
    else:
        assert (alpha[~mask] == 0).all()
        assert (alpha[inside > 5] == 1).all()
        assert (alpha[inside == 1] < 0.1).all()
    assert (found[mask, :3] == image[mask]).all()


def test_crisp_edges_are_antialiased_and_carry_no_background():
    y, x = np.mgrid[:60, :60]
    mask = y + x / 3 < 40
    image = np.where(mask[..., np.newaxis], (200, 40, 40), (20, 200, 20))
    found = adjust.cut_out(image.astype(np.uint8), mask)
    partly = (found[..., 3] > 0) & (found[..., 3] < 255)
    assert 40 < np.count_nonzero(partly) < 160
    assert (found[found[..., 3] > 0, :3] == (200, 40, 40)).all()
    soft = np.where(mask, 0.25, 0.75).astype(np.float32)
    covered = adjust.cut_out(image.astype(np.uint8), soft)[..., 3]
    np.testing.assert_array_equal(covered, np.rint(soft * 255))


def test_hair_where_a_radius_is_given():
    image, _, alpha = composite("hair")
    hair = adjust.cut_out(image, alpha >= 0.5, edge="hair", radius=5)
    assert (adjust.cut_out(image, alpha >= 0.5, radius=5) == hair).all()
    assert (adjust.cut_out(image, alpha >= 0.5) != hair).any()


def test_cut_out_does_not_depend_on_tiles(monkeypatch):
    image, _, alpha = composite("hair")
    whole = adjust.cut_out(image, alpha >= 0.5, radius=5)
    monkeypatch.setattr("napari_emseg.adjust.matting._TILE", 64)
    parts = adjust.cut_out(image, alpha >= 0.5, radius=5)
    assert abs(whole.astype(int) - parts).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_cut_out_of_other_types(dtype):
    image, _, alpha = composite("soft ball")
    scale = 257 if dtype == np.uint16 else 1 / 255
    values = (image * float(scale)).astype(dtype)
    found = adjust.cut_out(values, alpha >= 0.5, edge="hair")
    wanted = adjust.cut_out(image, alpha >= 0.5, edge="hair")
    assert found.dtype == dtype
    assert abs(found / scale - wanted).max() < 1.5


def test_cut_out_of_grey_and_transparent_images():
    image, _, alpha = composite("soft ball")
    grey = image[..., 0]
    found = adjust.cut_out(grey, alpha >= 0.5, edge="hair")
    assert (
        abs(found[..., 3] / 255 - alpha).mean()
        < 0.5 * abs((alpha >= 0.5) - alpha).mean()
    )
    assert np.ptp(found[..., :3], axis=-1).max() == 0
    wide = adjust.cut_out(grey * 31.0 - 900, alpha >= 0.5)
    assert wide.dtype == np.float32
    assert (wide.min(), wide.max()) == (0, 1)
    rgba = np.dstack([image, np.full(grey.shape, 128, np.uint8)])
    half = adjust.cut_out(rgba, alpha >= 0.5)
    assert half[..., 3].max() == 128


def test_cut_out_of_all_and_nothing(photo):
    for value in (False, True):
        found = adjust.cut_out(photo, np.full((40, 50), value))
        assert (found[..., 3] == 255 * value).all()
        assert (found[..., :3] == photo).all()


def test_missing_package_is_named(monkeypatch, photo):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("napari_emseg.adjust.matting.import_module", missing)
    mask = np.zeros((40, 50), bool)
    mask[20:] = True
    with pytest.raises(ImportError, match=r"napari-emseg\[matting\]"):
        adjust.cut_out(photo, mask, method="closed-form")


@given(
    hnp.arrays(np.uint8, (5, 6, 3)),
    hnp.arrays(
        np.float32,
        (5, 6),
        elements=st.floats(0, 1, width=32),
    ),
)
def test_every_picture_works(image, soft):
    for call in (*CALLS.values(), *COLORED.values()):
        found = (
            call(image, soft, rgb=True)
            if call in CALLS.values()
            else call(np.dstack([image, image[..., :1]]), soft)[..., :3]
        )
        assert found.shape == image.shape
        assert (found[soft == 0] == image[soft == 0]).all()
    for edge in ("crisp", "soft", "hair"):
        found = adjust.cut_out(image, soft, rgb=True, edge=edge, radius=2)
        assert found.shape == (5, 6, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: adjust.levels(p, black=200, white=100), "exchange"),
        (lambda p: adjust.levels(p, gamma=0), "gamma=0"),
        (lambda p: adjust.brightness_contrast(p, contrast=2), "contrast=2"),
        (lambda p: adjust.curves(p, points=[(0, 0)]), "two or more"),
        (lambda p: adjust.curves(p, points=[(0, 0), (0, 9)]), "drop some"),
        (lambda p: adjust.curves(p, points=[(0, 0), (9, 9)], channel=3), "0 to 2"),
        (lambda p: adjust.hue_saturation(p[..., 0]), "needs RGB"),
        (lambda p: adjust.desaturate(p, amount=2), "amount=2"),
        (lambda p: adjust.replace_color(p, color=(0, 0, 0), by=(0, 0, 999)), "255"),
        (lambda p: adjust.fill(p, color=(1, 2)), "one number for each"),
        (lambda p: adjust.blur(p, radius=0), "radius=0"),
        (lambda p: adjust.blur(p, radius=1e12), "but 10000 are the most"),
        (lambda p: adjust.blur(p, np.ones((3, 3))), "shape"),
        (lambda p: adjust.inpaint(p, np.ones((40, 50))), "nothing to paint from"),
        (lambda p: adjust.inpaint(p, np.eye(40, 50), method="x"), "method='x'"),
        (lambda p: adjust.cut_out(p, np.eye(40, 50), edge="x"), "edge='x'"),
        (lambda p: adjust.cut_out(p, np.eye(40, 50), method="x"), "method='x'"),
        (lambda p: adjust.cut_out(p, np.eye(40, 50), radius=0), "radius=0"),
        (lambda p: adjust.cut_out(p, np.eye(40, 50), radius=2.5), "whole number"),
        (lambda p: adjust.fill(p, color=np.nan), "pass finite numbers"),
        (lambda p: adjust.levels(p, out_white=np.nan), "not all finite"),
        (lambda p: adjust.cut_out(p[None, ..., 0], np.ones((1, 40, 50))), "one plane"),
        (lambda p: adjust.blur(np.full((3, 3), np.nan)), "no finite value"),
    ],
)
def test_wrong_input_is_named(call, message, photo):
    with pytest.raises(ValueError, match=message):
        call(photo)


@pytest.mark.parametrize("name", ["blur", "sharpen", "brightness", "curves"])
def test_large_pictures_take_little_memory(name, rng):
    image = rng.integers(0, 256, (1400, 1400, 3), dtype=np.uint8)
    CALLS[name](image[:9], None)
    tracemalloc.start()
    CALLS[name](image, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 1400**2

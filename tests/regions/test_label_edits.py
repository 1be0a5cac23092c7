"""Edits of labels: what they change, what they never change, and how they add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi
from skimage import measure

from napari_emseg import regions
from napari_emseg.pipeline.progress import finish
from napari_emseg.recipe.operations import OPERATIONS

SHAPES = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=7)


@st.composite
def scenes(draw):
    """Draw labels with some structure, a selection, and locked labels."""
    shape = draw(SHAPES)
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.int32]))
    labels = draw(hnp.arrays(dtype, shape, elements=st.integers(0, 5)))
    selection = draw(st.none() | hnp.arrays(bool, shape))
    locked = draw(st.sets(st.integers(0, 5), max_size=2))
    return labels, selection, locked


def drawn_edit(data, labels, selection, locked):
    """Draw one of all edits, with labels that are not locked."""
    open_ = [n for n in range(7) if n not in locked]
    one, two = (data.draw(st.sampled_from(open_)) for _ in range(2))
    where = np.ones(labels.shape, bool) if selection is None else selection
    ways = {"selection": selection, "locked": locked}
    edits = {
        "fill": lambda: regions.fill(labels, where, one, locked=locked),
        "new": lambda: regions.new_class(labels, where, locked=locked),
        "merge": lambda: regions.merge(labels, [one, two, *locked], one, **ways),
        "split": lambda: regions.split(labels, one, **ways),
        "basins": lambda: regions.split(labels, one, "watershed", **ways),
        "absorb": lambda: regions.absorb_small(labels, 3, **ways),
        "smooth": lambda: regions.smooth_boundaries(labels, 0.8, **ways),
        "renumber": lambda: regions.renumber(labels, locked=locked),
        "swap": lambda: regions.swap(labels, one, two, **ways),
    }
    name = data.draw(st.sampled_from(sorted(edits)))
    return name, edits[name]()


@settings(max_examples=250)
@given(scenes(), st.data())
def test_every_edit_respects_locks_and_selection(scene, data):
    labels, selection, locked = scene
    before = labels.copy()
    name, edit = drawn_edit(data, labels, selection, locked)
    assert (labels == before).all()
    after = edit.apply(labels)
    assert (labels == before).all()
    assert after.dtype == labels.dtype
    for label in locked:
        assert ((after == label) == (labels == label)).all()
    if selection is not None and name != "renumber":
        assert (after == labels)[~selection].all()
    changed = np.argwhere(after != labels)
    assert edit.empty == (len(changed) == 0)
    if len(changed):
        box = tuple(
            slice(a, b + 1)
            for a, b in zip(changed.min(axis=0), changed.max(axis=0), strict=True)
        )
        assert edit.where == box
    assert (edit.inverse(labels).apply(after) == labels).all()
    with pytest.raises(ValueError, match="read-only"):
        edit.labels[...] = 0


@settings(max_examples=60, deadline=None)
@given(scenes(), st.data())
def test_edits_and_undos_equal_a_list_of_arrays(scene, data):
    labels, _, locked = scene
    now, model = labels.copy(), [labels.copy()]
    undo, redo, ahead = [], [], []
    for _ in range(data.draw(st.integers(1, 50))):
        action = data.draw(st.sampled_from(["edit", "edit", "undo", "redo"]))
        if action == "edit" and now.max() < 200:
            selection = data.draw(st.none() | hnp.arrays(bool, labels.shape))
            _, edit = drawn_edit(data, now, selection, locked)
            undo.append(edit.inverse(now))
            now = edit.apply(now)
            model.append(now.copy())
            redo, ahead = [], []
        elif action == "undo" and undo:
            edit = undo.pop()
            redo.append(edit.inverse(now))
            now = edit.apply(now)
            ahead.append(model.pop())
        elif action == "redo" and redo:
            edit = redo.pop()
            undo.append(edit.inverse(now))
            now = edit.apply(now)
            model.append(ahead.pop())
        assert (now == model[-1]).all()
    while undo:
        now = undo.pop().apply(now)
    assert (now == labels).all()


def test_box_is_no_larger_than_the_change():
    labels = np.ones((1000, 1000), np.uint8)
    selection = np.zeros(labels.shape, bool)
    selection[300:310, 400:405] = True
    edit = regions.fill(labels, selection, 2)
    np.testing.assert_array_equal(edit.old, labels[edit.where])
    assert edit.where == (slice(300, 310), slice(400, 405))
    assert edit.labels.shape == (10, 5)
    assert regions.fill(labels, selection, 1).empty


def test_soft_selections_count_from_half_coverage():
    edit = regions.fill(np.ones((1, 3), int), [[0.2, 0.5, 0.9]], 4)
    assert edit.apply(np.ones((1, 3), int)).tolist() == [[1, 4, 4]]


@pytest.mark.parametrize("size", [(60, 70), (14, 16, 18)])
def test_split_into_components(size):
    mask = ndi.gaussian_filter(np.random.default_rng(0).normal(size=size), 1) > 0.2
    labels = np.where(mask, 3, 1).astype(np.uint16)
    after = regions.split(labels, 3).apply(labels)
    names = measure.label(mask, connectivity=1)
    assert len(np.unique(after[mask])) == names.max() > 3
    pairs = np.unique(np.stack([names[mask], after[mask]]), axis=1)
    assert pairs.shape[1] == names.max()
    assert (after == 3).sum() == np.bincount(names[mask]).max()
    assert (after[~mask] == 1).all()
    fewer = regions.split(labels, 3, min_size=10).apply(labels)
    large = (np.bincount(names[mask])[1:] >= 10).sum()
    assert len(np.unique(fewer[mask])) == large


@pytest.mark.parametrize("rgb", [True, False])
def test_split_by_color(rgb):
    rng = np.random.default_rng(0)
    image = np.full((40, 60, 3), 30.0)
    image[:, 20:] = (200, 60, 60)
    image[:, 45:] = (60, 60, 200)
    image = (image + rng.normal(0, 5, image.shape)).clip(0, 255).astype(np.uint8)
    labels = np.ones((40, 60), np.uint8)
    labels[:, 20:] = 2
    ways = {} if rgb else {"channel_axis": -1}
    edit = regions.split(labels, 2, "classes", image=image, smoothing=0, **ways)
    after = edit.apply(labels)
    assert (after[:, :45] == labels[:, :45]).all()
    assert (after[:, 45:] == 3).all()
    three = regions.split(labels, 2, "classes", image=image, n_parts=3, **ways)
    assert set(np.unique(three.apply(labels))) == {1, 2, 3, 4}


@pytest.mark.parametrize("ndim", [2, 3])
def test_split_at_a_narrow_place(ndim):
    grid = np.indices((31, 60, 31)[:ndim] if ndim == 3 else (31, 60)) * 1.0
    one = sum((g - c) ** 2 for g, c in zip(grid, (15, 18, 15), strict=False)) < 14**2
    two = sum((g - c) ** 2 for g, c in zip(grid, (15, 40, 15), strict=False)) < 12**2
    labels = (one | two).astype(np.uint8)
    after = regions.split(labels, 1, "watershed").apply(labels)
    assert set(np.unique(after)) == {0, 1, 2}
    assert (after == 1)[one & ~two].mean() > 0.99
    assert (after == 2)[two & ~one].mean() > 0.99
    assert regions.split(labels, 1, "watershed", n_parts=1).empty
    assert regions.split(labels, 1, "watershed", depth=20).empty


def test_absorbed_pieces_join_the_longest_outline():
    labels = np.array(
        [
            [1, 1, 1, 1, 1],
            [1, 2, 2, 1, 3],
            [1, 1, 4, 3, 3],
            [3, 3, 3, 3, 3],
        ]
    )
    after = regions.absorb_small(labels, 3).apply(labels)
    assert (after[1:3, 1:3] == [[1, 1], [1, 3]]).all()
    locked = regions.absorb_small(labels, 3, locked=[1]).apply(labels)
    assert ((locked == 1) == (labels == 1)).all()
    assert locked[2, 2] == 3
    assert locked[1, 1] == 3


def test_nothing_small_is_left_and_nothing_else_changes():
    labels = np.random.default_rng(0).integers(1, 4, (60, 60)).astype(np.uint8)
    labels[10:30, 10:30] = 2
    after = regions.absorb_small(labels, 12).apply(labels)
    sizes = np.bincount(measure.label(after, connectivity=1, background=0).ravel())
    assert sizes[1:].min() >= 12
    assert (after[10:30, 10:30] == 2).all()
    assert set(np.unique(after)) <= {1, 2, 3}


def test_specks_on_no_label_stay():
    labels = np.zeros((5, 5), int)
    labels[2, 2] = 1
    assert regions.absorb_small(labels, 9).empty


@pytest.mark.parametrize("size", [(50, 60), (14, 16, 18)])
def test_smoothing_is_the_largest_weight(size):
    labels = np.random.default_rng(1).integers(0, 4, size)
    after = regions.smooth_boundaries(labels, 1.5).apply(labels)
    votes = np.stack(
        [
            ndi.gaussian_filter((labels == k) * 1.0, 1.5, mode="nearest")
            for k in range(4)
        ]
    )
    top = np.sort(votes, axis=0)
    clear = top[-1] - top[-2] > 1e-3
    assert clear.mean() > 0.9
    assert (after == votes.argmax(axis=0))[clear].all()


def test_smoothing_a_part_sees_what_is_around():
    labels = np.random.default_rng(2).integers(0, 3, (80, 80))
    selection = np.zeros(labels.shape, bool)
    selection[30:50, 20:60] = True
    whole = regions.smooth_boundaries(labels, 2).apply(labels)
    part = regions.smooth_boundaries(labels, 2, selection=selection).apply(labels)
    assert (part[selection] == whole[selection]).mean() > 0.999
    assert (part == labels)[~selection].all()


@given(hnp.arrays(np.uint8, (4, 5)), st.sets(st.integers(0, 255), max_size=3))
def test_renumber_leaves_no_gaps(labels, locked):
    after = regions.renumber(labels, locked=locked).apply(labels)
    moved = np.unique(after[~np.isin(labels, [0, *locked])])
    room = [n for n in range(1, 256) if n not in locked]
    assert moved.tolist() == room[: len(moved)]
    pairs = np.unique(np.stack([labels.ravel(), after.ravel()]), axis=1)
    assert len(np.unique(labels)) == len(np.unique(after)) == pairs.shape[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: regions.fill(m, m == 1, 2, locked=[2]), "label 2 is locked"),
        (lambda m: regions.fill(m, m == 1, 300), "0 to 255"),
        (lambda m: regions.fill(m, m[:1] == 1, 2), "shape"),
        (lambda m: regions.fill(m * 1.0, m == 1, 2), "type float64"),
        (lambda m: regions.merge(m, []), "no labels"),
        (lambda m: regions.merge(m, [1, 2], locked=[1]), "locked"),
        (lambda m: regions.split(m, 1, locked=[1]), "locked"),
        (lambda m: regions.split(m, 1, "kmeans"), "method='kmeans'"),
        (lambda m: regions.split(m, 1, "classes"), "pass image="),
        (lambda m: regions.split(m, 1, "classes", image=m[:3]), "spatial shape"),
        (lambda m: regions.split(m, 1, "watershed", depth=0), "depth=0"),
        (lambda m: regions.split(m, 1, n_parts=4), "as many as they are"),
        (lambda m: regions.split(m, 1, "watershed", n_parts=-1), "one part at least"),
        (lambda m: regions.smooth_boundaries(m, 0), "radius=0"),
        (lambda m: regions.smooth_boundaries(m, 1e12), "but 10000 are the most"),
        (lambda m: regions.renumber(m, {1: 2}), "use merge"),
        (lambda m: regions.swap(m, 1, 2, locked=[2]), "locked"),
    ],
)
def test_wrong_input_is_named(call, message):
    labels = np.tile(np.array([[1, 2], [2, 1]], np.uint8), (3, 3))
    with pytest.raises(ValueError, match=message):
        call(labels)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: regions.fill(m, m == 1, 2.5),
        lambda m: regions.fill(m, m == 1, "2"),
        lambda m: regions.fill(m, m == 1, 3, locked=[2.5]),
        lambda m: regions.merge(m, [1, 2], into=1.5),
        lambda m: regions.merge(m, [1, 1.5]),
        lambda m: regions.renumber(m, {1: 2.5}),
        lambda m: regions.swap(m, 1, np.nan),
        lambda m: regions.split(m, 1, "watershed", n_parts=1.5),
        lambda m: regions.free_labels(m, locked=[0.5]),
    ],
)
def test_fractions_are_no_labels(call):
    with pytest.raises(TypeError, match="a whole number is needed"):
        call(np.tile(np.array([[1, 2], [2, 1]], np.uint8), (3, 3)))


def test_numbers_that_no_float_holds():
    """Of these four numbers, three are one as floats of 64 bit."""
    large, more = 2**63, 2**63 + 5
    labels = np.array([[1, large - 1, large, more]] * 2, np.uint64)
    every = np.ones(labels.shape, bool)

    def after(edit):
        return [int(number) for number in edit.apply(labels)[0]]

    assert after(regions.fill(labels, every, 9, locked=[1, more])) == [1, 9, 9, more]
    merged = [large, large, large, more]
    assert after(regions.merge(labels, [1, large - 1], into=large)) == merged
    assert after(regions.renumber(labels)) == [1, 2, 3, 4]
    assert after(regions.renumber(labels, {more: 7})) == [1, large - 1, large, 7]
    swapped = [1, more, large, large - 1]
    assert after(regions.swap(labels, more, large - 1)) == swapped
    joined = np.array([[more, 1, more]], np.uint64)
    found = regions.split(joined, more).apply(joined)[0]
    assert [int(number) for number in found] == [more, 1, more + 1]


def test_edits_of_other_labels_are_refused():
    labels = np.ones((6, 6), np.int64)
    edit = regions.fill(labels, labels == 1, 300)
    with pytest.raises(ValueError, match=r"shape \(3, 3\) do not have"):
        edit.apply(labels[:3, :3])
    with pytest.raises(ValueError, match="int64, some of which do not fit uint8"):
        edit.apply(labels.astype(np.uint8))
    assert (edit.apply(labels.astype(np.uint16)) == 300).all()


@pytest.mark.parametrize(
    ("dtype", "most", "wide"),
    [
        ("uint8", 255, "uint16"),
        ("int8", 127, "int16"),
        ("uint16", 2**16 - 1, "int32"),
        ("int16", 2**15 - 1, "int32"),
    ],
)
def test_numbers_that_need_a_wider_type(dtype, most, wide):
    """Each pixel has a number of its own, and all that there are are used."""
    side = int(np.sqrt(most + 1))
    labels = np.resize(np.arange(most + 1), (side + 1, side + 1)).astype(dtype)
    edit = regions.new_class(labels, labels > 3)
    after = edit.apply(labels)
    assert after.dtype == wide
    wanted = np.where(labels > 3, most + 1, labels.astype(int))
    np.testing.assert_array_equal(after, wanted)
    np.testing.assert_array_equal(edit.inverse(labels).apply(after), labels)
    ones = np.indices((2 * side + 3, 2 * side + 3)).sum(0) % 2
    found = regions.split(ones.astype(dtype), 1).apply(ones.astype(dtype))
    pieces = int(ones.sum())
    assert found.dtype == (wide if pieces > most else dtype)
    assert sorted(found[ones == 1].tolist()) == list(range(1, pieces + 1))


def test_numbers_run_out():
    """Of 64 bits they can be used up on paper only."""
    labels = np.array([[-1, 2**63 - 1]])
    assert regions.free_labels(labels, 2) == [1, 2]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("absorb_small", {"min_size": 9}),
        ("smooth_boundaries", {"radius": 2}),
        ("split", {"label": 2, "method": "components"}),
        ("split", {"label": 2, "method": "watershed"}),
        ("split", {"label": 2, "method": "classes"}),
    ],
)
def test_edits_in_steps_are_those_at_once(name, options):
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 4, (40, 50), dtype=np.uint8)
    if options.get("method") == "classes":
        options = options | {"image": rng.integers(0, 99, (40, 50), dtype=np.uint8)}
    for ways in ({}, {"selection": labels < 3, "locked": [1]}):
        steps = OPERATIONS[name].steps(labels, **options, **ways)
        # So that canceling comes through before the end.
        next(steps)
        after = finish(steps).apply(labels)
        expected = getattr(regions, name)(labels, **options, **ways).apply(labels)
        np.testing.assert_array_equal(after, expected)
        assert (after != labels).any()

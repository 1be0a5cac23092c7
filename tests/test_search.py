"""The search of the site: it finds each public name in the words of the field."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from pydoc import locate

import pytest
from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "docs" / "_build" / "html" / "searchindex.js"
# Public names, and what people type who look for them.
QUERIES = """
adjust.brightness_contrast: brightness and contrast
adjust.levels: gamma correction; black point
adjust.curves: tone curve; spline
adjust.hue_saturation: hue saturation lightness
adjust.desaturate: grayscale; black and white
adjust.replace_color: recolor
adjust.fill: paint bucket
adjust.blur: Gaussian blur
adjust.sharpen: unsharp mask
adjust.inpaint: inpainting; object removal
adjust.cut_out: alpha matting; remove background
batch.find_pictures: glob; file patterns
batch.Picture: picture or array
batch.plan_outputs: output files
batch.OutputPlan: output paths
batch.check_plan: overwrite
batch.iter_apply: batch processing
batch.Treatment: same classes in all pictures
batch.Treated: labels of a batch
batch.Outcome: error of a picture
batch.failed: exception
batch.BatchProgress: progress bar of a batch
batch.iter_fit: joint model; cancel
batch.tidy_table: tidy data
batch.tidy_csv: CSV
io.files.read_image: load an image; multi-channel TIFF
io.files.read_with_spacing: pixel size; voxel spacing
io.files.ImageContent: axis of channels
io.files.ways_as_stored: reader
io.files.read_labels: label image
io.files.write_labels: save labels as TIFF
io.files.write_picture: save as PNG; JPEG
io.files.write_text: UTF-8
io.files.paint: color labels; mean color
add_to: Labels layer; napari viewer
result: layer to segmentation
current: active layer
objects: instance segmentation; watershed; split touching nuclei; connected components
Objects: instances
measure: region properties; regionprops; mean intensity
ObjectTable: pandas DataFrame; CSV
export: QuPath; COCO; GeoJSON; ImageJ ROI
ClassScheme: class names and colors
exchange.annotate: annotation classes
exchange.Annotations: annotation
exchange.SchemeClass: class name, color
exchange.trace: vectorize; polygon outline
exchange.rasterize: polygons to mask
exchange.Polygons: polygon with holes
exchange.read_objects: import GeoJSON; import annotations
exchange.to_shapes: Shapes layer
exchange.from_shapes: Shapes layer to labels
plot.ellipses: scatter plot; covariance ellipse
plot.histogram: histogram density
plot.convergence: log-likelihood; inertia per iteration
plot.criteria: number of clusters; BIC; model selection
plot.Theme: dark figure colors
plot.movie.save_movie: animation; GIF
plot.movie.write_movie: movie frames
plot.movie.check_movie: refuse a movie
plot.movie.Movie: movie of the iterations
plot.movie.RunFigure: figure of an iteration
plot.sheet.draw_sheet: contact sheet; compare parameters
plot.sheet.render: figure to array
Recipe: reproducible; workflow; JSON
Step: operation arguments
unpack_array: base64; decode array
regions.Edit: change of labels
regions.fill: erase label
regions.new_class: add a class
regions.merge: merge classes
regions.split: split a label
regions.swap: swap labels
regions.renumber: relabel
regions.absorb_small: remove small regions
regions.smooth_boundaries: majority filter; smooth label boundaries
regions.interpolate: interpolate labels between slices
regions.drop_uncertain: reject uncertain pixels; low confidence
regions.free_labels: unused label
regions.patch: single pixels
regions.draw: interactive annotation scribbles
segment: expectation-maximization; cluster pixels; semantic segmentation; unsupervised
iter_segment: EM iteration; generator
features: feature space; color space
fit: same model for many images; joint
hierarchy: superpixel; region adjacency; region tree
Params: Markov random field; hyperparameters; number of classes
Segmentation: posterior probability map; predict
JointFit: predict on new images; save the model
Progress: progress bar
class_table: area fraction; pixels per class
MixtureModel: gaussian mixture; covariance matrix; Student-t
KMeansModel: k-means clustering; centroid
GroupedMixture: several components per class
uncertain_places: active learning; entropy
refit: semi-supervised; teach
stain_densities: color deconvolution; hematoxylin and eosin
stain_vectors: stain estimation
blobs: synthetic data; toy clusters
select.wand: magic wand; flood fill; region growing
select.color_range: color range; threshold by color
select.similar: select similar color
select.grow_similar: region growing
select.prepare: cache; fast
select.Prepared: prepared image
select.scribbles: graph cut; seeded segmentation; interactive segmentation
select.scribble_mask: scribble foreground mask
select.brush: quick selection; smart brush
select.brush_regions: superpixel brush
select.correct: correct a selection; add and subtract
select.box: bounding box; GrabCut
select.lasso: lasso; freehand
select.polygon: polygon selection
select.rectangle: rectangular marquee; cuboid
select.ellipse: ellipse; circle
select.scissors: live-wire; magnetic lasso; intelligent scissors
select.scissors_path: shortest path; live-wire
select.region_at: superpixel at a point
select.by_label: connected component at a point
select.by_class: posterior probability; confidence threshold
select.combine: union; intersection; subtract
select.invert: invert; complement
select.grow: dilation; expand
select.shrink: erosion
select.smooth: opening and closing; smooth outline
select.border: outline band; contour
select.feather: feather; blur the mask
select.refine_edge: refine edge; select and mask; hair
select.harden: binarize; threshold
select.fill_holes: fill holes
select.largest: largest connected component
select.remove_small: remove small objects
select.interpolate: signed distance; interpolate between slices
select.to_bytes: uint8 mask
select.from_bytes: uint8 mask
select.rounded: quantize
io.store.open_image: OME-Zarr; whole-slide image; larger than memory
io.store.StoredImage: pyramid levels; lazy
io.store.open_labels: OME-Zarr labels
io.store.StoredLabels: chunk
io.store.write_back: save edits
pipeline.sweep.settings: parameter grid
pipeline.sweep.sweep: grid search; compare settings
pipeline.sweep.iter_sweep: grid search; progress
pipeline.sweep.best: best parameters
pipeline.sweep.as_csv: CSV
pipeline.sweep.titles: legend
pipeline.sweep.space_name: color space
pipeline.sweep.SweepRow: BIC
pipeline.sweep.SweepStep: progress
pipeline.sweep.Row: SweepRow
pipeline.sweep.Trial: SweepStep
"""
WORDS_OF = {
    name: queries.split("; ")
    for name, queries in (line.split(": ") for line in QUERIES.strip().splitlines())
}
LANGUAGE = SearchEnglish({})


def stems(text):
    """Return what Sphinx puts of a text into its index."""
    found = (word.lower() for word in LANGUAGE.split(text))
    return {LANGUAGE.stem(word) for word in found if LANGUAGE.word_filter(word)}


def reference():
    """Return the public names, as the reference has them."""
    for path in sorted((ROOT / "docs" / "reference").glob("*.rst")):
        module = ""
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(".. currentmodule:: "):
                module = line.removeprefix(".. currentmodule:: ")
            elif re.fullmatch(r"   \w+", line) and path.stem != "index":
                yield f"{module}.{line.strip()}".removeprefix("napari_emseg.")


def page_of(value):
    """Return the words of the page that the site makes of a docstring."""
    text = [value.__name__, inspect.getdoc(value)]
    if inspect.isclass(value):
        for name, member in vars(value).items():
            told = callable(member) or isinstance(member, (property, classmethod))
            if told and not name.startswith("_") and member.__doc__:
                text += [name, member.__doc__]
    return stems("\n".join(text))


@pytest.fixture(scope="module")
def index():
    """Return names by word, as the site has them."""
    found = {}
    for name in reference():
        for word in page_of(locate(f"napari_emseg.{name}")):
            found.setdefault(word, set()).add(name)
    return found


def search(index, query):
    """Return the pages with all words; of one that no page has, those with parts."""
    hits = []
    for word in stems(query):
        words = [word] if word in index else [one for one in index if word in one]
        hits.append({page for one in words for page in index[one]})
    return set.intersection(*hits)


def test_there_are_queries_for_each_public_name():
    assert set(WORDS_OF) == {*reference()}
    assert sum(map(len, WORDS_OF.values())) > 200


def test_search_finds_each_name_in_the_words_of_the_field(index):
    missed = [
        f"{query!r} does not find {name}"
        for name, queries in WORDS_OF.items()
        for query in queries
        if name not in search(index, query)
    ]
    assert not missed, "\n" + "\n".join(missed)


def test_search_does_not_find_everything(index):
    """A word that most pages have leads nowhere."""
    found = {
        query: len(search(index, query)) / len(WORDS_OF)
        for queries in WORDS_OF.values()
        for query in queries
    }
    assert max(found.values()) < 1 / 4, max(found, key=found.get)


@pytest.mark.skipif(not BUILT.exists(), reason="`make docs` has not been run")
def test_the_index_of_the_site_has_the_same():
    text = BUILT.read_text("utf-8").removeprefix("Search.setIndex(").removesuffix(")")
    built = json.loads(text)
    start = "reference/generated/napari_emseg."
    index = {}
    for table in ("terms", "titleterms"):
        for word, pages in built[table].items():
            names = [pages] if isinstance(pages, int) else pages
            names = {built["docnames"][number] for number in names}
            index.setdefault(word, set()).update(names)
    assert [
        (name, query)
        for name, queries in WORDS_OF.items()
        for query in queries
        if start + name not in search(index, query)
    ] == []

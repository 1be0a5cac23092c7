"""
A whole slide on a cluster
==========================

A slide of 100,000 x 100,000 pixels fits into no memory, and need not: two passes are enough.
The first counts colors, tile by tile; counts of tiles add up. EM then runs on the counts,
which are as many as there are colors, not pixels. The second pass looks each pixel's class
up and writes it.
"""

# %%
# A slide
# -------
# :func:`napari_emseg.io.store.open_image` opens OME-Zarr, Zarr, tiled TIFF with its levels (SVS,
# NDPI, OME-TIFF), ``.npy``, and with the extra ``slides`` what OpenSlide reads. Nothing is
# read yet. Here a small picture in Zarr stands for the slide.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import skimage.data
import zarr

import napari_emseg as emseg

folder = TemporaryDirectory()
path = Path(folder.name) / "slide.zarr"
tissue = skimage.data.immunohistochemistry()[160:416, 180:436]
stored = zarr.create_array(
    store=path, shape=tissue.shape, chunks=(128, 128, 3), dtype="u1"
)
stored[:] = tissue
slide = emseg.store.open_image(path)
print(slide.levels[0].shape, "RGB:", slide.rgb)

# %%
# From store to store
# -------------------
# With ``out=`` neither image nor labels are ever whole in memory. The ending decides:
# ``.ome.zarr`` (which may be the image's own store), ``.zarr``, ``.npy`` or ``.btf``
# (BigTIFF). A run that was interrupted, even killed, goes on with ``resume=True``.

target = Path(folder.name) / "classes.zarr"
seg = emseg.segment(slide, n_classes=4, color="hdab", out=target)
labels = emseg.store.open_labels(target).levels[0][:]

# %%
# Labels do not depend on chunks, threads or memory: they are those of the picture in memory.

whole = emseg.segment(tissue, n_classes=4, color="hdab")
print("the same labels:", (labels == whole.labels).all())

fig, axes = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
axes[0].imshow(tissue)
axes[1].imshow(seg.class_colors[labels - 1])
for ax in axes:
    ax.set_axis_off()

# %%
# Levels and glass
# ----------------
# A pyramid is fitted on a coarse level, the finest of at most 16 megapixels
# (``fit_level=``), and its finest level is labeled. Glass is left out where it is plain to
# see (``tissue=``), so that it takes no class that tissue needs.
#
# A cluster
# ---------
# ``executor=`` takes any executor of :mod:`concurrent.futures`; that of dask is
# ``Client(address).get_executor()``. Workers read and write their own tiles; only counts,
# models and progress travel. On the command line:
#
# .. code-block:: sh
#
#    napari-emseg segment slide.ome.zarr -o classes.ome.zarr --workers 8
#    napari-emseg segment slide.svs -o classes.ome.zarr --cluster tcp://head:8786
#
# With SLURM (dask-jobqueue; with Kubernetes, dask-kubernetes), this starts ten workers:
#
# .. code-block:: python
#
#    from dask.distributed import Client
#    from dask_jobqueue import SLURMCluster
#
#    cluster = SLURMCluster(cores=4, memory="8 GB", walltime="01:00:00")
#    cluster.scale(jobs=10)
#    with Client(cluster) as client:
#        emseg.segment(slide, out="classes.ome.zarr", executor=client.get_executor())
#
# What can go wrong
# -----------------
# * *A worker dies, or the whole run is killed.* Finished tiles are recorded; with
#   ``resume=True`` the rest is done, and the labels are the same.
# * *The folder is on one machine only.* Workers write for themselves: image and labels have
#   to be where all of them reach them.
# * *Edits of a few places.* :func:`napari_emseg.io.store.write_back` writes only the chunks
#   that were edited.

folder.cleanup()

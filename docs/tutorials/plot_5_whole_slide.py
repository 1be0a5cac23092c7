"""
A whole slide on a cluster
==========================

A slide of 100,000 x 100,000 pixels fits into no memory, and need not: two passes are enough.
The first counts colors, tile by tile; counts of tiles add up. EM then runs on the counts,
which are as many as there are colors, not pixels. The second pass looks each pixel's class
up.
"""

# %%
# An image that is read in parts
# ------------------------------
# Whatever slices will do: a dask array, a Zarr array, a memory map. Here dask stands for
# the slide; of a pyramid, pass one level:
# ``da.from_zarr("slide.ome.zarr", component="0")``.

import dask.array as da
import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

tissue = skimage.data.immunohistochemistry()[160:416, 180:436]
slide = da.tile(da.from_array(tissue, chunks=(128, 128, 3)), (1, 2, 1))
print(slide.shape, slide.numblocks)

# %%
# One model, all tiles
# --------------------
# Labels do not depend on how the image is cut into chunks, on threads or on memory: the
# tiles of the smoother are fixed, and overlap by as much as it reaches.

seg = emseg.segment(slide, color="hdab", n_classes=3)
whole = emseg.segment(slide.compute(), color="hdab", n_classes=3)
print("the same labels:", (seg.labels == whole.labels).all())

fig, axes = plt.subplots(1, 2, figsize=(10, 2.9), layout="constrained")
axes[0].imshow(slide.compute())
axes[1].imshow(seg.class_colors[seg.labels - 1])
for ax in axes:
    ax.set_axis_off()

# %%
# More processors
# ---------------
# ``executor=`` takes any executor of :mod:`concurrent.futures`, and labels tiles in it.

from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(2) as executor:
    again = emseg.segment(slide, model=seg.model, color="hdab", executor=executor)
print("the same labels:", (again.labels == seg.labels).all())

# %%
# A cluster
# ---------
# The executor of a dask cluster is one, too. On a machine with SLURM
# (`dask-jobqueue <https://jobqueue.dask.org>`_; with Kubernetes, dask-kubernetes), this
# starts ten workers:
#
# .. code-block:: python
#
#    from dask.distributed import Client
#    from dask_jobqueue import SLURMCluster
#
#    cluster = SLURMCluster(cores=4, memory="8 GB", walltime="01:00:00")
#    cluster.scale(jobs=10)
#    with Client(cluster) as client:
#        seg = emseg.segment(slide, n_classes=3, executor=client.get_executor())
#
# What can go wrong
# -----------------
# * *Glass is most of the slide.* It takes classes that tissue needs. Pass a ``mask=``, or
#   fit on a coarse level and apply its model to the fine one: ``model=``.
# * *A worker dies.* Its tiles are computed again by others; results are the same.

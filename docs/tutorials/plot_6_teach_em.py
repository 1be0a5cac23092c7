r"""
Teach EM
========

Expectation-maximization guesses twice, again and again: which class a pixel belongs to,
then what the classes are. With points in a plane, one can watch it do so.
"""

# %%
# Points instead of pixels
# ------------------------
# ``napari-emseg demo --points`` opens napari with blobs of points and the panel *Points*;
# the panel *Model* goes through the iterations with a slider, in half steps: E, then M.
# Classes are dragged by their number, and the fit goes on from there. In a script, :func:`napari_emseg.blobs` draws points of a known mixture.

import matplotlib.pyplot as plt
import numpy as np

import napari_emseg as emseg

blobs = emseg.blobs(1500, 4, seed=3)

# %%
# A list of points is an image of one row, with two channels: x and y. No neighbors, so no
# smoothing; one random start, to have something to watch.

row = blobs.points[np.newaxis]
seg = emseg.segment(
    row, n_classes=4, channel_axis=2, rgb=False, smoothing=0, init="random", n_init=1
)
print(f"{len(seg.objective)} iterations, converged: {seg.converged}")

# %%
# E step, M step
# --------------
# The *E step* computes how likely each class is for each point, the *M step* the weight,
# mean and covariance of each class from these:
#
# .. math::
#
#    r_{ik} = \frac{\pi_k \, N(x_i; \mu_k, \Sigma_k)}
#             {\sum_j \pi_j \, N(x_i; \mu_j, \Sigma_j)}
#    \qquad
#    \mu_k = \frac{\sum_i r_{ik} x_i}{\sum_i r_{ik}}
#
# Neither can lower the likelihood [1]_, which is why it converges. Ellipses of two standard
# deviations, at four moments:

moments = np.unique(np.linspace(0, len(seg.states) - 1, 4).astype(int))
fig, axes = plt.subplots(1, len(moments), figsize=(10, 2.7), layout="constrained")
low, high = blobs.points.min(axis=0) - 2, blobs.points.max(axis=0) + 2
for ax, moment in zip(axes, moments, strict=True):
    state = seg.states[moment]
    nearest = state.model.predict(blobs.points)
    ax.scatter(*blobs.points.T[::-1], c=nearest, s=3, cmap="tab10", vmax=9)
    for mean, covariance in zip(
        state.model.means, state.model.covariances, strict=True
    ):
        angle = np.linspace(0, 2 * np.pi, 60)
        circle = np.stack([np.cos(angle), np.sin(angle)])
        ring = mean[:, None] + 2 * np.linalg.cholesky(covariance) @ circle
        ax.plot(ring[1], ring[0], "k")
    ax.set(
        title=f"state {moment}",
        xticks=[],
        yticks=[],
        xlim=(low[1], high[1]),
        ylim=(low[0], high[0]),
    )

# %%
# It climbs, and it can stop at the wrong top
# -------------------------------------------
# The curve never falls. But where it ends depends on where it starts: which is why the
# default tries five starts and begins with centers far from each other (k-means++).

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ends = []
for seed in range(8):
    run = emseg.segment(
        row,
        n_classes=4,
        channel_axis=2,
        rgb=False,
        smoothing=0,
        init="random",
        n_init=1,
        seed=seed,
    )
    ends.append(run.objective[-1])
    ax.plot(run.objective, color="#2a9d8f", alpha=0.6)
ax.set(xlabel="iteration", ylabel="log-likelihood per point (nats)")
print(f"ends between {min(ends):.3f} and {max(ends):.3f} nats")

# %%
# Exercises
# ---------
# 1. Replace ``method="em"`` by ``"kmeans"``: which blobs are cut where they are long?
# 2. ``covariance="spherical"``: why is the likelihood lower, and when does one want it?
# 3. Ask for eight classes. What do the four that are too many do? What does
#    ``n_classes="auto"`` say, and why?
# 4. ``emseg.movie.save_movie("run.gif", seg)`` of a photograph: explain each frame.
#
# .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data
#    via the EM algorithm", J. R. Stat. Soc. B 39(1), 1-38, 1977.

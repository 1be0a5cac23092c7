"""Hierarchical segmentation: contours, region graph and merge tree."""

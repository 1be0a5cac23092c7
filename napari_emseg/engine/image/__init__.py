"""Pixels in: lazy reading, color spaces and the feature space."""

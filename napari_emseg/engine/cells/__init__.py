"""Pixels counted into weighted points of feature space."""

"""Scribbles: probabilities from strokes, and refined outlines."""

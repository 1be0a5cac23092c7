"""Selections that are refined: by a brush, by their numbers, along their edge."""

"""Runs over images and labels that are larger than memory."""

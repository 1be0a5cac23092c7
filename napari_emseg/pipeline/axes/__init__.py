"""Axes of images and channels: how they are worked on, and planes by themselves."""

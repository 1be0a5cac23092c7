"""Dialogs that adjust the colors of a picture."""

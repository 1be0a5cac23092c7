"""Panels: magicgui and Qt."""

"""Pictures in the viewer: an image layer with its axes, or several as channels."""

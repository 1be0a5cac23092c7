"""The panel "Segment": an image, its parameters and the result."""

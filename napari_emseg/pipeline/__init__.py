"""The facade: from an image and its parameters to a segmentation."""

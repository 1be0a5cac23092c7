"""The mathematics: numpy, scipy and OpenCV only, plain keyword arguments."""

"""The panel "Compare": a sweep of parameters, side by side."""

"""The panel "Model": a fit, iteration by iteration."""

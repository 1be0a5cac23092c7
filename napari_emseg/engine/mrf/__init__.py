"""Spatial models: the Potts model, mean field and the hidden Markov random field."""

"""Bootstrapping: which weights a new model takes from a pre-trained source model."""

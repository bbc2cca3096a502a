"""Pseudo-labels: a model's transcripts of unlabelled audio, to train on."""

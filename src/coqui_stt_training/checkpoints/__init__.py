"""Checkpoints: our own format, and readers of the formats people already have."""

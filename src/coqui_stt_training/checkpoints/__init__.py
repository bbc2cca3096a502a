"""Checkpoints: our own format, and readers of foreign formats."""

"""Readers of foreign formats, one a file."""

"""Readers of collections of clips, one module for each format; all return rows."""

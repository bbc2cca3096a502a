"""Acoustic models: what each is to the rest, and one folder an architecture."""

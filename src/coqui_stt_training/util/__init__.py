"""Upstream's names: modules that its notebooks, importers and scripts import.

Each is thin and stands on what the rest of the package does; docs/python.md lists them. What only
made sense in a TensorFlow graph can be imported, and says when it is used what replaces it.
"""

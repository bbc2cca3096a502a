"""Modules with upstream's names, for its notebooks, importers and scripts.

Each is a thin layer over the rest of the package; docs/python.md lists them. Functions that only
made sense in a TensorFlow graph can be imported; calling one raises an error that names its
replacement.
"""

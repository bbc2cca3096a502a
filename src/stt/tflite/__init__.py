"""Reads, checks, rewrites and writes TensorFlow Lite models."""

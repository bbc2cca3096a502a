"""Encoders of whole clips as `.onnx` models, from samples to probabilities."""

"""Encoders as `.onnx` models: whole clips of samples, or chunks of features, to probabilities."""

"""Reads and checks `.onnx` files before a runtime loads them."""

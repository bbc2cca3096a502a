"""`.onnx` files, read and checked before a runtime sees them."""

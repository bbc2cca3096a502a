"""Exported models: `.tflite` for devices, `.onnx` for servers, and their model card."""

"""Export of models as `.tflite` for devices and `.onnx` for servers, with a model card."""

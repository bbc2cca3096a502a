"""The DeepSpeech graph as .tflite and .onnx models."""

"""TensorFlow Lite models: reading, writing, shapes, and cutting them apart."""

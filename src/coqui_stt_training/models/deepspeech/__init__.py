"""The DeepSpeech graph: geometry, module, weights."""

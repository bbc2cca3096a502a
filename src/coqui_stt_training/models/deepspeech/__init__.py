"""The DeepSpeech graph: specification, module, and weights in upstream's layout."""

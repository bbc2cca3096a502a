"""The wav2vec 2.0 family, encoders of samples: specification, module, and foreign names."""

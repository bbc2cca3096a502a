"""Encoders over samples, wav2vec 2.0 and its kin: specification, module, and others' names."""

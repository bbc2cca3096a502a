"""What `synthesize` does: speech made of text by a synthesiser, as a set to train on."""

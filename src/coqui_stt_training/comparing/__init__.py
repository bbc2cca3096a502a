"""What `compare` does: ways to train, measured with several seeds each."""

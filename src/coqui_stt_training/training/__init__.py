"""The training loop and all it changes."""

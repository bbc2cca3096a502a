"""Chooses the clips to transcribe next: those that teach the model most."""

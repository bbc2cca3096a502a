"""Trainings that a command runs and measures, and what it keeps of them."""

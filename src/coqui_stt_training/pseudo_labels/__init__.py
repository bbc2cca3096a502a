"""Transcripts of audio that nobody has transcribed, to train on."""

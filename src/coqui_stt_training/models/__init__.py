"""Acoustic models. Each names its ordered list of layers; nothing outside knows what is in them."""

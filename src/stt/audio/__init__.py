"""Reads audio from files and pipes as samples, and writes it."""
